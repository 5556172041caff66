// Package simmodem is a simulated cellular modem: the device side of MBIM, with a
// SIM card, a radio, a data path and faults that can be caused at will. What stands
// behind the radio is a Core, such as package operator.
//
// A Modem is state and behaviour; Plug puts it into a made-up machine (sysfs,
// control node, network interface, uevents), Listen and OpenPTY give it a control
// node only. The device-side layouts are written from the MBIM 1.0 tables and judged
// by mbimcli; framing and buffers are those of package mbim.
package simmodem

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// Options describe a modem at power-on.
type Options struct {
	Device  Device
	SIM     SIM
	Network Network
	Signal  Signal
	Core    Core // required
	// RadioOff starts with the software switch off.
	RadioOff bool
	Log      *slog.Logger // nil logs nothing
	// OnEvent is told what happens, in order. It is called with the modem locked:
	// it must not call the modem back and must not block.
	OnEvent func(Event)
	// OnPacket is shown every packet that comes from the host, with the access point of
	// the session whose interface it came by, "" when that is not up, before anything
	// judges it. It is valid during the call, must not be changed, and calls may overlap.
	OnPacket func(apn string, packet []byte)
}

// Event is something that happened between host and modem.
type Event struct {
	At      time.Time
	Kind    string // "open", "close", "command", "pin", "attach", "connect", "refused", "disconnect", "dropped", "changed", "reset", "host", "gone"
	Detail  string // one line without identifiers or secrets
	Session uint32
	Cause   Cause
}

// Counts are totals since New.
type Counts struct {
	Opens, Closes    uint64
	Commands         uint64 // carried out, whatever the answer
	Swallowed        uint64 // messages left unanswered by a fault
	Faulty           uint64 // frames and buffers of the host that broke the protocol
	Overflows        uint64 // messages lost because the host did not read
	Uplink, Downlink uint64 // packets that passed
	Idle             uint64 // packets dropped because no bearer was up
	Foreign          uint64 // packets dropped because the address is not the bearer's
	TooBig           uint64 // packets dropped because they exceed the bearer's MTU
	Attaches         uint64 // times that the host has written with what to register
}

// Modem is a simulated modem. Its methods are safe for concurrent use and take
// effect at once; indications follow by themselves.
type Modem struct {
	core    Core
	log     *slog.Logger
	onEvent func(Event)

	onPacket func(apn string, packet []byte)

	mu      sync.Mutex
	device  Device
	sim     SIM
	network Network
	signal  Signal

	off                bool   // no power
	hardware, software bool   // radio switches
	unlocked           bool   // the PIN was entered since power-on
	manual             string // network that the host forced; "" automatic
	detached           bool   // the host detached from packet service
	attach             attachConfig
	reject             Cause // the core's answer to the last attach
	asked              attachKey
	told               view // what indications have told so far

	open        bool
	limit       uint32                // largest control message of the host
	version     uint16                // MBIMEx version agreed on
	subscribed  map[subscription]bool // nil: the default events
	sessions    map[uint32]*session
	host        *host
	faults      faults
	indications []indication // wait for the answer in hand
	onReset     func()
	payload     []byte // buffer of the command in hand

	active atomic.Pointer[[]*session]  // what the data path uses
	tuns   [maxTUN]atomic.Pointer[tun] // by session; the first is for all unless split
	split  atomic.Bool
	wedged atomic.Uint32 // a Cure; 0 packets pass
	counts counters
}

// counters are the atomic form of Counts.
type counters struct {
	opens, closes, commands, swallowed, faulty, overflows atomic.Uint64
	uplink, downlink, idle, foreign, tooBig, attaches     atomic.Uint64
}

// New returns a modem that is powered on and has no host.
func New(o Options) *Modem {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Modem{
		core: o.Core, log: o.Log, onEvent: o.OnEvent, onPacket: o.OnPacket,
		device: o.Device.withDefaults(), sim: o.SIM, network: o.Network, signal: o.Signal,
		hardware: true, software: !o.RadioOff,
		sessions: make(map[uint32]*session),
	}
	for i := range m.attach {
		m.attach[i].APN = o.Device.AttachAPN
	}
	m.powerOn()
	return m
}

// powerOn puts the function into the state after power-on.
func (m *Modem) powerOn() {
	m.powerOff()
	m.off = false
	m.cure(CureReset)
	m.settle()
	m.indications = nil
}

// powerOff ends everything without a word to the host.
func (m *Modem) powerOff() {
	m.off = true
	m.open, m.limit, m.version, m.subscribed = false, mbim.DefaultControl, 0x0100, nil
	m.unlocked, m.manual, m.detached, m.asked = false, "", false, attachKey{}
	for _, s := range m.sessions {
		m.end(s)
	}
}

// update runs change with the modem locked, then tells the host what came of it.
func (m *Modem) update(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	m.settle()
	m.flush()
}

// event reports to the owner.
func (m *Modem) event(e Event) {
	e.At = time.Now()
	m.log.Debug("modem event", "kind", e.Kind, "detail", e.Detail, "session", e.Session, "cause", uint32(e.Cause))
	if m.onEvent != nil {
		m.onEvent(e)
	}
}

// SetNetwork changes the radio network around the modem.
func (m *Modem) SetNetwork(n Network) { m.update(func() { m.network = n }) }

// SetSignal changes what the modem measures.
func (m *Modem) SetSignal(s Signal) { m.update(func() { m.signal = s }) }

// SetHardwareRadio moves the hardware radio switch (the rfkill pin).
func (m *Modem) SetHardwareRadio(on bool) { m.update(func() { m.hardware = on }) }

// SetSoftwareRadio moves the switch that the host sets otherwise.
func (m *Modem) SetSoftwareRadio(on bool) { m.update(func() { m.software = on }) }

// Reattach makes the modem ask the core anew whether it may attach.
func (m *Modem) Reattach() { m.update(func() { m.asked = attachKey{} }) }

// RemoveSIM takes the card out.
func (m *Modem) RemoveSIM() { m.InsertSIM(SIM{}) }

// InsertSIM puts a card in; one that is there already is taken out first, and the
// host is told of both.
func (m *Modem) InsertSIM(s SIM) {
	m.update(func() { m.sim, m.unlocked, m.manual = SIM{}, false, "" })
	m.update(func() { m.sim = s })
}

// SIM is the card as it is now, with the tries left.
func (m *Modem) SIM() SIM {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sim
}

// Status is a snapshot of the modem.
type Status struct {
	Open               bool // the host has opened the function
	Connected          bool // a host has the control node open
	Hardware, Software bool // radio switches
	Ready              bool // the SIM can be used
	Registered         RegisterState
	Cause              Cause
	Attached           bool    // packet service
	Attach             Request // with which it registers where it is
	Sessions           []SessionStatus
	Counts             Counts
}

// SessionStatus is one bearer that is up.
type SessionStatus struct {
	ID      uint32
	Request Request
	Grant   Grant
}

// Status is what is.
func (m *Modem) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.view()
	s := Status{
		Open: m.open, Connected: m.host != nil,
		Hardware: m.hardware, Software: m.software, Ready: v.ready == readyInitialised,
		Registered: v.network.State, Cause: v.network.Cause, Attached: v.attached, Attach: m.attachRequest(), Counts: m.Counts(),
	}
	for id := range m.device.MaxSessions {
		if session := m.sessions[id]; session != nil {
			s.Sessions = append(s.Sessions, SessionStatus{ID: id, Request: session.request, Grant: session.grant.Load().Clone()})
		}
	}
	return s
}

// Counts are the totals so far.
func (m *Modem) Counts() Counts {
	c := &m.counts
	return Counts{
		Opens: c.opens.Load(), Closes: c.closes.Load(), Commands: c.commands.Load(),
		Swallowed: c.swallowed.Load(), Faulty: c.faulty.Load(), Overflows: c.overflows.Load(),
		Uplink: c.uplink.Load(), Downlink: c.downlink.Load(),
		Idle: c.idle.Load(), Foreign: c.foreign.Load(), TooBig: c.tooBig.Load(), Attaches: c.attaches.Load(),
	}
}

// Close ends the host's connection, the data path and all bearers. Listeners,
// pseudo-terminals and plugs are closed by who made them.
func (m *Modem) Close() error {
	m.mu.Lock()
	m.powerOff()
	h := m.host
	m.mu.Unlock()
	if h != nil {
		h.close()
	}
	m.Detach()
	return nil
}
