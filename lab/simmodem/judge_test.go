package simmodem

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// judge runs mbimcli, the foreign implementation, on the modem's pseudo-terminal.
type judge struct {
	t    *testing.T
	path string
}

func newJudge(t *testing.T, m *Modem) judge {
	t.Helper()
	path, node, err := m.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	return judge{t, path}
}

func (j judge) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "mbimcli", append([]string{"-d", j.path}, args...)...).CombinedOutput()
	return squeeze(string(out)), err
}

// says fails unless mbimcli succeeds and prints every line, blanks and quotes aside.
func (j judge) says(args string, lines ...string) {
	j.t.Helper()
	out, err := j.run(strings.Fields(args)...)
	if err != nil {
		j.t.Errorf("mbimcli %s: %v\n%s", args, err, out)
		return
	}
	for _, line := range lines {
		if !strings.Contains(out, strings.ToLower(line)) {
			j.t.Errorf("mbimcli %s does not say %q:\n%s", args, line, out)
		}
	}
}

// refuses fails unless mbimcli fails with the message.
func (j judge) refuses(args, message string) {
	j.t.Helper()
	out, err := j.run(strings.Fields(args)...)
	if err == nil || !strings.Contains(out, strings.ToLower(message)) {
		j.t.Errorf("mbimcli %s: want refusal %q, got %v:\n%s", args, message, err, out)
	}
}

// squeeze makes mbimcli's columns comparable: "  Model: 'x'" becomes "model: x".
func squeeze(s string) string {
	s = regexp.MustCompile(`[ \t]+`).ReplaceAllString(s, " ")
	return strings.ToLower(strings.NewReplacer("\n ", "\n", "'", "", " :", ":").Replace(s))
}

func TestJudgeReadsDeviceAndCard(t *testing.T) {
	m, _ := testModem(t, nil)
	j := newJudge(t, m)
	j.says("--query-device-caps",
		"Device type: removable", "Cellular class: gsm", "SIM class: removable", "Max sessions: 8",
		"Device ID: 353338110000002", "Firmware info: 1.2.3", "Hardware info: Simulated One")
	j.says("--query-subscriber-ready-status",
		"Ready state: initialized", "Subscriber ID: 262019876543210", "SIM ICCID: 8949020000012345678",
		"Telephone numbers: (1) +49123456")
	j.says("--query-home-provider", "Provider ID: 26201", "Provider name: Zuhause")
	j.says("--query-radio-state", "Hardware radio state: on", "Software radio state: on")
	j.says("--query-pin-state", "PIN type: pin1", "PIN state: unlocked", "Remaining attempts: 3")
	j.says("--query-pin-list", "PIN1:", "Mode: disabled")
	j.says("--query-device-services", "basic-connect", "ms-basic-connect-extensions", "ms-uicc-low-level-access")
}

func TestJudgeReadsNetwork(t *testing.T) {
	m, _ := testModem(t, func(o *Options) { o.Device.MBIMEx = 0x0200 })
	j := newJudge(t, m)
	j.says("--query-registration-state",
		"Network error: none", "Register state: home", "Register mode: automatic", "Available data classes: lte",
		"Current cellular class: gsm", "Provider ID: 26201", "Provider name: Zuhause")
	j.says("--query-packet-service-state", "Packet service state: attached", "Available data classes: lte",
		"Uplink speed: 50000000 bps", "Downlink speed: 150000000 bps")
	j.says("--query-signal-state", "RSSI [0-31,99]: 21")
	j.says("--device-open-ms-mbimex-v2 --query-signal-state", "RSSI [0-31,99]: 99", "RSRP", "-97 dBm", "12.5 dB")
	j.says("--device-open-ms-mbimex-v2 --query-registration-state", "Register state: home", "Preferred data classes:")
	j.says("--device-open-ms-mbimex-v2 --query-packet-service-state", "Packet service state: attached")
	m.SetNetwork(Network{State: Roaming, PLMN: "310260", Name: "Abroad", DataClass: DataUMTS | DataHSDPA})
	j.says("--query-registration-state", "Register state: roaming", "Available data classes: umts, hsdpa", "Provider ID: 310260")
	m.SetNetwork(Network{State: Denied, Cause: 11, PLMN: "310260"})
	j.says("--query-registration-state", "Register state: denied", "Network error: plmn-not-allowed")
	j.says("--query-packet-service-state", "Packet service state: detached")
}

func TestJudgeConnects(t *testing.T) {
	m, core := testModem(t, nil)
	j := newJudge(t, m)
	j.says("--no-close --connect=apn=internet,ip-type=ipv4v6",
		"Session ID: 0", "Activation state: activated", "IP type: ipv4v6", "Context type: internet", "Network error: none",
		"IP [0]: 10.20.30.40/29", "Gateway: 10.20.30.41", "DNS [0]: 198.51.100.53", "DNS [1]: 203.0.113.53", "MTU: 1430",
		"IP [0]: 2001:db8:1:2::3/64", "Gateway: fe80::1", "DNS [0]: 2001:db8::53", "MTU: 1420")
	if got := core.last(t).request; got != (Request{APN: "internet", IPType: IPv4v6}) {
		t.Errorf("the core was asked with %+v", got)
	}
	j.says("--no-close --query-connection-state=0", "Activation state: activated")
	j.says("--no-close --query-ip-configuration=0", "IPv4 configuration available: address, gateway, dns, mtu",
		"IPv6 configuration available: address, gateway, dns, mtu", "IP [0]: 10.20.30.40/29")
	j.says("--no-close --disconnect=0", "Session ID: 0")
	if got := core.last(t).closes(); got != 1 {
		t.Errorf("bearer closed %d times, want once", got)
	}
	j.says("--query-connection-state=0", "Activation state: deactivated")
	j.refuses("--query-ip-configuration=0", "ContextNotActivated")
}

func TestJudgeConnectsWithCredentialsAndCauses(t *testing.T) {
	m, core := testModem(t, nil)
	j := newJudge(t, m)
	j.says("--connect=apn=secret,auth=chap,username=u,password=p,ip-type=ipv4", "Activation state: activated", "IP type: ipv4")
	if got := core.last(t).request; got.Auth != AuthCHAP || got.User != "u" || got.Password != "p" || got.IPType != IPv4 {
		t.Errorf("the core was asked with %+v", got)
	}
	j.refuses("--connect=apn=secret,auth=pap,username=u,password=p", "InvalidUserNamePwd")
	j.refuses("--connect=apn=nonsense", "InvalidAccessString")
	j.says("--connect=apn=four,ip-type=ipv4v6", "Activation state: activated", "IP type: ipv4", "Network error: ")
	if counts := m.Counts(); counts.Faulty != 0 {
		t.Errorf("the judge's frames count as faulty: %+v", counts)
	}
}

func TestJudgeEntersPIN(t *testing.T) {
	m, _ := testModem(t, func(o *Options) { o.SIM.PIN.Enabled = true })
	j := newJudge(t, m)
	j.says("--query-subscriber-ready-status", "Ready state: device-locked", "Subscriber ID: unknown", "SIM ICCID: 8949020000012345678")
	j.says("--query-pin-state", "PIN type: pin1", "PIN state: locked", "Remaining attempts: 3")
	j.refuses("--query-home-provider", "PinRequired")
	j.refuses("--connect=apn=internet", "PinRequired")
	j.refuses("--enter-pin=9999", "Failure")
	j.says("--query-pin-state", "Remaining attempts: 2")
	j.says("--enter-pin=1234", "PIN type: pin1", "PIN state: unlocked")
	j.says("--query-subscriber-ready-status", "Ready state: initialized", "Subscriber ID: 262019876543210")
	j.says("--change-pin=1234,4321", "PIN state: unlocked")
	j.says("--disable-pin=4321", "PIN state: unlocked")
	j.says("--query-pin-list", "Mode: disabled", "Format: numeric", "Min length: 4", "Max length: 8")
}

func TestJudgeEntersPUK(t *testing.T) {
	m, _ := testModem(t, func(o *Options) { o.SIM.PIN.Enabled, o.SIM.PIN.Tries = true, 0 })
	j := newJudge(t, m)
	j.says("--query-pin-state", "PIN type: puk1", "PIN state: locked", "Remaining attempts: 10")
	j.refuses("--enter-puk=11111111,5678", "Failure")
	j.says("--query-pin-state", "PIN type: puk1", "Remaining attempts: 9")
	j.says("--enter-puk=12345678,5678", "PIN state: unlocked")
	if pin := m.SIM().PIN; pin.Code != "5678" || pin.Tries != 3 || pin.PUKTries != 10 {
		t.Errorf("card after the PUK: %+v", pin)
	}
}

func TestJudgeWithoutSIMOrRadio(t *testing.T) {
	m, _ := testModem(t, func(o *Options) { o.SIM = SIM{}; o.RadioOff = true })
	j := newJudge(t, m)
	j.says("--query-subscriber-ready-status", "Ready state: sim-not-inserted")
	j.refuses("--query-pin-state", "SimNotInserted")
	j.says("--query-radio-state", "Hardware radio state: on", "Software radio state: off")
	m.InsertSIM(testSIM())
	j.says("--query-subscriber-ready-status", "Ready state: initialized")
	j.says("--query-registration-state", "Register state: deregistered")
	j.refuses("--connect=apn=internet", "RadioPowerOff")
	j.says("--set-radio-state=on", "Hardware radio state: on", "Software radio state: on")
	j.says("--query-registration-state", "Register state: home")
	m.SetHardwareRadio(false)
	j.says("--set-radio-state=on", "Hardware radio state: off", "Software radio state: on")
	j.says("--query-signal-state", "RSSI [0-31,99]: 99")
}

func TestJudgeReadsCardFiles(t *testing.T) {
	m, _ := testModem(t, nil)
	j := newJudge(t, m)
	j.says("--ms-query-uicc-application-list", "usim", "a0:00:00:00:87:10:02:ff:49:ff:ff:89")
	const aid = "a000000087100249ffff89"
	read := "--ms-query-uicc-read-binary=application-id=a0000000871002ff49ffff89,file-path=7fff"
	j.says(read+"6f46", "Status word 1: 144", "Data: 01:42:72:61:6e:64:20:4f:6e:65:ff:ff:ff:ff:ff:ff:ff")
	j.says(read+"6f3e", "Status word 1: 144", "Data: a1:ff")
	j.says(read+"6fad", "Status word 1: 144", "Data: 00:00:00:02")
	j.says(read+"6f07", "Status word 1: 144", "Data: 08:29:26:10:89:67:45:23:01")
	j.says(read+"6f38", "Status word 1: 106", "Status word 2: 130")
	j.says("--ms-query-uicc-read-binary=application-id="+aid+",file-path=3f002fe2",
		"Data: 98:94:20:00:00:10:32:54:76:f8")
}

func TestJudgeExtensions(t *testing.T) {
	m, core := testModem(t, nil)
	j := newJudge(t, m)
	j.says("--ms-query-version=1.0,2.0", "MBIM version: 1.00", "MBIM extended version: 1.00")
	j.says("--ms-query-lte-attach-configuration", "IP type: default", "Roaming: home", "Roaming: partner", "Roaming: non-partner")
	j.says("--ms-query-lte-attach-info", "Attach state: attached")
	j.says("--detach-packet-service", "Packet service state: detached")
	j.refuses("--connect=apn=internet", "PacketServiceDetached")
	j.says("--attach-packet-service", "Packet service state: attached")
	j.says("--register-automatic", "Register state: home")
	j.refuses("--query-preferred-providers", "NoDeviceSupport")
	if got := len(core.attaches()); got != 1 {
		t.Errorf("the core was asked %d times to attach, want once", got)
	}
}

// TestJudgeReadsWithWhatToRegister: what a host has written, also after a reset.
func TestJudgeReadsWithWhatToRegister(t *testing.T) {
	m, core := testModem(t, func(o *Options) { o.Device.AttachAPN = "old.lab" })
	newJudge(t, m).says("--ms-query-lte-attach-configuration", "Roaming: home", "Access string: old.lab")
	h := newHost(t, m)
	h.open()
	element := func(apn string) mbim.AttachConfig {
		return mbim.AttachConfig{Source: 1, Access: mbim.Access{APN: apn, User: "u", Password: "p", Auth: mbim.AuthPAP, IPType: mbim.IPv4v6}}
	}
	r := mbim.SetAttachConfig(element("home.lab"), element("partner.lab"), element("abroad.lab"))
	if a := h.ask(mbim.Message{Type: mbim.TypeCommand, Service: r.Service, CID: r.CID, Set: r.Set, Info: r.Info}); a.Status != statusOK {
		t.Fatalf("status %d", a.Status)
	}
	m.update(m.powerOff)
	m.update(m.powerOn)
	j := newJudge(t, m)
	j.says("--ms-query-lte-attach-configuration", "IP type: ipv4v6", "Roaming: home\nSource: user\nAccess string: home.lab\nUsername: u\nPassword: p",
		"Roaming: partner\nSource: user\nAccess string: partner.lab", "Roaming: non-partner\nSource: user\nAccess string: abroad.lab", "Auth protocol: pap")
	j.says("--ms-query-lte-attach-info", "Attach state: attached", "IP type: ipv4v6", "Access string: home.lab", "Auth protocol: pap")
	asked := core.attaches()
	if last := asked[len(asked)-1]; asked[0].APN != "old.lab" || last.APN != "home.lab" || last.Password != "p" {
		t.Errorf("registered with %+v", asked)
	}
	bare, _ := testModem(t, func(o *Options) { o.Device.NoAttach = true })
	newJudge(t, bare).refuses("--ms-query-lte-attach-configuration", "NoDeviceSupport")
}
