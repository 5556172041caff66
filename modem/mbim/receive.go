package mbim

import (
	"fmt"
	"io"
	"time"
)

// maxEmptyReads bounds the reads in a row that give neither bytes nor an error.
const maxEmptyReads = 100

// read is the connection's one goroutine: it takes bytes until a read fails.
func (c *Conn) read() {
	var split Splitter
	buf := make([]byte, max(c.opts.MaxControl, DefaultControl))
	for empty := 0; ; {
		n, err := c.rw.Read(buf)
		c.receive(&split, buf[:n])
		if empty++; n > 0 {
			empty = 0
		}
		if empty > maxEmptyReads && err == nil {
			err = io.ErrNoProgress // rather than a busy loop
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

// end makes the connection's end known.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closing:
		c.err = ErrClosed
	default:
		c.err = fmt.Errorf("read: %w", err)
		c.opts.Log.Warn("mbim connection lost", "err", err)
	}
	c.overdue.Stop()
	close(c.indications)
	close(c.done)
}

// receive takes what one read gave.
func (c *Conn) receive(split *Splitter, data []byte) {
	garbage := split.Dropped()
	now := time.Now()
	split.Write(data, now)
	for frame, ok := split.Next(); ok; frame, ok = split.Next() {
		c.frame(frame, now)
	}
	if n := split.Dropped() - garbage; n > 0 {
		c.opts.Log.Warn("mbim garbage dropped", "bytes", n)
	}
}

// frame adds one frame and hands out the message that it completes.
func (c *Conn) frame(frame []byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveUp(c.asm.Expire(now))
	m, whole, err := c.asm.Add(frame, now)
	if c.asm.Pending() > 0 {
		c.overdue.Reset(FragmentTimeout)
	}
	switch {
	case err != nil:
		c.giveUp([]*ProtocolError{err.(*ProtocolError)})
	case whole:
		c.dispatch(m)
	}
}

// expire runs when fragments may be overdue.
func (c *Conn) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveUp(c.asm.Expire(time.Now()))
	if c.asm.Pending() > 0 && c.err == nil {
		c.overdue.Reset(FragmentTimeout)
	}
}

// giveUp fails the commands whose answers are broken.
func (c *Conn) giveUp(faults []*ProtocolError) {
	for _, fault := range faults {
		c.opts.Log.Warn("mbim message broken", "err", fault)
		if w, ok := c.waiting[fault.Transaction]; ok && w.kind == fault.Type {
			c.answer(fault.Transaction, w, result{err: fault})
		}
	}
}

// dispatch leads a message to the one who waits for it.
func (c *Conn) dispatch(m Message) {
	if m.Type == TypeIndicate {
		c.indicate(m)
		return
	}
	w, ok := c.waiting[m.Transaction]
	switch {
	case ok && m.Type == TypeFunctionError:
		fault := &ProtocolError{Code: ErrorCode(m.Error), Type: m.Type, Transaction: m.Transaction}
		c.answer(m.Transaction, w, result{err: fault})
	case ok && m.Type == w.kind && m.Service == w.service && m.CID == w.cid:
		c.answer(m.Transaction, w, result{message: m})
	default:
		c.opts.Log.Warn("mbim message nobody waits for", "type", fmt.Sprintf("%#x", uint32(m.Type)),
			"transaction", m.Transaction, "service", ServiceName(m.Service), "command", CIDName(m.Service, m.CID),
			"error", ErrorCode(m.Error))
	}
}

// answer delivers the one result of a transaction; the channel has room for it.
func (c *Conn) answer(id uint32, w waiter, r result) {
	delete(c.waiting, id)
	w.answer <- r
}

// indicate queues an indication, in place of the oldest if need be. Only the
// reader sends, so the loop ends.
func (c *Conn) indicate(m Message) {
	for {
		select {
		case c.indications <- m:
			return
		default:
		}
		select {
		case <-c.indications:
			c.dropped.Add(1)
		default:
		}
	}
}
