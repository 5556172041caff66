// Package mbim is the wire codec and the transaction layer of the Mobile
// Broadband Interface Model (USB-IF MBIM 1.0 with errata 1, and the Microsoft
// extensions): messages and their fragments, the information buffer, typed
// requests and answers, and a connection that matches answers to requests. It
// decides nothing.
//
// Everything that arrives is taken as hostile: lengths, offsets and counts are
// checked, and what is kept is bounded.
package mbim

import (
	"encoding/binary"
	"fmt"
)

// MessageType is the first word of a message (MBIM 9.1).
type MessageType uint32

// The message types (MBIM 9.3, 9.4). The device's have the top bit set.
const (
	TypeOpen          MessageType = 0x00000001
	TypeClose         MessageType = 0x00000002
	TypeCommand       MessageType = 0x00000003
	TypeHostError     MessageType = 0x00000004
	TypeOpenDone      MessageType = 0x80000001
	TypeCloseDone     MessageType = 0x80000002
	TypeCommandDone   MessageType = 0x80000003
	TypeFunctionError MessageType = 0x80000004
	TypeIndicate      MessageType = 0x80000007
)

// Sizes in bytes.
const (
	// MaxMessage bounds a frame, and the information buffer of a reassembled message.
	MaxMessage = 64 << 10
	// MinControl is the smallest control message size a device may have (MBIM 6.4).
	MinControl = 64
	// DefaultControl is used when a device does not tell its control message size.
	DefaultControl = 4096

	headerSize   = 12             // type, length, transaction
	fragmentSize = headerSize + 8 // and total, current
)

// Message is one whole MBIM message of either direction. Which fields count
// depends on Type; the others are zero after decoding and ignored by encoding.
type Message struct {
	Type        MessageType
	Transaction uint32 // chosen by the host; an indication has 0 or a count of the modem's own
	Service     UUID   // COMMAND, COMMAND_DONE, INDICATE_STATUS
	CID         uint32 // COMMAND, COMMAND_DONE, INDICATE_STATUS
	Set         bool   // COMMAND: set, otherwise query
	Status      uint32 // OPEN_DONE, CLOSE_DONE, COMMAND_DONE
	MaxControl  uint32 // OPEN: largest control message in bytes
	Error       uint32 // HOST_ERROR, FUNCTION_ERROR: an ErrorCode
	Info        []byte // COMMAND, COMMAND_DONE, INDICATE_STATUS: information buffer
}

// fragmented tells whether messages of this type carry a fragment header.
func (t MessageType) fragmented() bool {
	return t == TypeCommand || t == TypeCommandDone || t == TypeIndicate
}

// bodySize is the number of bytes between the header (with the fragment header
// where there is one) and the information buffer, or -1 for an unknown type.
func (t MessageType) bodySize() int {
	switch t {
	case TypeClose:
		return 0
	case TypeOpen, TypeOpenDone, TypeCloseDone, TypeHostError, TypeFunctionError:
		return 4
	case TypeIndicate:
		return 24
	case TypeCommand, TypeCommandDone:
		return 28
	}
	return -1
}

// Frames encodes the message as one frame, or as several when it is longer than
// limit bytes; a limit below MinControl counts as MinControl. Each frame is one write
// to the device. A message of an unknown type has no frames.
func (m Message) Frames(limit int) [][]byte {
	if m.Type.bodySize() < 0 {
		return nil
	}
	body := m.body()
	if !m.Type.fragmented() {
		return [][]byte{append(m.header(headerSize+len(body)), body...)}
	}
	room := max(limit, MinControl) - fragmentSize
	total := (len(body) + room - 1) / room
	frames := make([][]byte, 0, total)
	for current := range total {
		part := body[current*room : min(len(body), (current+1)*room)]
		frame := m.header(fragmentSize + len(part))
		frame = binary.LittleEndian.AppendUint32(frame, uint32(total))
		frame = binary.LittleEndian.AppendUint32(frame, uint32(current))
		frames = append(frames, append(frame, part...))
	}
	return frames
}

// header starts a frame of length bytes.
func (m Message) header(length int) []byte {
	frame := make([]byte, 0, length)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(m.Type))
	frame = binary.LittleEndian.AppendUint32(frame, uint32(length))
	return binary.LittleEndian.AppendUint32(frame, m.Transaction)
}

// body encodes all that follows the headers.
func (m Message) body() []byte {
	le := binary.LittleEndian
	switch m.Type {
	case TypeOpen:
		return le.AppendUint32(nil, m.MaxControl)
	case TypeOpenDone, TypeCloseDone:
		return le.AppendUint32(nil, m.Status)
	case TypeHostError, TypeFunctionError:
		return le.AppendUint32(nil, m.Error)
	case TypeCommand, TypeCommandDone, TypeIndicate:
	default:
		return nil
	}
	body := append(make([]byte, 0, 28+len(m.Info)), m.Service[:]...)
	body = le.AppendUint32(body, m.CID)
	switch {
	case m.Type == TypeCommandDone:
		body = le.AppendUint32(body, m.Status)
	case m.Type == TypeCommand && m.Set:
		body = le.AppendUint32(body, 1)
	case m.Type == TypeCommand:
		body = le.AppendUint32(body, 0)
	}
	body = le.AppendUint32(body, uint32(len(m.Info)))
	return append(body, m.Info...)
}

// decode is the inverse of body for a whole message.
func decode(kind MessageType, transaction uint32, body []byte) (Message, error) {
	m := Message{Type: kind, Transaction: transaction}
	if len(body) < kind.bodySize() {
		return m, m.malformed()
	}
	le := binary.LittleEndian
	switch kind {
	case TypeOpen:
		m.MaxControl = le.Uint32(body)
	case TypeOpenDone, TypeCloseDone:
		m.Status = le.Uint32(body)
	case TypeHostError, TypeFunctionError:
		m.Error = le.Uint32(body)
	case TypeCommand, TypeCommandDone, TypeIndicate:
		return m.decodeInfo(body)
	}
	return m, nil
}

// decodeInfo reads service, CID, the word between (if any) and the buffer.
func (m Message) decodeInfo(body []byte) (Message, error) {
	le := binary.LittleEndian
	copy(m.Service[:], body)
	m.CID = le.Uint32(body[16:])
	fixed := m.Type.bodySize()
	switch m.Type {
	case TypeCommand:
		m.Set = le.Uint32(body[20:]) != 0
	case TypeCommandDone:
		m.Status = le.Uint32(body[20:])
	}
	length := le.Uint32(body[fixed-4:])
	if uint64(length) > uint64(len(body)-fixed) {
		return m, m.malformed()
	}
	if length > 0 {
		m.Info = body[fixed : fixed+int(length) : fixed+int(length)]
	}
	return m, nil
}

// malformed is the error of a message whose lengths contradict each other.
func (m Message) malformed() error {
	return &ProtocolError{Code: ErrorLengthMismatch, Type: m.Type, Transaction: m.Transaction}
}

// ErrorCode is the reason in a HOST_ERROR or FUNCTION_ERROR message (MBIM 9.3.4).
type ErrorCode uint32

// The protocol error codes.
const (
	ErrorFragmentTimeout      ErrorCode = 1
	ErrorFragmentSequence     ErrorCode = 2
	ErrorLengthMismatch       ErrorCode = 3
	ErrorDuplicateTransaction ErrorCode = 4
	ErrorNotOpened            ErrorCode = 5
	ErrorUnknown              ErrorCode = 6
	ErrorCancel               ErrorCode = 7
	ErrorMaxTransfer          ErrorCode = 8
)

// String names the code.
func (c ErrorCode) String() string {
	switch c {
	case ErrorFragmentTimeout:
		return "fragment time-out"
	case ErrorFragmentSequence:
		return "fragment out of sequence"
	case ErrorLengthMismatch:
		return "length mismatch"
	case ErrorDuplicateTransaction:
		return "duplicated transaction"
	case ErrorNotOpened:
		return "not opened"
	case ErrorUnknown:
		return "unknown"
	case ErrorCancel:
		return "cancelled"
	case ErrorMaxTransfer:
		return "maximum transfer exceeded"
	}
	return fmt.Sprintf("code %d", uint32(c))
}

// ProtocolError is a breach of the framing: one that we saw in a message of the
// given Type, or one that the peer reports (Type is then TypeFunctionError or
// TypeHostError).
type ProtocolError struct {
	Code        ErrorCode
	Type        MessageType
	Transaction uint32
}

// Error says what was breached.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%v (message type %#x, transaction %d)", e.Code, uint32(e.Type), e.Transaction)
}
