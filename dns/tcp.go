package dns

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	codec "github.com/miekg/dns"
	"github.com/tetherd/tetherd/egress"
	"golang.org/x/sys/unix"
)

// Bounds of clients that come by TCP.
const (
	maxConns          = 32
	maxConnsPerClient = 8
	idle              = 10 * time.Second // for one question to arrive or one answer to leave
	tcpPatience       = 2 * time.Second  // for one server to answer by TCP
)

// accept takes the clients that knock; beyond the bounds they are turned away.
func (d *Driver) accept(socket int) {
	for {
		fd, _, err := unix.Accept4(socket, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		file := os.NewFile(uintptr(fd), "tcp")
		conn, err := net.FileConn(file) // a copy
		file.Close()
		if err != nil {
			continue
		}
		client := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		if !d.roomFor(client) {
			d.counts.dropped.Add(1)
			conn.Close()
			continue
		}
		d.conns[conn] = client
		ctx := d.running
		d.clients.Go(func() { d.converse(ctx, conn, client) })
	}
}

func (d *Driver) roomFor(client netip.Addr) bool {
	same := 0
	for _, other := range d.conns {
		if other == client {
			same++
		}
	}
	return len(d.conns) < maxConns && same < maxConnsPerClient
}

// hangUp ends all conversations and waits for them.
func (d *Driver) hangUp() {
	d.mu.Lock()
	for conn := range d.conns {
		conn.Close()
	}
	d.mu.Unlock()
	d.clients.Wait()
}

// converse answers one client's questions, one after the other.
func (d *Driver) converse(ctx context.Context, conn net.Conn, client netip.Addr) {
	defer func() {
		conn.Close()
		d.mu.Lock()
		delete(d.conns, conn)
		d.mu.Unlock()
	}()
	var packet [maxQuery]byte
	for ctx.Err() == nil {
		conn.SetDeadline(time.Now().Add(idle))
		n, err := readMessage(conn, packet[:])
		if err != nil {
			return
		}
		reply := d.reply(ctx, packet[:n], client)
		if reply == nil {
			return
		}
		conn.SetDeadline(time.Now().Add(idle))
		if writeMessage(conn, reply) != nil {
			return
		}
	}
}

// reply answers one packet, however long that takes; nil hangs up.
func (d *Driver) reply(ctx context.Context, packet []byte, client netip.Addr) []byte {
	var q query
	path := path{client: client, tcp: make(chan []byte, 1)}
	d.mu.Lock()
	reply, later := d.engine.serve(nil, time.Now(), packet, &q, &path)
	d.arm()
	d.mu.Unlock()
	if !later {
		return reply
	}
	select {
	case <-ctx.Done():
		return nil
	case reply = <-path.tcp:
	}
	if reply == nil {
		reply = d.askTCP(ctx, &q)
	}
	return reply
}

// askTCP asks the servers, the best first, for an answer that does not fit UDP. As by UDP,
// what was asked before something else was applied is not answered after it.
func (d *Driver) askTCP(ctx context.Context, q *query) []byte {
	d.mu.Lock()
	up, cache := d.engine.up, d.engine.cache
	servers := d.engine.ranked(time.Now())
	if d.engine.spec.Closed || up.Interface == "" { // since the answer by UDP
		servers = nil
	}
	private := d.engine.local.mayBePrivate(q.key())
	d.mu.Unlock()
	for _, server := range servers {
		v := exchangeTCP(ctx, up, server.addr, q.key(), !server.plain, private)
		d.counts.upstream.Add(1)
		if v.kind == plain && d.keep(cache, q, &v) {
			v = exchangeTCP(ctx, up, server.addr, q.key(), false, private)
			d.counts.upstream.Add(1)
		}
		switch {
		case !d.keep(cache, q, &v):
			return q.fail(nil, codec.RcodeServerFailure, 0, "")
		case v.kind == good:
			return q.reply(nil, v.wire, 0, maxTCP)
		case v.kind == rebinding:
			d.counts.rebind.Add(1)
			return q.fail(nil, rebound.rcode, rebound.code, rebound.text)
		}
	}
	d.counts.failed.Add(1)
	return q.fail(nil, codec.RcodeServerFailure, unreached.code, unreached.text)
}

// keep puts a good answer into the cache of those who asked, and tells whether that cache
// is still in use.
func (d *Driver) keep(cache *cache, q *query, v *verdict) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.engine.cache != cache {
		return false
	}
	if v.kind == good {
		cache.put(q.key(), v.wire, d.engine.seconds(time.Now()), v.life)
	}
	return true
}

// exchangeTCP asks one server. What goes wrong is a bad verdict.
func exchangeTCP(ctx context.Context, up Upstream, server netip.Addr, key []byte, edns, private bool) verdict {
	ctx, cancel := context.WithTimeout(ctx, tcpPatience)
	defer cancel()
	dialer := net.Dialer{Control: egress.Control(up.Interface, up.Mark)}
	conn, err := dialer.DialContext(ctx, "tcp", serverAddr(up, server).String())
	if err != nil {
		return verdict{kind: bad}
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	id := randomID()
	if writeMessage(conn, appendQuestion(nil, id, key, edns)) != nil {
		return verdict{kind: bad}
	}
	answer := make([]byte, maxTCP)
	n, err := readMessage(conn, answer)
	if err != nil {
		return verdict{kind: bad}
	}
	return judge(answer[:n], key, id, edns, private)
}

// readMessage reads one message with its length (RFC 1035 section 4.2.2) into b. One
// that does not fit is an error.
func readMessage(r io.Reader, b []byte) (int, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > len(b) {
		return 0, io.ErrShortBuffer
	}
	return io.ReadFull(r, b[:n])
}

// writeMessage writes message with its length at once, so that it leaves as one segment.
func writeMessage(w io.Writer, message []byte) error {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, len(message)+2), uint16(len(message)))
	_, err := w.Write(append(framed, message...))
	return err
}
