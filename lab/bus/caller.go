package bus

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/tetherd/tetherd/ubus/wire"
)

// Caller is one connection to a bus, as the ubus program makes it. It is for one
// goroutine.
type Caller struct {
	conn net.Conn
	in   *bufio.Reader
	seq  uint16
	own  uint32         // object that what is listened to comes to; 0 none
	came []wire.Message // calls of that object which came while an answer was waited for
}

// Dial connects to the bus at a socket.
func Dial(path string) (*Caller, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	c := &Caller{conn: conn, in: bufio.NewReader(conn)}
	m, err := c.read()
	if err == nil && m.Type != wire.Hello {
		err = fmt.Errorf("bus: it says %v instead of hello", m.Type)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection.
func (c *Caller) Close() { c.conn.Close() }

func (c *Caller) read() (wire.Message, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return wire.Message{}, err
	}
	return wire.Read(c.in)
}

// ask sends a request and returns the answers that carry data; an outcome other than
// OK is the error.
func (c *Caller) ask(m wire.Message) ([]wire.Message, error) {
	c.seq++
	m.Seq = c.seq
	if _, err := c.conn.Write(m.AppendTo(nil)); err != nil {
		return nil, err
	}
	var data []wire.Message
	for {
		a, err := c.read()
		switch {
		case err != nil:
			return nil, err
		case a.Type == wire.Invoke:
			c.came = append(c.came, a)
		case a.Seq != m.Seq:
		case a.Type == wire.Data:
			data = append(data, a)
		case a.Type == wire.Status && a.Code() != wire.OK:
			return data, a.Code()
		case a.Type == wire.Status:
			return data, nil
		}
	}
}

// Find returns the number and the methods of an object.
func (c *Caller) Find(path string) (id uint32, methods wire.Table, err error) {
	data, err := c.ask(wire.Message{Type: wire.Lookup, Attrs: []wire.Attr{wire.Text(wire.AttrPath, path)}})
	if err == nil && len(data) == 0 {
		err = wire.NotFound // there, and not for us
	}
	if err != nil {
		return 0, nil, err
	}
	id, _ = data[0].U32(wire.AttrObject)
	methods, err = data[0].Table(wire.AttrSignature)
	return id, methods, err
}

// Call calls a method with a JSON object and returns the answer as JSON, "" without
// one. With an outcome other than OK it returns both.
func (c *Caller) Call(path, method, args string) (string, error) {
	table, err := wire.FromJSON([]byte(args))
	if err != nil {
		return "", err
	}
	id, _, err := c.Find(path)
	if err != nil {
		return "", err
	}
	data, err := c.ask(wire.Message{Type: wire.Invoke, Peer: id, Attrs: []wire.Attr{
		wire.U32(wire.AttrObject, id), wire.Text(wire.AttrMethod, method), table.Attr(wire.AttrData),
	}})
	text := ""
	for _, m := range data {
		t, bad := m.Table(wire.AttrData)
		if bad != nil {
			return "", bad
		}
		text += string(t.JSON())
	}
	return text, err
}

// object is the anonymous object that signals and events come to.
func (c *Caller) object() (uint32, error) {
	if c.own != 0 {
		return c.own, nil
	}
	data, err := c.ask(wire.Message{Type: wire.AddObject})
	if err != nil {
		return 0, err
	}
	if len(data) != 1 {
		return 0, errors.New("bus: no number for an object")
	}
	c.own, _ = data[0].U32(wire.AttrObject)
	return c.own, nil
}

// Subscribe listens to the signals of an object; Next returns them.
func (c *Caller) Subscribe(path string) error { return c.subscription(wire.Subscribe, path) }

// Unsubscribe listens no more.
func (c *Caller) Unsubscribe(path string) error { return c.subscription(wire.Unsubscribe, path) }

func (c *Caller) subscription(typ wire.Type, path string) error {
	own, err := c.object()
	if err != nil {
		return err
	}
	id, _, err := c.Find(path)
	if err != nil {
		return err
	}
	_, err = c.ask(wire.Message{Type: typ, Attrs: []wire.Attr{wire.U32(wire.AttrObject, own), wire.U32(wire.AttrTarget, id)}})
	return err
}

// Listen listens to the events that a pattern names; Next returns them.
func (c *Caller) Listen(glob string) error {
	own, err := c.object()
	if err != nil {
		return err
	}
	args := wire.Table{{Name: "object", Value: int32(own)}, {Name: "pattern", Value: glob}}
	_, err = c.ask(wire.Message{Type: wire.Invoke, Peer: wire.EventObject, Attrs: []wire.Attr{
		wire.U32(wire.AttrObject, wire.EventObject), wire.Text(wire.AttrMethod, "register"), args.Attr(wire.AttrData),
	}})
	return err
}

// Next waits for the next signal or event and returns its name and what it says as
// JSON.
func (c *Caller) Next() (name, says string, err error) {
	for len(c.came) == 0 {
		m, err := c.read()
		if err != nil {
			return "", "", err
		}
		if m.Type == wire.Invoke {
			c.came = append(c.came, m)
		}
	}
	m := c.came[0]
	c.came = c.came[1:]
	t, err := m.Table(wire.AttrData)
	return m.Text(wire.AttrMethod), string(t.JSON()), err
}
