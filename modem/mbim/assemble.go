package mbim

import (
	"encoding/binary"
	"time"
)

// FragmentTimeout is how long the next fragment of a message, or the rest of a
// frame, may take before what came so far is given up.
const FragmentTimeout = 1250 * time.Millisecond

// maxPartial bounds the messages whose fragments are being collected.
const maxPartial = 8

// Assembler makes messages of frames. The zero value is ready; it is not safe for
// concurrent use.
type Assembler struct {
	partial map[partialKey]*partial
}

// partialKey keeps the modem's own count of indications apart from the host's
// transactions, which may have equal numbers.
type partialKey struct {
	kind        MessageType
	transaction uint32
}

// partial is a message of which some fragments have come.
type partial struct {
	total, next uint32
	body        []byte
	last        time.Time
}

// Add takes one whole frame, as Splitter gives it, and reports whether it
// completed a message. The message does not refer to the frame. Errors are
// *ProtocolError; the assembler stays usable, and the message that the frame
// belongs to is given up.
func (a *Assembler) Add(frame []byte, now time.Time) (Message, bool, error) {
	a.Expire(now)
	kind, length, transaction := parseHeader(frame)
	fault := func(code ErrorCode) (Message, bool, error) {
		delete(a.partial, partialKey{kind, transaction})
		return Message{}, false, &ProtocolError{Code: code, Type: kind, Transaction: transaction}
	}
	switch {
	case kind.bodySize() < 0:
		return fault(ErrorUnknown)
	case length != len(frame) || length < kind.minLength():
		return fault(ErrorLengthMismatch)
	case length > MaxMessage:
		return fault(ErrorMaxTransfer)
	case !kind.fragmented():
		m, err := decode(kind, transaction, frame[headerSize:])
		return m, err == nil, err
	}
	body, code := a.collect(partialKey{kind, transaction}, frame[headerSize:], now)
	if code != 0 {
		return fault(code)
	}
	if body == nil {
		return Message{}, false, nil
	}
	m, err := decode(kind, transaction, body)
	return m, err == nil, err
}

// collect adds one fragment (beginning with its fragment header) and returns the
// body once it is complete.
func (a *Assembler) collect(key partialKey, fragment []byte, now time.Time) ([]byte, ErrorCode) {
	total := binary.LittleEndian.Uint32(fragment)
	current := binary.LittleEndian.Uint32(fragment[4:])
	if total == 0 || current >= total {
		return nil, ErrorFragmentSequence
	}
	p := a.partial[key]
	if current == 0 {
		p = &partial{total: total}
	}
	if p == nil || p.total != total || p.next != current {
		return nil, ErrorFragmentSequence
	}
	if len(p.body)+len(fragment)-8 > MaxMessage {
		return nil, ErrorMaxTransfer
	}
	p.body = append(p.body, fragment[8:]...)
	p.next, p.last = current+1, now
	if p.next == total {
		delete(a.partial, key)
		return p.body, 0
	}
	a.keep(key, p)
	return nil, 0
}

// keep stores a partial message; when there are too many the oldest goes.
func (a *Assembler) keep(key partialKey, p *partial) {
	if a.partial == nil {
		a.partial = make(map[partialKey]*partial)
	}
	a.partial[key] = p
	if len(a.partial) <= maxPartial {
		return
	}
	oldest := key
	for k, candidate := range a.partial {
		if candidate.last.Before(a.partial[oldest].last) {
			oldest = k
		}
	}
	delete(a.partial, oldest)
}

// Expire gives up the messages whose next fragment is overdue at now and returns
// one error for each.
func (a *Assembler) Expire(now time.Time) []*ProtocolError {
	var lost []*ProtocolError
	for key, p := range a.partial {
		if now.Sub(p.last) >= FragmentTimeout {
			delete(a.partial, key)
			lost = append(lost, &ProtocolError{Code: ErrorFragmentTimeout, Type: key.kind, Transaction: key.transaction})
		}
	}
	return lost
}

// Pending is the number of messages of which fragments are missing.
func (a *Assembler) Pending() int { return len(a.partial) }

// Splitter cuts a byte stream into frames: reads may hold a part of a frame, or
// several, or garbage between them. The zero value is ready; it is not safe for
// concurrent use.
type Splitter struct {
	buf     []byte
	last    time.Time
	dropped int
}

// Write takes what one read returned. The rest of a frame that is overdue at now
// is taken for lost, so that a frame cut short does not swallow what follows.
func (s *Splitter) Write(p []byte, now time.Time) {
	if len(s.buf) > 0 && now.Sub(s.last) >= FragmentTimeout {
		s.dropped += len(s.buf)
		s.buf = s.buf[:0]
	}
	s.buf, s.last = append(s.buf, p...), now
}

// Next returns the next whole frame, valid until the next Write, or false when
// more bytes are needed. Bytes that cannot begin a frame are dropped.
func (s *Splitter) Next() ([]byte, bool) {
	for len(s.buf) >= headerSize {
		kind, length, _ := parseHeader(s.buf)
		if length < kind.minLength() || length > kind.maxLength() {
			s.buf = s.buf[1:]
			s.dropped++
			continue
		}
		if len(s.buf) < length {
			return nil, false
		}
		frame := s.buf[:length:length]
		s.buf = s.buf[length:]
		return frame, true
	}
	return nil, false
}

// Dropped is the number of bytes dropped as garbage so far.
func (s *Splitter) Dropped() int { return s.dropped }

// parseHeader reads the first three words; a short frame reads as type 0, and a
// length beyond an int's as -1.
func parseHeader(frame []byte) (kind MessageType, length int, transaction uint32) {
	if len(frame) < headerSize {
		return 0, len(frame), 0
	}
	le := binary.LittleEndian
	length = -1
	if n := le.Uint32(frame[4:]); n <= 1<<30 {
		length = int(n)
	}
	return MessageType(le.Uint32(frame)), length, le.Uint32(frame[8:])
}

// minLength is the least length of a frame of this type.
func (t MessageType) minLength() int {
	if t.fragmented() {
		return fragmentSize
	}
	return headerSize + t.bodySize()
}

// maxLength is the greatest length of a frame of this type, -1 when the type is
// unknown.
func (t MessageType) maxLength() int {
	switch {
	case t.bodySize() < 0:
		return -1
	case t.fragmented():
		return MaxMessage
	}
	return t.minLength()
}
