package modem

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// backend speaks one control protocol. It carries commands out and translates; it
// decides nothing.
type backend interface {
	// do carries a command out. Both results may be nil: it was done.
	do(ctx context.Context, c Command) (fact, *failure)
	// notices gives each fact that the modem tells by itself to tell, until the
	// channel ends, and returns why it ended.
	notices(tell func(fact)) error
	// close ends the channel; graceful tells the modem, which ends all bearers.
	close(ctx context.Context, graceful bool) error
}

// link is one opening of a control channel.
type link struct {
	gen    uint32
	ctx    context.Context
	cancel context.CancelFunc
	opened chan struct{} // closed when the opening has ended
	end    backend       // nil when it failed; set before opened is closed
	dials  map[uint32]context.CancelFunc
	ending sync.Once
	closed chan struct{} // closed when nothing holds the device any more
}

// openChannel opens the device in the background, after the former opening of it
// has let go.
func (r *runner) openChannel(c Command) {
	former := r.channel
	ctx, cancel := context.WithCancel(r.ctx)
	l := &link{gen: c.gen, ctx: ctx, cancel: cancel, opened: make(chan struct{}),
		dials: make(map[uint32]context.CancelFunc), closed: make(chan struct{})}
	r.channel = l
	resume := r.store.left()
	r.work.Go(func() {
		if former != nil {
			<-former.closed
		}
		ctx, cancel := context.WithTimeout(l.ctx, c.timeout)
		defer cancel()
		err := l.open(ctx, r, c.node, resume)
		close(l.opened)
		r.answer(c, nil, err)
	})
}

// open opens the control node and makes the protocol's handshake.
func (l *link) open(ctx context.Context, r *runner, n node, resume bool) *failure {
	rw, err := r.dial(n.Control)
	if err != nil {
		return explain(ctx, err)
	}
	end, err := openMBIM(ctx, rw, descriptors(r.opts.Root, n), resume, r.opts.Log)
	if err != nil {
		return explain(ctx, err)
	}
	l.end = end
	r.work.Go(func() {
		err := l.end.notices(func(f fact) { r.emit(Event{gen: l.gen, fact: f}) })
		r.emit(Event{gen: l.gen, fact: channelLost{text: lastError(err)}})
	})
	return nil
}

// closeChannel ends the opening in the background and calls then, if given.
func (r *runner) closeChannel(graceful bool, then func()) {
	l := r.channel
	if l == nil {
		return
	}
	r.work.Go(func() {
		l.close(r.ctx, graceful, r.opts.Log)
		if then != nil {
			then()
		}
	})
}

// close ends the opening. The end of ctx ends its patience with a silent modem.
func (l *link) close(ctx context.Context, graceful bool, log *slog.Logger) {
	l.cancel()
	<-l.opened
	l.ending.Do(func() {
		defer close(l.closed)
		if l.end == nil {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, timeoutClose-time.Second)
		defer cancel()
		if err := l.end.close(ctx, graceful); err != nil {
			log.Info("modem close", "err", err)
		}
	})
}

// start carries out a command in the background and answers.
func (l *link) start(r *runner, c Command) {
	if c.op == opHangUp && l.dials[c.session] != nil {
		l.dials[c.session]() // nobody waits for that dial any more
	}
	ctx, cancel := context.WithTimeout(l.ctx, c.timeout)
	if c.op == opDial {
		l.dials[c.session] = cancel
	}
	r.work.Go(func() {
		defer cancel()
		f, err := l.end.do(ctx, c)
		r.answer(c, f, err)
	})
}

// lastError is an error as one line for a log.
func lastError(err error) string {
	if err == nil {
		return io.EOF.Error()
	}
	return err.Error()
}
