package mbim

import (
	"errors"
	"net/netip"
	"testing"
)

func TestDeviceAnswers(t *testing.T) {
	parsed(t, "spec/device-caps", ParseDeviceCaps, DeviceCaps{
		DeviceType: 1, CellularClass: 1, VoiceClass: 1, SIMClass: 2,
		DataClass: DataGPRS | DataEDGE | DataUMTS | DataHSDPA | DataHSUPA | DataLTE,
		SMSCaps:   3, ControlCaps: 1, MaxSessions: 8,
		DeviceID: "004999010640000", Firmware: "LAB-1.02", Hardware: "MF100",
	})
	parsed(t, "spec/device-services", ParseDeviceServices, DeviceServices{Services: []DeviceService{
		{Service: ServiceBasicConnect, CIDs: []uint32{1, 2, 9, 12, 15, 16}},
		{Service: ServiceMSExtensions, CIDs: []uint32{3, 4, 15}},
		{Service: ServiceSMS, DSSPayload: 3, MaxDSSInstances: 1, CIDs: []uint32{}},
	}})
	parsed(t, "spec/version", ParseVersion, Version{MBIM: 0x0100, Extended: 0x0200})
}

func TestDeviceServicesGateFeatures(t *testing.T) {
	services, err := ParseDeviceServices(info(t, "spec/device-services"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		service UUID
		cid     uint32
		want    bool
	}{
		{ServiceBasicConnect, CIDConnect, true},
		{ServiceBasicConnect, CIDSignalState, false},
		{ServiceMSExtensions, CIDMSVersion, true},
		{ServiceMSUICC, CIDUICCReadBinary, false},
		{ServiceSMS, CIDSMSConfig, false},
	} {
		if got := services.Has(c.service, c.cid); got != c.want {
			t.Errorf("Has(%s, %s) = %t", ServiceName(c.service), CIDName(c.service, c.cid), got)
		}
	}
}

func TestSIMAnswers(t *testing.T) {
	parsed(t, "spec/subscriber-ready", ParseSubscriberReady, SubscriberReady{
		State: ReadyInitialized, IMSI: "001010123456789", ICCID: "8949001000000000012", Numbers: []string{"4915551234"}})
	parsed(t, "spec/subscriber-ready-locked", ParseSubscriberReady, SubscriberReady{State: ReadyLocked})
	parsed(t, "spec/pin-locked", ParsePIN, PINState{Type: PIN1, Locked: true, Attempts: 3})
	parsed(t, "spec/pin-unknown-attempts", ParsePIN, PINState{Type: PUK1, Locked: true, Attempts: -1})
}

func TestRefusalKeepsItsBuffer(t *testing.T) {
	for _, c := range []struct {
		name   string
		status uint32
		read   func(info []byte) (any, error)
		want   any
	}{
		{"pin-refused", StatusFailure, func(b []byte) (any, error) { return ParsePIN(b) },
			PINState{Type: PIN1, Locked: true, Attempts: 2}},
		{"connect-refused", StatusFailure, func(b []byte) (any, error) { return ParseConnection(b) },
			Connection{State: ActivationDeactivated, Context: ContextInternet, NwError: 33}},
		{"packet-service-refused", StatusFailure, func(b []byte) (any, error) { return ParsePacketService(b) },
			PacketService{NwError: 7, State: PacketDetached}},
	} {
		m := message(t, "spec/"+c.name)
		var refusal *StatusError
		if err := m.Refusal(); !errors.As(err, &refusal) || refusal.Status != c.status || refusal.CID != m.CID {
			t.Errorf("%s: refusal %v", c.name, err)
		}
		got, err := c.read(m.Info)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		same(t, c.name, got, c.want)
	}
}

func TestUICCAnswers(t *testing.T) {
	list, active, err := ParseUICCApplications(info(t, "spec/uicc-applications"))
	if err != nil || active != 1 {
		t.Errorf("active %d, %v", active, err)
	}
	same(t, "applications", list, []UICCApplication{
		{Type: 2}, {Type: UICCTypeUSIM, ID: append(USIMApplication(), 0xFF, 0x49, 0xFF)}})
	parsed(t, "spec/uicc-spn", ParseUICCData, UICCData{Status: 0x9000,
		Data: []byte("\x01Lab Mobile\xff\xff\xff\xff\xff\xff")})
	parsed(t, "spec/uicc-not-found", ParseUICCData, UICCData{Status: 0x6A82})
}

func TestUICCNoActiveApplication(t *testing.T) {
	buf := (&Writer{}).U32(1, 0, 0xFFFFFFFF, 0).Encode()
	list, active, err := ParseUICCApplications(buf)
	if len(list) != 0 || active != -1 || err != nil {
		t.Errorf("%v, active %d, %v", list, active, err)
	}
}

func TestNetworkAnswers(t *testing.T) {
	parsed(t, "spec/radio-state", ParseRadioState, RadioState{Hardware: false, Software: true})
	parsed(t, "spec/home-provider", ParseHomeProvider,
		Provider{PLMN: "00101", State: 1, Name: "Lab Tele", CellularClass: 1, RSSI: 99, ErrorRate: 99})
	parsed(t, "spec/register-state-home", ParseRegistration, Registration{State: RegisterHome,
		Mode: RegisterModeAutomatic, Available: DataLTE, CellularClass: 1, PLMN: "00101", Provider: "Lab Tele", Flags: 2})
	parsed(t, "spec/register-state-denied", ParseRegistration, Registration{NwError: 11, State: RegisterDenied,
		Mode: RegisterModeAutomatic, CellularClass: 1})
	parsed(t, "spec/register-state-v2", ParseRegistration, Registration{State: RegisterRoaming,
		Mode: RegisterModeManual, Available: DataLTE | Data5GNSA, CellularClass: 1, PLMN: "310410", Provider: "Lab Tele",
		RoamingText: "Lab roams", Preferred: DataUMTS | DataHSDPA | DataHSUPA | DataLTE})
	parsed(t, "spec/packet-service", ParsePacketService, PacketService{State: PacketAttached, DataClass: DataLTE,
		Uplink: 50_000_000, Downlink: 5_000_000_000})
	parsed(t, "spec/packet-service-v2", ParsePacketService, PacketService{State: PacketAttached, DataClass: Data5GNSA,
		Uplink: 50_000_000, Downlink: 5_000_000_000, FrequencyRange: 1})
	parsed(t, "spec/signal-state", ParseSignalState, SignalState{RSSI: 17, ErrorRate: 99, Interval: 30,
		RSSIThreshold: 2, ErrorRateThreshold: 0xFFFFFFFF})
	parsed(t, "spec/signal-state-v2", ParseSignalState, SignalState{RSSI: 99, ErrorRate: 99, Interval: 5,
		Cells: []CellSignal{{RSRP: 60, SNR: 60, System: DataLTE}, {RSRP: 127, SNR: 128, System: Data5GNSA}}})
}

func TestConnectAnswers(t *testing.T) {
	parsed(t, "spec/connect-activated", ParseConnection, Connection{Session: 1, State: ActivationActivated,
		IPType: IPv4, Context: ContextInternet, NwError: 50})
	parsed(t, "spec/connect-lost", ParseConnection, Connection{State: ActivationDeactivated,
		Context: ContextInternet, NwError: 36})
	parsed(t, "spec/ip-configuration", ParseIPConfiguration, IPConfiguration{
		IPv4: IPFamily{
			Available: AvailableAddress | AvailableGateway | AvailableDNS | AvailableMTU,
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.64.0.2/30")},
			Gateway:   netip.MustParseAddr("10.64.0.1"),
			DNS:       []netip.Addr{netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("10.0.1.53")},
			MTU:       1430,
		},
		IPv6: IPFamily{
			Available: AvailableAddress | AvailableGateway | AvailableDNS | AvailableMTU,
			Addresses: []netip.Prefix{netip.MustParsePrefix("2001:db8:1:2::9/64")},
			Gateway:   netip.MustParseAddr("fe80::1"),
			DNS:       []netip.Addr{netip.MustParseAddr("2001:db8:53::1")},
			MTU:       1500,
		},
	})
	parsed(t, "spec/ip-configuration-sparse", ParseIPConfiguration, IPConfiguration{Session: 3})
}

func TestIPConfigurationLeavesOutImpossiblePrefix(t *testing.T) {
	buf := info(t, "spec/ip-configuration")
	buf[60] = 33 // the IPv4 prefix length
	c, err := ParseIPConfiguration(buf)
	if err != nil || len(c.IPv4.Addresses) != 0 || len(c.IPv6.Addresses) != 1 || !c.IPv4.Gateway.IsValid() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAttachAnswers(t *testing.T) {
	parsed(t, "spec/attach-config", ParseAttachConfig, []AttachConfig{attachHome(), attachPartner(), attachNonPartner()})
}

// parser reads one kind of information buffer to its value.
type parser struct {
	name    string
	answers []string // golden answers that it reads
	parse   func(info []byte) (any, error)
}

// parsers lists every parser of the package.
func parsers() []parser {
	return []parser{
		{"device caps", []string{"device-caps"}, func(b []byte) (any, error) { return ParseDeviceCaps(b) }},
		{"device services", []string{"device-services"}, func(b []byte) (any, error) { return ParseDeviceServices(b) }},
		{"version", []string{"version"}, func(b []byte) (any, error) { return ParseVersion(b) }},
		{"subscriber ready", []string{"subscriber-ready", "subscriber-ready-locked"}, func(b []byte) (any, error) { return ParseSubscriberReady(b) }},
		{"PIN", []string{"pin-locked", "pin-refused"}, func(b []byte) (any, error) { return ParsePIN(b) }},
		{"UICC applications", []string{"uicc-applications"}, func(b []byte) (any, error) {
			list, active, err := ParseUICCApplications(b)
			if active >= len(list) {
				panic("active application outside the list")
			}
			return list, err
		}},
		{"UICC data", []string{"uicc-spn"}, func(b []byte) (any, error) { return ParseUICCData(b) }},
		{"network time", []string{"network-time"}, func(b []byte) (any, error) { return ParseNetworkTime(b) }},
		{"radio state", []string{"radio-state"}, func(b []byte) (any, error) { return ParseRadioState(b) }},
		{"home provider", []string{"home-provider"}, func(b []byte) (any, error) { return ParseHomeProvider(b) }},
		{"register state", []string{"register-state-home", "register-state-v2"}, func(b []byte) (any, error) { return ParseRegistration(b) }},
		{"packet service", []string{"packet-service", "packet-service-v2"}, func(b []byte) (any, error) { return ParsePacketService(b) }},
		{"signal state", []string{"signal-state", "signal-state-v2"}, func(b []byte) (any, error) { return ParseSignalState(b) }},
		{"connect", []string{"connect-activated"}, func(b []byte) (any, error) { return ParseConnection(b) }},
		{"IP configuration", []string{"ip-configuration"}, func(b []byte) (any, error) { return ParseIPConfiguration(b) }},
		{"LTE attach configuration", []string{"attach-config"}, func(b []byte) (any, error) { return ParseAttachConfig(b) }},
		{"service activation", nil, func(b []byte) (any, error) { return ParseServiceActivation(b) }},
	}
}

func TestEmptyBufferIsMalformed(t *testing.T) {
	for _, p := range parsers() {
		if _, err := p.parse(nil); !errors.Is(err, ErrBuffer) {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}

func TestErrorNamesWhatWasRead(t *testing.T) {
	_, err := ParseDeviceCaps([]byte{1, 0, 0})
	const want = "mbim: device caps: malformed information buffer: field at 0, 4 bytes of 3"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestTruncatedAnswers cuts every answer at every byte: that must be an error or
// lose nothing but padding, and never panic.
func TestTruncatedAnswers(t *testing.T) {
	for _, p := range parsers() {
		for _, name := range p.answers {
			whole := info(t, "spec/"+name)
			failures := 0
			for n := range whole {
				_, err := p.parse(whole[:n:n])
				if err != nil && !errors.Is(err, ErrBuffer) {
					t.Errorf("%s cut at %d: %v", name, n, err)
				}
				if err != nil {
					failures++
				}
			}
			if failures < 4 {
				t.Errorf("%s: only %d cuts are noticed", name, failures)
			}
		}
	}
}
