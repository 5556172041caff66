// Package plan decides: Compile turns what is wanted and what is observed into one
// complete wish a part, Diff tells which parts differ from their wish, in the
// order in which they are to be applied. Both are pure.
package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/wpa"
)

// Inputs is everything that is wanted. A repair is a changed value in here.
type Inputs struct {
	Config    *config.Config
	Ladder    provision.Ladder // which access point clients take, and which one is tried now
	Split     provision.Split  // whether the gateway's own traffic takes the same
	OwnLadder provision.Ladder // which one its own traffic takes when it does not
	Policy    provision.Policy // what the operator's document demands of this SIM
	Attach    provision.Attach // with which access points the modem may register
	// Document is the document itself; nil none. Refresh counts up when its server, and
	// the one that decides about sharing, are to be asked at once.
	Document *provision.InForce
	Refresh  uint32
	// Refreshed is which Refresh the document's server has answered: it is asked by the
	// document's interval again.
	Refreshed uint32
	// Unjudged says that documents are kept and Policy is not yet about the SIM that is in.
	Unjudged bool
	// Consult counts up when the answer of the entitlement server is about to grow old.
	Consult uint32
	// Reregister counts up when the modem is to register anew, Service is an operator's data
	// for it.
	Reregister uint32
	Service    modem.Service
	Avoid      []netip.Prefix // networks that the LAN must stay clear of, see Avoid
	// Former are bearers that the former process left up and of which the modem has
	// not yet told what became, see StillFormer.
	Former map[modem.Purpose]modem.BearerStatus
	// WasOnline says that the uplink has carried traffic since the process started, as
	// far as that is proved, so that the LAN's subnet may be trusted to stay.
	WasOnline bool
	// PINTyped counts the PINs that a person gave in this process, in the configuration too:
	// who corrects one may use the second try, once.
	PINTyped uint32
	// PIN was typed by a person and is used in place of Config's; "" none was.
	PIN modem.Secret
	// Closed says that the ruleset could not be loaded in the last turn: nothing may be
	// forwarded.
	Closed bool
	// Proof counts up when it is to be proved anew that clients have Internet, as after
	// a change.
	Proof   uint32
	Repairs Repairs // what a diagnosis asks for
	Doubt   uint32  // counts: what was proved is to be proved again
	Off     bool    // everything of ours is to go
	// Synthetic is the hardware address of the client that looks whether clients have
	// Internet; the zero value means that there is none.
	Synthetic [6]byte

	WiFi    wpa.Own        // name and passphrases that the device made; zero none yet
	Country string         // of the mobile network, see Country; "" not known yet
	Kicks   []hostapd.Kick // acts, oldest first
	Frees   []nat.Free     // acts, oldest first
}

// Observed is everything that is, at one moment.
type Observed struct {
	Now     time.Time
	Started time.Time // of the process
	Modem   modem.Status
	Link    link.Status
	NAT     nat.Status
	DHCP    dhcp.Status
	DNS     dns.Status
	Probe   probe.Status
	Hostapd hostapd.Status
	Fetch   fetch.Status
	Clock   clock.Status
}

// Desired is one complete wish a part.
type Desired struct {
	NAT     nat.Spec
	Link    link.Spec
	Hostapd hostapd.Spec
	DHCP    dhcp.Spec
	DNS     dns.Spec
	Modem   modem.Spec
	Probe   probe.Spec
	Fetch   fetch.Spec
	Clock   clock.Spec
	Why     []Reason // choices that a person may wonder about
	// Barred says in one clause why no data may be used where the SIM is; "" it may.
	Barred string
	// Refusal says in one clause why no client may have Internet, whatever the uplink
	// does; "" they may.
	Refusal string
}

// Reason explains one chosen value.
type Reason struct {
	What  string // such as "lan address"
	Value string
	Why   string
}

// Routing table and fwmark of each purpose's bearer. Both numbers are ours to
// choose; the tables stay clear of those that distributions use (0 to 255, 1000s).
const (
	tableOwn      = 9701
	tableShared   = 9702
	tablePurchase = 9703
)

func table(p modem.Purpose) uint32 {
	switch p {
	case modem.Own:
		return tableOwn
	case modem.Shared:
		return tableShared
	default:
		return tablePurchase
	}
}

// Compile turns wants and observations into wishes. A zero Inputs.Config is not
// allowed; Off gives the zero Desired.
func Compile(in Inputs, obs Observed) Desired {
	var d Desired
	if in.Off {
		return d
	}
	nets := networksOf(in, &d)
	d.Barred = Barred(in, obs)
	d.Refusal = refusal(in)
	d.Modem = modemSpec(in, d.Barred != "")
	if !in.Unjudged { // else it would be told a former SIM's access point, or its own for a moment
		d.Modem.Attach = in.Attach.Wish(obs.Modem.SIM, in.Policy.Attach, in.Repairs.Attach)
	}
	bearers := carrying(Bearers(in, obs), d)
	ups := uplinks(in, bearers)
	d.Hostapd = wifiSpec(in, obs, &d)
	d.Link = link.Spec{
		LANs:    lans(nets, d.Hostapd),
		Uplinks: ups,
		Forward: !in.Closed,
	}
	d.NAT = natSpec(in.Config, nets, ups, d.Refusal == "")
	if d.NAT.Sharing {
		d.NAT.Offload = offload(in.Config, nets, ups, obs.Link)
	}
	limit(in, &d.NAT)
	clients := dns.Upstream{} // a question may carry anything: who is refused asks nobody
	if d.Refusal == "" {
		clients = upstream(in.Config, bearers)
	}
	d.DHCP = dhcpSpec(in, nets, ups, clients)
	d.DNS = dnsSpec(in, nets, clients, d.Refusal != "")
	d.Probe = probeSpec(in, obs, &d, bearers)
	d.Fetch = fetchSpec(in, obs, bearers)
	d.Clock = clockSpec(in, obs, d, bearers)
	d.Why = append(d.Why, registering(in.Policy, obs.Modem)...)
	d.Why = append(d.Why, Conflicts(in.Config, in.Policy)...)
	return d
}

// Barred says in one clause why no data may be used where the SIM is; "" it may.
func Barred(in Inputs, obs Observed) string {
	return in.Policy.Barred(provision.IdentityOf(obs.Modem.SIM), obs.Modem.Registration)
}

// registering tells with what the modem is to register when the document says so.
func registering(p provision.Policy, m modem.Status) []Reason {
	if p.Attach == nil {
		return nil
	}
	r := Reason{What: "access point for registering", Value: p.Attach.APN, Why: p.Attach.Why}
	switch {
	case m.Device.Control == "":
	case !m.Attach.Can:
		r.Why += "; this modem cannot be told"
	case m.Attach.Error != "":
		r.Why += "; the modem does not take it: " + m.Attach.Error
	}
	return []Reason{r}
}

// refusal is why no client may have Internet at all.
func refusal(in Inputs) string {
	switch {
	case !in.Config.Sharing.Enabled:
		return "sharing is switched off in the configuration"
	case !in.Policy.Sharing.Allowed():
		return in.Policy.Sharing.Reason()
	case in.Split == provision.OwnOnly:
		return "the operator wants a connection of its own for clients, and the modem holds only one"
	}
	return ""
}

// carrying drops from every purpose a bearer that is not the one wished for it: from
// the moment of the wish on nothing of the purpose may leave by it, while the modem
// goes on to hang it up, or to use it for another purpose. Without any wish, as before
// the SIM is known, what is up is what was wished.
func carrying(bearers map[modem.Purpose]modem.BearerStatus, d Desired) map[modem.Purpose]modem.BearerStatus {
	wish := d.Modem.Bearers
	switch {
	case d.Barred != "":
		return nil
	case len(wish) == 0:
		return bearers
	}
	out := map[modem.Purpose]modem.BearerStatus{}
	for p, b := range bearers {
		w, ok := wish[p]
		known := b.InForce != (modem.Bearer{}) // a former process's is not
		b.InForce.Attempt, w.Attempt = 0, 0
		if ok && (!known || b.InForce == w) {
			out[p] = bearers[p]
		}
	}
	return out
}

// uplinks gives the link wish for every bearer that is up with IPv4.
func uplinks(in Inputs, bearers map[modem.Purpose]modem.BearerStatus) []link.Uplink {
	var ups []link.Uplink
	for _, p := range []modem.Purpose{modem.Own, modem.Purchase, modem.Shared} {
		b, ok := bearers[p]
		if !ok || b.State != modem.BearerUp || b.IPv4 == nil || b.Interface == "" {
			continue
		}
		i := indexUplink(ups, b.Interface)
		if i < 0 {
			i, ups = len(ups), append(ups, link.Uplink{
				Interface: b.Interface,
				Addresses: b.IPv4.Addresses,
				Gateway:   b.IPv4.Gateway,
				MTU:       bearerMTU(in, b),
			})
			ups[i].Parent, ups[i].VLAN = session(b)
		}
		// Two purposes on one bearer use the table of the later one: shared wins.
		ups[i].Table, ups[i].Mark = table(p), table(p)
		ups[i].Own = ups[i].Own || p == modem.Own
		ups[i].Shared = ups[i].Shared || p == modem.Shared
	}
	sort.Slice(ups, func(i, j int) bool { return ups[i].Interface < ups[j].Interface })
	return ups
}

// session is what a bearer's interface stands on: the kernel's cdc_mbim has session N of a
// modem as VLAN N on its network interface, the first one excepted.
func session(b modem.BearerStatus) (parent string, vlan uint16) {
	const last = 4094 // of the VLANs (IEEE 802.1Q)
	if b.Parent != "" && b.Session > 0 && b.Session <= last {
		return b.Parent, uint16(b.Session)
	}
	return "", 0
}

func indexUplink(ups []link.Uplink, name string) int {
	for i := range ups {
		if ups[i].Interface == name {
			return i
		}
	}
	return -1
}

// Bounds of an MTU: the least that IPv4 hosts must take (RFC 791) and what the config allows.
// Nobody but the owner is believed more than what clients use: a modem's interface that takes
// no more, which refuses it, would keep all settings from being carried out.
const (
	minMTU = 576
	maxMTU = 9000
)

// bearerMTU is the owner's MTU, or else the operator's, or else the network's, and no
// more than the path was found to carry; what makes no sense does not count, and 0 leaves
// it alone.
func bearerMTU(in Inputs, b modem.BearerStatus) int {
	mtu, most := 0, maxMTU
	for _, wish := range []int{in.Config.Modem.MTU, in.Policy.MTU4, b.IPv4.MTU} {
		if mtu == 0 && wish >= minMTU && wish <= most {
			mtu = wish
		}
		most = ethernetMTU
	}
	if found := in.Repairs.MTU; found != 0 && (mtu == 0 || found < mtu) {
		mtu = found
	}
	return mtu
}

func natSpec(cfg *config.Config, nets []network, ups []link.Uplink, sharing bool) nat.Spec {
	s := nat.Spec{
		Enabled: true,
		LANs:    natLANs(nets),
		Sharing: sharing,
	}
	for _, u := range ups {
		n := nat.Uplink{Interface: u.Interface, Shared: u.Shared, MTU: u.MTU}
		for _, a := range u.Addresses {
			n.Addresses = append(n.Addresses, a.Addr())
		}
		s.Uplinks = append(s.Uplinks, n)
	}
	return s
}

// offload lists the devices between which clients' connections take the short way, of
// those that are there: the bridges, whatever their ports, and clients' ways out.
func offload(cfg *config.Config, nets []network, ups []link.Uplink, st link.Status) []string {
	there := func(name string) bool {
		return slices.ContainsFunc(st.Interfaces, func(i link.Interface) bool { return i.Name == name })
	}
	var out []string
	for _, u := range ups {
		if u.Shared && there(u.Interface) {
			out = append(out, u.Interface)
		}
	}
	if !cfg.Sharing.Enabled || !cfg.Sharing.Offload || !there(nets[0].bridge) || len(out) == 0 {
		return nil
	}
	for _, n := range nets {
		if there(n.bridge) {
			out = append(out, n.bridge)
		}
	}
	slices.Sort(out)
	return out
}

// explainPort is where refused clients' requests for pages are answered: a number that
// nobody is known to use on routers.
const explainPort = 9797

// pageAt is where clients find the page that says why they have no Internet: an address
// for documentation (RFC 5737), which nobody has and which is not private, for telephones
// take a private one for a broken network.
func pageAt() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 97}) }

// limit says how many clients may have Internet, and who is told why not.
func limit(in Inputs, s *nat.Spec) {
	s.Limit, s.Absence = in.Policy.Limit(in.Config.Sharing)
	s.Explain, s.Page, s.Free, s.Blocked = explainPort, pageAt(), in.Frees, blocked(in.Config)
	if in.Config.API.Port == s.Explain {
		s.Explain++
	}
	s.Exempt, s.ExemptPort = in.Synthetic[:], link.ProbePrefix
	if s.Limit > 0 {
		s.Offload = nil // every packet says that its client is not absent
	}
}

func dnsSpec(in Inputs, nets []network, up dns.Upstream, closed bool) dns.Spec {
	cfg := in.Config
	if !cfg.DNS.Enabled {
		return dns.Spec{}
	}
	at, views := listen(nets)
	return dns.Spec{
		Listen:     at,
		Views:      views,
		Upstream:   up,
		Closed:     closed,
		Domain:     cfg.DHCP.Domain,
		Names:      ownNames(nets[0]),
		Rebind:     cfg.DNS.Rebind && !in.Repairs.Garden,
		RebindOK:   cfg.DNS.RebindOK,
		CacheBytes: cfg.DNS.CacheBytes,
		Page:       pageAt(),
		Retry:      in.Policy.DNSRetry,
		Tries:      in.Policy.DNSTries,
	}
}

// upstream is where clients' questions go: the servers of the bearer that carries
// clients' traffic, by its interface only.
func upstream(cfg *config.Config, bearers map[modem.Purpose]modem.BearerStatus) dns.Upstream {
	b, ok := bearers[modem.Shared]
	if !ok || b.State != modem.BearerUp || b.IPv4 == nil {
		return dns.Upstream{Fallback: cfg.DNS.Fallback}
	}
	return dns.Upstream{
		Key:       ProbeKey(b, Repairs{}),
		Servers:   b.IPv4.DNS,
		Fallback:  cfg.DNS.Fallback,
		Interface: b.Interface,
		Mark:      table(modem.Shared),
	}
}

func modemSpec(in Inputs, barred bool) modem.Spec {
	cfg := in.Config.Modem
	s := modem.Spec{
		Enabled: cfg.Enabled,
		Device:  cfg.Device,
		PIN:     cmp.Or(in.PIN, modem.Secret(cfg.PIN)),
		Roaming: cfg.Roaming,
		Mend:    modem.Mend{Detach: in.Repairs.Reattach, Reset: in.Repairs.Reset},

		PINTyped:   in.PINTyped,
		Reregister: in.Reregister + in.Repairs.Radio,
		Service:    in.Service,
	}
	if barred {
		return s
	}
	for p, b := range in.Former {
		if s.Sessions == nil {
			s.Sessions = map[modem.Purpose]uint32{}
		}
		s.Sessions[p] = b.Session
	}
	wish := func(l provision.Ladder, purposes ...modem.Purpose) {
		b, ok := l.Bearer()
		for _, p := range purposes {
			if !ok {
				return
			}
			if s.Bearers == nil {
				s.Bearers = map[modem.Purpose]modem.Bearer{}
			}
			s.Bearers[p] = b
		}
	}
	switch in.Split {
	case provision.Two:
		wish(in.Ladder, modem.Shared)
		wish(in.OwnLadder, modem.Own)
	case provision.OwnOnly:
		wish(in.OwnLadder, modem.Own)
	default:
		wish(in.Ladder, modem.Own, modem.Shared)
	}
	return s
}

func probeSpec(in Inputs, obs Observed, d *Desired, bearers map[modem.Purpose]modem.BearerStatus) probe.Spec {
	cfg := in.Config
	b, ok := bearers[modem.Shared]
	if !cfg.Probe.Enabled || !ok || b.State != modem.BearerUp || b.IPv4 == nil {
		return probe.Spec{}
	}
	key := ProbeKey(b, in.Repairs)
	up := upstream(cfg, bearers)
	s := probe.Spec{
		Interval: cfg.Probe.Interval,
		Budget:   probeBudget(cfg, obs),
		Again:    in.Doubt,
		Anew:     in.Proof,
		Gateway:  probe.Gateway{Key: key, Interface: up.Interface, Mark: up.Mark, Servers: slices.Concat(up.Servers, up.Fallback)},
	}
	for _, a := range up.Fallback { // public resolvers take TCP as well (RFC 7766)
		s.Gateway.Literals = append(s.Gateway.Literals, netip.AddrPortFrom(a, 53))
	}
	if !ownTargets(cfg) && len(in.Policy.Probes) > 0 {
		s.Operator = slices.Clone(in.Policy.Probes)
		d.Why = append(d.Why, Reason{What: "page to look at first", Value: s.Operator[0].URL, Why: "named by " + in.Policy.Name})
	}
	for _, t := range cfg.Probe.Targets {
		s.Targets = append(s.Targets, probe.Target{URL: t.URL, Status: t.Status, Body: t.Body})
	}
	if cfg.Probe.Client && d.NAT.Sharing && hasProbe(d.DHCP) && cfg.DNS.Enabled && !crowds(obs, d) {
		s.Client = probe.Client{Key: key + " " + d.LAN().Address.String(), Bridge: cfg.LAN.Bridge, MAC: in.Synthetic}
	}
	return s
}

// What looks for the Internet may cost.
const (
	lookBudget  = 64 << 10 // bytes an hour of looks beside those that the owner's interval asks for
	roamingPart = 4        // abroad, where a byte may have a price, that divided by this
	cheapLook   = 2 << 10  // bytes of a look that the interval asks for, from both places
)

// probeBudget is how many bytes an hour looks may cost.
func probeBudget(cfg *config.Config, obs Observed) uint64 {
	n := uint64(lookBudget)
	if obs.Modem.Registration.Roams() {
		n /= roamingPart
	}
	return n + cheapLook*uint64(time.Hour/max(cfg.Probe.Interval, time.Second))
}

// crowds says that a synthetic client would take one of the places of clients, because
// the kernel cannot tell by which port it comes; the gateway looks alone then.
func crowds(obs Observed, d *Desired) bool {
	if d.NAT.Limit == 0 || obs.NAT.NoPorts == "" {
		return false
	}
	d.Why = append(d.Why, Reason{What: "synthetic client", Value: "none", Why: "it would take the place of a client, for the kernel cannot tell the ports of a bridge"})
	return true
}

// ProbeKey names what a probe proves: this bearer, with this address, since this
// dial, with packets as large as the repairs allow. Probe results under another key say
// nothing about it.
func ProbeKey(b modem.BearerStatus, r Repairs) string {
	key := b.Interface + " " + b.Since.UTC().Format(time.RFC3339Nano)
	if b.IPv4 != nil {
		for _, a := range b.IPv4.Addresses {
			key += " " + a.String()
		}
	}
	if r.MTU != 0 {
		key += fmt.Sprintf(" mtu %d", r.MTU)
	}
	return key
}
