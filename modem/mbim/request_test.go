package mbim

import (
	"testing"
)

// foreignRequests are our requests by the name of the capture of a foreign tool's.
func foreignRequests() map[string]Request {
	spn := []byte{0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xFF, 0x49, 0xFF, 0xFF, 0x89}
	return map[string]Request{
		"query-device-caps":      QueryDeviceCaps(),
		"query-subscriber-ready": QuerySubscriberReady(),
		"query-radio-state":      QueryRadioState(),
		"set-radio-on":           SetRadioState(true),
		"set-radio-off":          SetRadioState(false),
		"query-device-services":  QueryDeviceServices(),
		"query-pin":              QueryPIN(),
		"enter-pin":              EnterPIN(PIN1, "1234"),
		"query-home-provider":    QueryHomeProvider(),
		"query-register-state":   QueryRegisterState(),
		"set-register-automatic": SetRegisterAutomatic(0),
		"query-packet-service":   QueryPacketService(),
		"set-packet-attach":      SetPacketService(true),
		"set-packet-detach":      SetPacketService(false),
		"query-signal-state":     QuerySignalState(),
		"query-connect":          QueryConnect(3),
		"set-connect": SetConnect(1, Access{APN: "internet.example", User: "web", Password: "secret",
			Auth: AuthCHAP, IPType: IPv4v6, Context: ContextInternet}),
		"set-connect-empty":       SetConnect(0, Access{IPType: IPv4, Context: ContextInternet}),
		"set-disconnect":          SetDisconnect(1),
		"query-ip-configuration":  QueryIPConfiguration(2),
		"query-version":           QueryVersion(Version{MBIM: 0x0100, Extended: 0x0200}),
		"query-attach-config":     QueryAttachConfig(),
		"query-uicc-applications": QueryUICCApplications(),
		"query-uicc-spn":          QueryUICCBinary(spn, FileSPN, 17),
	}
}

// command makes the message of a request as Conn does.
func command(r Request, transaction uint32) Message {
	return Message{Type: TypeCommand, Transaction: transaction, Service: r.Service, CID: r.CID, Set: r.Set, Info: r.Info}
}

func TestRequestsEqualForeignTools(t *testing.T) {
	for name, request := range foreignRequests() {
		frames := command(request, 2).Frames(DefaultControl)
		if len(frames) != 1 {
			t.Fatalf("%s: %d frames", name, len(frames))
		}
		same(t, name, frames[0], golden(t, "mbimcli-1.28.2/"+name))
	}
}

// TestEveryCaptureIsUsed fails when a capture is added that no test looks at.
func TestEveryCaptureIsUsed(t *testing.T) {
	used := foreignRequests()
	others := map[string]bool{"open": true, "close": true, "set-service-activation-fragments": true}
	for _, path := range goldenNames(t, "mbimcli-1.28.2") {
		name := path[len("mbimcli-1.28.2/"):]
		if _, ok := used[name]; !ok && !others[name] {
			t.Errorf("%s is not compared", path)
		}
	}
}

func TestRequestsEqualSpecification(t *testing.T) {
	requests := map[string]struct {
		transaction uint32
		request     Request
	}{
		"set-subscribe-list": {4, SetSubscribeList([]Subscription{
			{Service: ServiceBasicConnect, CIDs: []uint32{CIDSubscriberReady, CIDRegisterState, CIDConnect, CIDIPConfiguration}},
			{Service: ServiceMSExtensions, CIDs: []uint32{CIDMSLTEAttachInfo}},
		})},
		"query-version":     {5, QueryVersion(Version{MBIM: 0x0100, Extended: 0x0200})},
		"set-device-reset":  {6, SetDeviceReset()},
		"set-attach-config": {20, SetAttachConfig(attachHome(), attachPartner(), attachNonPartner())},
	}
	for name, r := range requests {
		same(t, name, command(r.request, r.transaction).Frames(DefaultControl), [][]byte{golden(t, "spec/"+name)})
	}
}

func TestSetAttachConfigOrdersByPlace(t *testing.T) {
	// The place of an element is where it stands, whatever its field says.
	home := attachHome()
	home.Roaming = AttachNonPartner
	got := SetAttachConfig(home, attachPartner(), attachNonPartner())
	same(t, "set", got.Info, info(t, "spec/set-attach-config"))
}

// The attach configurations of spec/attach-config.
func attachHome() AttachConfig {
	return AttachConfig{Roaming: AttachHome, Source: 1,
		Access: Access{APN: "internet", User: "web", Password: "pw", Auth: AuthCHAP, IPType: IPv4v6}}
}

func attachPartner() AttachConfig {
	return AttachConfig{Roaming: AttachPartner, Source: 2, Access: Access{APN: "ro", IPType: IPv4}}
}

func attachNonPartner() AttachConfig {
	return AttachConfig{Roaming: AttachNonPartner, Source: 3}
}
