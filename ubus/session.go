package ubus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetherd/tetherd/ubus/wire"
)

// How long the bus daemon may take to take or give what it owes us; it answers in
// microseconds, but a small machine that boots has other things to do.
const busLimit = 10 * time.Second

// Bounds of calls. Callers give up after 30 s to 60 s.
const (
	maxCalls  = 16
	callLimit = time.Minute
)

// Call is one call of a method.
type Call struct {
	User string     // of the caller, as the bus daemon found it out
	Args wire.Table // as they came; unknown ones are to be tolerated
}

// Method is one method of the object. Serve gives the answer, or an error: a wire.Code
// in it is the outcome for the caller, who is also told its text.
type Method struct {
	wire.Signature
	Serve func(context.Context, Call) (wire.Table, error)
}

// session is one connection to the bus daemon on which our object is registered.
type session struct {
	conn       net.Conn
	in         *bufio.Reader
	id         uint32 // of our object
	methods    map[string]Method
	slots      chan struct{} // held by calls that are being served
	calls      sync.WaitGroup
	subscribed atomic.Bool   // somebody listens to our object
	audience   chan struct{} // of one: subscribed was told
	seq        atomic.Uint32
	writing    sync.Mutex // one message at a time
}

// open connects to the socket at path and registers the object.
func open(ctx context.Context, path, object string, methods []Method) (*session, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("ubus: %w", err)
	}
	s := newSession(conn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := s.register(object, methods); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func newSession(conn net.Conn) *session {
	return &session{conn: conn, in: bufio.NewReader(conn), methods: map[string]Method{}, slots: make(chan struct{}, maxCalls), audience: make(chan struct{}, 1)}
}

// register waits for the greeting and puts the object on the bus.
func (s *session) register(object string, methods []Method) error {
	if err := s.conn.SetDeadline(time.Now().Add(busLimit)); err != nil {
		return fmt.Errorf("ubus: limit the time: %w", err)
	}
	if m, err := wire.Read(s.in); err != nil || m.Type != wire.Hello {
		return fmt.Errorf("ubus: no bus daemon is there: it says %v: %w", m.Type, orMalformed(err))
	}
	var signatures []wire.Signature
	for _, m := range methods {
		s.methods[m.Method] = m
		signatures = append(signatures, m.Signature)
	}
	add := wire.Message{Type: wire.AddObject, Attrs: []wire.Attr{
		wire.Text(wire.AttrPath, object), wire.Signatures(signatures).Attr(wire.AttrSignature),
	}}
	if err := s.ask(add); err != nil {
		return fmt.Errorf("ubus: register object %s: %w", object, err)
	}
	return s.conn.SetDeadline(time.Time{})
}

// orMalformed is err, or the error of an answer that makes no sense.
func orMalformed(err error) error {
	if err == nil {
		return wire.ErrMalformed
	}
	return err
}

// ask sends the request that registers the object and waits for its outcome. Calls
// cannot come before that.
func (s *session) ask(m wire.Message) error {
	m.Seq = s.next()
	if err := s.send(m); err != nil {
		return err
	}
	for {
		answer, err := wire.Read(s.in)
		switch {
		case err != nil:
			return err
		case answer.Seq != m.Seq:
		case answer.Type == wire.Data:
			s.id, _ = answer.U32(wire.AttrObject)
		case answer.Type == wire.Status && answer.Code() != wire.OK:
			return answer.Code()
		case answer.Type == wire.Status && s.id != 0:
			return nil
		case answer.Type == wire.Status:
			return fmt.Errorf("%w answer: no object number", wire.ErrMalformed)
		}
	}
}

// next is a number for a request of ours.
func (s *session) next() uint16 { return uint16(s.seq.Add(1)) }

// errTooLong is of what no message can hold.
var errTooLong = errors.New("ubus: the message is longer than the bus takes")

// send writes one message. A bus daemon that does not take it is given up: what it
// took of the message cannot be taken back.
func (s *session) send(m wire.Message) error {
	if m.Len() > wire.MaxMessage {
		return errTooLong
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.conn.SetWriteDeadline(time.Now().Add(busLimit))
	if err == nil {
		_, err = s.conn.Write(m.AppendTo(nil))
	}
	if err != nil {
		s.conn.Close()
	}
	return err
}

// serve takes calls until the connection ends, by itself or with ctx, and then waits
// for those that are still being served, whose contexts are done. It returns why.
func (s *session) serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	closed := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer func() {
		stop()
		closed()
		s.conn.Close()
		s.calls.Wait()
	}()
	for {
		m, err := wire.Read(s.in)
		if err != nil {
			return err
		}
		if id, _ := m.U32(wire.AttrObject); id != s.id {
			continue // an answer to an event or a signal, or for an object we do not have
		}
		switch m.Type {
		case wire.Invoke:
			s.invoke(ctx, m)
		case wire.Notify:
			s.subscribed.Store(m.Flag(wire.AttrActive))
			select {
			case s.audience <- struct{}{}:
			default:
			}
		}
	}
}

// invoke begins to serve one call; it answers at once when it cannot.
func (s *session) invoke(ctx context.Context, m wire.Message) {
	method, ok := s.methods[m.Text(wire.AttrMethod)]
	if !ok {
		s.status(m, wire.MethodNotFound)
		return
	}
	args, err := m.Table(wire.AttrData)
	if err != nil {
		s.answer(m, nil, fmt.Errorf("%w: %w", wire.InvalidArgument, err))
		return
	}
	select {
	case s.slots <- struct{}{}:
	default:
		s.answer(m, nil, fmt.Errorf("%w: too many calls at a time", wire.NoMemory))
		return
	}
	s.calls.Go(func() {
		defer func() { <-s.slots }()
		ctx, stop := context.WithTimeout(ctx, callLimit)
		defer stop()
		result, err := method.Serve(ctx, Call{User: m.Text(wire.AttrUser), Args: args})
		s.answer(m, result, err)
	})
}

// answer tells the caller the result, or the text of an error and its outcome.
func (s *session) answer(to wire.Message, result wire.Table, err error) {
	if to.Flag(wire.AttrNoReply) {
		return
	}
	code := outcome(err)
	if fail := (*failure)(nil); errors.As(err, &fail) {
		code, result = fail.code, fail.table
	} else if err != nil {
		result = wire.Table{{Name: "error", Value: err.Error()}}
	}
	if s.reply(to, wire.Data, result.Attr(wire.AttrData)) == errTooLong {
		code = wire.NoMemory
	}
	s.status(to, code)
}

// outcome is the code for an error.
func outcome(err error) wire.Code {
	code := wire.UnknownError
	switch {
	case err == nil:
		return wire.OK
	case errors.As(err, &code):
	case errors.Is(err, context.DeadlineExceeded):
		return wire.TimedOut
	}
	return code
}

// status ends the answer to a call.
func (s *session) status(to wire.Message, code wire.Code) {
	if !to.Flag(wire.AttrNoReply) {
		_ = s.reply(to, wire.Status, wire.U32(wire.AttrStatus, uint32(code))) // the connection is gone
	}
}

// reply sends a part of an answer. The order of attributes is that of libubus.
func (s *session) reply(to wire.Message, typ wire.Type, a wire.Attr) error {
	attrs := []wire.Attr{wire.U32(wire.AttrObject, s.id), a}
	if typ == wire.Status {
		attrs[0], attrs[1] = attrs[1], attrs[0]
	}
	return s.send(wire.Message{Type: typ, Seq: to.Seq, Peer: to.Peer, Attrs: attrs})
}

// notify tells those who listen to our object; without any it sends nothing.
func (s *session) notify(what string, data wire.Table) error {
	if !s.subscribed.Load() {
		return nil
	}
	return s.send(wire.Message{Type: wire.Notify, Seq: s.next(), Peer: s.id, Attrs: []wire.Attr{
		wire.U32(wire.AttrObject, s.id), wire.Text(wire.AttrMethod, what), wire.Flag(wire.AttrNoReply, true), data.Attr(wire.AttrData),
	}})
}

// event tells everybody who listens to events of that name.
func (s *session) event(name string, data wire.Table) error {
	args := wire.Table{{Name: "id", Value: name}, {Name: "data", Value: data}}
	return s.send(wire.Message{Type: wire.Invoke, Seq: s.next(), Peer: wire.EventObject, Attrs: []wire.Attr{
		wire.U32(wire.AttrObject, wire.EventObject), wire.Text(wire.AttrMethod, "send"), args.Attr(wire.AttrData),
	}})
}
