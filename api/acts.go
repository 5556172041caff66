package api

import (
	"bytes"
	"os"
	"slices"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
)

// Nothing is the answer of what has nothing to tell.
type Nothing struct{}

func (s *Server) status(c Call) (any, error) {
	d := s.document(s.Loop.Snapshot())
	if !c.By.May(Read) {
		d = d.Public()
	}
	return d, nil
}

// ClientList is the devices with a lease, and those on Wi-Fi without one.
type ClientList struct {
	Clients []Client `json:"clients"`
}

func (s *Server) clients(Call) (any, error) {
	return ClientList{s.document(s.Loop.Snapshot()).Clients}, nil
}

// AccessPoints are those for the SIM.
type AccessPoints struct {
	SIMKnown bool        `json:"sim_known"`     // else they are the owner's alone
	APNs     []Candidate `json:"access_points"` // in the order to try
}

func (s *Server) accessPoints(Call) (any, error) {
	list, known := s.Loop.Snapshot().Candidates()
	return AccessPoints{known, Candidates(list)}, nil
}

func (s *Server) plan(c Call) (any, error) {
	cfg, err := config.Parse("configuration", []byte(c.text("text")))
	if err != nil {
		return nil, err
	}
	p := planWith(s.Loop.Snapshot(), cfg)
	p.Running = os.Getpid()
	return p, nil
}

// Checked is the answer to a configuration without a fault.
type Checked struct {
	Revision string `json:"revision"` // that it would have
}

func (s *Server) check(c Call) (any, error) {
	cfg, err := config.Parse("configuration", []byte(c.text("text")))
	if err != nil {
		return nil, err
	}
	return Checked{cfg.Revision()}, nil
}

// simPIN hands the PIN on; the status tells whether the SIM took it.
func (s *Server) simPIN(c Call) (any, error) {
	pin := c.text("pin")
	for _, r := range pin {
		if r < '0' || r > '9' {
			return nil, invalid("pin", "must have 4 to 8 digits")
		}
	}
	return Nothing{}, s.ask(func(a chan<- error) control.Intent { return control.EnterPIN{PIN: modem.Secret(pin), Answer: a} })
}

// placeFree hands the act to the firewall; the status tells who has a place then. Of an act
// that was asked for before it does nothing more.
func (s *Server) placeFree(c Call) (any, error) {
	mac, id, err := c.onDevice()
	if err != nil {
		return nil, err
	}
	snap := s.Loop.Snapshot()
	known := slices.ContainsFunc(snap.Desired.NAT.Free, func(f nat.Free) bool { return f.ID == id })
	has := func(p nat.Slot) bool { return bytes.Equal(p.MAC, mac) }
	if !known && !slices.ContainsFunc(snap.Observed.NAT.Slots, has) {
		return nil, &Fault{Code: Absent, Field: "mac", Message: "has none of the places"}
	}
	if err := s.Loop.Send(control.FreePlace{ID: id, MAC: mac}); err != nil {
		return nil, &Fault{Code: TooMany, Message: err.Error(), Wait: 1}
	}
	return Nothing{}, nil
}

func (s *Server) redial(Call) (any, error) {
	return Nothing{}, s.ask(func(a chan<- error) control.Intent { return control.Redial{Answer: a} })
}

// LogText is the end of the log.
type LogText struct {
	Text string `json:"text"` // lines, the oldest first
}

func (s *Server) log(Call) (any, error) {
	if s.Tail == nil {
		return LogText{}, nil
	}
	return LogText{s.Tail.String()}, nil
}

// Deeds is the audit log.
type Deeds struct {
	Deeds []Deed `json:"deeds"` // the newest first
}

func (s *Server) audited(Call) (any, error) {
	if s.Journal == nil {
		return Deeds{[]Deed{}}, nil
	}
	list, err := s.Journal.last()
	return Deeds{list}, err
}

// Support is what somebody who helps needs to see.
type Support struct {
	At       time.Time        `json:"at"`
	Status   Document         `json:"status"`   // devices are numbered instead of named
	Settings []config.Section `json:"settings"` // without secrets
	Log      string           `json:"log"`      // likewise
}

func (s *Server) support(Call) (any, error) {
	snap := s.Loop.Snapshot()
	d := s.document(snap)
	var named []string
	for _, h := range snap.Config.Hosts {
		named = append(named, h.Name)
	}
	for _, a := range snap.Config.APNs {
		named = append(named, a.User) // with some operators the number of the subscriber
	}
	for _, n := range snap.Config.Networks {
		named = append(named, n.SSID)
	}
	for _, r := range d.WiFi.Radios {
		for _, n := range r.Networks {
			named = append(named, n.SSID)
		}
	}
	for _, l := range snap.Observed.DHCP.Leases {
		named = append(named, l.Hostname)
	}
	m := newMask(d.Clients, named...)
	out := Support{At: time.Now().UTC(), Settings: snap.Config.View(false)}
	for i := range out.Settings {
		for j, o := range out.Settings[i].Options {
			for k := range o.Values {
				out.Settings[i].Options[j].Values[k] = m.clean(o.Values[k])
			}
		}
	}
	if s.Tail != nil {
		out.Log = m.clean(s.Tail.String())
	}
	var err error
	out.Status, err = m.document(d)
	return out, err
}

// password changes the password of the page. Who comes by the network must know the
// present one, if there is one: a page left open is not enough.
func (s *Server) password(c Call) (any, error) {
	fresh := s.Keys.Fresh()
	if !fresh && !c.By.local() {
		if err := s.prove(c.By, c.text("old"), "old"); err != nil {
			return nil, err
		}
	}
	if err := s.Keys.SetPassword(c.text("new"), fresh && !c.By.local()); err != nil {
		return nil, err
	}
	s.sessions.end("", true) // whoever knew the old one is out
	return Nothing{}, nil
}

// TokenDoc is one program's token, which itself is told only once.
type TokenDoc struct {
	Name    string    `json:"name"`
	Scopes  []Scope   `json:"scopes"`
	Created time.Time `json:"created"`
	Token   string    `json:"token,omitempty"` // when it was just made
}

func (s *Server) tokenAdd(c Call) (any, error) {
	now := time.Now()
	var scopes []Scope
	for _, name := range c.list("scopes") {
		scopes = append(scopes, Scope(name))
	}
	if len(scopes) == 0 {
		return nil, invalid("scopes", "names no scope")
	}
	token, err := s.Keys.AddToken(c.text("name"), scopes, now)
	if err != nil {
		return nil, err
	}
	return TokenDoc{Name: c.text("name"), Scopes: scopes, Created: now.UTC().Truncate(time.Second), Token: token}, nil
}

// TokenList is the tokens of programs.
type TokenList struct {
	Tokens []TokenDoc `json:"tokens"`
}

func (s *Server) tokenList(Call) (any, error) { return TokenList{s.Keys.Tokens()}, nil }

func (s *Server) tokenRemove(c Call) (any, error) {
	return Nothing{}, s.Keys.RemoveToken(c.text("name"))
}

func (s *Server) restart(Call) (any, error) { return Nothing{}, s.end(EndRestart) }

func (s *Server) reset(Call) (any, error) { return Nothing{}, s.end(EndReset) }

// End is why a verb ends the program, which then starts again.
type End string

// The ends.
const (
	EndRestart End = "restart" // connections go on
	EndReset   End = "reset"   // nothing is kept
)

// end asks the program to end soon, after the answer is on its way.
func (s *Server) end(why End) error {
	if s.End == nil {
		return &Fault{Code: NotDone, Message: "this program cannot start itself again"}
	}
	const grace = 300 * time.Millisecond // for the answer
	time.AfterFunc(grace, func() { s.End(why) })
	return nil
}
