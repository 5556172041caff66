package document

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write is the element as XML again.
func (n *node) write(b *strings.Builder) {
	fmt.Fprintf(b, "<%s xmlns=%q", n.name, n.space)
	for _, a := range n.attrs {
		fmt.Fprintf(b, " %s=%q", a.Name.Local, a.Value)
	}
	b.WriteString(">")
	_ = xml.EscapeText(b, []byte(n.text)) // a Builder takes all
	for _, k := range n.kids {
		k.write(b)
	}
	fmt.Fprintf(b, "</%s>", n.name)
}

// place is an element and where it stands.
type place struct {
	parent *node
	at     int
}

func (p place) node() *node { return p.parent.kids[p.at] }

// places lists every element but the root.
func places(n *node) (all []place) {
	for i, k := range n.kids {
		all = append(append(all, place{n, i}), places(k)...)
	}
	return all
}

// opaque says that the grammar takes whatever is in an element.
func opaque(path string) bool {
	return strings.Contains(path, "/WLANProfile/") && !strings.Contains(path, "/HotspotProfile/")
}

// mutations changes each element of the document that has them all in turn, and calls
// judge with its path and what became of the document.
func mutations(t *testing.T, change func(p place) bool, judge func(path string, d *Document, r Report)) {
	t.Helper()
	raw := files(t, "right")["everything.xml"]
	tree, err := readXML(raw)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i := range places(tree) {
		tree, _ := readXML(raw)
		p := places(tree)[i]
		path := p.node().path
		if !change(p) {
			continue
		}
		var b strings.Builder
		tree.write(&b)
		d, report := Read([]byte(b.String()))
		judge(strings.TrimPrefix(path, "/CarrierProvisioning/"), d, report)
		tried++
	}
	if tried < 20 {
		t.Fatalf("only %d changes", tried)
	}
}

// Written again, the document says what it said: the changes are changes of it alone.
func TestTreeIsWrittenAsItWas(t *testing.T) {
	raw := files(t, "right")["everything.xml"]
	tree, err := readXML(raw)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	tree.write(&b)
	was, before := Read(raw)
	is, after := Read([]byte(b.String()))
	if is == nil {
		t.Fatalf("refused: %s", lines(after))
	}
	was.WLAN, is.WLAN = nil, nil // kept as they came, letter by letter
	if diff := cmp.Diff(was, is); diff != "" || lines(before) != lines(after) {
		t.Errorf("(-was +is):\n%s\n%s", diff, lines(after))
	}
}

// What Microsoft's schema requires is missed, and nothing else.
func TestElementsThatMustBe(t *testing.T) {
	var needed []string
	mutations(t, func(p place) bool {
		p.parent.kids = slices.Delete(p.parent.kids, p.at, p.at+1)
		return true
	}, func(path string, d *Document, r Report) {
		if d == nil {
			needed = append(needed, path)
		}
	})
	want := strings.Fields(`
		Global Global/CarrierId Global/SubscriberId
		Activation/ReregisterToNetwork
		MBNProfiles/DefaultProfile/Name
		MBNProfiles/DefaultProfile/Context/UserLogonCred/UserName
		MBNProfiles/DefaultProfile/DataRoamingPartners/Provider
		MBNProfiles/DefaultProfile/DataRoamingPartners/Provider/ProviderID
		MBNProfiles/DefaultProfile/DataRoamingPartners/Provider/ProviderName
		MBNProfiles/PurchaseProfile/Name
		MBNProfiles/Messages/Message/SMSBearer MBNProfiles/Messages/Message/Pattern
		MBNProfiles/Messages/Message[2]/USSDBearer MBNProfiles/Messages/Message[2]/Pattern
		WLANProfiles/WLANProfile/name
		WLANProfiles/WLANProfile/SSIDConfig WLANProfiles/WLANProfile/SSIDConfig/SSID
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/BasicAuth
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/BasicAuth/UserName
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/BasicAuth/Password
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/TrustedDomains/TrustedDomain
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/SSIDConfig/SSID
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/SSIDConfig/SSID/namePrefix
		Plans Plans/Plan
		Provisioning/TrustedCertificates/TrustedCertificate
		Provisioning/TrustedCertificates/TrustedCertificate/SubjectName
		Provisioning/TrustedCertificates/TrustedCertificate/IssuerName
		Provisioning/RefreshParameters/RefreshURL
		Extensions/Extensions_v2/CarrierNetworkMetadata/NetworkSettings/DNSRetrySettings/DNSRetryIntervalInSeconds
		Extensions/Extensions_v2/CarrierNetworkMetadata/NetworkSettings/DNSRetrySettings/DNSRetryCount
		Extensions/Extensions_v2/AdditionalPDPContexts/MultiplePDPContextPolicies/PDPContextPolicy/Name
		Extensions/Extensions_v2/AdditionalPDPContexts/MultiplePDPContextPolicies/PDPContextPolicy/Context
		Extensions/Extensions_v2/AdditionalPDPContexts/MultiplePDPContextPolicies/PDPContextPolicy/AppIDList
		Extensions/Extensions_v2/AdditionalPDPContexts/TetheringSettings/TetheringProfile/Name
		Extensions/Extensions_v2/AdditionalPDPContexts/TetheringSettings/TetheringProfile/Context`)
	if diff := cmp.Diff(want, needed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Everything else may be there once.
func TestElementsThatMayBeTwice(t *testing.T) {
	var twice []string
	mutations(t, func(p place) bool {
		p.parent.kids = slices.Insert(p.parent.kids, p.at, p.node())
		return !opaque(p.node().path)
	}, func(path string, d *Document, r Report) {
		if d != nil {
			twice = append(twice, path)
		}
	})
	want := strings.Fields(`
		MBNProfiles/DefaultProfile/DataRoamingPartners/Provider
		MBNProfiles/Messages/Message MBNProfiles/Messages/Message/SMSBearer MBNProfiles/Messages/Message[2]
		WLANProfiles/WLANProfile
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/TrustedDomains/TrustedDomain
		WLANProfiles/WLANProfile/MSM/security/HotspotProfile/SSIDConfig/SSID
		Provisioning/TrustedCertificates/TrustedCertificate
		Extensions/Extensions_v2/AdditionalPDPContexts/MultiplePDPContextPolicies/PDPContextPolicy
		Extensions/Extensions_v2/AdditionalPDPContexts/MultiplePDPContextPolicies/PDPContextPolicy/AppIDList/AppID`)
	if diff := cmp.Diff(want, twice); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The order of elements is fixed, but for the fields of a message.
func TestOrderIsFixed(t *testing.T) {
	mutations(t, func(p place) bool {
		k := p.parent.kids
		if p.at+1 == len(k) || k[p.at].name == k[p.at+1].name || opaque(p.node().path) {
			return false
		}
		k[p.at], k[p.at+1] = k[p.at+1], k[p.at]
		return true
	}, func(path string, d *Document, r Report) {
		free := strings.Contains(path, "/Fields/")
		if (d != nil) != free {
			t.Errorf("%s behind its neighbour: accepted %t\n%s", path, d != nil, lines(r.Faults()))
		}
	})
}

// Nothing that is not known is passed over in silence, wherever it stands.
func TestNothingIsDroppedInSilence(t *testing.T) {
	for what, change := range map[string]func(n *node){
		"another name":       func(n *node) { n.name = "Unheard" },
		"another name space": func(n *node) { n.space = "urn:somebody:else" },
		"an attribute":       func(n *node) { n.attrs = append(n.attrs, xml.Attr{Name: xml.Name{Local: "unheard"}, Value: "1"}) },
		"a child":            func(n *node) { n.kids = append(n.kids, &node{space: n.space, name: "Unheard"}) },
		"text between":       func(n *node) { n.text += "unheard" },
	} {
		mutations(t, func(p place) bool {
			n := p.node()
			inner := n.path + "/"
			if opaque(inner) || opaque(n.path) || what == "text between" && len(n.kids) == 0 {
				return false
			}
			change(n)
			return true
		}, func(path string, d *Document, r Report) {
			told := slices.ContainsFunc(r, func(i Item) bool {
				return i.State == NotEnforceable && strings.Contains(i.Path+i.Why, "not known") || strings.HasSuffix(i.Path, "Unheard")
			})
			if d != nil && !told {
				t.Errorf("%s of %s is accepted and not told", what, path)
			}
		})
	}
}

// Activation's three methods and their times are read, with Microsoft's defaults.
func TestActivationIsRead(t *testing.T) {
	raw := string(files(t, "right")["everything.xml"])
	const was = `<ReregisterToNetwork xmlns="http://www.microsoft.com/networking/CarrierControl/WWAN/v1" Delay="PT30S" RetryCount="3" RetryInterval="PT1M"/>`
	if !strings.Contains(raw, was) {
		t.Fatal("the document has changed")
	}
	for method, want := range map[string]Activation{
		`<ReconnectToNetwork/>`:                                                                       {Method: "reconnect", Interval: 60},
		`<ReconnectToNetwork Delay="PT59M59S" RetryCount="10"/>`:                                      {Method: "reconnect", Delay: 3599, Retries: 10, Interval: 60},
		`<ReregisterToNetwork RetryInterval="PT1H"/>`:                                                 {Method: "reregister", Interval: 3600},
		`<ServiceActivation><CarrierSpecificData>KjIy OA==</CarrierSpecificData></ServiceActivation>`: {Method: "service", Interval: 60, Data: []byte("*228")},
	} {
		with := strings.Replace(method, " ", ` xmlns="http://www.microsoft.com/networking/CarrierControl/WWAN/v1" `, 1)
		if name, rest, ok := strings.Cut(method, ">"); ok && !strings.Contains(name, " ") {
			with = strings.TrimSuffix(name, "/") + ` xmlns="http://www.microsoft.com/networking/CarrierControl/WWAN/v1"` + map[bool]string{true: "/>", false: ">"}[strings.HasSuffix(name, "/")] + rest
		}
		d, report := Read([]byte(strings.Replace(raw, was, with, 1)))
		if d == nil {
			t.Errorf("%s: %s", method, lines(report.Faults()))
			continue
		}
		got := *d.Activation
		if len(got.Data) == 0 {
			got.Data = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", method, diff)
		}
	}
}
