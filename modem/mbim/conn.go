package mbim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Times of the control channel.
const (
	OpenTimeout  = 5 * time.Second  // for OPEN_DONE, before OPEN is sent again
	CloseTimeout = 2 * time.Second  // for CLOSE_DONE
	writeTimeout = 10 * time.Second // for the device to take one frame
)

// ErrClosed is the end of a connection that Close made.
var ErrClosed = errors.New("connection closed")

// Options are the settings of a Conn. The zero value is good.
type Options struct {
	// MaxControl is the largest control message of the device in bytes; see
	// MaxControl. 0 is DefaultControl.
	MaxControl int
	// Outstanding bounds the commands that wait for an answer at once; more
	// callers wait for their turn. 0 is 4.
	Outstanding int
	// Indications bounds the indications not yet received. 0 is 64.
	Indications int
	// OpensBeforeClose is how many OPENs go unanswered before a CLOSE, which
	// drops live contexts, is tried. 0 is 2.
	OpensBeforeClose int
	// Log takes what is odd, never contents. nil discards.
	Log *slog.Logger
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	defaults := []struct {
		field *int
		value int
	}{{&o.MaxControl, DefaultControl}, {&o.Outstanding, 4}, {&o.Indications, 64}, {&o.OpensBeforeClose, 2}}
	for _, d := range defaults {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	o.MaxControl = min(max(o.MaxControl, MinControl), MaxMessage)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Conn is the host's end of a control channel: commands and their answers, and
// indications. Its methods may be called concurrently. A read error ends it.
type Conn struct {
	rw          io.ReadWriteCloser
	opts        Options
	slots       chan struct{} // one taken by each outstanding command
	writing     chan struct{} // taken while frames are written
	indications chan Message
	dropped     atomic.Uint64
	done        chan struct{} // closed when the reader has ended
	closeOnce   sync.Once
	closing     chan struct{} // closed by Close

	mu      sync.Mutex
	asm     Assembler
	overdue *time.Timer // gives up partial messages
	last    uint32      // transaction
	waiting map[uint32]waiter
	err     error // set once, before done is closed; may be read without mu after that
}

// waiter is a transaction that waits for its answer.
type waiter struct {
	kind    MessageType // of the answer
	service UUID
	cid     uint32
	answer  chan<- result
}

// result is an answer or the reason why there will be none.
type result struct {
	message Message
	err     error
}

// NewConn starts to read from rw, which it owns from now on: a control node opened
// non-blocking, a packet socket or a pty. One read may give a fragment, several
// messages, or a part of one. Closing rw must end a read.
func NewConn(rw io.ReadWriteCloser, opts Options) *Conn {
	opts = opts.withDefaults()
	c := &Conn{
		rw:          rw,
		opts:        opts,
		slots:       make(chan struct{}, opts.Outstanding),
		writing:     make(chan struct{}, 1),
		indications: make(chan Message, opts.Indications),
		done:        make(chan struct{}),
		closing:     make(chan struct{}),
		waiting:     make(map[uint32]waiter),
		last:        rand.Uint32N(1 << 24), // the modem may still answer who had the channel before
	}
	c.overdue = time.AfterFunc(FragmentTimeout, c.expire)
	c.overdue.Stop()
	go c.read()
	return c
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended: ErrClosed, or the read error (io.EOF,
// unix.ENODEV); nil while it lives.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("mbim: %w", c.err)
}

// Indications gives what the modem tells by itself. When too many wait the oldest
// is dropped. It is closed when the connection has ended.
func (c *Conn) Indications() <-chan Message { return c.indications }

// Dropped is the number of indications that were dropped because nobody took them.
func (c *Conn) Dropped() uint64 { return c.dropped.Load() }

// Command sends a command and returns its answer, whatever the answer's status.
// The error wraps the cause of ctx's end when the answer does not come in time, is
// a *ProtocolError when the modem refuses the message or its answer is broken, and
// wraps the connection's end.
func (c *Conn) Command(ctx context.Context, service UUID, cid uint32, set bool, info []byte) (Message, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Message{}, fmt.Errorf("mbim: %s: no turn: %w", CIDName(service, cid), context.Cause(ctx))
	case <-c.done:
		return Message{}, fmt.Errorf("mbim: %s: %w", CIDName(service, cid), c.err)
	}
	answer := make(chan result, 1)
	m := Message{Type: TypeCommand, Service: service, CID: cid, Set: set, Info: info}
	id := c.register(m, answer)
	defer c.forget(id)
	reply, err := c.exchange(ctx, m, id, answer)
	if err != nil {
		return Message{}, fmt.Errorf("mbim: %s: %w", CIDName(service, cid), err)
	}
	return reply, nil
}

// Do is Command for a Request.
func (c *Conn) Do(ctx context.Context, r Request) (Message, error) {
	return c.Command(ctx, r.Service, r.CID, r.Set, r.Info)
}

// register chooses a transaction for m and leads its answer to the channel, which
// has room for it.
func (c *Conn) register(m Message, answer chan<- result) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.last++; c.last == 0 || c.waiting[c.last].answer != nil; c.last++ {
	}
	c.waiting[c.last] = waiter{kind: m.Type | 1<<31, service: m.Service, cid: m.CID, answer: answer}
	return c.last
}

// forget makes an answer that still comes a late one.
func (c *Conn) forget(ids ...uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.waiting, id)
	}
}

// exchange writes m as the registered transaction and waits for its answer.
func (c *Conn) exchange(ctx context.Context, m Message, id uint32, answer <-chan result) (Message, error) {
	m.Transaction = id
	if err := c.write(ctx, m); err != nil {
		return Message{}, err
	}
	select {
	case r := <-answer:
		return r.message, r.err
	case <-ctx.Done():
		return Message{}, fmt.Errorf("no answer: %w", context.Cause(ctx))
	case <-c.done:
		return Message{}, c.err
	}
}

// write sends the frames of one message without another's between them.
func (c *Conn) write(ctx context.Context, m Message) error {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-ctx.Done():
		return fmt.Errorf("not written: %w", context.Cause(ctx))
	case <-c.done:
		return c.err
	}
	if ctx.Err() != nil { // it ended while the turn was free: what nobody waits for is not sent
		return fmt.Errorf("not written: %w", context.Cause(ctx))
	}
	// The deadline is not ctx's: a frame written by half would garble all that
	// follows. Not every rw has deadlines, and without one Close ends the write.
	if d, ok := c.rw.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	for _, frame := range m.Frames(c.opts.MaxControl) {
		if _, err := c.rw.Write(frame); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// Close ends the connection and waits until the reader has ended or ctx has. With
// sendClose it tells the modem first, which then drops all contexts; without, they
// stay up for the next process. It is an error when the modem does not agree
// within CloseTimeout; the connection has ended all the same.
func (c *Conn) Close(ctx context.Context, sendClose bool) error {
	var err error
	if sendClose {
		err = c.closeSession(ctx)
	}
	c.closeOnce.Do(func() {
		close(c.closing)
		if fault := c.rw.Close(); fault != nil {
			err = errors.Join(err, fmt.Errorf("mbim: close: %w", fault))
		}
	})
	select {
	case <-c.done:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("mbim: close: %w", context.Cause(ctx)))
	}
	return err
}
