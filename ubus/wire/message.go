// Package wire is the codec of ubus, the bus of OpenWrt: messages with their
// attributes (libubox blob), the values inside of them (blobmsg), and the way from
// JSON to values and back. Everything on the bus is big endian and padded to 4 bytes.
// It does no I/O but for reading one message from a stream.
//
// message.go is the frame, value.go the values, json.go what they look like as JSON.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrMalformed is wrapped by every error about bytes that are no message or value.
var ErrMalformed = errors.New("malformed")

// Bounds of what is taken from the bus.
const (
	MaxMessage = 1 << 20 // bytes of a message without its header, as ubusd has it
	maxAttrs   = 64      // attributes of a message: 13 are known
	maxDepth   = 16      // values in values
	maxValues  = 1 << 15 // values of a table, with all that is inside
)

// Sizes of the header of a message, and of an attribute.
const (
	frameHead = 8
	attrHead  = 4
)

// Type says what a message wants.
type Type uint8

// Types of messages (ubusmsg.h, enum ubus_msg_type).
const (
	Hello Type = iota
	Status
	Data
	Ping
	Lookup
	Invoke
	AddObject
	RemoveObject
	Subscribe
	Unsubscribe
	Notify
	Monitor
)

// ID says what an attribute is.
type ID uint8

// Attributes of messages (ubusmsg.h, enum ubus_msg_attr).
const (
	AttrStatus ID = iota + 1
	AttrPath
	AttrObject
	AttrMethod
	AttrType
	AttrSignature
	AttrData
	AttrTarget
	AttrActive
	AttrNoReply
	AttrSubscribers
	AttrUser
	AttrGroup
)

// Code is the outcome of a request.
type Code uint32

// Outcomes (ubusmsg.h, enum ubus_msg_status).
const (
	OK Code = iota
	InvalidCommand
	InvalidArgument
	MethodNotFound
	NotFound
	NoData
	PermissionDenied
	TimedOut
	NotSupported
	UnknownError
	ConnectionFailed
	NoMemory
	ParseError
	SystemError
)

// Error tells the outcome in the words of the ubus program.
func (c Code) Error() string {
	words := [...]string{
		"Success", "Invalid command", "Invalid argument", "Method not found", "Not found",
		"No response", "Permission denied", "Request timed out", "Operation not supported",
		"Unknown error", "Connection failed", "Out of memory", "Parsing message data failed", "System error",
	}
	if int(c) < len(words) {
		return words[c]
	}
	return fmt.Sprintf("Unknown status %d", uint32(c))
}

// EventObject is the object of ubusd that takes and gives events.
const EventObject = 1

// Message is one message: a header and attributes in their order.
type Message struct {
	Type  Type
	Seq   uint16 // of a request; its answers have the same
	Peer  uint32 // client or object at the other end
	Attrs []Attr
}

// Attr is one attribute: what it is and its bytes, without padding.
type Attr struct {
	ID   ID
	Data []byte
}

// U32 is an attribute that holds a number.
func U32(id ID, v uint32) Attr { return Attr{id, binary.BigEndian.AppendUint32(nil, v)} }

// Flag is an attribute that holds a truth value.
func Flag(id ID, v bool) Attr {
	if v {
		return Attr{id, []byte{1}}
	}
	return Attr{id, []byte{0}}
}

// Text is an attribute that holds a text, which ends at its first zero byte.
func Text(id ID, s string) Attr {
	s, _, _ = strings.Cut(s, "\x00")
	return Attr{id, append([]byte(s), 0)}
}

// Get returns the bytes of an attribute; the last one counts, as with ubusd.
func (m Message) Get(id ID) (data []byte, ok bool) {
	for _, a := range m.Attrs {
		if a.ID == id {
			data, ok = a.Data, true
		}
	}
	return data, ok
}

// U32 returns the number in an attribute; false when it is not there.
func (m Message) U32(id ID) (uint32, bool) {
	data, _ := m.Get(id)
	if len(data) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(data), true
}

// Flag returns the truth value of an attribute; false when it is not there.
func (m Message) Flag(id ID) bool {
	data, _ := m.Get(id)
	return len(data) == 1 && data[0] != 0
}

// Text returns the text in an attribute; "" when it is not there or no text.
func (m Message) Text(id ID) string {
	data, _ := m.Get(id)
	s, ok := text(data)
	if !ok {
		return ""
	}
	return s
}

// Code returns the outcome that a Status message tells.
func (m Message) Code() Code {
	v, ok := m.U32(AttrStatus)
	if !ok {
		return ParseError
	}
	return Code(v)
}

// text takes a text with its one zero byte, at the end.
func text(data []byte) (string, bool) {
	s, rest, ok := strings.Cut(string(data), "\x00")
	return s, ok && rest == ""
}

// AppendTo appends the bytes of a message. One that is longer than MaxMessage is not
// taken by ubusd: see Len.
func (m Message) AppendTo(b []byte) []byte {
	b = append(b, 0, byte(m.Type))
	b = binary.BigEndian.AppendUint16(b, m.Seq)
	b = binary.BigEndian.AppendUint32(b, m.Peer)
	at := len(b)
	b = AppendAttrs(append(b, 0, 0, 0, 0), m.Attrs)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// Len is the number of bytes of a message without its header.
func (m Message) Len() int {
	n := attrHead
	for _, a := range m.Attrs {
		n += padded(attrHead + len(a.Data))
	}
	return n
}

// AppendAttrs appends attributes, each padded.
func AppendAttrs(b []byte, attrs []Attr) []byte {
	for _, a := range attrs {
		b = binary.BigEndian.AppendUint32(b, uint32(a.ID)<<24|uint32(attrHead+len(a.Data)))
		b = pad(append(b, a.Data...), len(a.Data))
	}
	return b
}

// padded rounds a length up to whole words.
func padded(n int) int { return (n + 3) &^ 3 }

// pad fills up what has n bytes, or that many beyond whole words.
func pad(b []byte, n int) []byte { return append(b, make([]byte, padded(n)-n)...) }

// Read reads one message from a stream. The end of the stream before its first byte
// is io.EOF.
func Read(r io.Reader) (Message, error) {
	var head [frameHead + attrHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Message{}, err
	}
	size := int(binary.BigEndian.Uint32(head[frameHead:]) & 0xffffff)
	if head[0] != 0 || size < attrHead || size > MaxMessage {
		return Message{}, fmt.Errorf("ubus: %w message: version %d, %d bytes", ErrMalformed, head[0], size)
	}
	body := make([]byte, size-attrHead)
	if _, err := io.ReadFull(r, body); err != nil {
		return Message{}, fmt.Errorf("ubus: message is cut: %w", noEOF(err))
	}
	attrs, err := ParseAttrs(body)
	if err != nil {
		return Message{}, err
	}
	return Message{
		Type: Type(head[1]), Seq: binary.BigEndian.Uint16(head[2:]), Peer: binary.BigEndian.Uint32(head[4:]), Attrs: attrs,
	}, nil
}

// noEOF is err; the end of a stream within a message is none of the stream.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ParseAttrs splits bytes into attributes, whose data is part of b.
func ParseAttrs(b []byte) ([]Attr, error) {
	var attrs []Attr
	for len(b) > 0 {
		if len(attrs) == maxAttrs {
			return nil, fmt.Errorf("ubus: %w message: more than %d attributes", ErrMalformed, maxAttrs)
		}
		head, data, rest, err := cut(b)
		if err != nil {
			return nil, err
		}
		attrs, b = append(attrs, Attr{ID(head >> 24 & 0x7f), data}), rest
	}
	return attrs, nil
}

// cut takes the first attribute off b.
func cut(b []byte) (head uint32, data, rest []byte, err error) {
	if len(b) < attrHead {
		return 0, nil, nil, fmt.Errorf("ubus: %w attribute: %d bytes", ErrMalformed, len(b))
	}
	head = binary.BigEndian.Uint32(b)
	n := int(head & 0xffffff)
	if n < attrHead || n > len(b) {
		return 0, nil, nil, fmt.Errorf("ubus: %w attribute: %d bytes of %d", ErrMalformed, n, len(b))
	}
	return head, b[attrHead:n:n], b[min(padded(n), len(b)):], nil
}
