package hostapd

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/wpa"
)

// quietSession is a session without a process, on 5 GHz.
func quietSession(t *testing.T) (*session, *[]RadioStatus) {
	t.Helper()
	var told []RadioStatus
	w := newRadio(New(Options{RunDir: t.TempDir()}), "wlan0", func() bool { return false }, func(r RadioStatus, _ []Station) { told = append(told, r) })
	s := newSession(t.Context(), w, fitted(t, "ac", Radio{Interface: "wlan0", Channel: 52, Networks: []Network{home()}}), nil, 1)
	t.Cleanup(func() { s.timer.Stop() })
	return s, &told
}

func TestWrongPassphrasesAreCounted(t *testing.T) {
	s, told := quietSession(t)
	e, _ := parseEvent("<3>AP-STA-POSSIBLE-PSK-MISMATCH 02:00:00:00:00:01")
	for range 3 {
		if err := s.handle(e); err != nil {
			t.Fatal(err)
		}
	}
	first := (*told)[0].Mismatches
	if len(first) != 1 || first[0].Count != 1 {
		t.Errorf("what was told has changed since: %+v", first)
	}
	last := (*told)[2].Mismatches
	if len(last) != 1 || last[0].Count != 3 || last[0].MAC.String() != "02:00:00:00:00:01" || last[0].Last.IsZero() {
		t.Errorf("%+v", last)
	}
	for n := range 100 { // a station that changes its address
		s.handle(event{name: "AP-STA-POSSIBLE-PSK-MISMATCH", mac: mac(byte(n))})
	}
	s.handle(event{name: "AP-STA-POSSIBLE-PSK-MISMATCH"})
	if got := s.status.Mismatches; len(got) != maxMismatch || got[maxMismatch-1].MAC[5] != 99 {
		t.Errorf("%d are kept", len(got))
	}
}

func TestEventsThatEndASession(t *testing.T) {
	for text, want := range map[string]remedy{
		"<3>ACS-FAILED ": remedyACS,
		"<3>DFS-CAC-COMPLETED success=0 freq=5260 ht_enabled=0": remedyRadar,
	} {
		s, _ := quietSession(t)
		e, _ := parseEvent(text)
		var c cause
		if err := s.handle(e); !errors.As(err, &c) || c.remedy != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"<3>DFS-CAC-COMPLETED success=1", "<3>DFS-CAC-START freq=5260", "<3>AP-STA-CONNECTED 02:00:00:00:00:01", "<3>NEWS"} {
		s, _ := quietSession(t)
		e, _ := parseEvent(text)
		if err := s.handle(e); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRadarThatMovesTheNetworkIsTold(t *testing.T) {
	s, told := quietSession(t)
	s.onAir = true
	s.follow(air{state: StateDFS, channel: 52, frequency: 5260, cacLeft: time.Minute})
	if r := (*told)[0]; r.State != StateDFS || r.CACLeft != time.Minute || !strings.Contains(r.Error, "state dfs") || r.Frequency != 0 {
		t.Errorf("during the check: %+v", r)
	}
	s.ctrls = nil // no stations to list
	s.follow(air{state: StateEnabled, channel: 52, frequency: 5260})
	s.handle(event{name: "DFS-RADAR-DETECTED"})
	s.follow(air{state: StateEnabled, channel: 100, frequency: 5500, secondary: 1, chwidth: 1})
	r := (*told)[2]
	if r.Channel != 100 || r.Width != 80 || !slices.Contains(r.Why, "radar was heard on channel 52") || r.Error != "" {
		t.Errorf("%+v", r)
	}
	if len(s.set.Tune.Why) != 0 {
		t.Error("the setting has learned it as its own")
	}
}

func TestStatesThatDoNotPass(t *testing.T) {
	for name, c := range map[string]struct {
		air    air
		after  time.Duration // no complaint just before
		remedy remedy
	}{
		"disabled":             {air{state: StateDisabled}, stuckLimit, remedyWait},
		"country":              {air{state: StateCountry}, stuckLimit, remedyWait},
		"choosing a channel":   {air{state: StateACS}, acsLimit, remedyACS},
		"no channel for radar": {air{state: StateDFS}, stuckLimit, remedyRadar},
		"may not transmit":     {air{state: StateNoIR}, stuckLimit, remedyChannel},
		"on the air":           {air{state: StateEnabled}, 0, 0},
		"radar check":          {air{state: StateDFS, cacLeft: time.Second}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := quietSession(t)
				if c.after == 0 {
					time.Sleep(time.Hour)
					if err := s.stuck(c.air); err != nil {
						t.Error(err)
					}
					return
				}
				time.Sleep(c.after - time.Millisecond)
				if err := s.stuck(c.air); err != nil {
					t.Errorf("too early: %v", err)
				}
				time.Sleep(time.Millisecond)
				var got cause
				if err := s.stuck(c.air); !errors.As(err, &got) || got.remedy != c.remedy || !strings.Contains(got.sentence, string(c.air.state)) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

func TestPace(t *testing.T) {
	s, _ := quietSession(t)
	for _, c := range []struct {
		state State
		n     int
		want  time.Duration
	}{{StateACS, 0, lookUp}, {StateEnabled, 0, lookIdle}, {StateEnabled, 1, lookClients}} {
		s.state, s.stations = c.state, make([]Station, c.n)
		if got := s.pace(); got != c.want {
			t.Errorf("%s with %d stations: %v", c.state, c.n, got)
		}
	}
}

// However many events come, the radio is polled a moment after the first.
func TestFloodOfEventsDoesNotPutOffThePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := quietSession(t)
		<-s.timer.C
		s.next(lookIdle)
		for range 9 {
			s.handle(event{name: "AP-STA-CONNECTED"})
			time.Sleep(lookSoon / 9)
		}
		time.Sleep(lookSoon / 9)
		select {
		case <-s.timer.C:
		default:
			t.Error("not polled")
		}
	})
}

func TestLearn(t *testing.T) {
	set := func(s *session) Setting { return s.set }
	other := func(s *session) Setting {
		x := s.set
		x.Country = "FR"
		return x
	}
	second := func(s *session) {
		s.set.Radio.Networks = append(slices.Clone(s.set.Radio.Networks), home())
	}
	for name, c := range map[string]struct {
		cause   remedy
		onAir   bool
		before  func(w *session)
		again   bool // at once
		trouble Trouble
		refused bool
	}{
		"no survey":              {cause: remedyACS, again: true, trouble: Trouble{ACS: true}},
		"no survey, again":       {cause: remedyACS, before: func(w *session) { w.trouble.ACS = true }, trouble: Trouble{ACS: true}},
		"radar while on the air": {cause: remedyRadar, onAir: true, again: true, trouble: Trouble{Radar: true}},
		"a channel":              {cause: remedyChannel, again: true, trouble: Trouble{Channels: []int{52}}},
		"no channel to choose from": {cause: remedyChannel, again: true, trouble: Trouble{ACS: true},
			before: func(w *session) { w.set.Tune.Channel = 0 }},
		"no WPA3":              {cause: remedySAE, again: true, trouble: Trouble{SAE: true}},
		"no 802.11ax":          {cause: remedyAX, again: true, trouble: Trouble{AX: true}},
		"no 802.11ac":          {cause: remedyAC, again: true, trouble: Trouble{AC: true}},
		"one network too many": {cause: remedyFewer, again: true, trouble: Trouble{Most: 1}, before: second},
		"of which both worked before": {cause: remedyFewer, again: true, trouble: Trouble{Most: 1},
			before: func(w *session) { second(w); g := set(w); w.good = &g }},
		"one too many is wished": {cause: remedyFewer, again: true, refused: true,
			before: func(w *session) { g := set(w); w.good = &g; second(w) }},
		"the only network": {cause: remedyFewer},
		"killed while on the air": {cause: remedyWait, onAir: true,
			before: func(w *session) { g := other(w); w.good = &g }},
		"refused, and the former works": {cause: remedyNone, again: true, refused: true,
			before: func(w *session) { g := other(w); w.good = &g }},
		"a failure that may pass": {cause: remedyWait,
			before: func(w *session) { g := other(w); w.good = &g }},
		"one that does not pass": {cause: remedyWait, again: true, refused: true,
			before: func(w *session) { g := other(w); w.good, w.fails = &g, passing }},
		"the former was the same": {cause: remedyNone,
			before: func(w *session) { g := set(w); w.good = &g }},
		"the former fails too": {cause: remedyWait,
			before: func(w *session) { g := set(w); w.good, w.refused = &g, "no" }},
	} {
		s, _ := quietSession(t)
		if c.before != nil {
			c.before(s)
		}
		err := s.learn(s.set, c.onAir, cause{"x", c.cause})
		if errors.Is(err, errRestart) != c.again || fmt.Sprint(s.trouble) != fmt.Sprint(c.trouble) || (s.refused != "") != c.refused {
			t.Errorf("%s: %v %+v %q", name, err, s.trouble, s.refused)
		}
		if name == "the former fails too" && s.good != nil {
			t.Error("settings that fail count as good")
		}
	}
}

// TestWhatIsNewIsNotLeftOut: networks that were left out at a start stay so whatever else the
// owner changes, but who wishes more than that is refused, and has before what was.
func TestWhatIsNewIsNotLeftOut(t *testing.T) {
	as := func(list ...wpa.Security) wish {
		w := wish{radio: Radio{Interface: "wlan0", Channel: 6}}
		for i, s := range list {
			n := home()
			n.SSID, n.Security = fmt.Sprint("net ", i), s
			w.radio.Networks = append(w.radio.Networks, n)
		}
		return w
	}
	const open, safe = wpa.WPA2, wpa.WPA3
	quiet := as(open, safe, open)
	quiet.radio.Networks[2].Passphrase = "another one"
	for name, c := range map[string]struct {
		most int // that the radio has claimed to carry
		wish wish
		want int // networks on the air; 0: it is refused
	}{
		"a passphrase":            {1, quiet, 1},
		"one less":                {1, as(open, open), 1},
		"one more":                {2, as(open, safe, open, open), 3},
		"one that cannot be safe": {2, as(open, safe, safe), 0},
		"safe no more":            {2, as(open, open, open), 2},
		"the first to be safe":    {2, as(safe, safe, open), 0},
	} {
		s, _ := quietSession(t)
		caps := made(t, "g")
		caps.Protection = false
		s.wish, s.trouble, s.good = as(open, safe, open), Trouble{Most: c.most}, nil
		s.asked = 3
		if set, err := s.setting(caps); err != nil || len(set.Radio.Networks) != c.most {
			t.Fatalf("%s: at the start %+v, %v", name, set.Radio.Networks, err)
		} else {
			s.works(set)
		}
		s.take(c.wish)
		banned := c.wish
		banned.denied = []net.HardwareAddr{mac(7)}
		s.take(banned) // changes nothing of it
		set, err := s.setting(caps)
		if (err != nil) != (c.want == 0) || err == nil && len(set.Radio.Networks) != c.want {
			t.Errorf("%s: %+v, %v", name, set.Radio.Networks, err)
		}
		s.take(as(open, safe, open))
		if set, err := s.setting(caps); err != nil || len(set.Radio.Networks) != c.most {
			t.Errorf("%s, undone: %+v, %v", name, set.Radio.Networks, err)
		}
	}
}

func TestTroublesAreForgottenWithTheirReason(t *testing.T) {
	s, _ := quietSession(t)
	base := wish{country: "DE", radio: Radio{Interface: "wlan0", Channel: 52, Networks: []Network{home()}}}
	all := Trouble{ACS: true, Radar: true, SAE: true, AX: true, AC: true, Channels: []int{36}, Some: true, Most: 2}
	lasting := Trouble{SAE: true, AX: true, AC: true, Most: 2}
	for name, c := range map[string]struct {
		change  func(*wish)
		refused bool
		trouble Trouble
	}{
		"another passphrase": {func(w *wish) {
			n := home()
			n.Passphrase = "another one"
			w.radio.Networks = []Network{n}
		}, false, all},
		"another channel": {func(w *wish) { w.radio.Channel = 36 }, false, lasting},
		"another country": {func(w *wish) { w.country = "FR" }, false, lasting},
		"a blocked one":   {func(w *wish) { w.denied = append(w.denied, mac(1)) }, true, all},
	} {
		s.wish, s.trouble, s.refused = base, all, "no"
		n := base
		c.change(&n)
		s.take(n)
		if (s.refused != "") != c.refused || fmt.Sprint(s.trouble) != fmt.Sprint(c.trouble) || !s.wish.equal(n) {
			t.Errorf("%s: %q %+v", name, s.refused, s.trouble)
		}
	}
}
