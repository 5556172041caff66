package hostapd

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tetherd/tetherd/secret"
	"github.com/tetherd/tetherd/wpa"
)

// step changes a wish in one way.
type step struct {
	name string
	do   func(r *rand.Rand, w *wish)
}

func steps() []step {
	network := func(r *rand.Rand, w *wish) *Network {
		w.radio.Networks = slices.Clone(w.radio.Networks)
		return &w.radio.Networks[r.IntN(len(w.radio.Networks))]
	}
	return []step{
		{"passphrase", func(r *rand.Rand, w *wish) {
			network(r, w).Passphrase = []secret.Text{"first one", "second one", "third one"}[r.IntN(3)]
		}},
		{"limit", func(r *rand.Rand, w *wish) { network(r, w).MaxStations = r.IntN(3) }},
		{"channel", func(r *rand.Rand, w *wish) { w.radio.Channel = []int{0, 36, 44, 149, 52, 144}[r.IntN(6)] }},
		{"width", func(r *rand.Rand, w *wish) { w.radio.Width = []int{0, 20, 40, 80}[r.IntN(4)] }},
		{"blocked", func(r *rand.Rand, w *wish) {
			w.denied = nil
			for n := range byte(4) {
				if r.IntN(2) == 0 {
					w.denied = append(w.denied, mac(n))
				}
			}
		}},
		{"cost", func(r *rand.Rand, w *wish) {
			w.cost = []Cost{{}, {Level: CostFixed}, {Level: CostVariable, Roaming: true}}[r.IntN(3)]
		}},
		{"security", func(r *rand.Rand, w *wish) {
			network(r, w).Security = []wpa.Security{wpa.WPA2, wpa.WPA3, ""}[r.IntN(3)]
		}},
		{"name", func(r *rand.Rand, w *wish) { network(r, w).SSID = []string{"One", "Zwei"}[r.IntN(2)] }},
	}
}

// Whatever way leads to a wish, with restarts or without, in the end the files and what
// hostapd was told come to the same as going there directly.
func TestEveryWayLeadsToTheSame(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, f, g := fakeSession(t)
		denied := []map[string]bool{{}, {}} // as hostapd has them
		all := steps()
		live := 0
		for range 60 {
			n := s.wish
			x := all[r.IntN(len(all))]
			x.do(r, &n)
			err := s.change(n)
			follow(t, denied[0], f.told())
			follow(t, denied[1], g.told())
			switch {
			case errors.Is(err, errRestart):
				restart(t, s, denied)
			case err != nil:
				t.Fatalf("seed %d, %s: %v", seed, x.name, err)
			default:
				live++
			}
			arrived(t, s, denied)
		}
		if live < 10 {
			t.Errorf("seed %d: %d steps were live, which proves little", seed, live)
		}
	}
}

// follow keeps account of hostapd's deny list.
func follow(t *testing.T, denied map[string]bool, commands []string) {
	for _, c := range commands {
		switch {
		case len(c) > 18 && c[:18] == "DENY_ACL ADD_MAC 0":
			if denied[c[17:]] {
				t.Errorf("%s twice", c)
			}
			denied[c[17:]] = true
		case len(c) > 18 && c[:18] == "DENY_ACL DEL_MAC 0":
			if !denied[c[17:]] {
				t.Errorf("%s, which is not there", c)
			}
			delete(denied, c[17:])
		}
	}
}

// restart does what the radio would: the session begins anew with the wish.
func restart(t *testing.T, s *session, denied []map[string]bool) {
	caps, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	if s.set, err = s.setting(caps); err != nil {
		t.Fatal(err)
	}
	if err := writeFiles(s.set); err != nil {
		t.Fatal(err)
	}
	for i := range denied {
		clear(denied[i])
		for _, m := range s.set.Denied {
			denied[i][m.String()] = true
		}
	}
}

// arrived compares with a fresh start.
func arrived(t *testing.T, s *session, denied []map[string]bool) {
	caps, _ := s.look()
	fresh, err := s.setting(caps)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range Render(fresh) {
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Fatalf("%s: %v\n%s\nwanted\n%s", path, err, got, want)
		}
	}
	for i := range denied {
		if len(denied[i]) != len(s.wish.denied) {
			t.Fatalf("network %d denies %v, wanted %v", i, denied[i], s.wish.denied)
		}
	}
}

func TestKernelThatRefusesTheCountry(t *testing.T) {
	s, _, _ := fakeSession(t)
	s.d.hw.country = func(string) error { return errors.New("operation not permitted") }
	s.wish.country = "FR"
	set, err := s.prepare(t.Context())
	want := `the rules in force are those of "DE" instead of FR: the kernel's table of rules may be missing`
	if err != nil || !slices.Contains(set.Tune.Why, want) || set.Country != "FR" {
		t.Errorf("%v %q", err, set.Tune.Why)
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	if err := os.RemoveAll(b.Driver.dir()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.Driver.dir(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := one()
	s.Radios[0].Networks[0].SSID = "Other"
	b.apply(s)
	b.until("the fault", func(r RadioStatus) bool { return r.State == StateWaiting && r.Error != "" })
	if err := os.Remove(b.Driver.dir()); err != nil {
		t.Fatal(err)
	}
	b.until("the network again", on)
}

// What is given to Apply may be changed afterwards, and what Observe gives too.
func TestWishesAreCopied(t *testing.T) {
	d := New(Options{RunDir: t.TempDir()})
	s := good()
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	s.Radios[0].Networks[0].SSID = "changed"
	s.Blocked[0] = net.HardwareAddr{9, 9, 9, 9, 9, 9}
	seen := d.Observe()
	seen.InForce.Radios[0].Channel = 99
	if lines := Drift(good(), d.Observe()); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
}

func TestDifferences(t *testing.T) {
	base := onAir{status: RadioStatus{Interface: "wlan0", State: StateEnabled}, stations: []Station{{MAC: mac(1), Authorised: true}}}
	for name, c := range map[string]struct {
		change func(*onAir)
		want   bool
	}{
		"nothing":            {func(*onAir) {}, false},
		"signal and counts":  {func(a *onAir) { a.stations = []Station{{MAC: mac(1), Authorised: true, Signal: -40, RxBytes: 9}} }, false},
		"time that passes":   {func(a *onAir) { a.status.CACLeft, a.status.Read = time.Second, time.Now() }, false},
		"authorised":         {func(a *onAir) { a.stations = []Station{{MAC: mac(1)}} }, true},
		"another station":    {func(a *onAir) { a.stations = []Station{{MAC: mac(2), Authorised: true}} }, true},
		"on another network": {func(a *onAir) { a.stations = []Station{{MAC: mac(1), Authorised: true, Interface: "x"}} }, true},
		"nobody":             {func(a *onAir) { a.stations = nil }, true},
		"state":              {func(a *onAir) { a.status.State = StateDFS }, true},
		"a reason":           {func(a *onAir) { a.status.Why = []string{"x"} }, true},
	} {
		other := base
		c.change(&other)
		if got := base.differs(other); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
