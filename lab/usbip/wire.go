package usbip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// headerLength is the size of every USB/IP header, in bytes.
const headerLength = 48

// The commands, and their answers (usbip_protocol.rst).
const (
	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4
)

// maxTransfer bounds one transfer: four times what the blocks need.
const maxTransfer = 64 << 10

// submit is a request of the kernel: a transfer, or to forget one.
type submit struct {
	command  uint32
	sequence uint32
	in       bool // towards the host
	endpoint uint32
	length   int     // of the buffer
	setup    [8]byte // of a control transfer
	unlink   uint32  // sequence to forget
	data     []byte  // of a transfer from the host
}

// errProtocol says that the kernel's side sent what cannot be.
var errProtocol = errors.New("usbip: not a request")

// readSubmit reads one request with its data.
func readSubmit(r io.Reader) (submit, error) {
	var h [headerLength]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return submit{}, err
	}
	s, err := parseHeader(h)
	if err != nil || s.command != cmdSubmit || s.in {
		return s, err
	}
	s.data = make([]byte, s.length)
	_, err = io.ReadFull(r, s.data)
	return s, err
}

func parseHeader(h [headerLength]byte) (submit, error) {
	word := func(at int) uint32 { return binary.BigEndian.Uint32(h[at:]) }
	s := submit{command: word(0), sequence: word(4), in: word(12) == 1, endpoint: word(16)}
	switch {
	case s.command == cmdUnlink:
		s.unlink = word(20)
		return s, nil
	case s.command != cmdSubmit || word(12) > 1 || word(24) > maxTransfer:
		return s, fmt.Errorf("%w: command %d, direction %d, %d bytes", errProtocol, s.command, word(12), word(24))
	}
	s.length = int(word(24))
	copy(s.setup[:], h[40:])
	return s, nil
}

// appendResult writes the answer to a transfer. Status is 0 or a negative errno of
// this machine, length what was carried; data only follows towards the host.
func appendResult(b []byte, sequence uint32, status int32, length int, data []byte) []byte {
	b = appendStart(b, retSubmit, sequence, status)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	b = append(b, make([]byte, headerLength-28)...)
	return append(b, data...)
}

// appendUnlinked writes the answer to an unlink.
func appendUnlinked(b []byte, sequence uint32, status int32) []byte {
	b = appendStart(b, retUnlink, sequence, status)
	return append(b, make([]byte, headerLength-24)...)
}

// appendStart writes command, sequence, three words that answers leave empty, status.
func appendStart(b []byte, command, sequence uint32, status int32) []byte {
	for _, word := range []uint32{command, sequence, 0, 0, 0, uint32(status)} {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	return b
}
