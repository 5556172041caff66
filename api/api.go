// Package api is the public document: it renders a Snapshot into versioned JSON
// and text, and serves it. Everything that shows tetherd's state to somebody is a
// transport of this package, so no two can disagree. Subscriber identifiers and
// secrets have no field in it.
package api

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// Version is the version of the document's shape.
const Version = 1

// Document is the state of one tetherd. Durations are milliseconds, sizes bytes,
// times RFC 3339.
type Document struct {
	Version  int      `json:"version"`
	Seq      uint64   `json:"seq"` // counts turns; grows with every document
	Process  Process  `json:"process"`
	Online   bool     `json:"online"`   // clients have Internet
	Sentence string   `json:"sentence"` // the state in one sentence
	Stages   []Stage  `json:"stages"`   // from the modem to a client's page
	Modem    Modem    `json:"modem"`
	APN      APN      `json:"access_point"`
	Uplinks  []Uplink `json:"uplinks"`
	LAN      LAN      `json:"lan"`
	Clients  []Client `json:"clients,omitempty"`
	DNS      DNS      `json:"dns"`
	Gateway  Probe    `json:"probe_gateway"`
	Client   Probe    `json:"probe_client"`
	Reasons  []Reason `json:"reasons,omitempty"`
	Problems []string `json:"problems,omitempty"` // what parts complain of, one line each
}

// Process is about the program itself.
type Process struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Milliseconds from the process's start to the first time; 0 not yet.
	RulesetMS int64 `json:"ruleset_ms,omitempty"`
	BearerMS  int64 `json:"bearer_ms,omitempty"`
	LeaseMS   int64 `json:"lease_ms,omitempty"`
	OnlineMS  int64 `json:"online_ms,omitempty"`
}

// Modem is the device, the SIM and the network.
type Modem struct {
	Phase        string  `json:"phase"`
	Model        string  `json:"model,omitempty"`
	Control      string  `json:"control,omitempty"`
	Interface    string  `json:"interface,omitempty"`
	SIM          string  `json:"sim,omitempty"`
	Home         string  `json:"home,omitempty"` // MCC and MNC of the SIM
	HomeName     string  `json:"home_name,omitempty"`
	TriesLeft    int     `json:"pin_tries_left,omitempty"`
	Registration string  `json:"registration,omitempty"`
	Network      string  `json:"network,omitempty"` // serving PLMN
	NetworkName  string  `json:"network_name,omitempty"`
	Cause        uint32  `json:"reject_cause,omitempty"` // 3GPP TS 24.301
	Technology   string  `json:"technology,omitempty"`
	RSSI         int     `json:"rssi_dbm,omitempty"`
	Drops        uint32  `json:"drops,omitempty"`
	Events       []Event `json:"events,omitempty"`
}

// Event is one transition of the modem session.
type Event struct {
	At   time.Time `json:"at"`
	From string    `json:"from"`
	To   string    `json:"to"`
	Why  string    `json:"why"`
}

// APN is the access point in use and how it was found.
type APN struct {
	APN   string `json:"apn"`
	Why   string `json:"why,omitempty"`
	Story []Try  `json:"story,omitempty"`
}

// Try is one rung of the ladder that was tried.
type Try struct {
	At      time.Time `json:"at"`
	APN     string    `json:"apn"`
	Family  string    `json:"family"`
	Auth    string    `json:"auth,omitempty"`
	Source  string    `json:"source"`
	Outcome string    `json:"outcome"`
	Cause   uint32    `json:"cause,omitempty"` // 3GPP TS 24.008
	Note    string    `json:"note,omitempty"`
}

// Uplink is one way to the Internet.
type Uplink struct {
	Interface string         `json:"interface"`
	Addresses []netip.Prefix `json:"addresses"`
	Gateway   string         `json:"gateway,omitempty"`
	DNS       []netip.Addr   `json:"dns,omitempty"`
	MTU       int            `json:"mtu,omitempty"`
	Up        uint64         `json:"up_bytes"`
	Down      uint64         `json:"down_bytes"`
	Adopted   bool           `json:"adopted,omitempty"`
}

// LAN is the clients' network.
type LAN struct {
	Bridge  string `json:"bridge"`
	Address string `json:"address"`
	Port    uint16 `json:"status_port,omitempty"` // TCP port of this document on the LAN
	Sharing bool   `json:"sharing"`
	Free    int    `json:"free_addresses"`
}

// Client is one device on the LAN.
type Client struct {
	MAC     string    `json:"mac"`
	Address string    `json:"address"`
	Name    string    `json:"name,omitempty"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
	Up      uint64    `json:"up_bytes"`
	Down    uint64    `json:"down_bytes"`
}

// DNS is what the forwarder did since the start.
type DNS struct {
	Serving  bool   `json:"serving"`
	Queries  uint64 `json:"queries"`
	Hits     uint64 `json:"hits"`
	Upstream uint64 `json:"upstream"`
	Failed   uint64 `json:"failed"`
	Rebind   uint64 `json:"rebind_refused"`
}

// Probe is one vantage point's last look.
type Probe struct {
	Verdict string `json:"verdict,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Cannot  string `json:"cannot,omitempty"` // what this probe cannot prove
	TookMS  int64  `json:"took_ms,omitempty"`
	Bytes   uint64 `json:"bytes"` // spent since the start
}

// Reason explains a chosen value.
type Reason struct {
	What  string `json:"what"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Render turns a Snapshot into the document. Process.Version and Process.PID are
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
		Modem:    modemDoc(obs.Modem),
		APN:      apnDoc(s),
		Uplinks:  uplinksDoc(obs, s.Desired),
		LAN: LAN{
			Bridge:  s.Config.LAN.Bridge,
			Address: prefixText(s.Desired.Link.LAN.Address),
			Port:    s.Config.API.Port,
			Sharing: s.Config.Sharing.Enabled,
			Free:    obs.DHCP.Free,
		},
		Clients:  clientsDoc(obs),
		DNS:      dnsDoc(obs),
		Gateway:  probeDoc(current(obs.Probe.Gateway, obs.Probe.InForce.Gateway.Key)),
		Client:   probeDoc(current(obs.Probe.Client, obs.Probe.InForce.Client.Key)),
		Reasons:  reasonsDoc(s.Desired.Why),
		Problems: problems(s),
	}
}

// Public returns the document for everybody on the LAN: without the clients.
func (d Document) Public() Document {
	d.Clients = nil
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
	if m.SIM.State == modem.SIMPIN || m.SIM.State == modem.SIMPUK {
		d.TriesLeft = m.SIM.TriesLeft
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
	var out []Uplink
	for _, u := range want.Link.Uplinks {
		c := obs.NAT.Uplinks[u.Interface]
		d := Uplink{Interface: u.Interface, Addresses: u.Addresses, MTU: u.MTU, Up: c.Up, Down: c.Down}
		if u.Gateway.IsValid() {
			d.Gateway = u.Gateway.String()
		}
		for _, b := range obs.Modem.Bearers {
			if b.Interface == u.Interface && b.IPv4 != nil {
				d.DNS, d.Adopted = b.IPv4.DNS, b.Adopted
			}
		}
		out = append(out, d)
	}
	return out
}

func clientsDoc(obs plan.Observed) []Client {
	out := make([]Client, 0, len(obs.DHCP.Leases))
	for _, l := range obs.DHCP.Leases {
		if slices.Equal(l.MAC, probe.ClientMAC()) {
			continue
		}
		c := obs.NAT.Clients[l.Addr]
		out = append(out, Client{
			MAC: l.MAC.String(), Address: l.Addr.String(), Name: l.Hostname,
			Since: l.Since, Expires: l.Expires, Up: c.Up, Down: c.Down,
		})
	}
	return out
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
		if what != "" {
			out = append(out, who+": "+what)
		}
	}
	for _, fault := range strings.Split(s.BadConfig, "\n") {
		add("config", fault)
	}
	out = append(out, s.Failures...)
	obs := s.Observed
	add("modem", obs.Modem.Error)
	add("link", obs.Link.Error)
	add("nat", obs.NAT.Error)
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
