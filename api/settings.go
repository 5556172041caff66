package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/provision"
)

// SettingsView is what the settings say.
type SettingsView struct {
	Revision string           `json:"revision"` // to give with a change, so that none is lost
	Sections []config.Section `json:"sections"` // with every option that there is
}

// Change is what became of a change of the settings.
type Change struct {
	Revision   string        `json:"revision"`        // in force now; of a dry run, that would be
	Dry        bool          `json:"dry,omitempty"`   // nothing was changed
	Trial      *TrialDoc     `json:"trial,omitempty"` // under way; absent when nothing differs
	Interrupts []Interrupt   `json:"interrupts"`      // what stops for a moment, the worst first
	Steps      []Step        `json:"steps"`           // parts that are applied, and why
	Restart    []string      `json:"restart,omitempty"`
	Sections   []SectionDiff `json:"changes"` // options that differ
}

// SectionDiff is one option that a change changes. Values of secrets are left out.
type SectionDiff struct {
	Section string   `json:"section"`
	Option  string   `json:"option"`
	Before  []string `json:"before"`
	After   []string `json:"after"`
}

// Interrupt is something that a change stops for a moment.
type Interrupt struct {
	What string `json:"what"` // "uplink", "lan", "guests", "dhcp", "dns", "page", "wifi", or "file" that is replaced
	Text string `json:"text"` // in one sentence
}

// TrialDoc is a change that is in force and not yet kept.
type TrialDoc struct {
	ID       string    `json:"id"`
	By       string    `json:"by"`       // who made it
	Attended bool      `json:"attended"` // kept when its author confirms it or comes back; else when clients have Internet
	Began    time.Time `json:"began"`
	Until    time.Time `json:"until"`     // undone then
	LeftMS   int64     `json:"left_ms"`   // until then, for clocks that differ
	SettleMS int64     `json:"settle_ms"` // a connection that is made sooner does not show that somebody is back
}

// OutcomeDoc is how the last change ended.
type OutcomeDoc struct {
	ID   string    `json:"id"`
	By   string    `json:"by"`
	Kept bool      `json:"kept"` // else it was undone
	Why  string    `json:"why"`  // in one clause
	At   time.Time `json:"at"`
}

func trialDoc(t *control.Trial, now time.Time) *TrialDoc {
	if t == nil {
		return nil
	}
	return &TrialDoc{
		ID: t.ID, By: t.By.Name, Attended: t.By.Session != "", Began: t.Began, Until: t.Until,
		LeftMS: max(0, t.Until.Sub(now).Milliseconds()), SettleMS: control.TrialSettle.Milliseconds(),
	}
}

func outcomeDoc(o *control.Outcome) *OutcomeDoc {
	if o == nil {
		return nil
	}
	return &OutcomeDoc{ID: o.ID, By: o.By.Name, Kept: o.Kept, Why: o.Why, At: o.At}
}

func (s *Server) configGet(c Call) (any, error) {
	secrets := c.flag("secrets")
	if secrets && (c.By.Masked || !c.By.May(Settings)) {
		return nil, &Fault{Code: Denied, Field: "secrets", Message: "needs the scope settings, and on a bus root"}
	}
	cfg := s.Loop.Snapshot().Config
	return SettingsView{Revision: cfg.Revision(), Sections: cfg.View(secrets)}, nil
}

func (s *Server) configSet(c Call) (any, error) {
	changes, err := parseChanges(c.list("changes"))
	if err != nil {
		return nil, err
	}
	return s.change(c, s.Loop.Snapshot(), changes)
}

// change edits the text in force and puts the result on trial.
func (s *Server) change(c Call, snap *control.Snapshot, changes []config.Change) (any, error) {
	text, err := config.Edit(snap.Text, changes)
	if err != nil {
		return nil, err
	}
	base := c.text("revision")
	if base == "" {
		base = snap.Config.Revision() // what was edited is what must be in force
	}
	return s.try(c, text, base)
}

// restore replaces the whole text.
func (s *Server) restore(c Call) (any, error) {
	text, err := settle([]byte(c.text("text")), s.Loop.Snapshot().Config)
	if err != nil {
		return nil, err
	}
	return s.try(c, text, c.text("revision"))
}

// settle gives a text that comes from elsewhere this machine's own places, also when it names
// others, as each of an OpenWrt gateway does: they are the machine's, as the password in them is.
func settle(text []byte, own *config.Config) ([]byte, error) {
	other, err := config.Parse("settings", text)
	if err != nil {
		return nil, err
	}
	var changes []config.Change
	mine, theirs := places(own), places(other)
	for i, p := range [...][2]string{{"tetherd", "state_dir"}, {"tetherd", "run_dir"}, {"api", "socket"}} {
		if mine[i] != theirs[i] {
			changes = append(changes, set(p[0], p[1], mine[i]))
		}
	}
	return config.Edit(text, changes)
}

// try puts a text on trial, or with the argument "dry" tells what that would do.
func (s *Server) try(c Call, text []byte, base string) (any, error) {
	cfg, err := config.Parse("settings", text)
	if err != nil {
		return nil, err
	}
	snap := s.Loop.Snapshot()
	if base != "" && base != snap.Config.Revision() {
		return nil, control.ErrConflict
	}
	next := snap.With(cfg)
	if at := lanAddr(next); at.IsValid() && at != lanAddr(snap) && taken(at) {
		return nil, config.Error{File: "settings", Section: "api", Option: "port", Message: "is another program's port"}
	}
	out := foresee(snap, next)
	if places(snap.Config) != places(cfg) && !c.By.May(Admin) {
		return nil, &Fault{Code: Denied, Field: "state_dir", Message: "state_dir, run_dir and socket need the scope admin"}
	}
	if c.flag("dry") {
		out.Dry = true
		return out, nil
	}
	err = s.ask(func(answer chan<- error) control.Intent {
		return control.Try{Text: text, Config: cfg, Base: base, By: c.By.Author, Answer: answer}
	})
	if err != nil {
		return nil, err
	}
	now := s.Loop.Snapshot()
	out.Trial = trialDoc(now.Trial, time.Now())
	return out, nil
}

// places are where the gateway keeps what is its own: with another state folder the
// page has no password, and who comes first chooses it.
func places(c *config.Config) [3]string {
	return [...]string{c.Main.StateDir, c.Main.RunDir, c.API.Socket}
}

// foresee tells what changes when next comes after snap.
func foresee(snap, next *control.Snapshot) Change {
	out := Change{
		Revision: next.Config.Revision(), Restart: next.NeedRestart, Steps: []Step{},
		Sections: difference(snap.Config, next.Config), Interrupts: interrupts(snap, next),
	}
	for _, st := range next.Steps {
		out.Steps = append(out.Steps, Step(st))
	}
	return out
}

// interrupts tells people what stops, for a moment or for good, when next comes after now.
func interrupts(now, next *control.Snapshot) []Interrupt {
	out := []Interrupt{}
	add := func(what, text string) { out = append(out, Interrupt{what, text}) }
	if now.BadConfig != "" {
		add("file", "The file of settings has faults and is replaced by what is in force, with this change.")
	}
	before, after := now.Desired.LAN(), next.Desired.LAN()
	switch {
	case before.Bridge != after.Bridge || before.Address != after.Address:
		add("lan", "Every device has to connect again, and this page is then at "+after.Address.Addr().String()+".")
	case !slices.Equal(before.Ports, after.Ports):
		add("lan", "Devices at a port that is taken out of the LAN are cut off, and so is this page if it comes by it.")
	}
	if !reflect.DeepEqual(guests(now), guests(next)) {
		add("guests", "Guests have to connect again.")
	}
	if now.Config.DHCP.Enabled && !next.Config.DHCP.Enabled {
		add("dhcp", "Devices get no address from here any more.")
	}
	if now.Config.DNS.Enabled && !next.Config.DNS.Enabled {
		add("dns", "Devices get no answer to names from here any more.")
	}
	switch {
	case now.Config.API.Port == next.Config.API.Port:
	case next.Config.API.Port == 0:
		add("page", "This page is closed for good: only a shell on the gateway opens it again.")
	default:
		add("page", fmt.Sprintf("This page moves to port %d.", next.Config.API.Port))
	}
	switch {
	case now.Config.Sharing.Enabled && !next.Config.Sharing.Enabled:
		add("uplink", "Devices have no Internet until sharing is switched on again.")
	case now.Config.Modem.Enabled && !next.Config.Modem.Enabled:
		add("uplink", "There is no Internet until the modem is switched on again.")
	case !reflect.DeepEqual(now.Desired.Modem, next.Desired.Modem):
		add("uplink", "The connection to the mobile network may be made anew, which takes some seconds.")
	}
	if !reflect.DeepEqual(now.Desired.Hostapd, next.Desired.Hostapd) {
		add("wifi", "Devices on Wi-Fi may have to connect again, with what is set then.")
	}
	return out
}

// guests are the networks beside the LAN, without what another part puts into them.
func guests(s *control.Snapshot) (all []link.LAN) {
	for _, l := range s.Desired.Link.LANs[min(1, len(s.Desired.Link.LANs)):] {
		l.Joined = nil
		all = append(all, l)
	}
	return all
}

// difference lists the options that differ.
func difference(before, after *config.Config) []SectionDiff {
	had, out := map[string][]string{}, []SectionDiff{}
	key := func(s config.Section, o config.Option) string { return s.Address + "." + o.Name }
	for _, s := range before.View(true) {
		for _, o := range s.Options {
			had[key(s, o)] = o.Values
		}
	}
	note := func(s config.Section, o config.Option, was, is []string) {
		if slices.Equal(was, is) {
			return
		}
		if o.Secret {
			was, is = nil, nil
		}
		out = append(out, SectionDiff{s.Address, o.Name, append([]string{}, was...), append([]string{}, is...)})
	}
	for _, s := range after.View(true) {
		for _, o := range s.Options {
			note(s, o, had[key(s, o)], o.Values)
			delete(had, key(s, o))
		}
	}
	for _, s := range before.View(true) {
		for _, o := range s.Options {
			if was, gone := had[key(s, o)]; gone {
				note(s, o, was, nil)
			}
		}
	}
	return out
}

// parseChanges reads changes as the shell's uci words them: "lan.mtu=1400" sets,
// repeated it makes a list, "lan.mtu=" means the default; "home=apn" makes a section
// of that name and type, "home=" removes it.
func parseChanges(lines []string) ([]config.Change, error) {
	if len(lines) == 0 {
		return nil, invalid("changes", "names no change")
	}
	var out []config.Change
	for i, line := range lines {
		left, value, ok := strings.Cut(line, "=")
		section, option, inner := strings.Cut(left, ".")
		if !ok || section == "" || inner && option == "" {
			return nil, invalid("changes", fmt.Sprintf("item %d must be SECTION.OPTION=VALUE or SECTION=TYPE", i+1))
		}
		c := config.Change{Section: section, Option: option}
		switch {
		case !inner:
			c.Type = value
		case value != "":
			c.Values = []string{value}
		}
		if n := len(out); n > 0 && inner && value != "" && out[n-1].Section == section && out[n-1].Option == option {
			out[n-1].Values = append(out[n-1].Values, value)
			continue
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *Server) configConfirm(c Call) (any, error) {
	err := s.ask(func(a chan<- error) control.Intent { return control.Confirm{ID: c.text("id"), Answer: a} })
	return Nothing{}, err
}

func (s *Server) configRevert(c Call) (any, error) {
	err := s.ask(func(a chan<- error) control.Intent { return control.Revert{ID: c.text("id"), Answer: a} })
	return Nothing{}, err
}

// Backup is the whole configuration with its secrets.
type Backup struct {
	Revision string `json:"revision"`
	Text     string `json:"text"` // as restore takes it
}

func (s *Server) backup(Call) (any, error) {
	snap := s.Loop.Snapshot()
	return Backup{Revision: snap.Config.Revision(), Text: string(snap.Text)}, nil
}

func (s *Server) share(c Call) (any, error) {
	return s.change(c, s.Loop.Snapshot(), []config.Change{set("sharing", "enabled", c.flag("on"))})
}

func (s *Server) connect(c Call) (any, error) {
	return s.change(c, s.Loop.Snapshot(), []config.Change{set("modem", "enabled", true)})
}

func (s *Server) disconnect(c Call) (any, error) {
	return s.change(c, s.Loop.Snapshot(), []config.Change{set("modem", "enabled", false)})
}

// set is the change of one option.
func set(section, option string, value any) config.Change {
	if on, is := value.(bool); is {
		value = "0"
		if on {
			value = "1"
		}
	}
	c := config.Change{Section: section, Option: option}
	if text := fmt.Sprint(value); text != "" {
		c.Values = []string{text}
	}
	return c
}

// chosen is the section of the access point that was chosen by hand.
const chosen = "chosen"

// chooseAPN makes an access point the first to try, be it the one that the network
// chooses; with an empty name alone the choice is the gateway's again.
func (s *Server) chooseAPN(c Call) (any, error) {
	name, network := c.text("apn"), c.flag("network")
	if name != "" && network {
		return nil, invalid("network", "goes with an empty name alone")
	}
	var changes []config.Change
	snap := s.Loop.Snapshot()
	if slices.ContainsFunc(snap.Config.APNs, func(a config.APN) bool { return a.Section == chosen }) {
		changes = append(changes, config.Change{Section: chosen})
	}
	if name != "" || network {
		user, password, auth := login(c, snap)
		changes = append(changes, config.Change{Section: chosen, Type: "apn", First: true},
			set(chosen, "apn", name), set(chosen, "user", user), set(chosen, "password", password),
			set(chosen, "auth", auth), set(chosen, "family", c.text("family")))
	}
	return s.change(c, snap, changes)
}

// login is how to log in to the access point that was chosen: as is said, or else as is
// known of one of that name. What is known is not shown to who chooses.
func login(c Call, snap *control.Snapshot) (user, password, auth string) {
	if c.text("user") == "" && c.text("password") == "" && c.text("auth") != "none" {
		list, _ := snap.Candidates()
		for _, k := range list {
			if k.APN == c.text("apn") && k.User != "" && k.Source != provision.FromDocument { // whose secrets stay there
				return k.User, string(k.Password), string(k.Auth)
			}
		}
	}
	return c.text("user"), c.text("password"), c.text("auth")
}
