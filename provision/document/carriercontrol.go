package document

// Name spaces of the XML form.
const (
	nsV1      = "http://www.microsoft.com/networking/CarrierControl/v1"
	nsV2      = "http://www.microsoft.com/networking/CarrierControl/v2"
	nsWWAN    = "http://www.microsoft.com/networking/CarrierControl/WWAN/v1"
	nsWLAN    = "http://www.microsoft.com/networking/CarrierControl/WLAN/v1"
	nsBase    = "http://www.microsoft.com/networking/CarrierControl/Base/v1"
	nsPlans   = "http://www.microsoft.com/networking/CarrierControl/Plans/v1"
	nsHotspot = "http://www.microsoft.com/networking/WLAN/HotspotProfile/v1"
	nsDSig    = "http://www.w3.org/2000/09/xmldsig#"
	// nsOurs is for what the XML form has no place for: the serial.
	nsOurs = "urn:tetherd:document:1"
)

// Bounds of lists that Microsoft's schema leaves open.
const (
	maxPartners = 256
	maxMessages = 64
	maxPlans    = 16
	maxWLANs    = 32
	maxContexts = 16
	maxApps     = 64
	maxCerts    = 16
)

const (
	notUsed = "a router has no use for it"
	noApps  = "a router cannot tell which app of a client sends"
)

func leaf(space, name string, as State, c check) rule {
	return rule{space: space, name: name, as: as, text: c}
}

func needed(r rule) rule {
	r.least = 1
	return r
}

func many(r rule, least, most int) rule {
	r.least, r.most = least, most
	return r
}

// root is the whole grammar (CarrierControlSchema and those that it imports).
func root() *rule {
	return &rule{space: nsV1, name: "CarrierProvisioning", kids: []rule{
		needed(rule{space: nsV1, name: "Global", foreign: true, kids: []rule{
			needed(leaf(nsV1, "CarrierId", Applied, guid)),
			needed(leaf(nsV1, "SubscriberId", Applied, subscriber)),
			leaf(nsV1, "DeviceId", Applied, device),
		}}),
		{space: nsV1, name: "Activation", choice: true, kids: activation(), need: oneOf("ReregisterToNetwork", "ReconnectToNetwork", "ServiceActivation")},
		{space: nsV1, name: "MBNProfiles", kids: []rule{
			profile("DefaultProfile", Applied, Applied, ""),
			profile("PurchaseProfile", Stored, NotEnforceable, "the partners of DefaultProfile count"), messages(),
			{space: nsWWAN, name: "Branding", foreign: true, kids: []rule{
				leaf(nsWWAN, "Logo", Stored, binary(16<<10)),
				leaf(nsWWAN, "Name", Stored, text(0, 20)),
			}},
		}},
		{space: nsV1, name: "WLANProfiles", as: Stored, kids: []rule{wlanProfile()}},
		{space: nsV1, name: "Plans", kids: []rule{plan()}},
		{space: nsV1, name: "Provisioning", kids: []rule{certificates(), refresh()}},
		{space: nsV1, name: "Extensions", foreign: true, kids: []rule{
			extensions(),
			leaf(nsOurs, "Serial", Applied, number(1, 1<<53)),
		}},
		{space: nsDSig, name: "Signature", as: NotEnforceable, note: "an XML signature is recognised and not verified", opaque: true},
	}}
}

func activation() []rule {
	timing := []attribute{{"Delay", false, span(0, 3599)}, {"RetryCount", false, number(0, 10)}, {"RetryInterval", false, span(60, 3600)}}
	return []rule{
		{space: nsWWAN, name: "ReregisterToNetwork", as: Applied, attrs: timing},
		{space: nsWWAN, name: "ReconnectToNetwork", as: Applied, attrs: timing},
		{space: nsWWAN, name: "ServiceActivation", as: Applied, attrs: timing, kids: []rule{
			needed(rule{space: nsWWAN, name: "CarrierSpecificData", text: binary(8 << 10)}),
		}},
	}
}

// profile is ConnectionProfileType. What its plan and its partners are used for differs.
func profile(name string, plan, partners State, note string) rule {
	return rule{space: nsWWAN, name: name, attrs: []attribute{{"Priority", false, number(0, 9)}}, kids: []rule{
		needed(leaf(nsWWAN, "Name", Stored, text(1, 255))),
		leaf(nsWWAN, "Description", Stored, text(1, 255)),
		leaf(nsWWAN, "AssociatedPlan", plan, text(1, 255)),
		leaf(nsWWAN, "HomeProviderName", Stored, text(1, 20)),
		context(nsWWAN, Applied, "", 0),
		{space: nsWWAN, name: "DataRoamingPartners", as: partners, note: note, kids: []rule{
			many(rule{space: nsWWAN, name: "Provider", kids: []rule{
				needed(rule{space: nsBase, name: "ProviderID", text: digits(1, 6)}),
				needed(rule{space: nsBase, name: "ProviderName", text: text(1, 20)}),
			}}, 1, maxPartners),
		}},
		{space: nsWWAN, name: "Extensions", as: NotEnforceable, note: "an extension that is not known", opaque: true},
	}}
}

// context is ContextType and ApnContextType.
func context(space string, as State, note string, least int) rule {
	return rule{space: space, name: "Context", least: least, kids: []rule{
		{space: space, name: "AccessString", as: as, note: note, text: text(1, 100)},
		{space: space, name: "UserLogonCred", as: as, note: note, kids: []rule{
			needed(rule{space: space, name: "UserName", text: text(1, 255)}),
			{space: space, name: "Password", text: text(0, 255), raw: true},
		}},
		{space: space, name: "Compression", as: NotEnforceable, note: notUsed, text: words("ENABLE", "DISABLE")},
		{space: space, name: "AuthProtocol", as: as, note: note, text: words("NONE", "PAP", "CHAP", "MsCHAPv2")},
	}}
}

func messages() rule {
	isFlag := []attribute{{"TrueToken", false, text(0, 64)}, {"FalseToken", false, text(0, 64)}, {"Default", false, boolean}, {"Group", false, number(1, 99)}}
	group := attribute{"Group", true, number(1, 99)}
	isNumber := []attribute{group, {"UnitGroup", false, number(1, 99)}, {"DefaultUnit", false, words(units()...)}}
	field := func(name string, attrs ...attribute) rule { return rule{space: nsWWAN, name: name, attrs: attrs} }
	var unitLists []attribute
	for _, u := range units()[1:] {
		unitLists = append(unitLists, attribute{u, false, text(0, 255)})
	}
	message := rule{space: nsWWAN, name: "Message", as: Stored, attrs: []attribute{{"Silent", false, boolean}, {"RuleId", false, text(1, 64)}},
		need: oneOf("SMSBearer", "USSDBearer"), kids: []rule{
			many(rule{space: nsWWAN, name: "SMSBearer", attrs: []attribute{{"Sender", false, text(1, 64)}, {"ClassZeroOnly", false, boolean}}}, 0, 16),
			{space: nsWWAN, name: "USSDBearer"},
			needed(rule{space: nsWWAN, name: "Pattern", text: text(1, maxPattern), raw: true}),
			{space: nsWWAN, name: "Locale", text: text(1, 64)},
			{space: nsWWAN, name: "Units", attrs: unitLists},
			{space: nsWWAN, name: "Fields", any: true, kids: []rule{
				field("Usage", isNumber...), field("UsagePercentage", group),
				field("UsageTimestamp", group, attribute{"Format", true, timeFormat}),
				field("UsageOverage", isNumber...), field("UsageOveragePercentage", group),
				field("DataLimit", isNumber...), field("OverDataLimit", isFlag...), field("Congested", isFlag...),
				field("InboundBandwidth", isNumber...), field("OutboundBandwidth", isNumber...),
				field("PlanType", attribute{"Group", false, number(1, 99)}, attribute{"Default", false, words("Unrestricted", "Fixed", "Variable")},
					attribute{"UnrestrictedTokens", false, text(0, 255)}, attribute{"FixedTokens", false, text(0, 255)}, attribute{"VariableTokens", false, text(0, 255)}),
				field("RefreshProvisioning", isFlag...), field("ActivationComplete", isFlag...),
			}},
		}}
	return rule{space: nsWWAN, name: "Messages", kids: []rule{many(message, 1, maxMessages)}}
}

// units are the units of numbers in messages.
func units() []string { return []string{"None", "K", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"} }

// wlanProfile takes Microsoft's Wi-Fi profile as it is, but for the login in it.
func wlanProfile() rule {
	return many(rule{space: nsWLAN, name: "WLANProfile", opaque: true, inside: hotspot(), need: func(n *node) string {
		switch name := collapse(n.child("name").text); {
		case text(1, 255)(name) != nil:
			return "needs a name of 1 to 255 characters"
		case !n.child("SSIDConfig", "SSID").there():
			return "needs SSIDConfig with an SSID"
		}
		return ""
	}}, 0, maxWLANs)
}

func hotspot() *rule {
	return &rule{space: nsHotspot, name: "HotspotProfile", foreign: true, need: oneOf("BasicAuth", "ExtAuth"), kids: []rule{
		{space: nsHotspot, name: "BasicAuth", kids: []rule{
			needed(rule{space: nsHotspot, name: "UserName", text: text(1, 255)}),
			needed(rule{space: nsHotspot, name: "Password", text: text(0, 255)}),
		}},
		{space: nsHotspot, name: "ExtAuth", as: NotEnforceable, note: "there are no apps on a router", kids: []rule{
			needed(rule{space: nsHotspot, name: "ExtensionId", text: text(1, 255)}),
		}},
		{space: nsHotspot, name: "TrustedDomains", kids: []rule{
			many(rule{space: nsHotspot, name: "TrustedDomain", text: text(1, 255)}, 1, 64),
		}},
		{space: nsHotspot, name: "UserAgent", text: text(0, 255)},
		{space: nsHotspot, name: "SSIDConfig", kids: []rule{
			many(rule{space: nsHotspot, name: "SSID", choice: true, need: oneOf("hex", "hexPrefix", "name", "namePrefix"), kids: []rule{
				leaf(nsHotspot, "hex", "", hexBytes(1, 32)),
				leaf(nsHotspot, "hexPrefix", "", hexBytes(4, 32)),
				leaf(nsHotspot, "name", "", text(1, 32)),
				leaf(nsHotspot, "namePrefix", "", text(4, 32)),
			}}, 1, 250),
		}},
	}}
}

func plan() rule {
	return many(rule{space: nsPlans, name: "Plan", as: Stored, attrs: []attribute{{"Name", true, text(1, 255)}}, need: oneOf("Description", "Usage"), kids: []rule{
		{space: nsPlans, name: "Description", attrs: []attribute{{"PlanType", true, words("Unrestricted", "Fixed", "Variable")}}, kids: []rule{
			{space: nsPlans, name: "BillingCycle", attrs: []attribute{{"StartDate", true, moment}, {"Duration", true, period}, {"Resets", false, boolean}}},
			leaf(nsPlans, "DataLimitInMegabytes", "", number(1, 1<<32)),
			leaf(nsPlans, "InboundBandwidthInKbps", "", number(0, 1<<32)),
			leaf(nsPlans, "OutboundBandwidthInKbps", "", number(0, 1<<32)),
			leaf(nsPlans, "MaxTransferSizeInMegabytes", "", number(1, 1<<32)),
			{space: nsPlans, name: "SecurityUpdatesExempt", as: NotEnforceable, note: notUsed, text: boolean},
			leaf(nsPlans, "DataUsageInMobileOperatorNotificationEnabled", "", boolean),
			{space: nsPlans, name: "UserSMSEnabled", as: NotEnforceable, note: notUsed, text: boolean},
		}},
		{space: nsPlans, name: "Usage", as: Applied, attrs: []attribute{{"OverLimit", false, boolean}, {"Congested", false, boolean},
			{"CurrentUsage", true, number(0, 1<<53)}, {"UsageTimestamp", true, moment}}},
	}}, 1, maxPlans)
}

func certificates() rule {
	name := func(n string) rule { return needed(leaf(nsBase, n, "", text(0, 1024))) }
	return rule{space: nsV1, name: "TrustedCertificates", as: NotEnforceable, note: "documents are trusted by pinned keys alone", kids: []rule{
		many(rule{space: nsV1, name: "TrustedCertificate", kids: []rule{name("SubjectName"), name("IssuerName")}}, 1, maxCerts),
	}}
}

func refresh() rule {
	return rule{space: nsV1, name: "RefreshParameters", kids: []rule{
		leaf(nsV1, "DelayInDays", Applied, number(1, 730)),
		needed(leaf(nsV1, "RefreshURL", Applied, httpsURL)),
		leaf(nsV1, "UserName", Applied, text(0, 255)),
		leaf(nsV1, "Password", Applied, text(0, 255)),
	}}
}

// extensions is CarrierControlSchema_v2.
func extensions() rule {
	friendly := []rule{}
	for _, class := range dataClasses() {
		friendly = append(friendly, leaf(nsV2, class, "", text(1, 15)))
	}
	return rule{space: nsV2, name: "Extensions_v2", kids: []rule{
		{space: nsV2, name: "CarrierNetworkMetadata", kids: []rule{
			{space: nsV2, name: "NetworkSettings", kids: []rule{
				leaf(nsV2, "IPv4LinkMTU", Applied, number(1280, 1500)),
				{space: nsV2, name: "IPv6LinkMTU", as: NotEnforceable, note: noIPv6, text: number(1280, 1500)},
				{space: nsV2, name: "DNSRetrySettings", as: Applied, kids: []rule{
					needed(leaf(nsV2, "DNSRetryIntervalInSeconds", "", number(1, 4))),
					needed(leaf(nsV2, "DNSRetryCount", "", number(1, 4))),
				}},
			}},
			{space: nsV2, name: "DataClassFriendlyNames", as: Stored, kids: friendly},
			leaf(nsV2, "CustomerSupportPhoneNumber", Stored, text(0, 25)),
		}},
		{space: nsV2, name: "AdditionalPDPContexts", kids: []rule{
			{space: nsV2, name: "MultiplePDPContextPolicies", attrs: []attribute{{"MultiplePDPContextSupport", false, boolean}}, kids: []rule{
				many(rule{space: nsV2, name: "PDPContextPolicy", kids: []rule{
					needed(leaf(nsV2, "Name", Stored, text(1, 255))),
					context(nsV2, NotEnforceable, noApps, 1),
					needed(rule{space: nsV2, name: "AppIDList", as: NotEnforceable, note: noApps, kids: []rule{
						many(leaf(nsV2, "AppID", "", text(0, 255)), 0, maxApps),
					}}),
				}}, 0, maxContexts),
			}},
			{space: nsV2, name: "TetheringSettings", kids: []rule{
				{space: nsV2, name: "TetheringProfile", kids: []rule{
					needed(leaf(nsV2, "Name", Stored, text(1, 255))),
					context(nsV2, Applied, "", 1),
				}},
				leaf(nsV2, "MaxNumberOfDevices", Applied, number(3, 10)),
			}},
		}},
	}}
}

// dataClasses are the classes that have display names, in the schema's order.
func dataClasses() []string {
	return []string{"NONE", "GPRS", "EDGE", "UMTS", "HSDPA", "HSUPA", "LTE", "ONEXRTT", "ONEXEVDO", "ONEXEVDO_REVA",
		"ONEXEVDV", "THREEXRTT", "ONEXEVDO_REVB", "UMB", "CUSTOM"}
}
