package hostapd

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tetherd/tetherd/wpa"
)

// bench is a driver with real hostapd processes and made-up radios: driver=none serves
// the whole control interface without one.
type bench struct {
	*Driver
	t       *testing.T
	dir     string
	log     *lockedBuffer
	changes atomic.Int64
	stop    context.CancelFunc
	ended   chan struct{}

	mu     sync.Mutex
	radios []Capabilities
	index  map[string]int
	down   map[string]bool // interfaces
	freed  []string        // interfaces, in the order of their release
	// touched tells the driver that an interface changed.
	touched func()
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// broadcasting is a bench that runs, with its network on the air.
func broadcasting(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, "").start()
	b.apply(one())
	b.until("the network", on)
	return b
}

// newBench has one dual-band radio, wlan0, and does not run yet.
func newBench(t *testing.T, program string) *bench {
	b := &bench{t: t, dir: t.TempDir(), log: &lockedBuffer{}, index: map[string]int{"wlan0": 5}}
	b.radios = []Capabilities{made(t, "g")}
	b.Driver = New(Options{RunDir: b.dir, Program: program, Log: slog.New(slog.NewTextHandler(b.log, nil))})
	b.wlan = "none"
	b.hw = hardware{
		list: func() ([]Capabilities, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.Clone(b.radios), nil
		},
		country: func(code string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			for i := range b.radios {
				b.radios[i].Country = code
			}
			return nil
		},
		watch: func(ctx context.Context, touched func()) error {
			b.mu.Lock()
			b.touched = touched
			b.mu.Unlock()
			<-ctx.Done()
			return nil
		},
		netif: func(name string) (netif, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return netif{index: b.index[name], up: !b.down[name]}, nil
		},
		release: func(name string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.index[name] != 0 {
				b.freed = append(b.freed, name)
			}
			return nil
		},
	}
	t.Cleanup(func() {
		b.finish()
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
	return b
}

// released are the interfaces that were set down since the last call.
func (b *bench) released() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.freed
	b.freed = nil
	return out
}

// start begins Run.
func (b *bench) start() *bench {
	ctx, cancel := context.WithCancel(context.Background())
	b.stop, b.ended = cancel, make(chan struct{})
	go func() {
		defer close(b.ended)
		if err := b.Run(ctx, func() { b.changes.Add(1) }); err != nil {
			b.t.Error(err)
		}
	}()
	return b
}

func (b *bench) finish() {
	if b.stop != nil {
		b.stop()
		<-b.ended
		b.stop = nil
	}
}

func (b *bench) apply(s Spec) {
	b.t.Helper()
	if err := b.Apply(s); err != nil {
		b.t.Fatal(err)
	}
}

// radio returns the status of wlan0.
func (b *bench) radio() RadioStatus {
	for _, r := range b.Observe().Radios {
		if r.Interface == "wlan0" {
			return r
		}
	}
	return RadioStatus{}
}

func (b *bench) until(what string, holds func(RadioStatus) bool) {
	b.t.Helper()
	defer func() {
		if b.t.Failed() {
			b.t.Logf("%+v", b.Observe())
		}
	}()
	await(b.t, what, func() bool { return holds(b.radio()) })
}

func on(r RadioStatus) bool { return r.State == StateEnabled }

// said asks the running hostapd.
func (b *bench) said(command string) string {
	b.t.Helper()
	c := newCtrl(filepath.Join(b.dir, "hostapd", "ctrl"), "wlan0")
	defer c.close()
	reply, err := c.ask(command)
	if err != nil {
		b.t.Errorf("%s: %v", command, err)
	}
	return reply
}

// pid finds the running hostapd of this bench; 0 none.
func (b *bench) pid() int {
	out, _ := exec.Command("pgrep", "-f", "^hostapd "+b.dir).Output()
	pid, _ := strconv.Atoi(strings.TrimSpace(string(out)))
	return pid
}

// one is a wish for one network on wlan0, WPA2 alone.
func one() Spec {
	n := home()
	n.Security, n.Bridge = wpa.WPA2, ""
	return Spec{Radios: []Radio{{Interface: "wlan0", Channel: 6, Networks: []Network{n}}}}
}

func TestOnTheAirAndOff(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	st := b.Observe()
	if r := st.Radios[0]; r.Channel != 6 || r.Band != Band2 || r.Error != "" || r.Refused != "" || r.Restarts != 0 || r.Since.IsZero() {
		t.Errorf("%+v", r)
	}
	if d := Drift(one(), st); d != nil {
		t.Errorf("%q", d)
	}
	if len(st.Devices) != 1 || st.Devices[0].Interface != "wlan0" {
		t.Errorf("devices %+v", st.Devices)
	}
	info, err := os.Stat(filepath.Join(b.dir, "hostapd", "wlan0.conf"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info, err)
	}
	pid := b.pid()
	b.apply(one()) // again changes nothing
	b.apply(Spec{})
	await(t, "the end", func() bool { return len(b.Observe().Radios) == 0 })
	if pid == 0 || syscall.Kill(pid, 0) == nil {
		t.Errorf("hostapd %d still runs", pid)
	}
	left, _ := filepath.Glob(filepath.Join(b.dir, "hostapd", "wlan0*"))
	if len(left) != 0 || len(Drift(Spec{}, b.Observe())) != 0 {
		t.Errorf("left: %q %q", left, Drift(Spec{}, b.Observe()))
	}
	if got := b.released(); got != nil {
		t.Errorf("hostapd itself set its interfaces down, and still %q were", got)
	}
	for _, secret := range []string{"kfw7", "Tether 4821"} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestRunEndsWithItsProcesses(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	pid := b.pid()
	b.finish()
	if pid == 0 || syscall.Kill(pid, 0) == nil {
		t.Error("hostapd outlived Run")
	}
	b.start() // a second Run pursues the same wish
	b.until("the network again", on)
}

func TestLiveChangesKeepTheProcess(t *testing.T) {
	t.Parallel()
	b := newBench(t, "").start()
	s := one()
	b.apply(s)
	b.until("the network", on)
	pid := b.pid()

	s = s.clone()
	s.Radios[0].Networks[0].MaxStations = 1
	s.Radios[0].Networks[0].Passphrase = "another one"
	s.Blocked = []net.HardwareAddr{mac(7)}
	s.Cost = Cost{Level: CostFixed}
	b.apply(s)
	await(t, "the deny list", func() bool { return b.said("DENY_ACL SHOW") == "02:00:00:00:00:07 VLAN_ID=0\n" })
	if r := b.said("NEW_STA 02:00:00:00:00:01") + b.said("NEW_STA 02:00:00:00:00:02"); r != "OK\nFAIL\n" {
		t.Errorf("two stations where one may be: %q", r)
	}
	key, err := os.ReadFile(filepath.Join(b.dir, "hostapd", "wlan0.psk"))
	if err != nil || !strings.Contains(string(key), "another one") {
		t.Errorf("%q %v", key, err)
	}

	s = s.clone()
	s.Blocked, s.Cost = nil, Cost{}
	b.apply(s)
	await(t, "nobody to be denied", func() bool { return b.said("DENY_ACL SHOW") == "" })
	if b.pid() != pid || b.radio().Restarts != 0 {
		t.Error("hostapd was started again")
	}
}

func TestWhatIsNotLiveStartsAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, "").start()
	s := one()
	b.apply(s)
	b.until("the network", on)
	pid := b.pid()
	s = s.clone()
	s.Radios[0].Networks[0].SSID = "Other"
	b.apply(s)
	b.until("the other name", func(r RadioStatus) bool { return on(r) && r.Restarts == 1 })
	if b.pid() == pid || !strings.Contains(b.said("GET_CONFIG"), "ssid=Other\n") {
		t.Error("the name is the old one")
	}
	// driver=none refuses an announced change of channel, so this comes to a restart.
	s = s.clone()
	s.Radios[0].Channel = 11
	b.apply(s)
	b.until("the other channel", func(r RadioStatus) bool { return on(r) && r.Channel == 11 })
}

func TestStationsAreListed(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	b.said("NEW_STA 02:00:00:00:00:02")
	b.said("NEW_STA 02:00:00:00:00:01")
	before := b.changes.Load()
	b.poke()
	await(t, "stations", func() bool { return len(b.Observe().Stations) == 2 })
	s := b.Observe().Stations[0]
	if s.MAC.String() != "02:00:00:00:00:01" || s.Interface != "wlan0" || s.SSID != "Tether 4821" || s.Authorised || !s.Randomised {
		t.Errorf("%+v", s)
	}
	if b.changes.Load() == before || time.Since(b.radio().Read) > patience {
		t.Error("the change was not told")
	}
}

// poke makes hostapd emit an event, upon which the stations are read: NEW_STA itself
// has none.
func (b *bench) poke() {
	b.said("DEAUTHENTICATE 02:00:00:00:00:0f")
	s := b.Observe().InForce
	s.Blocked = append(s.Blocked, mac(0xee))
	b.apply(s)
}

func TestKickedOnceAndBanned(t *testing.T) {
	t.Parallel()
	b := newBench(t, "").start()
	s := one()
	b.apply(s)
	b.until("the network", on)
	b.said("NEW_STA 02:00:00:00:00:01")
	b.poke()
	await(t, "the station", func() bool { return len(b.Observe().Stations) == 1 })

	s = s.clone()
	s.Kicks = []Kick{{ID: "k1", MAC: mac(1), Ban: 5 * time.Second}, {ID: "k2", MAC: mac(2)}}
	b.apply(s)
	await(t, "the ban", func() bool { return strings.Contains(b.said("DENY_ACL SHOW"), "02:00:00:00:00:01") })
	await(t, "the kick", func() bool {
		return strings.Contains(b.said("STA 02:00:00:00:00:01"), "timeout_next=REMOVE") || b.said("STA 02:00:00:00:00:01") == "FAIL\n"
	})
	want := []Outcome{{"k1", true}, {"k2", false}}
	if got := b.Observe().Acts; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	await(t, "the end of the ban", func() bool { return b.said("DENY_ACL SHOW") == "" })

	// A process that begins anew, and finds the same acts in its wish, does nothing.
	b.finish()
	again := newBench(t, "")
	again.opt.RunDir = b.dir
	again.dir = b.dir
	again.start()
	again.apply(s)
	again.until("the network", on)
	if got := again.Observe().Acts; !slices.Equal(got, want) {
		t.Errorf("after a restart: %+v", got)
	}
	if strings.Contains(again.log.String(), "thrown out") {
		t.Error("the act was done again")
	}
}

func TestKilledHostapdComesBack(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	pid := b.pid()
	syscall.Kill(pid, syscall.SIGKILL)
	b.until("the restart", func(r RadioStatus) bool { return on(r) && r.Restarts == 1 })
	if b.pid() == pid {
		t.Error("it is the killed one")
	}
	if got := b.released(); !slices.Equal(got, []string{"wlan0"}) {
		t.Errorf("what it left on the air was to be ended: %q", got)
	}
}

// A hostapd that does not end by itself leaves nothing on the air either.
func TestHungHostapdLeavesTheAir(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	syscall.Kill(b.pid(), syscall.SIGSTOP)
	b.apply(Spec{})
	await(t, "the end", func() bool { return len(b.Observe().Radios) == 0 })
	if got := b.released(); !slices.Equal(got, []string{"wlan0"}) {
		t.Errorf("released %q", got)
	}
}

func TestHungHostapdIsReplaced(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	syscall.Kill(b.pid(), syscall.SIGSTOP)
	s := one()
	s.Radios[0].Networks[0].MaxStations = 3
	b.apply(s) // a live change that is not answered
	b.until("the restart", func(r RadioStatus) bool { return on(r) && r.Restarts == 1 })
}

func TestRadioRemovedAndBack(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	have := b.radios
	b.mu.Lock()
	b.radios, b.index = nil, map[string]int{}
	b.mu.Unlock()
	b.touched()
	b.until("the radio to be missed", func(r RadioStatus) bool { return r.State == StateAbsent && r.Error == "there is no such radio" })
	if b.pid() != 0 {
		t.Error("hostapd runs without a radio")
	}
	b.mu.Lock()
	b.radios, b.index = have, map[string]int{"wlan0": 9}
	b.mu.Unlock()
	b.touched()
	b.until("the network again", on)
}

// What hostapd does not notice, that its radio was switched off under it, is told, and it is
// started again until it is over.
func TestRadioSetDownAndUp(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	set := func(down bool) {
		b.mu.Lock()
		b.down = map[string]bool{"wlan0": down}
		b.mu.Unlock()
		b.touched()
	}
	set(true)
	b.until("the fault", func(r RadioStatus) bool {
		return r.State == StateWaiting && r.Error == "the interface wlan0 was set down"
	})
	set(false)
	b.until("the network again", func(r RadioStatus) bool { return on(r) && r.Restarts > 0 })
}

func TestRefusedWishLeavesTheFormer(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)

	bad := one()
	bad.Radios[0].Networks[0].Passphrase = "short"
	if err := b.Apply(bad); err == nil || !strings.Contains(err.Error(), "hostapd: radio \"wlan0\": network \"Tether 4821\": the passphrase has 5") {
		t.Errorf("%v", err)
	}
	if len(Drift(one(), b.Observe())) != 0 || !on(b.radio()) {
		t.Error("what was refused at once touched what is")
	}

	// The radio cannot protect frames, so WPA3 alone cannot be.
	b.mu.Lock()
	b.radios[0].Protection = false
	b.mu.Unlock()
	pid := b.pid()
	bad = one()
	bad.Radios[0].Networks[0].Security = wpa.WPA3
	told := b.changes.Load()
	b.apply(bad)
	b.until("the refusal", func(r RadioStatus) bool {
		refused := strings.Contains(r.Refused, "cannot protect management frames")
		if r.Pending == refused {
			t.Errorf("pending is %v while it says %q", r.Pending, r.Refused)
		}
		return refused
	})
	await(t, "that it is told", func() bool { return b.changes.Load() > told })
	if b.pid() != pid || len(Drift(bad, b.Observe())) != 0 {
		t.Error("the former settings are not in force, or the wish would be applied for ever")
	}

	// Nor can it for guests, beside a network that works.
	bad = one()
	guest := home()
	guest.Guest, guest.SSID, guest.Bridge, guest.Security = true, "Guests", "", wpa.WPA3
	bad.Radios[0].Networks = append(bad.Radios[0].Networks, guest)
	b.apply(bad)
	b.until("the refusal of guests", func(r RadioStatus) bool {
		return strings.Contains(r.Refused, `network "Guests": the radio cannot protect`)
	})

	// What may change meanwhile still does.
	bad = bad.clone()
	bad.Blocked = []net.HardwareAddr{mac(7)}
	b.apply(bad)
	await(t, "the deny list", func() bool { return b.said("DENY_ACL SHOW") != "" })
	b.mu.Lock()
	b.radios[0].Protection = true
	b.mu.Unlock()
	b.apply(one())
	b.until("the former wish", func(r RadioStatus) bool { return r.Refused == "" && on(r) })
	if b.pid() != pid {
		t.Error("hostapd was started again for what already was")
	}
}
