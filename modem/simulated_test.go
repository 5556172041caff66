package modem

import (
	"io"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// operator is a packet core that knows a few access points.
type operator struct {
	mu     sync.Mutex
	knows  []string
	asked  []simmodem.Request
	attach string             // access point without which nobody registers; "" any
	tried  []simmodem.Request // for registering
}

func (o *operator) Attach(_ simmodem.Subscriber, r simmodem.Request) simmodem.Cause {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tried = append(o.tried, r)
	if o.attach != "" && r.APN != o.attach {
		return 33
	}
	return 0
}

func (o *operator) Connect(_ simmodem.Subscriber, r simmodem.Request, _ simmodem.Terminal) (simmodem.Bearer, simmodem.Cause) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, r)
	if !slices.Contains(o.knows, r.APN) {
		return nil, 27
	}
	return carrier{}, 50
}

// carrier is a bearer that carries nothing.
type carrier struct{}

func (carrier) Grant() simmodem.Grant {
	return simmodem.Grant{IPv4: &simmodem.Config{Address: netip.MustParsePrefix("10.64.0.2/30"),
		Gateway: netip.MustParseAddr("10.64.0.1"), DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}, MTU: 1430}}
}
func (carrier) Change(simmodem.Grant) {}
func (carrier) Send([]byte)           {}
func (carrier) Close()                {}

func card(iccid, imsi, plmn string) simmodem.SIM {
	return simmodem.SIM{ICCID: iccid, IMSI: imsi, HomePLMN: plmn, HomeName: "Home", SPN: "Brand", GID1: "0A",
		PIN: simmodem.PIN{Tries: 3, PUKTries: 10}}
}

// simulated runs a story with a driver and a simulated modem.
func simulated(t *testing.T, change func(*simmodem.Options), story func(*testing.T, *bench, *simmodem.Modem)) {
	synctest.Test(t, func(t *testing.T) {
		o := simmodem.Options{
			Device:  simmodem.Device{Model: "SIMULATED", Firmware: "F1", IMEI: "350000000000001", MBIMEx: 0x0200},
			SIM:     card("8949000000000000001", "262010000000001", "26201"),
			Network: simmodem.Network{State: simmodem.Home, PLMN: "26201", Name: "Home", DataClass: simmodem.DataLTE},
			Signal:  simmodem.Signal{RSRP: -90, SNR: 50, HasSNR: true},
			Core:    &operator{knows: []string{"internet", "own"}},
		}
		if change != nil {
			change(&o)
		}
		m := simmodem.New(o)
		b := newBench(t, nil)
		b.serve = func(conn io.ReadWriteCloser) { m.Serve(conn) }
		b.run()
		b.Apply(wish(internet))
		story(t, b, m)
		b.end()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (b *bench) shared(want BearerState) BearerStatus {
	b.t.Helper()
	s := b.after(time.Second)
	got := s.Bearers[Shared]
	if got.State != want {
		b.t.Fatalf("bearer %+v, want %s; phase %s %q\n%s", got, want, s.Phase, s.Error, b.logged)
	}
	return got
}

func TestSimulatedModemIsBroughtIntoService(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, _ *simmodem.Modem) {
		got := b.shared(BearerUp)
		if got.IPv4 == nil || got.IPv4.Addresses[0].String() != "10.64.0.2/30" || got.IPv6 != nil || got.Cause != 0 {
			t.Errorf("bearer %+v", got)
		}
		s := b.Observe()
		if s.SIM.SPN != "Brand" || s.SIM.GID1 != "0A" || s.SIM.MCC != "262" || s.SIM.MNC != "01" {
			t.Errorf("SIM %+v", s.SIM)
		}
		if s.Signal.RSRP != -90 && s.Signal.RSRP != -89 || !s.Signal.HasSNR {
			t.Errorf("signal %+v", s.Signal)
		}
		if s.Device.Sessions != 8 || s.Registration.Technology != "lte" {
			t.Errorf("device %+v, registration %+v", s.Device, s.Registration)
		}
	})
}

func TestSimulatedModemThatIsOddIsStillServed(t *testing.T) {
	for name, fault := range map[string]func(*simmodem.Modem){
		"in small fragments": func(m *simmodem.Modem) { m.Fragment(64) },
		"in chopped reads":   func(m *simmodem.Modem) { m.Chop(7) },
		"slow":               func(m *simmodem.Modem) { m.Delay(300 * time.Millisecond) },
		"losing some":        func(m *simmodem.Modem) { m.Swallow(2) },
		"silent for a while": func(m *simmodem.Modem) { m.Silence(90 * time.Second) },
		"with wrong answers": func(m *simmodem.Modem) { m.WrongTransactions(3) },
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, nil, func(t *testing.T, b *bench, m *simmodem.Modem) {
				b.Apply(Spec{})
				b.after(10 * time.Second)
				fault(m)
				b.Apply(wish(internet))
				b.after(10 * time.Minute)
				b.shared(BearerUp)
			})
		})
	}
}

func TestSimulatedNetworkRefusesAnUnknownName(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, _ *simmodem.Modem) {
		b.Apply(wish(tether))
		if got := b.shared(BearerFailed); got.Cause != 27 || got.InForce != tether {
			t.Errorf("bearer %+v", got)
		}
		b.Apply(wish(internet))
		b.shared(BearerUp)
	})
}

func TestSimulatedModemThatTellsNoCauseFailsByItsStatus(t *testing.T) {
	simulated(t, func(o *simmodem.Options) { o.Device.BareErrors = true }, func(t *testing.T, b *bench, _ *simmodem.Modem) {
		b.Apply(wish(tether))
		if got := b.shared(BearerFailed); got.Cause != 27 || got.Error == "" {
			t.Errorf("bearer %+v", got)
		}
	})
}

func TestSimulatedModemThatIsBusyIsHungUpAgain(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.shared(BearerUp)
		m.BusyHangUps(2)
		b.Apply(wish(Bearer{APN: "own", Family: IPv4}))
		b.shared(BearerDown)
		b.after(3 * redialFirst)
		if got := b.shared(BearerUp); got.InForce.APN != "own" {
			t.Errorf("bearer %+v", got)
		}
	})
}

func TestSimulatedBearersSideBySide(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.Apply(Spec{Enabled: true, Bearers: map[Purpose]Bearer{Shared: internet, Own: {APN: "own", Family: IPv4}}})
		b.shared(BearerUp)
		if own := b.Observe().Bearers[Own]; own.State != BearerUp || own.Session != 1 || own.Interface != "wwan0.1" {
			t.Errorf("own bearer %+v", own)
		}
		if n := len(m.Status().Sessions); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestSimulatedNetworkDropsAndRenumbers(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.shared(BearerUp)
		m.ChangeBearer(0, func(g *simmodem.Grant) { g.IPv4.Address = netip.MustParsePrefix("10.99.0.2/30") })
		if got := b.shared(BearerUp).IPv4.Addresses[0].String(); got != "10.99.0.2/30" {
			t.Errorf("address %s", got)
		}
		m.DropBearer(0, 36)
		if got := b.shared(BearerUp); got.Drops != 1 || got.IPv4.Addresses[0].String() != "10.64.0.2/30" {
			t.Errorf("bearer %+v", got)
		}
	})
}

func TestSimulatedSIMIsTakenOutAndSwapped(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.shared(BearerUp)
		m.RemoveSIM()
		if s := b.after(time.Second); s.Phase != PhaseNoSIM || s.Bearers[Shared].State != BearerDown {
			t.Fatalf("phase %s, bearer %+v", s.Phase, s.Bearers[Shared])
		}
		m.InsertSIM(card("8941000000000000002", "310410000000002", "310410"))
		b.shared(BearerUp)
		if sim := b.Observe().SIM; sim.MCC != "310" || sim.MNC != "410" {
			t.Errorf("SIM %+v", sim)
		}
	})
}

// TestSimulatedSIMIsTakenOutAndSwappedUntold: the modem indicates nothing, and is asked.
func TestSimulatedSIMIsTakenOutAndSwappedUntold(t *testing.T) {
	untold := func(o *simmodem.Options) { o.Device.TellsNothing = true }
	simulated(t, untold, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.shared(BearerUp)
		m.RemoveSIM()
		if s := b.after(2 * time.Minute); s.Phase != PhaseNoSIM || s.SIM.State != SIMAbsent || s.Bearers[Shared].State != BearerDown {
			t.Fatalf("phase %s, SIM %+v, bearer %+v", s.Phase, s.SIM, s.Bearers[Shared])
		}
		m.InsertSIM(card("8941000000000000002", "310410000000002", "310410"))
		b.after(2 * time.Minute)
		b.shared(BearerUp)
		if sim := b.Observe().SIM; sim.MCC != "310" || sim.MNC != "410" {
			t.Errorf("SIM %+v", sim)
		}
		m.RemoveSIM() // and the next one is in before anybody asks
		m.InsertSIM(card("8949000000000000001", "262010000000001", "26201"))
		b.after(4 * time.Minute)
		b.shared(BearerUp)
		if sim := b.Observe().SIM; sim.MCC != "262" || sim.MNC != "01" {
			t.Errorf("SIM %+v", sim)
		}
	})
}

func TestSimulatedSIMWantsItsPIN(t *testing.T) {
	withLock := func(o *simmodem.Options) { o.SIM.PIN.Enabled, o.SIM.PIN.Code = true, "1234" }
	simulated(t, withLock, func(t *testing.T, b *bench, m *simmodem.Modem) {
		if s := b.after(time.Second); s.Phase != PhasePIN || s.SIM.State != SIMPIN || s.SIM.TriesLeft != 3 {
			t.Fatalf("phase %s, SIM %+v", s.Phase, s.SIM)
		}
		spec := wish(internet)
		spec.PIN = "9999"
		b.Apply(spec)
		if s := b.after(time.Second); s.Phase != PhasePIN || s.SIM.TriesLeft != 2 || !s.SIM.PINRefused {
			t.Fatalf("phase %s, SIM %+v", s.Phase, s.SIM)
		}
		spec.PIN = "1234"
		b.Apply(spec)
		if s := b.after(time.Hour); s.Phase != PhasePIN || m.SIM().PIN.Tries != 2 {
			t.Fatalf("phase %s, SIM %+v", s.Phase, s.SIM)
		}
		spec.PINTyped++
		b.Apply(spec)
		b.shared(BearerUp)
	})
}

func TestSimulatedRadioAndRoaming(t *testing.T) {
	simulated(t, func(o *simmodem.Options) { o.RadioOff = true }, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.after(waitAttach)
		b.shared(BearerUp) // switched on by us
		m.SetHardwareRadio(false)
		if s := b.after(time.Second); s.Phase != PhaseRadioOff || s.RadioOn {
			t.Fatalf("phase %s", s.Phase)
		}
		m.SetHardwareRadio(true)
		b.shared(BearerUp)
		m.SetNetwork(simmodem.Network{State: simmodem.Roaming, PLMN: "22802", Name: "Abroad"})
		b.shared(BearerDown)
		if s := b.Observe(); s.Phase != PhaseRoaming || len(m.Status().Sessions) != 0 {
			t.Fatalf("phase %s, sessions %v", s.Phase, m.Status().Sessions)
		}
		m.SetNetwork(simmodem.Network{State: simmodem.Denied, Cause: 11})
		if s := b.after(time.Second); s.Phase != PhaseDenied || s.Registration.Cause != 11 {
			t.Fatalf("phase %s, registration %+v", s.Phase, s.Registration)
		}
	})
}

func TestSimulatedBearerIsAdoptedByTheNextProcess(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.shared(BearerUp)
		opens := m.Counts().Opens
		b.end()
		b.run()
		b.Apply(wish(internet))
		if got := b.shared(BearerUp); !got.Adopted || m.Counts().Opens != opens {
			t.Errorf("bearer %+v after %d OPENs", got, m.Counts().Opens-opens)
		}
		if n := m.Counts().Faulty; n != 0 {
			t.Errorf("%d messages of ours were broken", n)
		}
	})
}

func TestSimulatedGarbageDoesNotEndTheSession(t *testing.T) {
	simulated(t, nil, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.shared(BearerUp)
		m.Garbage([]byte("AT+CGMI\r\nOK\r\n\x00\xff\xff\xff\xff\x00\x00\x00\x01"))
		b.after(5 * time.Minute)
		if got := b.shared(BearerUp); got.Drops != 0 {
			t.Errorf("bearer %+v", got)
		}
	})
}

// TestSimulatedModemTellsTheTime when it is asked, and by itself when it registers anew.
func TestSimulatedModemTellsTheTime(t *testing.T) {
	const later = 30 * 365 * 24 * time.Hour // a bubble begins in a year that no network tells
	ahead := func(o *simmodem.Options) { o.Device.TellsTime, o.Device.Ahead = true, later }
	simulated(t, ahead, func(t *testing.T, b *bench, m *simmodem.Modem) {
		b.shared(BearerUp)
		first := b.Observe().Time
		if off := first.Right.Sub(first.At) - later; off.Abs() > 2*time.Second {
			t.Fatalf("%+v", first)
		}
		m.SetNetwork(simmodem.Network{State: simmodem.Searching})
		b.after(time.Minute)
		m.SetNetwork(simmodem.Network{State: simmodem.Home, PLMN: "26201", DataClass: simmodem.DataLTE})
		b.shared(BearerUp)
		if again := b.Observe().Time; !again.At.After(first.At) {
			t.Errorf("%+v, before it was %+v", again, first)
		}
	})
	simulated(t, nil, func(t *testing.T, b *bench, _ *simmodem.Modem) {
		b.shared(BearerUp)
		if s := b.Observe(); s.Time != (NetworkTime{}) || s.Error != "" {
			t.Errorf("without the service: %+v %q", s.Time, s.Error)
		}
	})
}

// TestSimulatedNetworkRegistersNobodyWithoutItsAccessPoint: the modem is denied, told the
// right one, and keeps it over a reset; what it had is put back when nobody wishes one.
func TestSimulatedNetworkRegistersNobodyWithoutItsAccessPoint(t *testing.T) {
	core := &operator{knows: []string{"internet"}, attach: "attach.me"}
	simulated(t, func(o *simmodem.Options) { o.Core, o.Device.AttachAPN = core, "old" }, func(t *testing.T, b *bench, m *simmodem.Modem) {
		s := b.after(time.Second)
		if s.Phase != PhaseDenied || s.Registration.Cause != 33 || !s.Attach.Can {
			t.Fatalf("phase %s, registration %+v, attach %+v", s.Phase, s.Registration, s.Attach)
		}
		told := Attach{Card: "8949000000000000001", Set: true, Profile: Bearer{APN: "attach.me", User: "u", Password: "p", Auth: AuthPAP, Family: IPv4}}
		spec := wish(internet)
		spec.Attach = told
		b.Apply(spec)
		b.after(time.Minute)
		b.shared(BearerUp)
		if got, want := m.Status().Attach, (simmodem.Request{APN: "attach.me", User: "u", Password: "p", Auth: simmodem.AuthPAP, IPType: simmodem.IPv4}); got != want {
			t.Errorf("the modem has %+v", got)
		}
		b.end()
		b.run()
		b.Apply(spec)
		if got := b.shared(BearerUp); !got.Adopted || !b.Observe().Attach.Same || m.Counts().Attaches != 1 {
			t.Errorf("bearer %+v, attach %+v, told %d times", got, b.Observe().Attach, m.Counts().Attaches)
		}
		spec.Attach = Attach{Card: told.Card}
		b.Apply(spec)
		if s := b.after(time.Minute); s.Phase != PhaseDenied || m.Status().Attach.APN != "old" || m.Counts().Attaches != 2 {
			t.Errorf("phase %s, the modem has %+v, told %d times", s.Phase, m.Status().Attach, m.Counts().Attaches)
		}
	})
}
