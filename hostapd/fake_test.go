package hostapd

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetherd/tetherd/wpa"
)

// fake is a control interface with answers that a real radio would give and that
// driver=none does not.
type fake struct {
	t        *testing.T
	sock     *net.UnixConn
	mu       sync.Mutex
	replies  map[string]string // by command; OK otherwise
	asked    []string
	attached []*net.UnixAddr
	during   func(command string) // before an answer
}

func newFake(t *testing.T, path string) *fake {
	t.Helper()
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, sock: sock, replies: map[string]string{"PING": "PONG\n", "STATUS": status80, "STA-FIRST": ""}}
	go f.serve()
	t.Cleanup(func() { sock.Close() })
	return f
}

func (f *fake) serve() {
	b := make([]byte, maxReply)
	for {
		n, from, err := f.sock.ReadFromUnix(b)
		if err != nil {
			return
		}
		f.sock.WriteToUnix([]byte(f.answer(string(b[:n]), from)), from)
	}
}

func (f *fake) answer(command string, from *net.UnixAddr) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, command)
	if f.during != nil {
		f.during(command)
	}
	if command == "ATTACH" {
		f.attached = append(f.attached, from)
	}
	if reply, ok := f.replies[command]; ok {
		return reply
	}
	return "OK\n"
}

func (f *fake) set(command, reply string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replies[command] = reply
}

// emit sends an event to whoever attached last.
func (f *fake) emit(text string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.sock.WriteToUnix([]byte(text), f.attached[len(f.attached)-1]); err != nil {
		f.t.Error(err)
	}
}

// told returns the commands since the last call, without questions.
func (f *fake) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.DeleteFunc(f.asked, func(c string) bool {
		return c == "PING" || c == "STATUS" || c == "ATTACH" || strings.HasPrefix(c, "STA-")
	})
	f.asked = nil
	return out
}

// fakeSession is a session with two networks on such a radio, both WPA2.
func fakeSession(t *testing.T) (s *session, home1, guests *fake) {
	t.Helper()
	d := New(Options{RunDir: t.TempDir()})
	caps := made(t, "ac")
	d.hw.list = func() ([]Capabilities, error) { return []Capabilities{caps}, nil }
	d.hw.netif = func(string) (netif, error) { return netif{index: 1, up: true, master: 1}, nil }
	n, g := home(), home()
	n.Security, g.Security, g.SSID, g.Guest = wpa.WPA2, wpa.WPA2, "Guests", true
	w := newRadio(d, "wlan0", func() bool { return false }, func(RadioStatus, []Station) {})
	w.wish = wish{country: "DE", radio: Radio{Interface: "wlan0", Channel: 36, Networks: []Network{n, g}}}
	set, err := w.setting(caps)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(set.ctrlDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	s = newSession(t.Context(), w, set, &process{}, 1)
	home1, guests = newFake(t, s.ctrls[0].path), newFake(t, s.ctrls[1].path)
	t.Cleanup(func() {
		s.timer.Stop()
		for _, c := range s.ctrls {
			c.close()
		}
	})
	if !s.answers(pingLimit) || s.attach() != nil || s.poll() != nil {
		t.Fatal("the session does not begin")
	}
	home1.told()
	guests.told()
	return s, home1, guests
}

func TestChannelIsSwitchedLive(t *testing.T) {
	s, f, g := fakeSession(t)
	n := s.wish
	n.radio.Channel = 149
	if err := s.change(n); err != nil {
		t.Fatal(err)
	}
	want := []string{"CHAN_SWITCH 5 5745 sec_channel_offset=1 bandwidth=80 center_freq1=5775 ht vht"}
	if got := f.told(); !slices.Equal(got, want) || g.told() != nil {
		t.Errorf("%q", got)
	}
	file, err := os.ReadFile(s.set.configPath())
	if err != nil || !strings.Contains(string(file), "\nchannel=149\n") {
		t.Errorf("a restart would go back: %v", err)
	}
	if s.good == nil || s.good.Tune.Channel != 149 {
		t.Error("the former channel still counts as the good one")
	}
}

func TestRefusedLiveChangeStartsAgain(t *testing.T) {
	s, f, _ := fakeSession(t)
	f.set("RELOAD_WPA_PSK", "FAIL\n")
	n := s.wish
	n.radio.Networks = slices.Clone(n.radio.Networks)
	n.radio.Networks[0].Passphrase = "another one"
	if err := s.change(n); !errors.Is(err, errRestart) {
		t.Errorf("%v", err)
	}
}

// While files and hostapd differ nobody who comes after takes it for what they say.
func TestChangeThatIsCutShortIsNotAdopted(t *testing.T) {
	s, f, _ := fakeSession(t)
	s.proc.pid = os.Getpid()
	s.note()
	note := pidPath(s.set.Dir, s.name)
	within := ""
	f.told()
	f.during = func(command string) {
		if _, err := os.Stat(note); err == nil {
			within = command
		}
	}
	n := s.wish
	n.denied = []net.HardwareAddr{mac(1)}
	if err := s.change(n); err != nil {
		t.Fatal(err)
	}
	if told := f.told(); len(told) == 0 || within != "" {
		t.Errorf("of %q there was a note at %q", told, within)
	}
	if _, ok := findProcess(note); !ok {
		t.Error("there is no note afterwards")
	}
}

// A moment in which the radios cannot be listed refuses no wish.
func TestWishWaitsForTheListOfRadios(t *testing.T) {
	s, f, _ := fakeSession(t)
	list := s.d.hw.list
	s.d.hw.list = func() ([]Capabilities, error) { return nil, errors.New("no buffer space") }
	n := s.wish
	n.radio.Channel = 149
	if err := s.change(n); err != nil || s.refused != "" || f.told() != nil || !s.status.Pending {
		t.Fatalf("%v, refused %q, pending %v", err, s.refused, s.status.Pending)
	}
	s.d.hw.list = list
	if err := s.poll(); err != nil || len(f.told()) != 1 || s.set.Tune.Channel != 149 || s.status.Pending {
		t.Errorf("%v, channel %d", err, s.set.Tune.Channel)
	}
}

func TestCountryNeedsARestart(t *testing.T) {
	s, _, _ := fakeSession(t)
	n := s.wish
	n.country = "FR"
	if err := s.change(n); !errors.Is(err, errRestart) {
		t.Errorf("%v", err)
	}
}

func TestRadioThatIsGoneEndsTheSession(t *testing.T) {
	s, _, _ := fakeSession(t)
	if err := s.present(); err != nil {
		t.Errorf("while it is there: %v", err)
	}
	s.d.hw.netif = func(string) (netif, error) { return netif{}, errors.New("no buffer space") }
	if err := s.present(); err != nil {
		t.Errorf("while interfaces cannot be read: %v", err)
	}
	s.d.hw.netif = func(string) (netif, error) { return netif{index: 2}, nil } // another of that name
	if err := s.present(); !errors.Is(err, errAbsent) {
		t.Errorf("%v", err)
	}
	s.d.hw.list = func() ([]Capabilities, error) { return nil, nil }
	if err := s.change(s.wish); !errors.Is(err, errAbsent) {
		t.Errorf("%v", err)
	}
}

// hostapd says that it is on the air, whatever became of its interfaces and bridges.
func TestNetworkThatCarriesNobody(t *testing.T) {
	const home, guests = 7, 8 // bridges
	for name, c := range map[string]struct {
		change func(map[string]netif)
		want   string
	}{
		"all is well":             {func(map[string]netif) {}, ""},
		"the radio was set down":  {func(m map[string]netif) { m["wlan0"] = netif{index: 1, master: home} }, "the interface wlan0 was set down"},
		"one network of it":       {func(m map[string]netif) { m["wlan0_1"] = netif{index: 2, master: guests} }, "the interface wlan0_1 was set down"},
		"one network is gone":     {func(m map[string]netif) { delete(m, "wlan0_1") }, "the interface wlan0_1 was set down"},
		"it was taken out":        {func(m map[string]netif) { m["wlan0"] = netif{index: 1, up: true} }, "the interface wlan0 was taken out of its bridge br-tether"},
		"another took it":         {func(m map[string]netif) { m["wlan0_1"] = netif{index: 2, up: true, master: home} }, "the interface wlan0_1 was taken out of its bridge br-guest"},
		"the bridge was made new": {func(m map[string]netif) { m["br-guest"] = netif{index: 9, up: true} }, "the interface wlan0_1 was taken out of its bridge br-guest"},
		"there is no bridge":      {func(m map[string]netif) { delete(m, "br-tether") }, ""},
		"what cannot be read":     {func(m map[string]netif) { clear(m) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, f, _ := fakeSession(t)
			s.set.Radio.Networks[1].Bridge = "br-guest"
			there := map[string]netif{
				"wlan0": {index: 1, up: true, master: home}, "wlan0_1": {index: 2, up: true, master: guests},
				"br-tether": {index: home, up: true}, "br-guest": {index: guests, up: true},
			}
			c.change(there)
			s.d.hw.netif = func(name string) (netif, error) {
				if len(there) == 0 {
					return netif{}, errors.New("no buffer space")
				}
				return there[name], nil
			}
			s.next(lookIdle)
			if err := s.present(); err != nil {
				t.Errorf("at once: %v", err)
			}
			if soon := time.Until(s.due) < lookUp; soon != (c.want != "") {
				t.Errorf("a look soon: %v", soon)
			}
			f.set("STATUS", strings.Replace(status80, "state=ENABLED", "state=DFS", 1))
			if err := s.poll(); err != nil {
				t.Errorf("while hostapd is changing it itself: %v", err)
			}
			f.set("STATUS", status80)
			var got cause
			if err := s.poll(); c.want != "" && (!errors.As(err, &got) || got != (cause{c.want, remedyWait})) || c.want == "" && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestStationsOfBothNetworks(t *testing.T) {
	s, f, g := fakeSession(t)
	f.set("STA-FIRST", stationWPA3)
	f.set("STA-NEXT da:a1:19:00:00:01", "00:11:22:33:44:55\nflags=[AUTH][ASSOC]\n")
	f.set("STA-NEXT 00:11:22:33:44:55", "")
	g.set("STA-FIRST", "00:11:22:33:44:66\nflags=[AUTH][ASSOC][AUTHORIZED]\n")
	g.set("STA-NEXT 00:11:22:33:44:66", "")
	if err := s.poll(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.stations {
		got = append(got, strings.Join([]string{x.MAC.String(), x.Interface, x.SSID}, " "))
		if x.Guest != (x.SSID == "Guests") {
			t.Errorf("%+v", x)
		}
	}
	want := []string{"da:a1:19:00:00:01 wlan0 Tether 4821", "00:11:22:33:44:55 wlan0 Tether 4821", "00:11:22:33:44:66 wlan0_1 Guests"}
	if !slices.Equal(got, want) || s.status.Read.IsZero() || s.pace() != lookClients {
		t.Errorf("%q", got)
	}
	if r := s.status; r.Width != 80 || r.Frequency != 5180 || r.Band != Band5 {
		t.Errorf("%+v", r)
	}
}

// A station that leaves while the list is read ends nothing: the list is read again, or is
// what it was.
func TestStationLeavesWhileTheListIsRead(t *testing.T) {
	s, f, _ := fakeSession(t)
	f.set("STA-FIRST", "02:00:00:00:00:01\n")
	f.set("STA-NEXT 02:00:00:00:00:01", "02:00:00:00:00:02\n")
	f.set("STA-NEXT 02:00:00:00:00:02", "")
	if err := s.poll(); err != nil || len(s.stations) != 2 {
		t.Fatal(err, s.stations)
	}
	read := s.status.Read
	f.set("STA-NEXT 02:00:00:00:00:01", "FAIL\n")
	if err := s.poll(); err != nil || len(s.stations) != 2 || s.status.Read != read {
		t.Error("again and again:", err, s.stations)
	}
	f.mu.Lock()
	f.during = func(command string) {
		if command == "STA-NEXT 02:00:00:00:00:01" {
			f.replies["STA-FIRST"] = "02:00:00:00:00:02\n"
		}
	}
	f.mu.Unlock()
	if err := s.poll(); err != nil || len(s.stations) != 1 || s.stations[0].MAC.String() != "02:00:00:00:00:02" {
		t.Error("once:", err, s.stations)
	}
}

// A list that never ends, because entries name each other, is cut off.
func TestEndlessListOfStations(t *testing.T) {
	s, f, _ := fakeSession(t)
	f.set("STA-FIRST", "02:00:00:00:00:01\n")
	f.set("STA-NEXT 02:00:00:00:00:01", "02:00:00:00:00:01\n")
	list, err := s.ctrls[0].stations()
	if err != nil || len(list) != maxStations {
		t.Errorf("%d %v", len(list), err)
	}
}

func TestKickAsksEveryNetwork(t *testing.T) {
	s, f, g := fakeSession(t)
	s.kick(mac(1))
	want := []string{"DEAUTHENTICATE 02:00:00:00:00:01"}
	if a, b := f.told(), g.told(); !slices.Equal(a, want) || !slices.Equal(b, want) {
		t.Errorf("%q %q", a, b)
	}
}

func TestEventsArriveFromBothNetworks(t *testing.T) {
	s, f, g := fakeSession(t)
	f.emit("noise")
	f.emit("<3>DFS-RADAR-DETECTED freq=5260")
	if e := <-s.events; e.name != "DFS-RADAR-DETECTED" || e.arg("freq") != "5260" {
		t.Errorf("%+v", e)
	}
	g.emit("<3>AP-STA-CONNECTED 02:00:00:00:00:01")
	if e := <-s.events; e.mac.String() != "02:00:00:00:00:01" {
		t.Errorf("%+v", e)
	}
}

// hostapd drops the event sockets of who did not take many in a row, without a word, so each
// look attaches them again.
func TestDroppedListenerIsAttachedAgain(t *testing.T) {
	s, f, _ := fakeSession(t)
	attached := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.attached)
	}
	await(t, "what the first look sends", func() bool { return attached() == 2 })
	f.mu.Lock()
	f.attached = nil
	f.mu.Unlock()
	if err := s.poll(); err != nil {
		t.Fatal(err)
	}
	await(t, "a listener", func() bool { return attached() == 1 })
	f.emit("<3>DFS-RADAR-DETECTED freq=5260")
	if e := <-s.events; e.name != "DFS-RADAR-DETECTED" {
		t.Errorf("%+v", e)
	}
}

// What does not answer three times in a row is given up.
func TestSilence(t *testing.T) {
	s, f, _ := fakeSession(t)
	f.set("STATUS", "FAIL\n")
	for range maxSilence - 1 {
		if err := s.poll(); err != nil {
			t.Fatal(err)
		}
	}
	f.set("STATUS", status80)
	if err := s.poll(); err != nil {
		t.Fatal(err)
	}
	if err := s.attach(); err != nil {
		t.Error(err)
	}
	f.emit("<3>AP-ENABLED ")
	if e := <-s.events; e.name != "AP-ENABLED" {
		t.Errorf("%+v", e)
	}

	f.sock.Close()
	var c cause
	for range maxSilence {
		err := s.poll()
		if errors.As(err, &c) {
			break
		}
	}
	if c.sentence != "hostapd does not answer" {
		t.Errorf("%+v", c)
	}
	if s.attach() == nil {
		t.Error("attached to nobody")
	}
}

// While hostapd hears nobody who asks for something else, the old list stays.
func TestStationsThatCannotBeRead(t *testing.T) {
	s, f, g := fakeSession(t)
	f.set("STA-FIRST", "02:00:00:00:00:01\n")
	f.set("STA-NEXT 02:00:00:00:00:01", "")
	if err := s.poll(); err != nil || len(s.stations) != 1 {
		t.Fatal(err, s.stations)
	}
	read := s.status.Read
	g.sock.Close()
	if err := s.poll(); err != nil || len(s.stations) != 1 || s.status.Read != read {
		t.Error(err, s.stations)
	}
}
