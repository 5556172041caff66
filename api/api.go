// Package api is the public document: it renders a Snapshot into versioned JSON
// and text, and serves it. Everything that shows tetherd's state to somebody is a
// transport of this package, so no two can disagree. Subscriber identifiers and
// secrets have no field in it.
package api

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// Version is the version of the document's shape.
const Version = 1

// Document is the state of one tetherd. Durations are milliseconds, sizes bytes,
// times RFC 3339. What is unknown is absent.
type Document struct {
	Version  int      `json:"version"`            // of this shape
	Seq      uint64   `json:"seq"`                // counts turns; grows with every document
	Process  Process  `json:"process"`            // the program itself
	Online   bool     `json:"online"`             // clients have Internet
	Sentence string   `json:"sentence"`           // the state in one sentence
	Stages   []Stage  `json:"stages"`             // from the modem to a client's page
	Doctor   Doctor   `json:"doctor"`             // what is wrong, why, and what is done
	Modem    Modem    `json:"modem"`              // device, SIM and network
	APN      APN      `json:"access_point"`       // in use, and how it was found
	Uplinks  []Uplink `json:"uplinks"`            // ways to the Internet that are up
	LAN      LAN      `json:"lan"`                // the clients' network
	Places   *Places  `json:"places,omitempty"`   // absent: as many clients as come have Internet
	Offload  Offload  `json:"offload"`            // the short way of connections
	Guests   *Guests  `json:"guests,omitempty"`   // their network; absent when there is none
	WiFi     WiFi     `json:"wifi"`               // radios and their networks
	Clients  []Client `json:"clients,omitempty"`  // with a lease or by Wi-Fi; never in the public document
	DNS      DNS      `json:"dns"`                // what the forwarder did
	Gateway  Probe    `json:"probe_gateway"`      // the Internet as the gateway sees it
	Client   Probe    `json:"probe_client"`       // and as a client of the LAN sees it
	Clock    Clock    `json:"clock"`              // how far the machine's clock can be trusted
	Reasons  []Reason `json:"reasons,omitempty"`  // why values are as they are
	Problems []string `json:"problems,omitempty"` // what parts complain of, one line each

	Trial      *TrialDoc   `json:"trial,omitempty"`       // a change that is not yet kept
	LastChange *OutcomeDoc `json:"last_change,omitempty"` // how the last one ended
	Revision   string      `json:"revision,omitempty"`    // of the settings in force; never in the public document

	// Provision is about operators\' documents; absent without any.
	Provision *Provisioning `json:"provision,omitempty"`
}

// Clock is how far the machine's clock can be trusted.
type Clock struct {
	Trust    string     `json:"trust"`               // "none", "kept" (not before the last known time), "modem" (told by the mobile network, right but for time zones), "one" server has answered, or "network": two agree
	OffsetMS int64      `json:"offset_ms,omitempty"` // what the clock lacks, by the servers' time
	Source   string     `json:"source,omitempty"`    // the server that was believed
	At       *time.Time `json:"at,omitempty"`        // when it was asked, by the machine's clock
}

func clockDoc(c clock.Status) Clock {
	d := Clock{Trust: cmp.Or(string(c.Trust), "none"), OffsetMS: c.Offset.Milliseconds(), Source: c.Source}
	if !c.At.IsZero() {
		d.At = &c.At
	}
	return d
}

// Process is about the program itself. The milliseconds are from its start until
// something was reached for the first time; absent means not yet.
type Process struct {
	Version string `json:"version"` // of the program
	PID     int    `json:"pid"`     // process number
	// Goroutines is how many run now: more and more of them are a fault.
	Goroutines int       `json:"goroutines"`
	Started    time.Time `json:"started"`              // when it was started
	RulesetMS  int64     `json:"ruleset_ms,omitempty"` // the firewall was in force
	BearerMS   int64     `json:"bearer_ms,omitempty"`  // a bearer was up
	LeaseMS    int64     `json:"lease_ms,omitempty"`   // a client had a lease
	OnlineMS   int64     `json:"online_ms,omitempty"`  // a client had Internet
}

// Modem is the device, the SIM and the network.
type Modem struct {
	Phase        string  `json:"phase"`                    // where the session stands, such as "registering" or "ready"
	Model        string  `json:"model,omitempty"`          // as the modem tells it
	Control      string  `json:"control,omitempty"`        // control node, such as "/dev/cdc-wdm0"
	Interface    string  `json:"interface,omitempty"`      // network interface, such as "wwan0"
	SIM          string  `json:"sim,omitempty"`            // "ready", "absent", "bad", "pin", "puk" or "locked"
	Home         string  `json:"home,omitempty"`           // MCC and MNC of the SIM
	HomeName     string  `json:"home_name,omitempty"`      // home provider as the modem tells it
	TriesLeft    *int    `json:"pin_tries_left,omitempty"` // while a PIN or PUK is needed and the number is known
	Registration string  `json:"registration,omitempty"`   // "searching", "home", "roaming", "partner", "denied" or "deregistered"
	Network      string  `json:"network,omitempty"`        // MCC and MNC of the serving network
	NetworkName  string  `json:"network_name,omitempty"`   // its name
	Cause        uint32  `json:"reject_cause,omitempty"`   // 3GPP TS 24.301, of the last rejected registration
	Technology   string  `json:"technology,omitempty"`     // such as "lte" or "5g-nsa"
	RSSI         int     `json:"rssi_dbm,omitempty"`       // signal strength, negative
	Drops        uint32  `json:"drops,omitempty"`          // times the network took the bearer down since the start
	Events       []Event `json:"events,omitempty"`         // last transitions, oldest first
}

// Event is one transition of the modem session.
type Event struct {
	At   time.Time `json:"at"`   // when
	From string    `json:"from"` // phase before
	To   string    `json:"to"`   // phase after
	Why  string    `json:"why"`  // what brought it about
}

// APN is the access point in use and how it was found.
type APN struct {
	APN   string `json:"apn"`             // name; empty is the network's own choice, or none while Story is absent
	Why   string `json:"why,omitempty"`   // in one sentence
	Story []Try  `json:"story,omitempty"` // tries, oldest first
}

// Try is one rung of the ladder that was tried.
type Try struct {
	At      time.Time `json:"at"`              // when it began
	APN     string    `json:"apn"`             // name; empty is the network's own choice
	Family  string    `json:"family"`          // "ipv4v6", "ipv4" or "ipv6"
	Auth    string    `json:"auth,omitempty"`  // "none", "pap" or "chap"
	Source  string    `json:"source"`          // "config", "document", "memory", "network" or "table"
	Outcome string    `json:"outcome"`         // "trying", "carries", "held", "refused", "mute", "walled" or "ipv6-only"
	Cause   uint32    `json:"cause,omitempty"` // of a refusal, 3GPP TS 24.008
	Note    string    `json:"note,omitempty"`  // more about the outcome
}

// Uplink is one way to the Internet.
type Uplink struct {
	Interface string         `json:"interface"`         // such as "wwan0"
	Addresses []netip.Prefix `json:"addresses"`         // of the gateway there
	Gateway   string         `json:"gateway,omitempty"` // next hop; absent on point-to-point links
	DNS       []netip.Addr   `json:"dns,omitempty"`     // the network's servers
	MTU       int            `json:"mtu,omitempty"`     // bytes
	Up        uint64         `json:"up_bytes"`          // sent since the ruleset was loaded
	Down      uint64         `json:"down_bytes"`        // received since the ruleset was loaded
	Adopted   bool           `json:"adopted,omitempty"` // taken over from a former process
	Carries   []string       `json:"carries"`           // "own", "shared" or both: the gateway's own traffic, clients'
	APN       string         `json:"access_point"`      // name; empty is the network's own choice
}

// LAN is the clients' network.
type LAN struct {
	Bridge  string `json:"bridge"`                // interface on which clients live
	Address string `json:"address"`               // the gateway's, with prefix length; empty before the first turn
	Port    uint16 `json:"status_port,omitempty"` // TCP port of this document on the LAN
	Sharing bool   `json:"sharing"`               // clients may leave by the uplink
	Free    int    `json:"free_addresses"`        // left for clients that are not known yet
}

// Guests is the network of guests, apart from the LAN.
type Guests struct {
	Bridge  string `json:"bridge"`  // interface on which guests live
	Address string `json:"address"` // the gateway's, with prefix length
}

// Offload is whether clients' established connections take the kernel's short way past
// routing and firewall.
type Offload struct {
	Devices []string `json:"devices,omitempty"` // between which they do; absent: they do not
	WhyNot  string   `json:"why_not,omitempty"` // this machine cannot, or something forbids it
}

// Places says how many clients may have Internet at a time.
type Places struct {
	Limit     int    `json:"limit"`               // at most
	Used      int    `json:"used"`                // clients that have a place
	AbsenceMS int64  `json:"absence_ms"`          // a client that sends nothing for so long gives it up
	Unchecked string `json:"unchecked,omitempty"` // why clients are not told by their port too
}

// Client is one device on the LAN.
type Client struct {
	MAC     string    `json:"mac"`               // hardware address
	Address string    `json:"address,omitempty"` // leased
	Name    string    `json:"name,omitempty"`    // as a DNS label
	Kind    string    `json:"kind,omitempty"`    // what it seems to be: "phone" (or tablet), "computer", "tv", "console", "printer" or "appliance"
	Since   time.Time `json:"since,omitzero"`    // of the first lease
	Expires time.Time `json:"expires,omitzero"`  // end of the lease
	Up      uint64    `json:"up_bytes"`          // from the client to the Internet
	Down    uint64    `json:"down_bytes"`        // from the Internet to the client
	WiFi    *Station  `json:"wifi,omitempty"`    // how it is connected by Wi-Fi; absent for others
	Place   bool      `json:"place,omitempty"`   // it has one of the places; without a limit never
	Refused string    `json:"refused,omitempty"` // why it may have no Internet, in one clause
}

// DNS is what the forwarder did since the start.
type DNS struct {
	Serving  bool   `json:"serving"`        // it answers
	Queries  uint64 `json:"queries"`        // of clients
	Hits     uint64 `json:"hits"`           // answered from the cache
	Upstream uint64 `json:"upstream"`       // packets to servers
	Failed   uint64 `json:"failed"`         // questions that nobody could answer
	Rebind   uint64 `json:"rebind_refused"` // answers refused for a private address
}

// Probe is one vantage point's last look under the present bearer.
type Probe struct {
	Verdict string `json:"verdict,omitempty"` // "online", "portal", "no-lease", "no-dns", "dead" or "unproven"
	Detail  string `json:"detail,omitempty"`  // what was tried and what came back
	Cannot  string `json:"cannot,omitempty"`  // what this probe cannot prove
	TookMS  int64  `json:"took_ms,omitempty"` // duration of the look
	Bytes   uint64 `json:"bytes"`             // spent since the start
}

// Reason explains a chosen value.
type Reason struct {
	What  string `json:"what"`  // such as "lan address"
	Value string `json:"value"` // that was chosen
	Why   string `json:"why"`   // in one clause
}

// Render turns a Snapshot into the document. Process.Version, PID and Goroutines are
// the caller's to fill in.
func Render(s *control.Snapshot) Document {
	obs := s.Observed
	return Document{
		Version:  Version,
		Seq:      s.Seq,
		Process:  process(s.Marks),
		Online:   s.Online,
		Sentence: sentence(s),
		Stages:   stages(s),
		Doctor:   doctorDoc(s.Doctor),
		Modem:    modemDoc(obs.Modem),
		APN:      apnDoc(s),
		Uplinks:  uplinksDoc(obs, s.Desired),
		LAN: LAN{
			Bridge:  s.Config.LAN.Bridge,
			Address: prefixText(s.Desired.LAN().Address),
			Port:    s.Config.API.Port,
			Sharing: s.Config.Sharing.Enabled,
			Free:    obs.DHCP.Free,
		},
		Guests:   guestsDoc(s.Desired.Guests()),
		Offload:  offloadDoc(s),
		WiFi:     wifiDoc(s),
		Places:   placesDoc(s),
		Clients:  placed(s, clientsDoc(obs)),
		DNS:      dnsDoc(obs),
		Gateway:  probeDoc(current(obs.Probe.Gateway, obs.Probe.InForce.Gateway.Key)),
		Client:   probeDoc(current(obs.Probe.Client, obs.Probe.InForce.Client.Key)),
		Reasons:  reasonsDoc(s.Desired.Why),
		Clock:    clockDoc(obs.Clock),
		Problems: problems(s),

		Provision: provisionDoc(s),
	}
}

// Public returns the document for everybody on the LAN: without the clients and other
// devices.
func (d Document) Public() Document {
	d.Provision = d.Provision.public()
	d.Clients, d.WiFi.Blocked, d.WiFi.Kicks, d.Revision = nil, nil, nil, ""
	d.WiFi.Radios = slices.Clone(d.WiFi.Radios)
	for i := range d.WiFi.Radios {
		d.WiFi.Radios[i].Wrong = nil
	}
	return d
}

func process(m control.Marks) Process {
	ms := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return max(t.Sub(m.Started).Milliseconds(), 1)
	}
	return Process{
		Started:   m.Started,
		RulesetMS: ms(m.Ruleset),
		BearerMS:  ms(m.Bearer),
		LeaseMS:   ms(m.Lease),
		OnlineMS:  ms(m.Online),
	}
}

func modemDoc(m modem.Status) Modem {
	d := Modem{
		Phase:        string(m.Phase),
		Model:        m.Device.Model,
		Control:      m.Device.Control,
		Interface:    m.Device.Interface,
		SIM:          string(m.SIM.State),
		Home:         m.SIM.MCC + m.SIM.MNC,
		HomeName:     m.SIM.HomeName,
		Registration: m.Registration.State,
		Network:      m.Registration.PLMN,
		NetworkName:  m.Registration.Name,
		Cause:        m.Registration.Cause,
		Technology:   m.Registration.Technology,
		RSSI:         m.Signal.RSSI,
		Drops:        m.Bearers[modem.Shared].Drops,
	}
	if locked := m.SIM.State == modem.SIMPIN || m.SIM.State == modem.SIMPUK; locked && m.SIM.TriesLeft >= 0 {
		d.TriesLeft = &m.SIM.TriesLeft
	}
	for _, t := range m.Log {
		d.Events = append(d.Events, Event{At: t.At, From: string(t.From), To: string(t.To), Why: t.Why})
	}
	return d
}

func apnDoc(s *control.Snapshot) APN {
	b, _ := s.APN.Bearer()
	d := APN{APN: b.APN, Why: s.APN.Why()}
	for _, t := range s.APN.Story() {
		d.Story = append(d.Story, Try{
			At: t.At, APN: t.APN, Family: string(t.Family), Auth: string(t.Auth), Source: string(t.Source),
			Outcome: string(t.Outcome), Cause: t.Cause, Note: t.Note,
		})
	}
	return d
}

func uplinksDoc(obs plan.Observed, want plan.Desired) []Uplink {
	out := []Uplink{} // never null
	for _, u := range want.Link.Uplinks {
		c := obs.NAT.Uplinks[u.Interface]
		d := Uplink{Interface: u.Interface, Addresses: u.Addresses, MTU: u.MTU, Up: c.Up, Down: c.Down}
		if u.Gateway.IsValid() {
			d.Gateway = u.Gateway.String()
		}
		for _, p := range []modem.Purpose{modem.Purchase, modem.Own, modem.Shared} {
			b := obs.Modem.Bearers[p]
			if b.Interface == u.Interface && b.IPv4 != nil {
				d.DNS, d.Adopted, d.APN = b.IPv4.DNS, b.Adopted, b.InForce.APN
			}
		}
		d.Carries = []string{} // never null
		if u.Own {
			d.Carries = append(d.Carries, string(modem.Own))
		}
		if u.Shared {
			d.Carries = append(d.Carries, string(modem.Shared))
		}
		out = append(out, d)
	}
	return out
}

func placesDoc(s *control.Snapshot) *Places {
	n := s.Desired.NAT
	if n.Limit == 0 {
		return nil
	}
	return &Places{Limit: n.Limit, Used: len(s.Observed.NAT.Slots), AbsenceMS: n.Absence.Milliseconds(), Unchecked: s.Observed.NAT.NoPorts}
}

// placed says of each client how its owner calls it, whether it has a place and why it may
// have no Internet.
func placed(s *control.Snapshot, list []Client) []Client {
	for i := range list {
		if name := called(s.Config, list[i].MAC); name != "" {
			list[i].Name = name
		}
		if a, err := netip.ParseAddr(list[i].Address); err == nil {
			list[i].Place, list[i].Refused = s.HasPlace(a), s.Refused(a)
		}
	}
	return list
}

// called is the name that the owner gave a device; "" none.
func called(cfg *config.Config, mac string) string {
	i := slices.IndexFunc(cfg.Hosts, func(h config.Host) bool { return h.MAC.String() == mac })
	if i < 0 {
		return ""
	}
	return cfg.Hosts[i].Name
}

func offloadDoc(s *control.Snapshot) Offload {
	d := Offload{Devices: s.Observed.NAT.Offload, WhyNot: s.Observed.NAT.NoOffload}
	if s.Config.Sharing.Offload && s.Desired.NAT.Limit > 0 {
		d.WhyNot = "with a limit of clients every packet is looked at"
	}
	return d
}

func clientsDoc(obs plan.Observed) []Client {
	out := make([]Client, 0, len(obs.DHCP.Leases))
	for _, l := range obs.DHCP.Leases {
		c := obs.NAT.Clients[l.Addr]
		out = append(out, Client{
			MAC: l.MAC.String(), Address: l.Addr.String(), Name: l.Hostname, Kind: string(l.Kind),
			Since: l.Since, Expires: l.Expires, Up: c.Up, Down: c.Down,
		})
	}
	return addStations(out, obs.Hostapd.Stations)
}

func guestsDoc(l link.LAN) *Guests {
	if !l.Address.IsValid() {
		return nil
	}
	return &Guests{Bridge: l.Bridge, Address: l.Address.String()}
}

func dnsDoc(obs plan.Observed) DNS {
	c := obs.DNS.Counts
	return DNS{Serving: obs.DNS.Serving, Queries: c.Queries, Hits: c.Hits, Upstream: c.Upstream, Failed: c.Failed, Rebind: c.Rebind}
}

func probeDoc(r probe.Result) Probe {
	return Probe{Verdict: string(r.Verdict), Detail: r.Detail, Cannot: r.Cannot, TookMS: r.Took.Milliseconds(), Bytes: r.Bytes}
}

func reasonsDoc(in []plan.Reason) []Reason {
	var out []Reason
	for _, r := range in {
		out = append(out, Reason(r))
	}
	return out
}

// problems collects what parts complain of.
func problems(s *control.Snapshot) []string {
	var out []string
	add := func(who, what string) {
		switch {
		case what == "":
		case strings.HasPrefix(what, who+": "): // as errors that crossed the part's border
			out = append(out, what)
		default:
			out = append(out, who+": "+what)
		}
	}
	for _, fault := range strings.Split(s.BadConfig, "\n") {
		add("config", fault)
	}
	for _, name := range s.NeedRestart {
		add("config", "the changed option '"+name+"' needs a restart of tetherd")
	}
	out = append(out, s.Failures...)
	obs := s.Observed
	add("modem", obs.Modem.Error)
	add("link", obs.Link.Error)
	add("nat", obs.NAT.Error)
	add("hostapd", obs.Hostapd.Error)
	for _, line := range wifiProblems(s.Desired.Hostapd, obs.Hostapd) {
		add("wifi", line)
	}
	add("dhcp", obs.DHCP.Error)
	add("dns", obs.DNS.Error)
	return out
}

func prefixText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}
