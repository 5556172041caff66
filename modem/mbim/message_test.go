package mbim

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMessagesOfTheHost(t *testing.T) {
	for name, want := range map[string]Message{
		"mbimcli-1.28.2/open":         {Type: TypeOpen, Transaction: 1, MaxControl: 4096},
		"mbimcli-1.28.2/close":        {Type: TypeClose, Transaction: 3},
		"mbimcli-1.28.2/set-radio-on": {Type: TypeCommand, Transaction: 2, Service: ServiceBasicConnect, CID: CIDRadioState, Set: true, Info: []byte{1, 0, 0, 0}},
		"mbimcli-1.28.2/query-pin":    {Type: TypeCommand, Transaction: 2, Service: ServiceBasicConnect, CID: CIDPIN},
		"spec/host-error":             {Type: TypeHostError, Transaction: 7, Error: uint32(ErrorFragmentSequence)},
	} {
		same(t, name+" decoded", message(t, name), want)
		same(t, name+" encoded", bytes.Join(want.Frames(DefaultControl), nil), golden(t, name))
	}
}

func TestMessagesOfTheDevice(t *testing.T) {
	for name, want := range map[string]Message{
		"open-done":      {Type: TypeOpenDone, Transaction: 1},
		"open-done-busy": {Type: TypeOpenDone, Transaction: 1, Status: StatusBusy},
		"close-done":     {Type: TypeCloseDone, Transaction: 9},
		"function-error": {Type: TypeFunctionError, Transaction: 7, Error: uint32(ErrorNotOpened)},
		"pin-refused": {Type: TypeCommandDone, Transaction: 8, Service: ServiceBasicConnect, CID: CIDPIN, Status: StatusFailure,
			Info: []byte{2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0}},
		"signal-state": {Type: TypeIndicate, Service: ServiceBasicConnect, CID: CIDSignalState,
			Info: []byte{17, 0, 0, 0, 99, 0, 0, 0, 30, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}},
	} {
		same(t, name+" decoded", message(t, "spec/"+name), want)
		same(t, name+" encoded", bytes.Join(want.Frames(DefaultControl), nil), golden(t, "spec/"+name))
	}
}

// TestGoldensRoundTrip decodes and encodes every golden message to the same bytes.
func TestGoldensRoundTrip(t *testing.T) {
	for _, name := range append(goldenNames(t, "spec"), goldenNames(t, "mbimcli-1.28.2")...) {
		limit := DefaultControl
		if name == "spec/device-caps-fragments" {
			limit = MinControl
		}
		same(t, name, bytes.Join(message(t, name).Frames(limit), nil), golden(t, name))
	}
}

func TestFragmentsEqualForeignTools(t *testing.T) {
	content := make([]byte, 4200)
	for i := range content {
		content[i] = byte(7 * i)
	}
	m := command(SetServiceActivation(content), 2)
	frames := m.Frames(DefaultControl)
	same(t, "frames", bytes.Join(frames, nil), golden(t, "mbimcli-1.28.2/set-service-activation-fragments"))
	if len(frames) != 2 || len(frames[0]) != DefaultControl {
		t.Errorf("%d frames, the first of %d bytes", len(frames), len(frames[0]))
	}
}

func TestFragmentsOfTheSpecification(t *testing.T) {
	whole, cut := message(t, "spec/device-caps"), message(t, "spec/device-caps-fragments")
	same(t, "device caps", cut, whole)
	for limit, want := range map[int]int{0: 4, 63: 4, 64: 4, 65: 4, 172: 1, 171: 2, DefaultControl: 1} {
		if got := len(whole.Frames(limit)); got != want {
			t.Errorf("limit %d: %d frames, want %d", limit, got, want)
		}
	}
}

func TestUnknownTypeHasNoFrames(t *testing.T) {
	if frames := (Message{Type: 99}).Frames(DefaultControl); frames != nil {
		t.Errorf("%x", frames)
	}
}

func TestBrokenFramesAreRefused(t *testing.T) {
	caps := golden(t, "spec/device-caps")
	cut := golden(t, "spec/device-caps-fragments")
	edit := func(frame []byte, offset int, value byte) []byte {
		frame = bytes.Clone(frame)
		frame[offset] = value
		return frame
	}
	for name, c := range map[string]struct {
		frame []byte
		code  ErrorCode
	}{
		"empty":                            {nil, ErrorUnknown},
		"half a header":                    {caps[:11], ErrorUnknown},
		"unknown type":                     {edit(caps, 0, 9), ErrorUnknown},
		"length beyond the frame":          {edit(caps, 4, 0xFF), ErrorLengthMismatch},
		"length below the frame":           {edit(caps, 4, 20), ErrorLengthMismatch},
		"length beyond an int":             {edit(caps, 7, 0xFF), ErrorLengthMismatch},
		"status missing":                   {edit(golden(t, "spec/open-done"), 4, 12)[:12], ErrorLengthMismatch},
		"no fragments":                     {edit(caps, 12, 0), ErrorFragmentSequence},
		"fragment beyond the total":        {edit(caps, 16, 1), ErrorFragmentSequence},
		"second fragment first":            {cut[64:128], ErrorFragmentSequence},
		"buffer length beyond the message": {edit(caps, 44, 125), ErrorLengthMismatch},
		"whole message too short":          {edit(caps, 4, 40)[:40], ErrorLengthMismatch},
	} {
		var asm Assembler
		_, whole, err := asm.Add(c.frame, time.Time{})
		var fault *ProtocolError
		if whole || !errors.As(err, &fault) || fault.Code != c.code {
			t.Errorf("%s: %v, want %v", name, err, c.code)
		}
		if asm.Pending() != 0 {
			t.Errorf("%s: %d pending", name, asm.Pending())
		}
	}
}

func TestBytesAfterTheBufferAreIgnored(t *testing.T) {
	// Some firmware pads the message, not the buffer.
	frame := append(golden(t, "spec/pin-locked"), 0, 0, 0, 0)
	frame[4] += 4
	var asm Assembler
	m, whole, err := asm.Add(frame, time.Time{})
	if err != nil || !whole || len(m.Info) != 12 {
		t.Errorf("%+v, %t, %v", m, whole, err)
	}
}

func TestProtocolErrorText(t *testing.T) {
	for code := ErrorFragmentTimeout; code <= ErrorMaxTransfer; code++ {
		if strings.HasPrefix(code.String(), "code") {
			t.Errorf("%d has no name", code)
		}
	}
	err := &ProtocolError{Code: 77, Type: TypeFunctionError, Transaction: 5}
	if got, want := err.Error(), "code 77 (message type 0x80000004, transaction 5)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
