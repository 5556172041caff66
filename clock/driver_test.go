package clock

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/nstest"
)

// TestMain runs the tests where loopback is all there is.
func TestMain(m *testing.M) { nstest.Main(m) }

// server tells a time that is so much later than the machine's; it may be silent.
type server struct {
	at     netip.AddrPort
	skew   atomic.Int64
	silent atomic.Bool
	asked  atomic.Int64
}

func newServer(t *testing.T, skew time.Duration) *server {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &server{at: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	s.skew.Store(int64(skew))
	go func() {
		var q [100]byte
		for {
			n, from, err := conn.ReadFrom(q[:])
			if err != nil {
				return
			}
			s.asked.Add(1)
			if n != packetLen || s.silent.Load() {
				continue
			}
			now := time.Now().Add(time.Duration(s.skew.Load()))
			r := make([]byte, packetLen)
			r[0], r[atStratum] = 0x24, 1
			copy(r[atOrigin:], q[atTransmit:packetLen])
			for _, at := range []int{atReceive, atTransmit} {
				binary.BigEndian.PutUint32(r[at:], uint32(now.Unix()+toUnix))
			}
			_, _ = conn.WriteTo(r, from)
		}
	}()
	return s
}

// start runs a driver and gives it a wish.
func start(t *testing.T, o Options, s Spec) (*Driver, <-chan struct{}) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	d := New(o)
	ctx, stop := context.WithCancel(t.Context())
	news, done := make(chan struct{}, 16), make(chan error, 1)
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	go func() { done <- d.Run(ctx, func() { news <- struct{}{} }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d, news
}

func heardOf(t *testing.T, news <-chan struct{}) {
	t.Helper()
	select {
	case <-news:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was told")
	}
}

func spec(servers ...*server) Spec {
	s := Spec{Key: "a", Interface: "lo"}
	for _, srv := range servers {
		s.Servers = append(s.Servers, srv.at)
	}
	return s
}

// TestTwoServersAgree: the time of the network is known, kept on the disk, told without
// touching the clock, and known to be past after a restart.
func TestTwoServersAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "clock")
	d, news := start(t, Options{Path: path, Step: func(time.Duration) error { t.Error("the clock was touched"); return nil }},
		spec(newServer(t, 72*time.Hour), newServer(t, 72*time.Hour)))
	heardOf(t, news)
	s := d.Observe()
	if s.Trust != TrustNetwork || s.Offset.Round(5*time.Second) != 72*time.Hour || s.Error != "" || s.Behind == false {
		t.Errorf("%+v", s)
	}
	if now := d.Now(); now.Sub(time.Now()) < 71*time.Hour {
		t.Errorf("the time is %v", now)
	}
	if lines := Drift(s.InForce, s); len(lines) != 0 {
		t.Errorf("%v", lines)
	}
	again := New(Options{Path: path, Log: slog.New(slog.DiscardHandler)})
	if s := again.Observe(); !s.Behind || s.Trust != TrustNone || s.Kept.Before(time.Now().Add(71*time.Hour)) {
		t.Errorf("after a restart: %+v", s)
	}
	if err := os.WriteFile(path, []byte("1000000000"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := New(Options{Path: path, Log: slog.New(slog.DiscardHandler)}).Observe(); s.Behind || s.Trust != TrustKept {
		t.Errorf("with an old time: %+v", s)
	}
}

// TestTheClockIsSetWhenWished, once, and only when two servers agree.
func TestTheClockIsSetWhenWished(t *testing.T) {
	var by atomic.Int64
	step := func(d time.Duration) error { by.Add(int64(d)); return nil }
	one, two := newServer(t, time.Hour), newServer(t, time.Minute)
	s := spec(one, two)
	s.Set = true
	d, news := start(t, Options{Path: filepath.Join(t.TempDir(), "clock"), Step: step}, s)
	heardOf(t, news)
	if st := d.Observe(); st.Trust != TrustOne || by.Load() != 0 {
		t.Fatalf("two servers that do not agree: %+v", st)
	}
	two.skew.Store(int64(time.Hour))
	s.Key = "b"
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	heardOf(t, news)
	if st := d.Observe(); st.Trust != TrustNetwork || st.Sets != 1 || st.Offset.Round(5*time.Second) != time.Hour || time.Duration(by.Load()).Round(5*time.Second) != time.Hour {
		t.Errorf("%+v, set by %v", st, time.Duration(by.Load()))
	}
}

// TestSilenceIsNoTime: nobody answers; a later way out is tried at once.
func TestSilenceIsNoTime(t *testing.T) {
	srv := newServer(t, 0)
	srv.silent.Store(true)
	d, news := start(t, Options{Path: filepath.Join(t.TempDir(), "clock")}, spec(srv))
	heardOf(t, news)
	if st := d.Observe(); st.Trust != TrustNone || st.Error == "" || d.Now().Sub(time.Now()).Abs() > time.Minute {
		t.Errorf("%+v", st)
	}
	srv.silent.Store(false)
	s := spec(srv)
	s.Key = "b"
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	heardOf(t, news)
	if st := d.Observe(); st.Trust != TrustOne || st.Error != "" {
		t.Errorf("%+v", st)
	}
	if err := d.Apply(Spec{}); err != nil {
		t.Fatal(err)
	}
	if lines := Drift(s, d.Observe()); len(lines) != 3 {
		t.Errorf("%v", lines)
	}
}

// TestAnotherSetsTheClock: what the network said stays right when the machine's clock
// moves under it, as the wall reading of the moment does here.
func TestAnotherSetsTheClock(t *testing.T) {
	at := time.Now()
	for _, moved := range []time.Duration{0, 50 * 365 * 24 * time.Hour, -time.Hour} {
		m := moment{at: at, right: at.Round(0).Add(moved)}
		if got := m.now().Sub(time.Now().Round(0)) - moved; got.Abs() > time.Minute {
			t.Errorf("%v: the time is %v off", moved, got)
		}
		d := New(Options{Path: filepath.Join(t.TempDir(), "clock"), Log: slog.New(slog.DiscardHandler)})
		d.right.Store(&m)
		if got := d.Now().Sub(m.right); got < 0 || got > time.Minute {
			t.Errorf("%v: %v after the moment that it was told", moved, got)
		}
	}
}

// TestTheModemTellsTheTime: it is believed as far as it can be and no server has answered,
// and puts right only what is wrong in every time zone.
func TestTheModemTellsTheTime(t *testing.T) {
	told := func(ahead time.Duration) Spec {
		at := time.Now()
		return Spec{Set: true, Modem: Told{Right: at.Round(0).Add(ahead), At: at}}
	}
	for _, c := range []struct {
		ahead time.Duration
		wrong bool
	}{{time.Minute, false}, {Zones - time.Minute, false}, {Zones + time.Minute, true}, {-50 * 24 * time.Hour, true}} {
		var by time.Duration
		d := New(Options{Path: filepath.Join(t.TempDir(), "clock"), Log: slog.New(slog.DiscardHandler),
			Step: func(d time.Duration) error { by = d; return nil }})
		if err := d.Apply(told(c.ahead)); err != nil {
			t.Fatal(err)
		}
		s := d.Observe()
		if s.Trust != TrustModem || s.Source != "modem" || s.Offset.Round(time.Minute) != c.ahead || len(Drift(s.InForce, s)) > 0 {
			t.Errorf("%v ahead: %+v", c.ahead, s)
		}
		want := time.Duration(0)
		if c.wrong {
			want = c.ahead
		}
		if by.Round(time.Minute) != want || s.Sets > 0 != c.wrong || d.Now().Sub(time.Now().Round(0)).Round(time.Minute) != want {
			t.Errorf("%v ahead: set by %v, now %v, %+v", c.ahead, by, d.Now(), s)
		}
		if err := d.Apply(Spec{}); err != nil || d.Observe().Trust != TrustModem {
			t.Errorf("when the modem is gone: %v, %+v", err, d.Observe())
		}
	}
}

// TestTheModemTellsATimeThatHasBeen: some tell what they heard days ago, and some networks what
// is not so. A later time was known once, so it is not believed, but for the time zones.
func TestTheModemTellsATimeThatHasBeen(t *testing.T) {
	kept := time.Now().Truncate(time.Second)
	for ahead, believed := range map[time.Duration]bool{-50 * 24 * time.Hour: false, -Zones - time.Minute: false, -Zones + time.Minute: true, 50 * 24 * time.Hour: true} {
		path := filepath.Join(t.TempDir(), "clock")
		if err := os.WriteFile(path, strconv.AppendInt(nil, kept.Unix(), 10), 0o600); err != nil {
			t.Fatal(err)
		}
		d := New(Options{Path: path, Log: slog.New(slog.DiscardHandler), Step: func(by time.Duration) error {
			if by < 0 {
				t.Errorf("the clock was set by %v", by)
			}
			return nil
		}})
		if err := d.Apply(Spec{Set: true, Modem: Told{Right: kept.Add(ahead), At: time.Now()}}); err != nil {
			t.Fatal(err)
		}
		s := d.Observe()
		if got := s.Trust == TrustModem; got != believed || !believed && (s.Trust != TrustKept || s.Offset != 0) {
			t.Errorf("%v ahead: %+v", ahead, s)
		}
		if now := d.Now(); !believed && now.Sub(time.Now()).Abs() > time.Minute {
			t.Errorf("%v ahead: now is %v", ahead, now)
		}
	}
}

// TestServersAreBelievedBeforeTheModem.
func TestServersAreBelievedBeforeTheModem(t *testing.T) {
	s := spec(newServer(t, time.Hour), newServer(t, time.Hour))
	s.Modem = Told{Right: time.Now().Add(48 * time.Hour), At: time.Now()}
	d, news := start(t, Options{Path: filepath.Join(t.TempDir(), "clock")}, s)
	heardOf(t, news)
	s.Modem = Told{Right: time.Now().Add(72 * time.Hour), At: time.Now()}
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	if st := d.Observe(); st.Trust != TrustNetwork || st.Offset.Round(5*time.Second) != time.Hour || d.Now().Sub(time.Now()).Round(5*time.Second) != time.Hour {
		t.Errorf("%+v", st)
	}
}

// TestTheModemsTimeCountsOnceItMay: what the modem told before it was wished that the clock be
// set puts it right then, and not again.
func TestTheModemsTimeCountsOnceItMay(t *testing.T) {
	var by []time.Duration
	d := New(Options{Path: filepath.Join(t.TempDir(), "clock"), Log: slog.New(slog.DiscardHandler),
		Step: func(d time.Duration) error { by = append(by, d.Round(time.Minute)); return nil }})
	at := time.Now()
	s := Spec{Modem: Told{Right: at.Round(0).Add(48 * time.Hour), At: at}}
	for _, set := range []bool{false, true, true} {
		s.Set = set
		if err := d.Apply(s); err != nil {
			t.Fatal(err)
		}
		if !set && len(by) > 0 {
			t.Errorf("nobody wished it, and the clock was set by %v", by)
		}
	}
	if len(by) != 1 || by[0] != 48*time.Hour {
		t.Errorf("set by %v", by)
	}
}

// TestAMovedClockIsPutRight: when somebody moves a clock that is to be right the servers are
// asked anew, at most once a minute, and nobody asks where it is not to be set.
func TestAMovedClockIsPutRight(t *testing.T) {
	var by atomic.Int64
	step := func(d time.Duration) error { by.Add(int64(d)); return nil }
	one, two := newServer(t, 0), newServer(t, 0)
	s := spec(one, two)
	s.Set = true
	d, news := start(t, Options{Path: filepath.Join(t.TempDir(), "clock"), Step: step}, s)
	heardOf(t, news)
	const moved = 26 * time.Hour
	told := d.told
	move := func(set bool, ago time.Duration) time.Time { // as the driver sees that the machine's clock has been moved
		d.mu.Lock()
		d.status.InForce.Set = set
		d.told = moment{at: told.at.Add(-ago), right: told.right.Add(moved - ago)}
		d.mu.Unlock()
		d.Observe()
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.due
	}
	for _, c := range []struct {
		set bool
		ago time.Duration
	}{{false, time.Hour}, {true, time.Second}} {
		if due := move(c.set, c.ago); time.Until(due) < time.Hour {
			t.Errorf("%+v: asked anew in %v", c, time.Until(due))
		}
	}
	one.skew.Store(int64(moved))
	two.skew.Store(int64(moved))
	move(true, first)
	heardOf(t, news)
	if st := d.Observe(); st.Sets != 1 || time.Duration(by.Load()).Round(5*time.Second) != moved {
		t.Errorf("set by %v, %+v", time.Duration(by.Load()), st)
	}
}
