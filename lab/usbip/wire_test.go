package usbip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// words writes big-endian words, as headers are made of.
func words(list ...uint32) []byte {
	var b []byte
	for _, w := range list {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// The kernel's requests, by usbip_protocol.rst.
var (
	// USBIP_CMD_SUBMIT: number 5, device 1-2, out, endpoint 0, 4 bytes, setup packet.
	handSubmit = append(append(words(1, 5, 0x10002, 0, 0, 0, 4, 0, 0xffffffff, 0), 0x21, 0x86, 0, 0, 0, 0, 4, 0), 0, 0x40, 0, 0)
	// USBIP_CMD_UNLINK: number 6 forgets number 5.
	handUnlink = append(words(2, 6, 0x10002, 0, 0, 5), make([]byte, 24)...)
)

func TestRequestsAreRead(t *testing.T) {
	r := bytes.NewReader(append(append([]byte{}, handSubmit...), handUnlink...))
	s, err := readSubmit(r)
	if err != nil || s.sequence != 5 || s.in || s.endpoint != 0 || s.length != 4 || s.setup != [8]byte{0x21, 0x86, 0, 0, 0, 0, 4, 0} || !bytes.Equal(s.data, []byte{0, 0x40, 0, 0}) {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = readSubmit(r)
	if err != nil || s.command != cmdUnlink || s.sequence != 6 || s.unlink != 5 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := readSubmit(r); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestHostileRequests(t *testing.T) {
	for name, b := range map[string][]byte{
		"an answer":         append(words(3, 5, 0, 0, 0, 0, 0), make([]byte, 20)...),
		"a third direction": append(words(1, 5, 0, 2, 0, 0, 0), make([]byte, 20)...),
		"too much":          append(words(1, 5, 0, 0, 0, 0, maxTransfer+1), make([]byte, 20)...),
		"negative length":   append(words(1, 5, 0, 1, 0, 0, 0xffffffff), make([]byte, 20)...),
	} {
		if s, err := readSubmit(bytes.NewReader(b)); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if _, err := readSubmit(bytes.NewReader(handSubmit[:50])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("data cut short: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	stall := ^uint32(unix.EPIPE) + 1
	for name, c := range map[string]struct{ got, want []byte }{
		"data":     {appendResult(nil, 5, 0, 2, []byte{7, 8}), append(append(words(3, 5, 0, 0, 0, 0, 2), make([]byte, 20)...), 7, 8)},
		"stall":    {appendResult(nil, 5, -int32(unix.EPIPE), 0, nil), append(words(3, 5, 0, 0, 0, stall, 0), make([]byte, 20)...)},
		"unlinked": {appendUnlinked(nil, 6, -int32(unix.ECONNRESET)), append(words(4, 6, 0, 0, 0, ^uint32(unix.ECONNRESET)+1), make([]byte, 24)...)},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: got\n%v\nwant\n%v", name, c.got, c.want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(handSubmit)
	f.Add(handUnlink)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readSubmit(bytes.NewReader(b))
		if err == nil && len(s.data) > maxTransfer {
			t.Errorf("%d bytes", len(s.data))
		}
	})
}
