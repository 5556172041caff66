package simmodem

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/tetherd/tetherd/modem/mbim"
)

func word(info []byte, n int) uint32 { return binary.LittleEndian.Uint32(info[4*n:]) }

func TestNetworkDropsAndChangesBearer(t *testing.T) {
	m, core := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	h.connect(1, "internet")
	h.indication(mbim.CIDIPConfiguration)
	grant := testGrant()
	grant.IPv4.Address, grant.IPv4.MTU, grant.IPv4.DNS = netip.MustParsePrefix("10.9.8.7/30"), 1280, nil
	core.last(t).terminal.Change(grant)
	if info := h.indication(mbim.CIDIPConfiguration); word(info, 0) != 1 || word(info, 1) != 0b1011 {
		t.Errorf("IP configuration after a change: %x", info)
	}
	if !m.ChangeBearer(1, func(g *Grant) { g.IPv4.MTU = 1300 }) {
		t.Error("session 1 is not up")
	}
	h.indication(mbim.CIDIPConfiguration)
	if got := core.last(t).Grant().IPv4.MTU; got != 1300 {
		t.Errorf("the core knows MTU %d, want 1300", got)
	}
	if got := m.Status().Sessions[0].Grant.IPv4; got.MTU != 1300 || got.Address.String() != "10.9.8.7/30" {
		t.Errorf("session: %+v", got)
	}
	core.last(t).terminal.Drop(CauseRegular)
	if info := h.indication(mbim.CIDConnect); word(info, 0) != 1 || word(info, 1) != deactivated || word(info, 8) != 36 {
		t.Errorf("connect after a drop: %x", info)
	}
	if m.DropBearer(1, 38) || m.ChangeBearer(1, func(*Grant) {}) {
		t.Error("the dropped session is still up")
	}
	h.connect(1, "internet")
	m.DropBearer(1, 38)
	if info := h.indication(mbim.CIDConnect); word(info, 8) != 38 {
		t.Errorf("connect after a drop: %x", info)
	}
	core.last(t).terminal.Change(grant) // the bearer has ended: nothing may come of it
	if s := m.Status(); len(s.Sessions) != 0 {
		t.Errorf("sessions: %+v", s.Sessions)
	}
}

func TestCardIsTakenOutAndSwapped(t *testing.T) {
	m, core := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	h.connect(0, "internet")
	m.RemoveSIM()
	if info := h.indication(mbim.CIDSubscriberReady); word(info, 0) != readyAbsent {
		t.Errorf("subscriber ready: %x", info)
	}
	if info := h.indication(mbim.CIDRegisterState); word(info, 1) != uint32(Deregistered) {
		t.Errorf("register state: %x", info)
	}
	if info := h.indication(mbim.CIDPacketService); word(info, 1) != 4 {
		t.Errorf("packet service: %x", info)
	}
	if info := h.indication(mbim.CIDConnect); word(info, 1) != deactivated {
		t.Errorf("connect: %x", info)
	}
	if core.last(t).closes() != 1 {
		t.Error("the bearer of the card that was taken out is up")
	}
	m.InsertSIM(testSIM())
	if info := h.indication(mbim.CIDSubscriberReady); word(info, 0) != readyInitialised {
		t.Errorf("subscriber ready: %x", info)
	}
	other := testSIM()
	other.ICCID, other.IMSI, other.PIN.Enabled = "8901", "310260000000001", true
	m.InsertSIM(other)
	var states []uint32
	for range 2 {
		states = append(states, word(h.indication(mbim.CIDSubscriberReady), 0))
	}
	if !slices.Equal(states, []uint32{readyAbsent, readyLocked}) {
		t.Errorf("ready states of a swap: %v", states)
	}
	if got := len(core.attaches()); got != 2 {
		t.Errorf("%d attaches, want one for each usable card", got)
	}
}

func TestDeadCard(t *testing.T) {
	m, _ := testModem(t, func(o *Options) { o.SIM.PIN = PIN{Enabled: true, Code: "1234", Tries: 1, PUK: "1", PUKTries: 1} })
	h := newHost(t, m)
	h.open()
	enter := func(kind uint32, code string) mbim.Message {
		return h.set(mbim.ServiceBasicConnect, mbim.CIDPIN, new(mbim.Writer).U32(kind, pinEnter).Text(code).Text("5555"))
	}
	if a := enter(typePIN1, "0000"); a.Status != statusFailure || word(a.Info, 0) != typePUK1 || word(a.Info, 2) != 1 {
		t.Errorf("last PIN: %+v", a)
	}
	if a := enter(typePIN1, "1234"); a.Status != statusFailure {
		t.Errorf("the right PIN after the last try: %+v", a)
	}
	if a := enter(typePUK1, "2"); a.Status != statusFailure {
		t.Errorf("last PUK: %+v", a)
	}
	if a := enter(typePUK1, "1"); a.Status != statusBadSIM {
		t.Errorf("dead card: %+v", a)
	}
	if a := h.query(mbim.ServiceBasicConnect, mbim.CIDSubscriberReady); word(a.Info, 0) != readyBadSIM {
		t.Errorf("ready state of a dead card: %x", a.Info)
	}
}

func TestRadioSwitchEndsService(t *testing.T) {
	m, core := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	h.connect(0, "internet")
	h.set(mbim.ServiceBasicConnect, mbim.CIDRadioState, new(mbim.Writer).U32(0))
	if info := h.indication(mbim.CIDConnect); word(info, 1) != deactivated {
		t.Errorf("connect: %x", info)
	}
	if a := h.connect(0, "internet"); a.Status != statusRadioOff {
		t.Errorf("connect without radio: status %d", a.Status)
	}
	m.SetSoftwareRadio(true)
	if info := h.indication(mbim.CIDRegisterState); word(info, 1) != uint32(Home) {
		t.Errorf("register state: %x", info)
	}
	m.SetNetwork(Network{})
	if info := h.indication(mbim.CIDRegisterState); word(info, 1) != uint32(Searching) {
		t.Errorf("register state: %x", info)
	}
	if a := h.connect(0, "internet"); a.Status != statusNotRegistered {
		t.Errorf("connect while searching: status %d", a.Status)
	}
	if got := len(core.attaches()); got != 2 {
		t.Errorf("%d attaches, want 2", got)
	}
}

func TestCoreRejectsAttach(t *testing.T) {
	m, core := testModem(t, func(o *Options) { o.RadioOff = true })
	core.reject = 33
	h := newHost(t, m)
	h.open()
	h.set(mbim.ServiceBasicConnect, mbim.CIDRadioState, new(mbim.Writer).U32(1))
	if info := h.indication(mbim.CIDRegisterState); word(info, 0) != 33 || word(info, 1) != uint32(Denied) {
		t.Errorf("register state: %x", info)
	}
	core.mu.Lock()
	core.reject = CauseNone
	core.mu.Unlock()
	element := func(roaming uint32, apn string) *mbim.Writer {
		return new(mbim.Writer).U32(uint32(IPv4v6), roaming, 1).Text(apn).Text("").Text("").U32(0, 0)
	}
	set := new(mbim.Writer).U32(0, 3).Refs(element(0, "attach.home"), element(1, "attach.partner"), element(2, "attach.abroad"))
	if a := h.set(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachConfig, set); a.Status != statusOK {
		t.Fatalf("attach configuration: status %d", a.Status)
	}
	if info := h.indication(mbim.CIDRegisterState); word(info, 1) != uint32(Home) {
		t.Errorf("register state after the right attach configuration: %x", info)
	}
	m.SetNetwork(Network{State: Roaming, PLMN: "310260"})
	h.indication(mbim.CIDRegisterState)
	asked := core.attaches()
	if got := asked[len(asked)-2:]; got[0].APN != "attach.home" || got[1].APN != "attach.abroad" {
		t.Errorf("attached with %+v", got)
	}
	twice := new(mbim.Writer).U32(0, 3).Refs(element(0, "a"), element(0, "b"), element(2, "c"))
	if a := h.set(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachConfig, twice); a.Status != statusInvalidParameters {
		t.Errorf("two elements for home: status %d", a.Status)
	}
	reset := new(mbim.Writer).U32(1, 0)
	h.set(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachConfig, reset)
	if asked := core.attaches(); asked[len(asked)-1].APN != "" {
		t.Errorf("after the factory settings attached with %q", asked[len(asked)-1].APN)
	}
}

func TestSubscriptionLimitsIndications(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	only := new(mbim.Writer).U32(1).Refs(new(mbim.Writer).UUID(mbim.ServiceMSExtensions).U32(1, mbim.CIDMSLTEAttachInfo))
	h.set(mbim.ServiceBasicConnect, mbim.CIDSubscribeList, only)
	m.SetHardwareRadio(false)
	if got := h.receive(); got.Service != mbim.ServiceMSExtensions || got.CID != mbim.CIDMSLTEAttachInfo || word(got.Info, 0) != 0 {
		t.Errorf("first indication: %+v", got)
	}
	m.Indicate(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachInfo, new(mbim.Writer).U32(7))
	if got := h.receive(); len(got.Info) != 4 {
		t.Errorf("indication of the caller's own: %+v", got)
	}
}

func TestRefusalWithoutBuffer(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	if a := h.connect(0, "nonsense"); a.Status != statusInvalidAPN || word(a.Info, 8) != 27 {
		t.Errorf("refusal: %+v", a)
	}
	bare, _ := testModem(t, func(o *Options) { o.Device.BareErrors = true })
	h = newHost(t, bare)
	h.open()
	if a := h.connect(0, "nonsense"); a.Status != statusInvalidAPN || len(a.Info) != 0 {
		t.Errorf("bare refusal: %+v", a)
	}
}

func TestFunctionIsShutUnderTheHost(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	h.connect(0, "internet")
	m.Shut()
	if n := len(m.Status().Sessions); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	if got := h.query(mbim.ServiceBasicConnect, mbim.CIDSignalState); got.Type != mbim.TypeFunctionError || got.Error != uint32(mbim.ErrorNotOpened) {
		t.Errorf("answer %+v", got)
	}
	h.open()
	if a := h.connect(0, "internet"); a.Status != statusOK {
		t.Errorf("opened again: %+v", a)
	}
}

func TestEventsTellTheStory(t *testing.T) {
	var kinds []string
	m, _ := testModem(t, func(o *Options) {
		o.OnEvent = func(e Event) {
			if e.Kind != "command" {
				kinds = append(kinds, e.Kind)
			}
		}
	})
	h := newHost(t, m)
	h.open()
	h.connect(0, "nonsense")
	h.connect(0, "internet")
	m.DropBearer(0, 36)
	h.ask(mbim.Message{Type: mbim.TypeClose})
	m.mu.Lock()
	defer m.mu.Unlock()
	if want := []string{"host", "open", "refused", "connect", "dropped", "close"}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
}

func TestSignalCodes(t *testing.T) {
	for _, c := range []struct {
		signal          Signal
		rssi, rsrp, snr uint32
	}{
		{Signal{}, 99, 127, 128},
		{Signal{RSSI: -113, RSRP: -157, SNR: -235, HasSNR: true}, 0, 0, 0},
		{Signal{RSSI: -51, RSRP: -31, SNR: 400, HasSNR: true}, 31, 126, 127},
		{Signal{RSSI: -200, RSRP: -200, SNR: -900, HasSNR: true}, 0, 0, 0},
		{Signal{RSSI: -71, RSRP: -97, HasSNR: true}, 21, 60, 47},
	} {
		if s := c.signal; s.rssiCode() != c.rssi || s.rsrpCode() != c.rsrp || s.snrCode() != c.snr {
			t.Errorf("%+v: codes %d %d %d, want %d %d %d", s, s.rssiCode(), s.rsrpCode(), s.snrCode(), c.rssi, c.rsrp, c.snr)
		}
	}
}
