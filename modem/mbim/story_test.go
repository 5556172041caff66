package mbim

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
)

// step is one command of a story: what the host asks, the golden message that it
// must send (its transaction apart), and the golden answer.
type step struct {
	request Request
	sent    string
	answer  string
	check   func(t *testing.T, m Message)
}

// play runs the steps over a connection to a device that knows the goldens.
func play(t *testing.T, steps []step) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		opened := open(t.Context(), c)
		d.say(renumber(golden(t, "spec/open-done"), TypeOpenDone, d.expect(TypeOpen).Transaction))
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			done := start(t.Context(), c, s.request)
			heard := d.expect(TypeCommand)
			want := message(t, s.sent)
			want.Transaction = heard.Transaction
			same(t, s.sent, heard, want)
			d.say(renumber(golden(t, s.answer), TypeCommandDone, heard.Transaction))
			got := <-done
			if got.err != nil {
				t.Fatalf("%s: %v", s.sent, got.err)
			}
			s.check(t, got.message)
		}
	})
}

// readAs checks one fact of an answer.
func readAs[T any](parse func([]byte) (T, error), holds func(T) bool) func(*testing.T, Message) {
	return func(t *testing.T, m Message) {
		t.Helper()
		value, err := parse(m.Info)
		if err != nil || !holds(value) {
			t.Errorf("%s: %+v, %v", CIDName(m.Service, m.CID), value, err)
		}
	}
}

// A SIM with a PIN comes to the Internet over one family of two.
func TestStoryFromOpenToAddress(t *testing.T) {
	access := Access{APN: "internet.example", User: "web", Password: "secret", Auth: AuthCHAP, IPType: IPv4v6, Context: ContextInternet}
	play(t, []step{
		{QueryDeviceServices(), "mbimcli-1.28.2/query-device-services", "spec/device-services",
			readAs(ParseDeviceServices, func(d DeviceServices) bool { return d.Has(ServiceMSExtensions, CIDMSVersion) })},
		{QueryVersion(Version{0x0100, 0x0200}), "mbimcli-1.28.2/query-version", "spec/version",
			readAs(ParseVersion, func(v Version) bool { return v.Extended == 0x0200 })},
		{QueryDeviceCaps(), "mbimcli-1.28.2/query-device-caps", "spec/device-caps",
			readAs(ParseDeviceCaps, func(c DeviceCaps) bool { return c.MaxSessions == 8 })},
		{QuerySubscriberReady(), "mbimcli-1.28.2/query-subscriber-ready", "spec/subscriber-ready-locked",
			readAs(ParseSubscriberReady, func(s SubscriberReady) bool { return s.State == ReadyLocked && s.ICCID == "" })},
		{QueryPIN(), "mbimcli-1.28.2/query-pin", "spec/pin-locked",
			readAs(ParsePIN, func(p PINState) bool { return p.Type == PIN1 && p.Attempts == 3 })},
		{EnterPIN(PIN1, "1234"), "mbimcli-1.28.2/enter-pin", "spec/pin-refused", func(t *testing.T, m Message) {
			var refusal *StatusError
			if !errors.As(m.Refusal(), &refusal) || refusal.Status != StatusFailure {
				t.Errorf("%v", m.Refusal())
			}
			readAs(ParsePIN, func(p PINState) bool { return p.Attempts == 2 })(t, m)
		}},
		{QuerySubscriberReady(), "mbimcli-1.28.2/query-subscriber-ready", "spec/subscriber-ready",
			readAs(ParseSubscriberReady, func(s SubscriberReady) bool { return s.State == ReadyInitialized })},
		{QueryHomeProvider(), "mbimcli-1.28.2/query-home-provider", "spec/home-provider",
			readAs(ParseHomeProvider, func(p Provider) bool { return p.PLMN == "00101" })},
		{QueryRegisterState(), "mbimcli-1.28.2/query-register-state", "spec/register-state-home",
			readAs(ParseRegistration, func(r Registration) bool { return r.State == RegisterHome && r.Available.Best() == "lte" })},
		{SetPacketService(true), "mbimcli-1.28.2/set-packet-attach", "spec/packet-service",
			readAs(ParsePacketService, func(p PacketService) bool { return p.State == PacketAttached })},
		{SetConnect(1, access), "mbimcli-1.28.2/set-connect", "spec/connect-activated",
			readAs(ParseConnection, func(c Connection) bool { return c.State == ActivationActivated && c.NwError == 50 })},
		{QueryIPConfiguration(2), "mbimcli-1.28.2/query-ip-configuration", "spec/ip-configuration",
			readAs(ParseIPConfiguration, func(c IPConfiguration) bool {
				return c.IPv4.Addresses[0] == netip.MustParsePrefix("10.64.0.2/30") && c.IPv4.MTU == 1430
			})},
		{SetDisconnect(1), "mbimcli-1.28.2/set-disconnect", "spec/connect-refused",
			readAs(ParseConnection, func(c Connection) bool { return c.State == ActivationDeactivated })},
	})
}

// The name on the SIM is read through the application in use.
func TestStoryOfTheProviderName(t *testing.T) {
	id := []byte{0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xFF, 0x49, 0xFF, 0xFF, 0x89}
	play(t, []step{
		{QueryUICCApplications(), "mbimcli-1.28.2/query-uicc-applications", "spec/uicc-applications", func(t *testing.T, m Message) {
			list, active, err := ParseUICCApplications(m.Info)
			if err != nil || list[active].Type != UICCTypeUSIM {
				t.Errorf("%+v, %d, %v", list, active, err)
			}
		}},
		{QueryUICCBinary(id, FileSPN, 17), "mbimcli-1.28.2/query-uicc-spn", "spec/uicc-spn",
			readAs(ParseUICCData, func(d UICCData) bool { return d.Status == 0x9000 && string(d.Data[1:11]) == "Lab Mobile" })},
		{QueryUICCBinary(id, FileSPN, 17), "mbimcli-1.28.2/query-uicc-spn", "spec/uicc-not-found",
			readAs(ParseUICCData, func(d UICCData) bool { return d.Status == 0x6A82 && len(d.Data) == 0 })},
	})
}

// The attach profile is read, one element is changed, and all three are written.
func TestStoryOfTheAttachProfile(t *testing.T) {
	list, err := ParseAttachConfig(info(t, "spec/attach-config"))
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	list[0].APN = "internet.new"
	changed := SetAttachConfig(list[0], list[1], list[2])
	r := NewReader(changed.Info)
	same(t, "operation", r.U32(), 0)
	elements := r.Refs(r.U32())
	same(t, "elements", len(elements), 3)
	again, err := ParseAttachConfig(changed.Info[4:])
	if err == nil {
		t.Errorf("offsets that count from 4 bytes later were accepted: %+v", again)
	}
	for i, want := range []string{"internet.new", "ro", ""} {
		elements[i].U32()
		same(t, "place", elements[i].U32(), uint32(i))
		elements[i].U32()
		same(t, "access string", elements[i].Text(), want)
	}
}
