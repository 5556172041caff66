package hostapd

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"
)

// How long an answer may take: hostapd has one thread, which a driver can hold up. One
// that is just starting or ending is asked again rather than waited for.
const (
	askLimit  = 10 * time.Second
	pingLimit = 250 * time.Millisecond
)

// conn is one datagram socket to one network's control interface. Its own end has a
// name that the kernel chose (unix(7), autobind), so nothing is left behind in a
// folder; what does not come from hostapd's end is not listened to.
type conn struct {
	sock *net.UnixConn
	peer net.UnixAddr
}

// dialCtrl opens a socket to path. It does not find out whether somebody is there.
func dialCtrl(path string) (*conn, error) {
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &conn{sock: sock, peer: net.UnixAddr{Name: path, Net: "unixgram"}}, nil
}

func (c *conn) close() { c.sock.Close() }

// ask sends one command and returns its reply, by the socket's deadline. After an error
// the socket must not be used again, because a late reply would be taken for the next one.
func (c *conn) ask(command string) (string, error) {
	if _, err := c.sock.WriteToUnix([]byte(command), &c.peer); err != nil {
		return "", err
	}
	return c.receive()
}

// receive returns the next datagram that came from hostapd.
func (c *conn) receive() (string, error) {
	b := make([]byte, maxReply)
	for {
		n, from, err := c.sock.ReadFromUnix(b)
		if err != nil {
			return "", err
		}
		if from != nil && from.Name == c.peer.Name {
			return string(b[:n]), nil
		}
	}
}

// ctrl is the control interface of one network: a socket for commands, and one for
// events, which would come between the replies.
type ctrl struct {
	path string

	mu       sync.Mutex
	commands *conn // nil until used, and after an error
	events   *conn // nil until attached
	hurried  bool
}

func newCtrl(dir, bss string) *ctrl { return &ctrl{path: filepath.Join(dir, bss)} }

// ask sends one command on a socket that has no reply outstanding.
func (c *ctrl) ask(command string) (string, error) { return c.within(askLimit, command) }

func (c *ctrl) within(limit time.Duration, command string) (string, error) {
	n, err := c.open(&c.commands, limit)
	if err != nil {
		return "", err
	}
	reply, err := n.ask(command)
	if err != nil {
		c.drop(&c.commands)
	}
	return reply, err
}

// open has one of the two sockets for a command that is answered within a limit.
func (c *ctrl) open(which **conn, limit time.Duration) (n *conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hurried {
		return nil, net.ErrClosed
	}
	if *which == nil {
		if *which, err = dialCtrl(c.path); err != nil {
			return nil, err
		}
	}
	return *which, (*which).sock.SetDeadline(time.Now().Add(limit))
}

// drop closes one of the two sockets. hostapd forgets one that is closed.
func (c *ctrl) drop(which **conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *which != nil {
		(*which).close()
		*which = nil
	}
}

// hurry gives up what waits for an answer, and asks nothing any more.
func (c *ctrl) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hurried = true
	for _, n := range []*conn{c.commands, c.events} {
		if n != nil {
			n.sock.SetDeadline(time.Unix(1, 0))
		}
	}
}

// tell sends a command that is answered by OK.
func (c *ctrl) tell(command string) error {
	reply, err := c.ask(command)
	if err == nil && reply != "OK\n" {
		err = errors.New("refused")
	}
	return err
}

// attach begins to receive events, and puts them into a channel as far as it has room.
// It pokes lost when the socket fails.
func (c *ctrl) attach(events chan<- event, lost chan<- struct{}) error {
	c.drop(&c.events)
	n, err := c.open(&c.events, askLimit)
	if err != nil {
		return err
	}
	reply, err := n.ask("ATTACH")
	if err == nil && reply != "OK\n" {
		err = fmt.Errorf("ATTACH: %.20q", reply)
	}
	if err == nil {
		err = n.sock.SetDeadline(time.Time{})
	}
	if err != nil {
		c.drop(&c.events)
		return err
	}
	go n.listen(events, lost)
	return nil
}

// renew asks for events again, for hostapd drops whoever did not take many in a row. One
// that did not is attached as before (since 2.7). The answer comes between the events, and
// is none; where there is no answer, the next question finds out.
func (c *ctrl) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.events == nil || c.hurried {
		return
	}
	c.events.sock.SetWriteDeadline(time.Now().Add(pingLimit))
	c.events.sock.WriteToUnix([]byte("ATTACH"), &c.events.peer)
}

// listen ends when the socket is closed or fails.
func (c *conn) listen(events chan<- event, lost chan<- struct{}) {
	for {
		text, err := c.receive()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			poke(lost)
			return
		}
		e, ok := parseEvent(text)
		if !ok {
			continue
		}
		select {
		case events <- e:
		default: // whoever lags behind will look anyway
		}
	}
}

func (c *ctrl) close() {
	c.drop(&c.events)
	c.drop(&c.commands)
}

// stations reads the station table of one network, at most maxStations entries. Where the
// station that the next is asked after has just left, it begins again, once.
func (c *ctrl) stations() ([]Station, error) {
	list, err := c.walk()
	if errors.Is(err, errLeft) {
		list, err = c.walk()
	}
	return list, err
}

var errLeft = errors.New("a station left while the list was read")

// walk goes through the table once. Its end is an empty answer; one that was asked after
// and is not there any more is answered with a failure.
func (c *ctrl) walk() ([]Station, error) {
	var list []Station
	command := "STA-FIRST"
	for range maxStations {
		reply, err := c.ask(command)
		if err != nil {
			return nil, err
		}
		s, ok := parseStation(reply)
		switch {
		case !ok && reply == "FAIL\n" && len(list) > 0:
			return nil, errLeft
		case !ok:
			return list, nil
		}
		list = append(list, s)
		command = "STA-NEXT " + s.MAC.String()
	}
	return list, nil
}
