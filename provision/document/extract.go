package document

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/tetherd/tetherd/modem"
)

// readCarrierControl reads the XML form.
func readCarrierControl(raw []byte) (*Document, Report) {
	var report Report
	tree, err := readXML(raw)
	if err != nil {
		report.refuse(where(err), reason(err))
		return nil, report
	}
	rule := root()
	if !rule.names(tree) {
		report.refuse(tree.path, "the root must be CarrierProvisioning in the name space "+nsV1)
		return nil, report
	}
	grammar{&report}.element(tree, rule)
	if report.Refused() {
		return nil, report
	}
	d := extract(tree)
	for _, n := range authProtocols(tree) {
		if collapse(n.text) == "MsCHAPv2" {
			report.amend(n.path, NotEnforceable, "CHAP, then PAP is tried instead")
		}
	}
	for i, p := range tree.child("MBNProfiles", "Messages").all("Message") {
		if err := d.Messages[i].compile(); err != nil {
			report.refuse(p.child("Pattern").path, err.Error())
		}
	}
	return d, report
}

func where(err error) string {
	if f, ok := err.(fault); ok {
		return f.path
	}
	return "/"
}

func reason(err error) string {
	if f, ok := err.(fault); ok {
		return f.why
	}
	return err.Error()
}

// authProtocols finds every AuthProtocol.
func authProtocols(n *node) (list []*node) {
	if n.name == "AuthProtocol" {
		return []*node{n}
	}
	for _, k := range n.kids {
		list = append(list, authProtocols(k)...)
	}
	return list
}

// extract takes the values out of a tree that the grammar has let through.
func extract(tree *node) *Document {
	global, profiles := tree.child("Global"), tree.child("MBNProfiles")
	meta := tree.child("Extensions", "Extensions_v2", "CarrierNetworkMetadata")
	d := &Document{
		Form:   CarrierControl,
		Signed: tree.child("Signature").there(),
		Serial: natural(collapse(tree.child("Extensions", "Serial").text)),
		Operator: Operator{
			ID:           strings.ToLower(collapse(global.child("CarrierId").text)),
			Name:         collapse(profiles.child("Branding", "Name").text),
			Logo:         decoded(profiles.child("Branding", "Logo").text),
			SupportPhone: collapse(meta.child("CustomerSupportPhoneNumber").text),
			Technologies: technologies(meta.child("DataClassFriendlyNames")),
		},
		Bound: Bound{
			Subscriber: modem.Secret(collapse(global.child("SubscriberId").text)),
			Device:     modem.Secret(collapse(global.child("DeviceId").text)),
		},
		SIMs:       []SIM{simOf(tree)},
		Activation: activationOf(tree.child("Activation")),
		Refresh:    refreshOf(tree.child("Provisioning", "RefreshParameters")),
	}
	for _, n := range tree.child("Plans").all("Plan") {
		d.Plans = append(d.Plans, planOf(n))
	}
	for _, n := range profiles.child("Messages").all("Message") {
		d.Messages = append(d.Messages, messageOf(n))
	}
	if list := tree.child("WLANProfiles"); list.there() {
		d.WLAN = wlansOf(list)
	}
	return d
}

func simOf(tree *node) SIM {
	profiles := tree.child("MBNProfiles")
	ext := tree.child("Extensions", "Extensions_v2")
	settings := ext.child("CarrierNetworkMetadata", "NetworkSettings")
	tethering := ext.child("AdditionalPDPContexts", "TetheringSettings")
	policies := ext.child("AdditionalPDPContexts", "MultiplePDPContextPolicies")
	var s SIM
	s.Network = Network{
		MTU4:     int(natural(collapse(settings.child("IPv4LinkMTU").text))),
		MTU6:     int(natural(collapse(settings.child("IPv6LinkMTU").text))),
		DNSRetry: int(natural(collapse(settings.child("DNSRetrySettings", "DNSRetryIntervalInSeconds").text))),
		DNSTries: int(natural(collapse(settings.child("DNSRetrySettings", "DNSRetryCount").text))),
	}
	s.Sharing.MaxDevices = int(natural(collapse(tethering.child("MaxNumberOfDevices").text)))
	if policies.there() && !truth(policies.attr("MultiplePDPContextSupport", "true")) {
		s.Sharing.OneContext = "share"
	}
	s.add(profiles.child("DefaultProfile"), ForInternet)
	s.add(profiles.child("PurchaseProfile"), ForPurchase)
	s.add(tethering.child("TetheringProfile"), ForTethering)
	for _, n := range policies.all("PDPContextPolicy") {
		s.add(n, "application")
	}
	for _, p := range profiles.child("DefaultProfile", "DataRoamingPartners").all("Provider") {
		s.Roaming.Partners = append(s.Roaming.Partners, Partner{PLMN: collapse(p.child("ProviderID").text), Name: collapse(p.child("ProviderName").text)})
	}
	return s
}

// add appends the context of a profile that has one.
func (s *SIM) add(profile *node, use Use) {
	n := profile.child("Context")
	if !n.there() {
		return
	}
	c := Context{
		Name: collapse(profile.child("Name").text),
		Uses: []Use{use},
		APN:  collapse(n.child("AccessString").text),
		User: collapse(n.child("UserLogonCred", "UserName").text),
		// White space may be part of a password.
		Password: modem.Secret(n.child("UserLogonCred", "Password").text),
		Plan:     collapse(profile.child("AssociatedPlan").text),
	}
	if auth := strings.ToLower(collapse(n.child("AuthProtocol").text)); auth != "mschapv2" {
		c.Auth = auth
	}
	if p := profile.attr("Priority", ""); p != "" {
		c.Priority = new(int)
		*c.Priority = int(natural(p))
	}
	s.Contexts = append(s.Contexts, c)
}

func activationOf(n *node) *Activation {
	if len(n.kids) == 0 {
		return nil
	}
	method := n.kids[0]
	a := &Activation{
		Method: map[string]string{"ReregisterToNetwork": "reregister", "ReconnectToNetwork": "reconnect", "ServiceActivation": "service"}[method.name],
		Data:   decoded(method.child("CarrierSpecificData").text),
	}
	a.Delay, _ = seconds(method.attr("Delay", "PT0S")) // the grammar has let them through
	a.Interval, _ = seconds(method.attr("RetryInterval", "PT1M"))
	a.Retries = int(natural(method.attr("RetryCount", "0")))
	return a
}

func refreshOf(n *node) *Refresh {
	if !n.there() {
		return nil
	}
	return &Refresh{
		Days:     int(natural(collapse(n.child("DelayInDays").text))),
		URL:      collapse(n.child("RefreshURL").text),
		User:     collapse(n.child("UserName").text),
		Password: modem.Secret(collapse(n.child("Password").text)),
	}
}

func planOf(n *node) Plan {
	d, u := n.child("Description"), n.child("Usage")
	size := func(name string) uint64 { return natural(collapse(d.child(name).text)) }
	p := Plan{
		Name: n.attr("Name", ""), Type: strings.ToLower(d.attr("PlanType", "")),
		LimitMB: size("DataLimitInMegabytes"), MaxMB: size("MaxTransferSizeInMegabytes"),
		InboundKbps: size("InboundBandwidthInKbps"), OutboundKbps: size("OutboundBandwidthInKbps"),
	}
	if c := d.child("BillingCycle"); c.there() {
		p.Cycle = &Cycle{Start: c.attr("StartDate", ""), Duration: c.attr("Duration", ""), Resets: truth(c.attr("Resets", "true"))}
	}
	if u.there() {
		p.Usage = &PlanUsage{
			UsedMB: natural(u.attr("CurrentUsage", "0")), At: u.attr("UsageTimestamp", ""),
			OverLimit: truth(u.attr("OverLimit", "false")), Congested: truth(u.attr("Congested", "false")),
		}
	}
	return p
}

func messageOf(n *node) Message {
	m := Message{
		ID: n.attr("RuleId", ""), Silent: truth(n.attr("Silent", "true")), USSD: n.child("USSDBearer").there(),
		Pattern: n.child("Pattern").text, Locale: collapse(n.child("Locale").text),
		Units: map[string]string{}, Fields: map[string]MsgPart{},
	}
	for _, s := range n.all("SMSBearer") {
		m.Senders = append(m.Senders, Sender{Number: s.attr("Sender", ""), ClassZeroOnly: truth(s.attr("ClassZeroOnly", "true"))})
	}
	for _, a := range n.child("Units").attrs {
		m.Units[a.Name.Local] = collapse(a.Value)
	}
	for _, f := range n.child("Fields").kids {
		m.Fields[f.name] = partOf(f)
	}
	return m
}

func partOf(f *node) MsgPart {
	p := MsgPart{Tokens: map[string]string{}}
	for _, a := range f.attrs {
		switch value := collapse(a.Value); a.Name.Local {
		case "Group":
			p.Group = int(natural(value))
		case "UnitGroup":
			p.UnitGroup = int(natural(value))
		case "DefaultUnit":
			p.Unit = value
		case "Format":
			p.Format = value
		case "Default":
			p.Default = value
		default:
			p.Tokens[a.Name.Local] = value
		}
	}
	return p
}

func wlansOf(list *node) *[]WLAN {
	all := []WLAN{}
	for _, n := range list.all("WLANProfile") {
		w := WLAN{Name: collapse(n.child("name").text), XML: string(n.raw)}
		for _, s := range n.child("SSIDConfig").all("SSID") {
			if name := s.child("name"); name.there() {
				w.SSIDs = append(w.SSIDs, name.text)
			}
		}
		all = append(all, w)
	}
	return &all
}

func technologies(n *node) map[string]string {
	names := map[string]string{}
	for _, k := range n.kids {
		names[strings.ToLower(k.name)] = collapse(k.text)
	}
	return names
}

// natural reads a number that the grammar has let through; 0 when there is none.
func natural(s string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
	return n
}

func truth(s string) bool { return slices.Contains([]string{"true", "1"}, s) }

func decoded(s string) []byte {
	data, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return data
}
