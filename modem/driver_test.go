package modem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// bench is a driver with its modem, within a synctest bubble.
type bench struct {
	*Driver
	t       *testing.T
	root    string
	peer    *peer
	serve   func(io.ReadWriteCloser) // the modem at the other end
	logged  *bytes.Buffer
	changes atomic.Int32
	stop    context.CancelFunc
	ended   chan error
}

func newBench(t *testing.T, p *peer) *bench {
	b := &bench{t: t, root: t.TempDir(), peer: p, logged: &bytes.Buffer{}}
	makeModem(t, b.root, "1-1", "cdc-wdm0", "wwan0")
	if p != nil {
		b.serve = p.serve
	}
	return b
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// run starts a process's life; a second call is a restart.
func (b *bench) run() {
	b.Driver = New(Options{Root: b.root, StateDir: filepath.Join(b.root, "state"),
		RunDir: filepath.Join(b.root, "run"), Log: slog.New(slog.NewTextHandler(b.logged, nil))})
	b.watch = func(ctx context.Context, _ *slog.Logger, _ func()) bool { <-ctx.Done(); return true }
	b.dial = func(string) (io.ReadWriteCloser, error) {
		host, device := net.Pipe()
		go b.serve(device)
		return host, nil
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	b.stop, b.ended = cancel, make(chan error, 1)
	go func() { b.ended <- b.Run(ctx, func() { b.changes.Add(1) }) }()
}

func (b *bench) end() {
	b.t.Helper()
	b.stop()
	if err := <-b.ended; err != nil {
		b.t.Fatal(err)
	}
}

// onBench tells a story of a driver that runs from its beginning to its end.
func onBench(t *testing.T, p *peer, story func(*testing.T, *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, p)
		b.run()
		story(t, b)
		b.end()
	})
}

// after lets time pass and everything come to rest.
func (b *bench) after(d time.Duration) Status {
	time.Sleep(d)
	synctest.Wait()
	return b.Observe()
}

func TestDriverBringsAModemIntoService(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		spec := wish(Bearer{APN: "internet", User: "u", Password: "p", Auth: AuthCHAP, Family: IPv4})
		if err := b.Apply(spec); err != nil {
			t.Fatal(err)
		}
		s := b.after(time.Second)
		shared := s.Bearers[Shared]
		if s.Phase != PhaseReady || shared.State != BearerUp || shared.IPv4 == nil {
			t.Fatalf("status %+v\n%s\n%v", s, b.logged, p.list())
		}
		if ip := shared.IPv4; ip.Addresses[0].String() != "10.64.0.2/30" || ip.Gateway.String() != "10.64.0.1" ||
			ip.MTU != 1430 || ip.DNS[0].String() != "192.0.2.53" {
			t.Errorf("configuration %+v", ip)
		}
		if s.SIM.MCC != "262" || s.SIM.MNC != "01" || s.SIM.SPN != "Brand" || s.SIM.GID1 != "0A" || s.SIM.HomeName != "Home" {
			t.Errorf("SIM %+v", s.SIM)
		}
		if d := s.Device; d.Model != "MODEL1" || d.Firmware != "FW1" || d.Sessions != 8 || d.Interface != "wwan0" ||
			d.Driver != "cdc_mbim" || d.Path != "/sys/devices/pci0/usb1/1-1" {
			t.Errorf("device %+v", d)
		}
		if s.Signal.RSSI != -73 || s.Registration.PLMN != "26201" || s.Registration.Technology != "lte" {
			t.Errorf("signal %+v, registration %+v", s.Signal, s.Registration)
		}
		if lines := Drift(spec, s); len(lines) != 0 {
			t.Errorf("drift %v", lines)
		}
		if b.changes.Load() == 0 {
			t.Error("nobody was told")
		}
		b.Apply(Spec{})
		if s := b.after(time.Second); s.Phase != PhaseOff {
			t.Fatalf("phase %s", s.Phase)
		}
		connect := mbim.CIDName(mbim.ServiceBasicConnect, mbim.CIDConnect)
		if got := p.list(); got[len(got)-1] != "CLOSE" || got[len(got)-2] != connect {
			t.Errorf("ended with %v", got[len(got)-2:])
		}
	})
}

func TestKilledProcessLeavesTheBearerAndTheNextAdoptsIt(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.after(time.Second)
		b.end()
		if p.list()[len(p.list())-1] == "CLOSE" {
			t.Fatal("the modem was told to close")
		}
		p.mu.Lock()
		p.requests = nil
		p.mu.Unlock()
		b.run()
		b.Apply(wish(internet))
		s := b.after(time.Second)
		if got := s.Bearers[Shared]; got.State != BearerUp || !got.Adopted {
			t.Fatalf("bearer %+v, did %v", got, p.list())
		}
		if slices.Contains(p.list(), "OPEN") {
			t.Error("OPEN on an open channel, which may end its bearers")
		}
	})
}

func TestAnotherWishAfterARestartIsDialled(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.after(time.Second)
		b.end()
		b.run()
		b.Apply(wish(tether))
		if got := b.after(time.Second).Bearers[Shared]; got.State != BearerUp || got.Adopted || p.apn != "tether" {
			t.Fatalf("bearer %+v with %q", got, p.apn)
		}
	})
}

func TestIndicationsAreFollowed(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.after(time.Second)
		p.mu.Lock()
		p.ipv4 = "10.77.0.2/30"
		p.mu.Unlock()
		p.notify(mbim.CIDIPConfiguration, p.ipConfiguration())
		if got := b.after(0).Bearers[Shared].IPv4.Addresses[0].String(); got != "10.77.0.2/30" {
			t.Errorf("address %s", got)
		}
		p.up = false
		p.notify(mbim.CIDConnect, p.connection(36))
		if got := b.after(0).Bearers[Shared]; got.Drops != 1 || got.State != BearerUp {
			t.Errorf("bearer %+v", got)
		}
		p.notify(mbim.CIDConnect, []byte{1, 2, 3}) // garbage is nobody's
		p.registry = uint32(mbim.RegisterRoaming)
		p.notify(mbim.CIDRegisterState, p.registration())
		if s := b.after(0); s.Phase != PhaseRoaming || s.Bearers[Shared].State != BearerDown {
			t.Errorf("phase %s, bearer %+v", s.Phase, s.Bearers[Shared])
		}
	})
}

func TestModemThatGoesAwayAndComesBackIsServedAgain(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.after(time.Second)
		removeModem(t, b.root, "1-1", "cdc-wdm0")
		p.opened, p.up = false, false
		p.conn.Close()
		if s := b.after(time.Second); s.Phase != PhaseNoModem || s.Bearers[Shared].State != BearerDown {
			t.Fatalf("phase %s, bearer %+v", s.Phase, s.Bearers[Shared])
		}
		makeModem(t, b.root, "1-2", "cdc-wdm1", "wwan1")
		if s := b.after(lookHeard + time.Second); s.Bearers[Shared].State != BearerUp || s.Bearers[Shared].Interface != "wwan1" {
			t.Fatalf("phase %s, bearer %+v", s.Phase, s.Bearers[Shared])
		}
	})
}

// TestModemThatAnotherProgramClosedIsOpenedAgain: it answers everything with "not opened", which is
// neither a refusal of the network nor silence.
func TestModemThatAnotherProgramClosedIsOpenedAgain(t *testing.T) {
	p := newPeer(t)
	shut := func() {
		p.mu.Lock()
		p.opened, p.up, p.requests = false, false, nil
		p.mu.Unlock()
	}
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.shared(BearerUp)
		shut()
		b.after(pollReady)
		if got := b.shared(BearerUp); p.apn != "internet" || !p.up || got.Drops != 0 || !slices.Contains(p.list(), "OPEN") {
			t.Errorf("bearer %+v, up %t, did %v", got, p.up, p.list())
		}
		shut()
		b.Apply(wish(tether)) // the hang-up meets it
		b.after(time.Second)
		if got := b.shared(BearerUp); p.apn != "tether" || !p.up || strings.Contains(b.logged.String(), "state=failed") {
			t.Errorf("bearer %+v with %q, did %v\n%s", got, p.apn, p.list(), b.logged)
		}
		shut()
		b.Apply(Spec{})
		if s := b.after(time.Second); s.Phase != PhaseOff {
			t.Errorf("phase %s", s.Phase)
		}
	})
}

// TestRefusalToTellOfTheSIMIsItsState: some modems say by their status alone that there is no
// SIM, that it is bad or that it wants its PIN, and some refuse and tell all the same.
func TestRefusalToTellOfTheSIMIsItsState(t *testing.T) {
	for _, c := range []struct {
		status uint32
		bare   bool
		phase  Phase
		sim    SIMState
	}{
		{mbim.StatusSIMNotInserted, true, PhaseNoSIM, SIMAbsent},
		{mbim.StatusBadSIM, true, PhaseNoSIM, SIMBad},
		{mbim.StatusPINRequired, true, PhasePIN, SIMPIN},
		{mbim.StatusBusy, true, PhaseSIM, SIMUnknown},
		{mbim.StatusFailure, false, PhasePIN, SIMPIN},
	} {
		p := newPeer(t)
		p.pin, p.refuse[mbim.CIDSubscriberReady], p.bare = "1234", c.status, c.bare
		onBench(t, p, func(t *testing.T, b *bench) {
			b.Apply(wish(internet))
			s := b.after(time.Minute)
			if s.Phase != c.phase || s.SIM.State != c.sim {
				t.Errorf("%s: phase %s %q, SIM %+v", mbim.StatusName(c.status), s.Phase, s.Error, s.SIM)
			}
			spec := wish(internet)
			spec.PIN = "1234"
			b.Apply(spec)
			b.after(time.Second)
			p.mu.Lock()
			if entered := p.pin == ""; entered != (c.sim == SIMPIN) {
				t.Errorf("%s: PIN entered: %v", mbim.StatusName(c.status), entered)
			}
			p.pin = ""
			delete(p.refuse, mbim.CIDSubscriberReady)
			p.mu.Unlock()
			b.after(time.Minute)
			b.shared(BearerUp)
		})
	}
}

func TestWrongPINIsSentOnceInALifetimeOfTheDisk(t *testing.T) {
	p := newPeer(t)
	p.pin = "1234"
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, p)
		spec := wish(internet)
		spec.PIN = "9999"
		for range 3 {
			b.run()
			b.Apply(spec)
			if s := b.after(time.Minute); s.Phase != PhasePIN || s.SIM.TriesLeft != 2 || !s.SIM.PINRefused {
				t.Fatalf("phase %s, SIM %+v", s.Phase, s.SIM)
			}
			p.opened = false
			b.end()
		}
		b.run()
		spec.PIN, spec.PINTyped = "1234", 1
		b.Apply(spec)
		if s := b.after(time.Second); s.Bearers[Shared].State != BearerUp {
			t.Fatalf("phase %s, SIM %+v", s.Phase, s.SIM)
		}
		b.end()
		for _, secret := range []string{"9999", "1234", "8949000000000000001", "262010000000001", "350000000000001"} {
			if strings.Contains(b.logged.String(), secret) {
				t.Errorf("the log tells %s", secret)
			}
		}
	})
}

func TestRefusedDialTellsItsCause(t *testing.T) {
	p := newPeer(t)
	p.reject = 33
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		if got := b.after(time.Second).Bearers[Shared]; got.State != BearerFailed || got.Cause != 33 || got.InForce != internet {
			t.Errorf("bearer %+v", got)
		}
	})
}

// TestModemThatHangsUpSlowlyIsDialledAfterIt, not while it says that the hang-up goes on.
func TestModemThatHangsUpSlowlyIsDialledAfterIt(t *testing.T) {
	p := newPeer(t)
	p.lingers = 2
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.shared(BearerUp)
		b.Apply(wish(tether))
		b.shared(BearerDown)
		b.after(redialFirst)
		if got := b.shared(BearerDown); got.Error != "" || got.InForce == tether {
			t.Errorf("bearer %+v", got)
		}
		b.after(2 * redialFirst)
		if got := b.shared(BearerUp); got.InForce != tether || p.apn != "tether" {
			t.Errorf("bearer %+v with %q", got, p.apn)
		}
	})
}

func TestDialWithoutAnswerIsHungUpOnTheWire(t *testing.T) {
	p := newPeer(t)
	p.deaf = true
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		if got := b.after(timeoutDial - time.Second).Bearers[Shared]; got.State != BearerConnecting {
			t.Errorf("bearer %+v", got)
		}
		p.mu.Lock()
		p.deaf, p.requests = false, nil
		p.mu.Unlock()
		if got := b.after(2 * time.Second).Bearers[Shared]; got.State != BearerFailed || got.Error == "" {
			t.Errorf("bearer %+v", got)
		}
		connect := mbim.CIDName(mbim.ServiceBasicConnect, mbim.CIDConnect)
		if !slices.Contains(p.list(), connect) {
			t.Errorf("not hung up: %v", p.list())
		}
		if got := b.after(redialFirst).Bearers[Shared]; got.State != BearerUp {
			t.Errorf("bearer %+v", got)
		}
	})
}

func TestWishThatChangesDuringASilentDialIsDialledAtOnce(t *testing.T) {
	p := newPeer(t)
	p.deaf = true
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.after(time.Second)
		p.mu.Lock()
		p.deaf = false
		p.mu.Unlock()
		b.Apply(wish(tether))
		if got := b.after(time.Second).Bearers[Shared]; got.State != BearerUp || p.apn != "tether" {
			t.Errorf("bearer %+v with %q", got, p.apn)
		}
	})
}

func TestWishesThatChangeAllTheTimeDoNotChokeTheChannel(t *testing.T) {
	p := newPeer(t)
	p.deaf = true
	onBench(t, p, func(t *testing.T, b *bench) {
		for n := range uint32(4 * maxSlots) { // more than may be under way at once
			b.Apply(wish(Bearer{APN: "internet", Family: IPv4, Attempt: n}))
			b.after(time.Second)
		}
		p.mu.Lock()
		p.deaf = false
		p.mu.Unlock()
		b.Apply(wish(tether))
		b.shared(BearerUp)
	})
}

func TestRunEndsAtOnceWhateverIsUnderWay(t *testing.T) {
	for _, command := range []uint32{mbim.CIDDeviceCaps, mbim.CIDConnect, mbim.CIDRegisterState, mbim.CIDHomeProvider} {
		p := newPeer(t)
		p.silent[command] = true
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, p)
			b.run()
			b.Apply(wish(internet))
			b.after(time.Second)
			before := time.Now()
			b.end()
			if took := time.Since(before); took > time.Second {
				t.Errorf("command %d: %v", command, took)
			}
		})
	}
}

func TestApplyOfTheSameWishChangesNothing(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		b.Apply(wish(internet))
		b.after(time.Second)
		n, did := b.changes.Load(), len(p.list())
		b.Apply(wish(internet))
		b.after(time.Second)
		if b.changes.Load() != n || len(p.list()) != did {
			t.Errorf("changes %d to %d, commands %v", n, b.changes.Load(), p.list()[did:])
		}
	})
}

func TestDriverWithoutAModemIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, root: t.TempDir(), logged: &bytes.Buffer{}}
		b.run()
		b.Apply(wish(internet))
		if s := b.after(time.Hour); s.Phase != PhaseNoModem || s.Error == "" {
			t.Fatalf("status %+v", s)
		}
		if n := b.changes.Load(); n > 2 {
			t.Errorf("%d changes in an hour", n)
		}
		b.end()
	})
}

func TestDeafDriverStillFindsAModem(t *testing.T) {
	p := newPeer(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, p)
		removeModem(t, b.root, "1-1", "cdc-wdm0")
		b.run()
		b.Apply(wish(internet))
		b.end()
		b.Driver.watch = func(context.Context, *slog.Logger, func()) bool { return false }
		ctx, cancel := context.WithCancel(t.Context())
		go func() { b.ended <- b.Run(ctx, func() {}) }()
		b.after(time.Minute)
		makeModem(t, b.root, "1-1", "cdc-wdm0", "wwan0")
		if s := b.after(lookDeaf + time.Second); s.Phase != PhaseReady {
			t.Errorf("phase %s", s.Phase)
		}
		cancel()
		<-b.ended
	})
}

func TestSpecIsCopiedByApply(t *testing.T) {
	d := New(Options{})
	spec := wish(internet)
	d.Apply(spec)
	spec.Bearers[Shared] = tether
	if got := d.Observe().InForce.Bearers[Shared]; got != internet {
		t.Errorf("in force %+v", got)
	}
}

func TestControlNodeMayBeASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cdc-wdm0")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := newPeer(t)
	go func() {
		if conn, err := l.Accept(); err == nil {
			p.serve(conn)
		}
	}()
	rw, err := openControl(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := openMBIM(t.Context(), rw, nil, false, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if f, failed := b.do(t.Context(), Command{op: opReadSIM}); failed != nil || f.(simState).iccid == "" {
		t.Errorf("SIM %v, %v", f, failed)
	}
	if err := b.close(t.Context(), true); err != nil {
		t.Error(err)
	}
}

func TestBurstsOfDeviceEventsAreOneLook(t *testing.T) {
	p := newPeer(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, p)
		removeModem(t, b.root, "1-1", "cdc-wdm0")
		b.run()
		b.Apply(wish(internet))
		b.after(time.Second)
		b.end()
		hear := make(chan func())
		b.Driver.watch = func(ctx context.Context, _ *slog.Logger, poke func()) bool {
			hear <- poke
			<-ctx.Done()
			return true
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { b.ended <- b.Run(ctx, func() {}) }()
		poke := <-hear
		synctest.Wait()
		makeModem(t, b.root, "1-1", "cdc-wdm0", "wwan0")
		for range 50 {
			poke()
			if s := b.after(time.Millisecond); s.Phase != PhaseNoModem {
				t.Fatalf("phase %s in the middle of the burst", s.Phase)
			}
		}
		if s := b.after(2 * lookSoon); s.Phase != PhaseReady {
			t.Errorf("phase %s", s.Phase)
		}
		cancel()
		<-b.ended
	})
}

func TestNodeThatCannotBeOpenedIsTriedAgain(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		works := b.dial
		var broken atomic.Bool
		broken.Store(true)
		b.dial = func(path string) (io.ReadWriteCloser, error) {
			if broken.Load() {
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
			}
			return works(path)
		}
		b.Apply(wish(internet))
		if s := b.after(time.Minute); s.Phase != PhaseOpening || !strings.Contains(s.Error, "permission denied") {
			t.Errorf("phase %s, error %q", s.Phase, s.Error)
		}
		broken.Store(false)
		if s := b.after(2 * time.Minute); s.Phase != PhaseReady {
			t.Errorf("phase %s", s.Phase)
		}
	})
}

func TestRecordsThatCannotBeKeptDoNotStopTheBearer(t *testing.T) {
	p := newPeer(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, p)
		must(t, os.WriteFile(filepath.Join(b.root, "run"), nil, 0o600)) // in the folder's place
		b.run()
		b.Apply(wish(internet))
		b.shared(BearerUp)
		if !strings.Contains(b.logged.String(), "write bearer record") {
			t.Error("not logged")
		}
		b.end()
	})
}

func TestTransitionsAreLoggedOnceEach(t *testing.T) {
	at := func(n int) Transition { return Transition{At: start.Add(time.Duration(n)), To: PhaseReady} }
	for _, c := range []struct {
		before, after []Transition
		want          int
	}{
		{nil, nil, 0}, {nil, []Transition{at(1)}, 1}, {[]Transition{at(1)}, []Transition{at(1)}, 0},
		{[]Transition{at(1)}, []Transition{at(1), at(2), at(3)}, 2},
		{[]Transition{at(1), at(2)}, []Transition{at(2), at(3)}, 1}, // the oldest fell out
		{[]Transition{at(1)}, []Transition{at(5), at(6)}, 2},
	} {
		if got := newTransitions(c.before, c.after); len(got) != c.want {
			t.Errorf("%v then %v: %d new, want %d", c.before, c.after, len(got), c.want)
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	s := Secret("262010000000001")
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, SIM{IMSI: s}, SIM{IMSI: s}, s, s)} {
		if strings.Contains(text, string(s)) || !strings.Contains(text, "***") {
			t.Errorf("%q", text)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "imsi", s)
	if strings.Contains(log.String(), string(s)) {
		t.Errorf("log %s", log.String())
	}
	if Secret("").String() != "" {
		t.Error("nothing is masked as something")
	}
}
