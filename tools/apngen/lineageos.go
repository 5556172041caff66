package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// lineageAPN is one apn element of LineageOS android_vendor_apn.
type lineageAPN struct {
	MCC      string  `xml:"mcc,attr"`
	MNC      string  `xml:"mnc,attr"`
	Carrier  string  `xml:"carrier,attr"`
	APN      string  `xml:"apn,attr"`
	User     string  `xml:"user,attr"`
	Password string  `xml:"password,attr"`
	Proxy    string  `xml:"proxy,attr"`
	Type     *string `xml:"type,attr"`
	Protocol string  `xml:"protocol,attr"`
	Roaming  string  `xml:"roaming_protocol,attr"`
	Auth     string  `xml:"authtype,attr"`
	MTU      string  `xml:"mtu,attr"`
	Bearer   string  `xml:"bearer,attr"`
	Bearers  string  `xml:"bearer_bitmask,attr"`
	Networks string  `xml:"network_type_bitmask,attr"`
	Enabled  string  `xml:"carrier_enabled,attr"`
	MVNOType string  `xml:"mvno_type,attr"`
	MVNOData string  `xml:"mvno_match_data,attr"`
}

// importLineage reads all countries and keeps what a data session can be made of.
func importLineage(dir string) ([]row, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no XML files in %q", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("apngen: %w", err)
	}
	var rows []row
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("apngen: %w", err)
		}
		country, err := parseLineage(text)
		if err != nil {
			return nil, fmt.Errorf("apngen: %s: %w", file, err)
		}
		rows = append(rows, country...)
	}
	return sorted(rows), nil
}

// parseLineage reads one country.
func parseLineage(text []byte) ([]row, error) {
	var country struct {
		APNs []lineageAPN `xml:"apn"`
	}
	if err := xml.Unmarshal(text, &country); err != nil {
		return nil, err
	}
	var rows []row
	for _, apn := range country.APNs {
		r := apn.row()
		if apn.forInternet() && apn.for3GPP() && apn.Enabled != "false" && r.check() == nil {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// types returns the uses of an access point. Without a type it is for everything.
func (a *lineageAPN) types() []string {
	if a.Type == nil {
		return []string{"default"}
	}
	return strings.Split(*a.Type, ",")
}

func (a *lineageAPN) forInternet() bool {
	types := a.types()
	return slices.Contains(types, "default") || slices.Contains(types, "*") || slices.Contains(types, "dun")
}

// for3GPP reports whether an access point is for any radio that has bearers:
// Android's list holds rows for CDMA and for calls over Wi-Fi as well. The numbers
// are those of android.telephony.ServiceState (4 to 8, 12, 13 CDMA; 18 IWLAN).
func (a *lineageAPN) for3GPP() bool {
	for _, mask := range []string{a.Bearer, a.Bearers, a.Networks} {
		radios := strings.Split(mask, "|")
		foreign := func(radio string) bool {
			return slices.Contains([]string{"4", "5", "6", "7", "8", "12", "13", "18"}, radio)
		}
		if !slices.ContainsFunc(radios, func(radio string) bool { return !foreign(radio) }) {
			return false
		}
	}
	return true
}

func (a *lineageAPN) row() row {
	r := row{
		plmn: a.MCC + a.MNC, key: a.key(), name: a.Carrier, apn: a.APN,
		user: a.User, password: a.Password, mtu: a.MTU,
		auth:    map[string]string{"0": "none", "1": "pap", "2": "chap"}[a.Auth],
		family:  lineageFamily(a.Protocol),
		roaming: lineageFamily(a.Roaming),
		marks:   a.marks(),
	}
	r.tidy()
	return r
}

func lineageFamily(protocol string) string {
	return map[string]string{"IP": "ipv4", "IPV4V6": "ipv4v6", "IPV6": "ipv6"}[protocol]
}

func (a *lineageAPN) key() string {
	switch a.MVNOType {
	case "":
		return ""
	case "gid":
		return "gid1:" + strings.ToUpper(a.MVNOData)
	case "imsi":
		return "imsi:" + strings.ToLower(a.MVNOData)
	}
	return a.MVNOType + ":" + a.MVNOData
}

func (a *lineageAPN) marks() string {
	var marks []string
	types := a.types()
	if slices.Contains(types, "dun") {
		if slices.Contains(types, "default") || slices.Contains(types, "*") {
			marks = append(marks, markDUN)
		} else {
			marks = append(marks, markDUNOnly)
		}
	}
	if a.Proxy != "" {
		marks = append(marks, markProxy)
	}
	return strings.Join(marks, ",")
}
