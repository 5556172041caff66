package mbim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errSilent is the cause when an OPEN or CLOSE is not answered in time.
var errSilent = errors.New("no answer in time")

// Open starts the session with the modem (MBIM 9.3.1). It sends OPEN until it is
// answered or ctx ends, because a modem may take half a minute after it appeared.
// Only after some OPENs without an answer (Options.OpensBeforeClose), or when the
// modem refuses one, does it send CLOSE in between. When the modem still refuses,
// the error is its *StatusError or *ProtocolError.
func (c *Conn) Open(ctx context.Context) error {
	for round := 0; ; round++ {
		err := c.openRound(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil || c.ended() || round > 0 && !errors.Is(err, errSilent):
			return err
		}
		c.opts.Log.Warn("mbim open failed, closing first", "err", err)
		if err := c.closeSession(ctx); err != nil {
			c.opts.Log.Info("mbim close failed", "err", err)
		}
	}
}

// openRound sends some OPENs. The answer to any of them counts, because a slow
// modem answers the first when the second is out already.
func (c *Conn) openRound(ctx context.Context) error {
	m := Message{Type: TypeOpen, MaxControl: uint32(c.opts.MaxControl)}
	answer := make(chan result, c.opts.OpensBeforeClose)
	var ids []uint32
	defer func() { c.forget(ids...) }()
	var err error
	for range c.opts.OpensBeforeClose {
		id := c.register(m, answer)
		ids = append(ids, id)
		if err = c.handshake(ctx, m, id, answer, OpenTimeout); !errors.Is(err, errSilent) {
			return err
		}
	}
	return err
}

// closeSession sends CLOSE (MBIM 9.3.2).
func (c *Conn) closeSession(ctx context.Context) error {
	m := Message{Type: TypeClose}
	answer := make(chan result, 1)
	id := c.register(m, answer)
	defer c.forget(id)
	return c.handshake(ctx, m, id, answer, CloseTimeout)
}

// handshake exchanges an OPEN or CLOSE and demands status 0.
func (c *Conn) handshake(ctx context.Context, m Message, id uint32, answer <-chan result, wait time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, errSilent)
	defer cancel()
	reply, err := c.exchange(ctx, m, id, answer)
	switch {
	case err == nil:
		return reply.Refusal()
	case m.Type == TypeClose:
		return fmt.Errorf("mbim: close: %w", err)
	}
	return fmt.Errorf("mbim: open: %w", err)
}

// ended tells whether the connection has ended.
func (c *Conn) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}
