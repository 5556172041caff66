package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func tsv(rows []row) string {
	var lines []string
	for _, r := range rows {
		var fields []string
		for _, field := range r.fields() {
			fields = append(fields, *field)
		}
		lines = append(lines, strings.TrimRight(strings.Join(fields, "|"), "|"))
	}
	return strings.Join(lines, "\n")
}

func TestLineageRows(t *testing.T) {
	rows, err := parseLineage([]byte(`<?xml version="1.0" encoding="utf-8"?><apns version="8">
	<apn mcc="001" mnc="01" carrier="Plain" apn="plain" type="default,supl" authtype="2" user="u" password="p"/>
	<apn mcc="001" mnc="01" carrier="Untyped" apn="untyped" protocol="IPV4V6" roaming_protocol="IP"/>
	<apn mcc="001" mnc="01" carrier="Same abroad" apn="same" type="default" protocol="IPV6" roaming_protocol="IPV6" mtu="1410"/>
	<apn mcc="001" mnc="001" carrier="Three digits" apn="three" type="*"/>
	<apn mcc="001" mnc="01" carrier="Tether" apn="tether" type="dun" user_visible="false"/>
	<apn mcc="001" mnc="01" carrier="Both" apn="both" type="default,dun" proxy="10.0.0.1"/>
	<apn mcc="001" mnc="01" carrier="Gid" apn="gid" type="default" mvno_type="gid" mvno_match_data="5a4f"/>
	<apn mcc="001" mnc="01" carrier="Imsi" apn="imsi" type="default" mvno_type="imsi" mvno_match_data="00101X3"/>
	<apn mcc="001" mnc="01" carrier="Spn" apn="spn" type="default" mvno_type="spn" mvno_match_data="C le mobile"/>
	<apn mcc="001" mnc="01" carrier="Iccid" apn="iccid" type="default" mvno_type="iccid" mvno_match_data="8949"/>
	<apn mcc="001" mnc="01" carrier="No auth" apn="noauth" type="default" authtype="0" user="u" password="p"/>
	<apn mcc="001" mnc="01" carrier="Password alone" apn="pw" type="default" authtype="1" password="p"/>
	<apn mcc="001" mnc="01" carrier="Either" apn=" either " type="default" authtype="3" user="u"/>
	<apn mcc="001" mnc="01" carrier="LTE" apn="lte" type="default" bearer="14" bearer_bitmask="13|14"/>
	<apn mcc="001" mnc="01" carrier="MMS" apn="mms" type="mms"/>
	<apn mcc="001" mnc="01" carrier="Attach" apn="ia" type="ia"/>
	<apn mcc="001" mnc="01" carrier="CDMA" apn="cdma" type="default" bearer="13"/>
	<apn mcc="001" mnc="01" carrier="CDMA" apn="cdma2" type="default" bearer_bitmask="4|5|6|7|8|12"/>
	<apn mcc="001" mnc="01" carrier="Off" apn="off" type="default" carrier_enabled="false"/>
	<apn mcc="001" mnc="01" carrier="No name" apn="wap mms" type="default"/>
	<apn mcc="001" mnc="" carrier="No network" apn="x" type="default"/>
	</apns>`))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(`
00101||Plain|plain|u|p|chap
00101||Untyped|untyped||||ipv4v6|ipv4
00101||Same abroad|same||||ipv6||1410
001001||Three digits|three
00101||Tether|tether|||||||dun-only
00101||Both|both|||||||dun,proxy
00101|gid1:5A4F|Gid|gid
00101|imsi:00101x3|Imsi|imsi
00101|spn:C le mobile|Spn|spn
00101|iccid:8949|Iccid|iccid
00101||No auth|noauth
00101||Password alone|pw
00101||Either|either|u
00101||LTE|lte`)
	if diff := cmp.Diff(want, tsv(rows)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMBPIRows(t *testing.T) {
	rows, err := parseMBPI([]byte(`<?xml version="1.0" encoding='utf-8'?>
<!DOCTYPE serviceproviders SYSTEM "serviceproviders.2.dtd">
<serviceproviders format="2.0"><country code="xx"><name>X</name>
 <provider primary="true"><name>Big Net</name><gsm>
  <network-id mcc="001" mnc="01"/><network-id mcc="001" mnc="002"/>
  <balance-check><ussd replacement="PIN">*1*PIN#</ussd><ussd> *100# </ussd></balance-check>
  <apn value="net"><plan type="prepaid"/><usage type="internet"/><name>Big surf</name><username>u</username><password>p</password><authentication method="pap"/></apn>
  <apn value="mms"><usage type="mms"/></apn>
  <apn value="untold"></apn>
 </gsm></provider>
 <provider primary="false"><name>Small</name><gsm>
  <network-id mcc="001" mnc="01"/><gid1>d3e3ffffffff</gid1><gid1>0303</gid1>
  <balance-check><dtmf>123</dtmf><sms text="BAL ME">555</sms></balance-check>
  <apn value="small"><plan type="prepaid"/><plan type="postpaid"/><usage type="internet"/><name>Flat</name></apn>
 </gsm></provider>
 <provider><name>Old</name><gsm><network-id mcc="001" mnc="01"/>
  <balance-check><sms text="">1150</sms></balance-check>
  <apn value="old"><usage type="mms-internet-hipri"/></apn>
 </gsm></provider>
 <provider><name>CDMA</name><cdma/></provider>
</country></serviceproviders>`))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(`
00101||Big surf|net|u|p|pap||||primary|prepaid|*100#
001002||Big surf|net|u|p|pap||||primary|prepaid|*100#
00101|gid1:D3E3|Small Flat|small|||||||brand||sms:555?body=BAL%20ME
00101|gid1:0303|Small Flat|small|||||||brand||sms:555?body=BAL%20ME
00101||Old|old|||||||||sms:1150`)
	if diff := cmp.Diff(want, tsv(rows)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImportOfForeignText(t *testing.T) {
	for _, text := range []string{"", "<", "<apns><apn", "no XML"} {
		if rows, err := parseLineage([]byte(text)); err == nil {
			t.Errorf("LineageOS %q: %v", text, rows)
		}
		if rows, err := parseMBPI([]byte(text)); err == nil {
			t.Errorf("MBPI %q: %v", text, rows)
		}
	}
}

func TestImportWritesRowsThatReadAgain(t *testing.T) {
	upstream, dir := t.TempDir(), t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(upstream, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("B.xml", `<apns><apn mcc="002" mnc="01" carrier="b" apn="b"/><apn mcc="002" mnc="01" carrier="b" apn="b"/></apns>`)
	put("A.xml", `<apns><apn mcc="003" mnc="01" carrier="Tab&#9;bed" apn="a"/></apns>`)
	mbpi := put("sp", `<s><country><provider><name>N</name><gsm><network-id mcc="001" mnc="01"/><apn value="i"><usage type="internet"/></apn></gsm></provider></country></s>`)
	args := []string{"import", "-lineageos", upstream, "-mbpi", mbpi, "-rows", dir}
	if err := run(args, os.Stderr); err != nil {
		t.Fatal(err)
	}
	rows, err := readRows(filepath.Join(dir, lineageFile))
	if err != nil || tsv(rows) != "00201||b|b\n00301||Tab bed|a" {
		t.Errorf("%v\n%s", err, tsv(rows))
	}
	out := filepath.Join(dir, "table")
	if err := run([]string{"-rows", dir, "-out", out}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if text := unpack(t, out); text != "00101\n\t\ti\t\t\t\t\tN\n00201\n\t\tb\t\t\t\t\tb\n00301\n\t\ta\t\t\t\t\tTab bed\n" {
		t.Errorf("%q", text)
	}
}

func TestRunComplains(t *testing.T) {
	empty := t.TempDir()
	for _, args := range [][]string{
		{"-unknown"}, {"import", "-unknown"}, {"-rows", empty}, {"import", "-lineageos", empty},
		{"import", "-lineageos", filepath.Join(empty, "none")},
	} {
		if err := run(args, &strings.Builder{}); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
