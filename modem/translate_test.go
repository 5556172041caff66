package modem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// The buffers of this file are written by hand after the tables of MBIM 1.0,
// chapter 10: little-endian words, offsets from the start of the buffer.

func words(list ...uint32) []byte {
	var b []byte
	for _, v := range list {
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return b
}

// utf16le is the characters of an ASCII string as MBIM has them, padded to words.
func utf16le(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func TestFactsAreReadFromBuffers(t *testing.T) {
	zeros := make([]byte, 16)
	for _, c := range []struct {
		name string
		cid  uint32
		info []byte
		want fact
	}{
		{"radio off by hardware", mbim.CIDRadioState, words(0, 1), radioState{false, true}},
		{"SIM ready", mbim.CIDSubscriberReady,
			join(words(1, 28, 10, 40, 8, 0, 0), utf16le("26201"), utf16le("8949")),
			simState{state: simReady, imsi: "26201", iccid: "8949"}},
		{"SIM absent", mbim.CIDSubscriberReady, words(2, 0, 0, 0, 0, 0, 0), simState{state: simAbsent}},
		{"SIM starts", mbim.CIDSubscriberReady, words(0, 0, 0, 0, 0, 0, 0), simState{state: simStarting}},
		{"SIM locked", mbim.CIDSubscriberReady, words(6, 0, 0, 0, 0, 0, 0), simState{state: simLocked}},
		{"SIM not activated", mbim.CIDSubscriberReady, words(5, 0, 0, 0, 0, 0, 0), simState{state: simBad}},
		{"eSIM without profile", mbim.CIDSubscriberReady, words(7, 0, 0, 0, 0, 0, 0), simState{state: simAbsent}},
		{"PIN1 with two tries", mbim.CIDPIN, words(2, 1, 2), pinState{lock: SIMPIN, tries: 2}},
		{"PIN1 with unknown tries", mbim.CIDPIN, words(2, 1, 0xFFFFFFFF), pinState{lock: SIMPIN, tries: -1}},
		{"PIN1 unlocked", mbim.CIDPIN, words(2, 0, 3), pinState{lock: SIMReady, tries: 3}},
		{"PIN2 is not PIN1", mbim.CIDPIN, words(3, 1, 3), pinState{lock: SIMReady, tries: 3}},
		{"PUK2 is not PUK1", mbim.CIDPIN, words(12, 1, 3), pinState{lock: SIMReady, tries: 3}},
		{"PUK1", mbim.CIDPIN, words(11, 1, 10), pinState{lock: SIMPUK, tries: 10}},
		{"network lock", mbim.CIDPIN, words(6, 1, 5), pinState{lock: SIMLocked, tries: 5}},
		{"registration denied", mbim.CIDRegisterState, words(11, 6, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0),
			registration{state: "denied", cause: 11}},
		{"registered by hand abroad", mbim.CIDRegisterState,
			join(words(0, 4, 2, 1<<5, 1, 48, 10, 0, 0, 0, 0, 0), utf16le("22802")),
			registration{state: "roaming", plmn: "22802", technology: "lte", manual: true}},
		{"registered with a partner", mbim.CIDRegisterState, words(0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0),
			registration{state: "partner"}},
		{"registration unknown", mbim.CIDRegisterState, words(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), registration{}},
		{"attached", mbim.CIDPacketService, words(0, 2, 1<<5, 1, 0, 2, 0),
			packetService{state: packetAttached, technology: "lte"}},
		{"detached with a cause", mbim.CIDPacketService, words(7, 4, 0, 0, 0, 0, 0),
			packetService{state: packetDetached, cause: 7}},
		{"signal", mbim.CIDSignalState, words(20, 99, 0, 0, 0), signal{Signal{RSSI: -73}}},
		{"signal unknown", mbim.CIDSignalState, words(99, 99, 0, 0, 0), signal{}},
		{"signal of LTE", mbim.CIDSignalState,
			join(words(99, 99, 0, 0, 0, 28, 24), words(1, 66, 56, 0, 0, 1<<5)),
			signal{Signal{RSRP: -90, SNR: 50, HasSNR: true}}},
		{"single-stack success", mbim.CIDConnect, join(words(1, 1, 0, 3), zeros, words(50)),
			bearerState{session: 1, state: contextActivated, family: IPv4, cause: 50}},
		{"single-stack success, IPv6", mbim.CIDConnect, join(words(1, 1, 0, 1), zeros, words(51)),
			bearerState{session: 1, state: contextActivated, family: IPv6, cause: 51}},
		{"dual stack", mbim.CIDConnect, join(words(0, 1, 0, 3), zeros, words(0)),
			bearerState{state: contextActivated, family: IPv4v6}},
		{"deactivated by the network", mbim.CIDConnect, join(words(0, 3, 0, 0), zeros, words(36)),
			bearerState{state: contextDeactivated, cause: 36}},
		{"IP configuration", mbim.CIDIPConfiguration,
			join(words(0, 15, 0, 1, 60, 0, 0, 68, 0, 1, 72, 0, 0, 1430, 0),
				words(30), []byte{10, 64, 0, 2}, []byte{10, 64, 0, 1}, []byte{192, 0, 2, 53}),
			ipConfiguration{ipv4: &IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix("10.64.0.2/30")},
				Gateway: netip.MustParseAddr("10.64.0.1"), DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}, MTU: 1430}}},
		{"unheard-of", 99, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := translate(mbim.Message{Service: mbim.ServiceBasicConnect, CID: c.cid, Info: c.info})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
			if got != nil && got.why() == "" {
				t.Error("no reason for a transition")
			}
		})
	}
}

func TestOtherServicesTellNothing(t *testing.T) {
	if f, err := translate(mbim.Message{Service: mbim.ServiceSMS, CID: 2, Info: words(1, 2, 3)}); f != nil || err != nil {
		t.Errorf("%v, %v", f, err)
	}
}

// FuzzTranslate gives the session whatever a modem may tell.
func FuzzTranslate(f *testing.F) {
	f.Add(uint32(2), words(1, 28, 10, 40, 8, 0, 0))
	f.Add(uint32(9), words(0, 4, 2, 1<<5, 1, 48, 10, 0, 0, 0, 0, 0))
	f.Add(uint32(12), words(0, 1, 0, 3, 0, 0, 0, 0, 50))
	f.Add(uint32(15), words(0, 15, 0, 1, 60, 0, 0, 68, 0, 1, 72, 0, 0, 1430, 0))
	f.Fuzz(func(t *testing.T, cid uint32, info []byte) {
		fact, err := translate(mbim.Message{Service: mbim.ServiceBasicConnect, CID: cid, Info: info})
		if err != nil || fact == nil {
			return
		}
		w := ready(t)
		w.event(fact)
		w.pass(time.Minute)
		if strings.Contains(fact.why(), "\n") {
			t.Errorf("reason %q", fact.why())
		}
	})
}

// talk is a back end with its modem.
func talk(t *testing.T, p *peer) *mbimBackend {
	host, device := net.Pipe()
	go p.serve(device)
	b, err := openMBIM(t.Context(), host, nil, false, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { _ = b.close(context.Background(), false) })
	if _, failed := b.do(t.Context(), Command{op: opReadCapabilities}); failed != nil {
		t.Fatalf("%+v", failed)
	}
	return b
}

func TestWrongPINTellsTheTriesLeft(t *testing.T) {
	p := newPeer(t)
	p.pin = "1234"
	b := talk(t, p)
	_, failed := b.do(t.Context(), Command{op: opEnterPIN, pin: "9999"})
	if failed == nil || failed.reason != reasonPIN || failed.tries != 2 {
		t.Errorf("failure %+v", failed)
	}
	if _, failed := b.do(t.Context(), Command{op: opEnterPIN, pin: "1234"}); failed != nil {
		t.Errorf("right PIN: %+v", failed)
	}
}

func TestFailureThatIsNotThePINsFaultIsNotHeldAgainstIt(t *testing.T) {
	p := newPeer(t)
	p.refuse[mbim.CIDPIN] = mbim.StatusBusy
	b := talk(t, p)
	if _, failed := b.do(t.Context(), Command{op: opEnterPIN, pin: "1234"}); failed == nil || failed.reason != reasonEarly {
		t.Errorf("failure %+v", failed)
	}
}

func TestHangUpOfWhatIsDownIsDone(t *testing.T) {
	p := newPeer(t)
	p.refuse[mbim.CIDConnect] = mbim.StatusContextNotActivated
	b := talk(t, p)
	if _, failed := b.do(t.Context(), Command{op: opHangUp}); failed != nil {
		t.Errorf("hang up: %+v", failed)
	}
	f, failed := b.do(t.Context(), Command{op: opReadBearer, session: 3})
	if f != (bearerState{session: 3, state: contextDeactivated}) || failed != nil {
		t.Errorf("bearer %+v, %+v", f, failed)
	}
}

func TestRefusalCarriesItsCause(t *testing.T) {
	p := newPeer(t)
	b := talk(t, p)
	p.mu.Lock()
	p.refuse[mbim.CIDConnect] = mbim.StatusFailure
	p.mu.Unlock()
	f, failed := b.do(t.Context(), Command{op: opDial, bearer: internet})
	if state, ok := f.(bearerState); !ok || state.state != contextActivated || failed != nil {
		t.Errorf("a modem that refuses what it did: %+v, %+v", f, failed)
	}
	p.mu.Lock()
	p.refuse[mbim.CIDPacketService] = mbim.StatusNoDeviceSupport
	p.mu.Unlock()
	if _, failed := b.do(t.Context(), Command{op: opAttach}); failed == nil || failed.reason != reasonUnsupported {
		t.Errorf("attach: %+v", failed)
	}
}

// A modem that agrees in words that cannot be read has not refused.
func TestAnswerThatCannotBeReadIsNoRefusal(t *testing.T) {
	p := newPeer(t)
	p.mumbles = true
	b := talk(t, p)
	if f, failed := b.do(t.Context(), Command{op: opDial, bearer: internet}); f != nil || failed == nil || failed.reason != reasonUnread || failed.text == "" {
		t.Errorf("%+v, %+v", f, failed)
	}
}

func TestModemThatOffersNoResetIsNotAskedForOne(t *testing.T) {
	b := talk(t, newPeer(t))
	if _, failed := b.do(t.Context(), Command{op: opReset}); failed != nil {
		t.Errorf("offered: %+v", failed)
	}
	b.services = mbim.DeviceServices{}
	if _, failed := b.do(t.Context(), Command{op: opReset}); failed == nil || failed.reason != reasonUnsupported {
		t.Errorf("not offered: %+v", failed)
	}
	if _, failed := b.do(t.Context(), Command{op: opArm}); failed == nil || failed.reason != reasonUnsupported {
		t.Errorf("not a command: %+v", failed)
	}
}

func TestSilenceAndRefusalAreToldApart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	<-ctx.Done()
	for _, c := range []struct {
		err  error
		want reason
	}{
		{context.DeadlineExceeded, reasonTimeout},
		{os.ErrDeadlineExceeded, reasonTimeout},
		{&mbim.StatusError{Status: mbim.StatusBusy}, reasonEarly},
		{&mbim.StatusError{Status: mbim.StatusNotInitialized}, reasonEarly},
		{&mbim.StatusError{Status: mbim.StatusFailure}, reasonRefused},
		{&mbim.StatusError{Status: mbim.StatusNotRegistered}, reasonOffline},
		{&mbim.StatusError{Status: mbim.StatusPacketServiceDetached}, reasonOffline},
		{&mbim.StatusError{Status: mbim.StatusRadioPowerOff}, reasonOffline},
		{&mbim.StatusError{Status: mbim.StatusSIMNotInserted}, reasonOffline},
		{&mbim.StatusError{Status: mbim.StatusNoDeviceSupport}, reasonUnsupported},
		{&fs.PathError{Op: "open", Path: "/dev/cdc-wdm0", Err: fs.ErrNotExist}, reasonRefused},
		{errors.New("broken"), reasonRefused},
		{fmt.Errorf("mbim: connect: %w", &mbim.ProtocolError{Type: mbim.TypeFunctionError, Code: mbim.ErrorNotOpened}), reasonClosed},
		{&mbim.ProtocolError{Type: mbim.TypeFunctionError, Code: mbim.ErrorUnknown}, reasonRefused},
		{&mbim.ProtocolError{Type: mbim.TypeCommandDone, Code: mbim.ErrorNotOpened}, reasonRefused}, // not of the modem's saying
	} {
		if got := explain(t.Context(), c.err); got.reason != c.want || got.text == "" || got.tries != -1 {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
	for status, cause := range map[uint32]uint32{mbim.StatusInvalidAccessString: 27, mbim.StatusInvalidUserPassword: 29,
		mbim.StatusMaxActivatedContexts: 65, mbim.StatusFailure: 0} {
		if got := explain(t.Context(), &mbim.StatusError{Status: status}); got.card || got.cause != cause || got.reason != reasonRefused {
			t.Errorf("status %d: %+v", status, got)
		}
	}
	for _, status := range []uint32{mbim.StatusSIMNotInserted, mbim.StatusBadSIM, mbim.StatusPINRequired} {
		if got := explain(t.Context(), &mbim.StatusError{Status: status}); !got.card {
			t.Errorf("status %d: %+v", status, got)
		}
	}
	if got := explain(ctx, errors.New("cut off")); got.reason != reasonTimeout {
		t.Errorf("%+v", got)
	}
}

func TestBearerInTheWordsOfMBIM(t *testing.T) {
	for b, want := range map[Bearer]mbim.Access{
		{APN: "a", User: "u", Password: "p", Auth: AuthCHAP, Family: IPv4v6}: {APN: "a", User: "u", Password: "p",
			Auth: mbim.AuthCHAP, IPType: mbim.IPv4v6, Context: mbim.ContextInternet},
		{Auth: AuthPAP, Family: IPv4}:  {Auth: mbim.AuthPAP, IPType: mbim.IPv4, Context: mbim.ContextInternet},
		{Auth: AuthNone, Family: IPv6}: {IPType: mbim.IPv6, Context: mbim.ContextInternet},
		{}:                             {Context: mbim.ContextInternet},
	} {
		if got := access(b); got != want {
			t.Errorf("%+v: %+v, want %+v", b, got, want)
		}
	}
}

// TestAddressesThatNoHostHasAreNotTaken: a modem that tells nonsense gives no family,
// or the LAN would be moved out of the way of the whole world.
func TestAddressesThatNoHostHasAreNotTaken(t *testing.T) {
	prefixes := func(texts ...string) (out []netip.Prefix) {
		for _, text := range texts {
			out = append(out, netip.MustParsePrefix(text))
		}
		return out
	}
	for _, text := range []string{"0.0.0.0/32", "127.0.0.1/8", "224.0.0.5/32", "10.1.2.3/0", "255.255.255.255/32"} {
		if c := ipConfig(mbim.IPFamily{Addresses: prefixes(text)}); c != nil {
			t.Errorf("%s is taken: %+v", text, c)
		}
	}
	c := ipConfig(mbim.IPFamily{Addresses: prefixes("0.0.0.0/32", "10.1.2.3/32")})
	if c == nil || !slices.Equal(c.Addresses, prefixes("10.1.2.3/32")) {
		t.Errorf("%+v", c)
	}
	f := mbim.IPFamily{Addresses: prefixes("10.1.2.3/32"), Gateway: netip.IPv4Unspecified()}
	for _, text := range []string{"0.0.0.0", "255.255.255.255", "127.0.0.53", "224.0.0.251", "192.0.2.53", "::", "::1", "ff02::fb"} {
		f.DNS = append(f.DNS, netip.MustParseAddr(text))
	}
	if c := ipConfig(f); c.Gateway.IsValid() || len(c.DNS) != 1 || c.DNS[0] != netip.MustParseAddr("192.0.2.53") {
		t.Errorf("%+v", c)
	}
	f.Gateway = netip.MustParseAddr("10.1.2.1")
	if c := ipConfig(f); c.Gateway != f.Gateway {
		t.Errorf("%+v", c)
	}
}

// TestWhatTheModemRegistersWithInTheWordsOfMBIM goes there and back, element by element.
func TestWhatTheModemRegistersWithInTheWordsOfMBIM(t *testing.T) {
	want := attachConfig{
		{Bearer{APN: "home", User: "u", Password: "p", Auth: authMSCHAP, Family: ipv4And6}, 2},
		{Bearer{APN: "partner", Auth: AuthCHAP, Family: IPv6}, 1}, {Bearer{Auth: AuthNone}, 4},
	}
	r := attachRequest(&want)
	if r.Service != mbim.ServiceMSExtensions || r.CID != mbim.CIDMSLTEAttachConfig || !r.Set {
		t.Errorf("%+v", r)
	}
	answer := mbim.Message{Service: r.Service, CID: r.CID, Info: r.Info[4:]} // without the operation
	count, list := answer.Info[:4], answer.Info[4:]
	for i := 0; i < 8*int(count[0]); i += 8 { // whose four bytes are missing from the offsets
		list[i] -= 4
	}
	if got, err := translate(answer); err != nil || got != fact(want) {
		t.Errorf("%+v, %v", got, err)
	}
	strange := []mbim.AttachConfig{{Roaming: 7, Access: mbim.Access{APN: "x"}}, {Roaming: mbim.AttachPartner, Access: mbim.Access{APN: "y", IPType: 99, Auth: 99}}}
	if got := attachOf(strange); got != (attachConfig{1: {Bearer: Bearer{APN: "y"}}}) {
		t.Errorf("%+v", got)
	}
	if got := attachOf(nil); got != (attachConfig{}) {
		t.Errorf("%+v", got)
	}
}
