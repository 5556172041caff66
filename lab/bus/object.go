package bus

import (
	"errors"
	"fmt"

	"github.com/tetherd/tetherd/ubus/wire"
)

// Object puts an object on the bus at a socket whose methods answer OK and nothing
// else, until stop is called.
func Object(socket, path string, methods ...string) (stop func(), err error) {
	c, err := Dial(socket)
	if err != nil {
		return nil, err
	}
	var signatures []wire.Signature
	for _, m := range methods {
		signatures = append(signatures, wire.Signature{Method: m})
	}
	data, err := c.ask(wire.Message{Type: wire.AddObject, Attrs: []wire.Attr{
		wire.Text(wire.AttrPath, path), wire.Signatures(signatures).Attr(wire.AttrSignature),
	}})
	if err == nil && len(data) != 1 {
		err = errors.New("no number")
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("bus: object %s: %w", path, err)
	}
	id, _ := data[0].U32(wire.AttrObject)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			m, err := wire.Read(c.in)
			if err != nil {
				return
			}
			if m.Type == wire.Invoke {
				_, _ = c.conn.Write(reply(m, wire.Status, wire.U32(wire.AttrStatus, 0), wire.U32(wire.AttrObject, id)).AppendTo(nil)) // the bus is gone
			}
		}
	}()
	return func() {
		c.Close()
		<-ended
	}, nil
}
