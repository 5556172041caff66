package modem

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// world plays driver, modem and clock for the session in tests: it carries commands
// out at once against a modem that can be told to misbehave.
type world struct {
	t     testing.TB
	state State
	now   time.Time
	due   time.Time // of opArm
	gen   uint32    // of the last opOpen
	open  []Command // not answered yet
	done  []Command // all but opArm, in order

	answer map[op]func(Command) (fact, *failure)
	mute   map[op]bool // answered only by the test, or never

	attaches bool // it can be told with what to register

	sim     simState
	pin     pinState
	radio   radioState
	reg     registration
	packet  packetService
	up      map[uint32]Bearer      // live contexts
	records map[string]pinOutcome  // on disk
	run     map[uint32]Bearer      // on disk
	refuse  map[string]bearerState // answers of dials by APN
	ip      ipConfiguration
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testNode(name string) node {
	return node{Device: Device{Path: "/sys/devices/usb1/1-" + name, Control: "/dev/cdc-wdm" + name,
		Interface: "wwan" + name, Driver: "cdc_mbim"}, name: "cdc-wdm" + name, protocol: "mbim"}
}

var (
	internet = Bearer{APN: "internet", Family: IPv4v6}
	tether   = Bearer{APN: "tether", Family: IPv4v6}
)

func v4(s string) *IPConfig {
	return &IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix(s)}, MTU: 1430,
		DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}
}

func newWorld(t testing.TB) *world {
	return &world{
		t: t, now: start, state: State{},
		answer: map[op]func(Command) (fact, *failure){}, mute: map[op]bool{},
		sim:    simState{state: simReady, iccid: "8949000000000000001", imsi: "262010000000001"},
		pin:    pinState{lock: SIMReady, tries: 3},
		radio:  radioState{hardware: true, software: true},
		reg:    registration{state: "home", plmn: "26201", name: "Test", technology: "lte"},
		packet: packetService{state: packetAttached, technology: "lte"},
		up:     map[uint32]Bearer{}, records: map[string]pinOutcome{}, run: map[uint32]Bearer{},
		refuse: map[string]bearerState{},
		ip:     ipConfiguration{ipv4: v4("10.0.0.2/30"), ipv6: v4("2001:db8::2/64")},
	}
}

// wish is a wish for one bearer that is both own and shared.
func wish(b Bearer) Spec {
	return Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: b, Shared: b}}
}

// ready brings a healthy session to a bearer that is up.
func ready(t testing.TB) *world {
	w := newWorld(t)
	w.begin(wish(internet))
	w.phase(PhaseReady)
	w.bearer(Shared, BearerUp)
	return w
}

// begin tells the session a wish, and then of a modem.
func (w *world) begin(s Spec) {
	w.t.Helper()
	w.event(specChanged{s})
	w.event(devicesSeen{[]node{testNode("0")}})
}

// event gives the session a fact of the present opening and lets the modem act.
func (w *world) event(f fact) {
	w.t.Helper()
	w.deliver(Event{gen: w.gen, fact: f})
	w.settle()
}

func (w *world) deliver(e Event) {
	w.t.Helper()
	e.At = w.now
	var commands []Command
	w.state, commands = Next(w.state, e)
	if len(commands) > 4*maxSlots+4 {
		w.t.Fatalf("%d commands for one event", len(commands))
	}
	for _, c := range commands {
		if c.op == opArm {
			w.due = c.At
			continue
		}
		w.done = append(w.done, c)
		if c.op == opOpen {
			w.gen = c.gen
		}
		w.open = append(w.open, c)
	}
}

// settle lets the modem answer all that it is asked.
func (w *world) settle() {
	w.t.Helper()
	for range 200 {
		i := slices.IndexFunc(w.open, func(c Command) bool { return !w.mute[c.op] })
		if i < 0 {
			return
		}
		c := w.open[i]
		w.open = slices.Delete(w.open, i, i+1)
		f, err := w.carryOut(c)
		if c.id != 0 {
			w.deliver(Event{gen: c.gen, fact: answered{id: c.id, result: f, err: err}})
		}
	}
	w.t.Fatalf("the session does not come to rest: phase %s, last %v", w.state.phase, w.ops()[len(w.done)-10:])
}

// carryOut is the healthy modem and the disk.
func (w *world) carryOut(c Command) (fact, *failure) {
	if f := w.answer[c.op]; f != nil {
		return f(c)
	}
	switch c.op {
	case opReadCapabilities:
		return capabilities{model: "M1", firmware: "1", imei: "350000000000001", sessions: 2, attach: w.attaches}, nil
	case opReadRadio:
		return w.radio, nil
	case opRadioOn:
		w.radio.software = w.radio.hardware
		return w.radio, nil
	case opRadioOff:
		w.radio.software = false
		return w.radio, nil
	case opReadSIM:
		return w.sim, nil
	case opReadIdentity:
		return identity{mcc: "262", mnc: "01", spn: "Brand"}, nil
	case opReadPIN:
		return w.pin, nil
	case opReadRegistration, opSetAutomatic:
		return w.reg, nil
	case opReadPacket:
		return w.packet, nil
	case opAttach:
		w.packet.state = packetAttached
		return w.packet, nil
	case opDetach:
		w.packet.state = packetDetached
		return w.packet, nil
	case opReadAttach:
		return attachConfig{}, nil
	case opWriteAttach:
		return *c.attach, nil
	case opRecallAttach:
		return attachRecord{}, nil
	case opReadTime:
		return networkTime{w.now.Add(time.Hour)}, nil
	case opReadSignal:
		return signal{Signal{RSRP: -90}}, nil
	}
	return w.carryOutBearer(c)
}

func (w *world) carryOutBearer(c Command) (fact, *failure) {
	switch c.op {
	case opClose:
		if c.id != 0 {
			clear(w.up)
		}
	case opReadBearer:
		if _, up := w.up[c.session]; up {
			return bearerState{session: c.session, state: contextActivated, family: IPv4v6}, nil
		}
		return bearerState{session: c.session, state: contextDeactivated}, nil
	case opDial:
		if s, ok := w.refuse[c.bearer.APN]; ok {
			if s.state == contextActivated {
				w.up[c.session] = c.bearer
			}
			return s, nil
		}
		w.up[c.session] = c.bearer
		return bearerState{session: c.session, state: contextActivated, family: IPv4v6}, nil
	case opHangUp:
		delete(w.up, c.session)
	case opReadIP:
		ip := w.ip
		ip.session = c.session
		return ip, nil
	case opRecallPIN:
		return pinRecord{w.records[c.key]}, nil
	case opRecordPIN:
		w.records[c.key] = c.outcome
	case opRecallRun:
		b, ok := w.run[c.session]
		return runRecord{ok && b == c.bearer}, nil
	case opRecordRun:
		w.run[c.session] = c.bearer
	case opForgetRun:
		delete(w.run, c.session)
	}
	return nil, nil
}

// pass lets time go by, with the deadlines that the session asked for.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for range 100000 {
		if w.due.IsZero() || w.due.After(end) {
			w.now = end
			return
		}
		w.now = w.due
		w.deliver(Event{})
		w.settle()
		if !w.due.IsZero() && !w.due.After(w.now) {
			w.t.Fatalf("a deadline that has passed was armed: phase %s", w.state.phase)
		}
	}
	w.t.Fatal("deadlines without end")
}

// release answers the oldest muted command of that kind.
func (w *world) release(o op, f fact, err *failure) {
	w.t.Helper()
	i := slices.IndexFunc(w.open, func(c Command) bool { return c.op == o })
	if i < 0 {
		w.t.Fatalf("no %s under way; done %v", o, w.ops())
	}
	c := w.open[i]
	w.open = slices.Delete(w.open, i, i+1)
	w.deliver(Event{gen: c.gen, fact: answered{id: c.id, result: f, err: err}})
	w.settle()
}

func (w *world) ops() []op {
	var list []op
	for _, c := range w.done {
		list = append(list, c.op)
	}
	return list
}

func (w *world) count(o op) int {
	n := 0
	for _, c := range w.done {
		if c.op == o {
			n++
		}
	}
	return n
}

// forget makes count start anew.
func (w *world) forget() { w.done = nil }

func (w *world) phaseIs(want Phase) bool { return w.state.snapshot().Phase == want }

func (w *world) phase(want Phase) {
	w.t.Helper()
	if got := w.state.snapshot().Phase; got != want {
		w.t.Fatalf("phase %s, want %s; log %v; done %v", got, want, w.state.log, w.ops())
	}
}

func (w *world) bearer(p Purpose, want BearerState) BearerStatus {
	w.t.Helper()
	got, ok := w.state.snapshot().Bearers[p]
	if !ok || got.State != want {
		w.t.Fatalf("bearer %s is %q (cause %d %q), want %s; done %v", p, got.State, got.Cause, got.Error, want, w.ops())
	}
	return got
}

func (w *world) never(o op) {
	w.t.Helper()
	if n := w.count(o); n > 0 {
		w.t.Fatalf("%d times %s; done %v", n, o, w.ops())
	}
}

func (w *world) times(o op, want int) {
	w.t.Helper()
	if n := w.count(o); n != want {
		w.t.Fatalf("%d times %s, want %d; done %v", n, o, want, w.ops())
	}
}
