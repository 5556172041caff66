package api

import (
	"math"
	"net"
	"net/netip"
	"sync"
)

// crowd counts what each address holds, so that none holds everything. The zero value is
// ready.
type crowd struct {
	mu   sync.Mutex
	all  int
	held map[netip.Addr]int
}

// enter says whether an address may have one more, of so many for it and for all. Who may
// must leave.
func (c *crowd) enter(a netip.Addr, one, all int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= all || c.held[a] >= one {
		return false
	}
	if c.held == nil {
		c.held = map[netip.Addr]int{}
	}
	c.all++
	c.held[a]++
	return true
}

// leave gives one back.
func (c *crowd) leave(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.held[a]--; c.held[a] == 0 {
		delete(c.held, a)
	}
}

// fairListener closes connections of an address that has its share.
type fairListener struct {
	net.Listener
	one   int // connections of one address; how many there may be of all is another's to bound
	peers crowd
}

// Accept returns the next connection of who has not too many.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := addrOf(c.RemoteAddr())
		if l.peers.enter(peer, l.one, math.MaxInt) {
			return &countedConn{Conn: c, leave: sync.OnceFunc(func() { l.peers.leave(peer) })}, nil
		}
		c.Close()
	}
}

func addrOf(a net.Addr) netip.Addr {
	at, _ := netip.ParseAddrPort(a.String()) // one that is none shares a place
	return at.Addr().Unmap()
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
