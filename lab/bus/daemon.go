// Package bus is a bus of OpenWrt for tests: a daemon that speaks as ubusd does, which
// a test holds against the bytes of a real one, and a caller that does what the ubus
// program does, which speaks to either.
//
// daemon.go is sockets and clients, requests.go what clients ask for, acl.go who may,
// caller.go the program, both.go runs a test on this daemon and on a real one.
package bus

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/tetherd/tetherd/ubus/wire"
)

// Daemon is a bus.
type Daemon struct {
	// ID gives numbers for clients, objects and types of objects.
	ID func() uint32
	// ACL says what users other than root may; see ReadACL.
	ACL []Rule

	mu       sync.Mutex
	closed   bool
	sockets  []net.Listener
	clients  map[uint32]*client
	objects  []*busObject // in the order of their adding
	patterns []pattern
	events   uint16
	work     sync.WaitGroup
}

// client is one connection.
type client struct {
	conn        net.Conn
	id          uint32
	user, group string
	out         chan []byte
}

// busObject is what a client registered. Path "" is anonymous.
type busObject struct {
	owner       *client
	id, typ     uint32
	path        string
	signature   []byte
	signed      bool // it has a type
	subscribers []*busObject
	asked       uint16 // notices about subscribers so far
}

// pattern is what an object listens to.
type pattern struct {
	to   *busObject
	glob string
}

// New returns a bus without sockets.
func New() *Daemon {
	return &Daemon{ID: func() uint32 { return rand.Uint32() | 1024 }, clients: map[uint32]*client{}}
}

// Listen takes clients on a socket; all of them are that user, since a test has one
// user only.
func (d *Daemon) Listen(path, user, group string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	d.mu.Lock()
	d.sockets = append(d.sockets, l)
	d.mu.Unlock()
	d.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.greet(conn, user, group)
		}
	})
	return nil
}

// Close ends the bus: everybody is cut off.
func (d *Daemon) Close() {
	d.mu.Lock()
	d.closed = true
	for _, l := range d.sockets {
		l.Close()
	}
	for _, c := range d.clients {
		c.conn.Close()
	}
	d.mu.Unlock()
	d.work.Wait()
}

// waiting bounds what a client that does not read makes the bus keep, in messages.
const waiting = 4096

func (d *Daemon) greet(conn net.Conn, user, group string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		conn.Close()
		return
	}
	c := &client{conn: conn, id: d.ID(), user: user, group: group, out: make(chan []byte, waiting)}
	d.clients[c.id] = c
	c.send(wire.Message{Type: wire.Hello, Peer: c.id})
	d.work.Go(func() {
		for b := range c.out {
			_, _ = conn.Write(b) // its reader notices
		}
	})
	d.work.Go(func() { d.attend(c) })
}

// attend reads what a client wants until it goes.
func (d *Daemon) attend(c *client) {
	in := bufio.NewReader(c.conn)
	for {
		m, err := wire.Read(in)
		if err != nil {
			break
		}
		d.mu.Lock()
		d.take(c, m)
		d.mu.Unlock()
	}
	c.conn.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range slices.Clone(d.objects) {
		if o.owner == c {
			d.remove(o)
		}
	}
	delete(d.clients, c.id)
	close(c.out)
}

// send queues a message. A client that lets too many wait is cut off.
func (c *client) send(m wire.Message) {
	select {
	case c.out <- m.AppendTo(nil):
	default:
		c.conn.Close()
	}
}

// patience bounds what tests wait for.
const patience = 20 * time.Second
