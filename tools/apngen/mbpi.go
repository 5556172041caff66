package main

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// mbpiProvider is one provider of GNOME mobile-broadband-provider-info.
type mbpiProvider struct {
	Primary string   `xml:"primary,attr"`
	Names   []string `xml:"name"`
	Nets    []struct {
		MCC string `xml:"mcc,attr"`
		MNC string `xml:"mnc,attr"`
	} `xml:"gsm>network-id"`
	GID1    []string `xml:"gsm>gid1"`
	Balance struct {
		USSD []struct {
			Code        string `xml:",chardata"`
			Replacement string `xml:"replacement,attr"`
		} `xml:"ussd"`
		SMS []struct {
			Number string `xml:",chardata"`
			Text   string `xml:"text,attr"`
		} `xml:"sms"`
	} `xml:"gsm>balance-check"`
	APNs []mbpiAPN `xml:"gsm>apn"`
}

type mbpiAPN struct {
	Value string `xml:"value,attr"`
	Usage struct {
		Type string `xml:"type,attr"`
	} `xml:"usage"`
	Plans []struct {
		Type string `xml:"type,attr"`
	} `xml:"plan"`
	Names    []string `xml:"name"`
	User     string   `xml:"username"`
	Password string   `xml:"password"`
	Auth     struct {
		Method string `xml:"method,attr"`
	} `xml:"authentication"`
}

func importMBPI(path string) ([]row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("apngen: %w", err)
	}
	rows, err := parseMBPI(text)
	if err != nil {
		return nil, fmt.Errorf("apngen: %s: %w", path, err)
	}
	return sorted(rows), nil
}

func parseMBPI(text []byte) ([]row, error) {
	var set struct {
		Providers []mbpiProvider `xml:"country>provider"`
	}
	if err := xml.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	var rows []row
	for _, provider := range set.Providers {
		for _, r := range provider.rows() {
			if r.check() == nil {
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

// rows returns each Internet access point once for each network and GID1.
func (p *mbpiProvider) rows() []row {
	keys := []string{""}
	if len(p.GID1) > 0 {
		keys = nil
	}
	for _, gid := range p.GID1 {
		keys = append(keys, "gid1:"+mbpiGID(gid))
	}
	var rows []row
	for _, net := range p.Nets {
		for _, apn := range p.APNs {
			for _, key := range keys {
				if strings.Contains(apn.Usage.Type, "internet") {
					rows = append(rows, p.row(net.MCC+net.MNC, key, apn))
				}
			}
		}
	}
	return rows
}

// mbpiGID drops padding: a SIM fills EF_GID1 with FF, and the length of that
// padding is no property of the brand.
func mbpiGID(gid string) string {
	gid = strings.ToUpper(strings.TrimSpace(gid))
	if start := strings.Index(gid, "FFFFFFFF"); start > 0 && strings.Trim(gid[start:], "F") == "" {
		return gid[:start]
	}
	return gid
}

func (p *mbpiProvider) row(plmn, key string, apn mbpiAPN) row {
	r := row{
		plmn: plmn, key: key, name: p.name(apn), apn: apn.Value,
		user: apn.User, password: apn.Password, auth: apn.Auth.Method,
		balance: p.balance(),
	}
	if len(apn.Plans) == 1 {
		r.plan = apn.Plans[0].Type
	}
	switch p.Primary {
	case "true":
		r.marks = markPrimary
	case "false":
		r.marks = markBrand
	}
	r.tidy()
	return r
}

// name prefers the plan's name and says whose it is when that does not show.
func (p *mbpiProvider) name(apn mbpiAPN) string {
	provider, plan := "", ""
	if len(p.Names) > 0 {
		provider = strings.TrimSpace(p.Names[0])
	}
	if len(apn.Names) > 0 {
		plan = strings.TrimSpace(apn.Names[0])
	}
	first, _, _ := strings.Cut(provider, " ")
	switch {
	case plan == "":
		return provider
	case strings.Contains(strings.ToLower(plan), strings.ToLower(first)):
		return plan
	}
	return provider + " " + plan
}

// balance returns the first code that needs no input from a person: USSD as it is
// typed, or an SMS as a URI (RFC 5724).
func (p *mbpiProvider) balance() string {
	for _, ussd := range p.Balance.USSD {
		if code := strings.TrimSpace(ussd.Code); ussd.Replacement == "" && code != "" {
			return code
		}
	}
	for _, sms := range p.Balance.SMS {
		uri := "sms:" + strings.TrimSpace(sms.Number)
		if sms.Text != "" {
			uri += "?body=" + url.PathEscape(sms.Text)
		}
		return uri
	}
	return ""
}
