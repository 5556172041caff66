package ubus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/lab/bus"
	"github.com/tetherd/tetherd/ubus/wire"
)

// put registers an object with methods of the test's own and serves it until the test
// ends.
func put(t *testing.T, path string, methods ...Method) *session {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s, err := open(ctx, path, object, methods)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return s
}

func method(name string, serve func(context.Context, Call) (wire.Table, error)) Method {
	return Method{wire.Signature{Method: name, Args: []wire.Argument{{Name: "text", Kind: wire.KindString}}}, serve}
}

// echo answers with its arguments and the caller's user.
func echo(_ context.Context, c Call) (wire.Table, error) {
	return append(c.Args, wire.Field{Name: "user", Value: c.User}), nil
}

// TestDeferred: an answer that takes its time holds up no other, and comes.
func TestDeferred(t *testing.T) {
	bus.Both(t, func(t *testing.T, _ string, b *bus.Bus) {
		b.Start(t)
		begun, finish := make(chan struct{}), make(chan struct{})
		put(t, b.Path, method("echo", echo), method("slow", func(ctx context.Context, c Call) (wire.Table, error) {
			close(begun)
			<-finish
			return echo(ctx, c)
		}))
		slow := dial(t, b)
		answered := make(chan error, 1)
		go func() {
			text, err := slow.Call("tetherd", "slow", `{"text":"at last"}`)
			if err == nil && text != `{"text":"at last","user":"root"}` {
				err = errors.New(text)
			}
			answered <- err
		}()
		<-begun
		if text, err := dial(t, b).Call("tetherd", "echo", `{"text":"now"}`); err != nil || text != `{"text":"now","user":"root"}` {
			t.Errorf("%s, %v", text, err)
		}
		select {
		case err := <-answered:
			t.Errorf("answered too early: %v", err)
		default:
		}
		close(finish)
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}

// TestSignature: callers see names and types of arguments.
func TestSignature(t *testing.T) {
	bus.Both(t, func(t *testing.T, _ string, b *bus.Bus) {
		b.Start(t)
		put(t, b.Path, method("echo", echo))
		_, methods, err := dial(t, b).Find("tetherd")
		if got := string(methods.JSON()); err != nil || got != `{"echo":{"text":3}}` {
			t.Errorf("%s, %v", got, err)
		}
	})
}

// TestOutcomes: an error has an outcome and a text; an answer that no message can hold
// is an outcome too, and ends nothing.
func TestOutcomes(t *testing.T) {
	bus.Both(t, func(t *testing.T, _ string, b *bus.Bus) {
		b.Start(t)
		put(t, b.Path, method("fail", func(_ context.Context, c Call) (wire.Table, error) {
			switch v, _ := c.Args.Get("text"); v {
			case "code":
				return nil, fmt.Errorf("no room: %w", wire.NoMemory)
			case "late":
				return nil, context.DeadlineExceeded
			case "long":
				return wire.Table{{Name: "a", Value: strings.Repeat("x", wire.MaxMessage)}}, nil
			}
			return nil, errors.New("it is broken")
		}))
		c := dial(t, b)
		for text, want := range map[string]struct {
			code wire.Code
			says string
		}{
			"code": {wire.NoMemory, `{"error":"no room: Out of memory"}`}, "late": {wire.TimedOut, `{"error":"context deadline exceeded"}`},
			"long": {wire.NoMemory, ""}, "": {wire.UnknownError, `{"error":"it is broken"}`},
		} {
			if got, err := c.Call("tetherd", "fail", `{"text":"`+text+`"}`); got != want.says || err != want.code {
				t.Errorf("%q: %s, %v", text, got, err)
			}
		}
	})
}

// TestTooManyCalls: more calls at a time than are served get an answer at once.
func TestTooManyCalls(t *testing.T) {
	bus.Both(t, func(t *testing.T, _ string, b *bus.Bus) {
		b.Start(t)
		begun := make(chan struct{})
		put(t, b.Path, method("hang", func(ctx context.Context, _ Call) (wire.Table, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		for range maxCalls {
			c := dial(t, b)
			go c.Call("tetherd", "hang", "{}") // it ends with the bus
			<-begun
		}
		if text, err := dial(t, b).Call("tetherd", "hang", "{}"); err != wire.NoMemory || !strings.Contains(text, "too many calls") {
			t.Errorf("%s, %v", text, err)
		}
	})
}

// peer is a bus daemon that the test plays itself.
type peer struct {
	t    *testing.T
	path string
	l    net.Listener
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &peer{t, path, l}
}

// say accepts one connection, says everything, and ends it when the other does.
func (p *peer) say(messages ...[]byte) {
	go func() {
		conn, err := p.l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for _, m := range messages {
			_, _ = conn.Write(m) // the other end may be gone
		}
		_, _ = wire.Read(conn) // what registers the object
		if len(messages) > 1 {
			_, _ = conn.Read(make([]byte, 1))
		}
	}()
}

func hello() []byte { return wire.Message{Type: wire.Hello, Peer: 7}.AppendTo(nil) }

func said(typ wire.Type, attrs ...wire.Attr) []byte {
	return wire.Message{Type: typ, Seq: 1, Attrs: attrs}.AppendTo(nil)
}

// TestOddDaemons: whatever answers on the socket, there is an error that says so, and
// no wait without end.
func TestOddDaemons(t *testing.T) {
	for name, c := range map[string]struct {
		says [][]byte
		want string
	}{
		"no bus":               {[][]byte{[]byte("220 mail.example ESMTP\r\n")}, "no bus daemon is there"},
		"another greeting":     {[][]byte{said(wire.Ping)}, "no bus daemon is there"},
		"gone after greeting":  {[][]byte{hello()}, "register object tetherd"},
		"refusal":              {[][]byte{hello(), said(wire.Status, wire.U32(wire.AttrStatus, 2))}, "Invalid argument"},
		"outcome without code": {[][]byte{hello(), said(wire.Status)}, "Parsing message data failed"},
		"no number":            {[][]byte{hello(), said(wire.Status, wire.U32(wire.AttrStatus, 0))}, "no object number"},
		"garbage":              {[][]byte{hello(), []byte("garbage and more garbage")}, "malformed"},
	} {
		p := newPeer(t)
		p.say(c.says...)
		if s, err := open(t.Context(), p.path, object, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// played is a session whose other end is the test.
func played(t *testing.T, methods ...Method) (s *session, other net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	s = newSession(here)
	s.id = 5
	for _, m := range methods {
		s.methods[m.Method] = m
	}
	ended := make(chan error, 1)
	go func() { ended <- s.serve(t.Context()) }()
	t.Cleanup(func() {
		there.Close()
		<-ended
	})
	return s, there
}

// ask writes a call to the session's object.
func ask(t *testing.T, other net.Conn, method string, attrs ...wire.Attr) {
	t.Helper()
	m := wire.Message{Type: wire.Invoke, Seq: 9, Peer: 3, Attrs: append([]wire.Attr{wire.U32(wire.AttrObject, 5), wire.Text(wire.AttrMethod, method)}, attrs...)}
	if _, err := other.Write(m.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, other net.Conn) wire.Message {
	t.Helper()
	m, err := wire.Read(other)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHostileCalls: arguments that are none have an outcome; a call that wants no
// answer gets none; what is for another object, or no call, is passed over.
func TestHostileCalls(t *testing.T) {
	done := make(chan struct{}, 1)
	_, other := played(t, method("echo", func(ctx context.Context, c Call) (wire.Table, error) {
		done <- struct{}{}
		return echo(ctx, c)
	}))
	for _, m := range []wire.Message{
		{Type: wire.Invoke, Seq: 1, Peer: 3, Attrs: []wire.Attr{wire.U32(wire.AttrObject, 6), wire.Text(wire.AttrMethod, "echo")}},
		{Type: wire.Status, Seq: 2, Attrs: []wire.Attr{wire.U32(wire.AttrStatus, 6)}},
		{Type: wire.Monitor, Seq: 3, Attrs: []wire.Attr{wire.U32(wire.AttrObject, 5)}},
		{Type: 99, Seq: 4},
	} {
		if _, err := other.Write(m.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, other, "nothing", wire.Flag(wire.AttrNoReply, true))
	ask(t, other, "echo", wire.Flag(wire.AttrNoReply, true))
	<-done
	ask(t, other, "echo", wire.Attr{ID: wire.AttrData, Data: []byte{1, 2, 3}})
	if m := hear(t, other); m.Type != wire.Data || m.Seq != 9 || m.Peer != 3 {
		t.Errorf("it says %+v", m)
	}
	if m := hear(t, other); m.Type != wire.Status || m.Code() != wire.InvalidArgument {
		t.Errorf("the outcome is %v", m.Code())
	}
	select {
	case <-done:
		t.Error("it was called with bad arguments, or for another object")
	default:
	}
}

// TestSubscriptions: nothing is sent while nobody listens.
func TestSubscriptions(t *testing.T) {
	s, other := played(t, method("echo", echo))
	said := wire.Table{{Name: "a", Value: int8(1)}}
	if err := s.notify("changed", said); err != nil { // a pipe would hold it up
		t.Fatal(err)
	}
	active := func(on bool) {
		m := wire.Message{Type: wire.Notify, Attrs: []wire.Attr{wire.U32(wire.AttrObject, 5), wire.Flag(wire.AttrActive, on)}}
		if _, err := other.Write(m.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
		ask(t, other, "echo") // when it is answered, what came before was taken
		hear(t, other)
		hear(t, other)
	}
	active(true)
	sent := make(chan error, 1)
	go func() { sent <- s.notify("changed", said) }()
	m := hear(t, other)
	if m.Type != wire.Notify || m.Text(wire.AttrMethod) != "changed" || !m.Flag(wire.AttrNoReply) {
		t.Errorf("it says %+v", m)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	active(false)
	if err := s.notify("changed", said); err != nil {
		t.Error(err)
	}
}
