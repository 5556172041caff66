package operator

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
)

// timeServers are where the operator tells the time.
func timeServers() []string { return []string{"203.0.113.123:123", "198.51.100.123:123"} }

// SetSkew makes all time servers tell a time that is so much later than this machine's
// was: to whoever asks, it is the own clock that is wrong.
func (o *Operator) SetSkew(d time.Duration) { o.skew.Store(int64(d)) }

// Now is the time that the servers tell. Whatever sets this machine's clock does not move
// theirs.
func (o *Operator) Now() time.Time {
	return o.begun.Add(time.Since(o.begun) + time.Duration(o.skew.Load()))
}

// listenNTP starts the time servers.
func (o *Operator) listenNTP() error {
	return netns.Do(o.ns, func() error {
		for _, at := range timeServers() {
			conn, err := net.ListenPacket("udp4", at)
			if err != nil {
				return fmt.Errorf("operator: NTP: %w", err)
			}
			o.servers.add(conn)
			go o.tellTime(conn)
		}
		return nil
	})
}

// tellTime answers questions (RFC 4330) until the socket is closed.
func (o *Operator) tellTime(conn net.PacketConn) {
	const length, seconds1970 = 48, 2208988800
	var q [2 * length]byte
	for {
		n, from, err := conn.ReadFrom(q[:])
		if err != nil {
			return
		}
		if n < length || q[0]&7 != 3 {
			continue
		}
		now := o.Now()
		r := make([]byte, length)
		r[0], r[1] = q[0]&0x38|4, 2
		copy(r[24:], q[40:48])
		for _, at := range []int{16, 32, 40} {
			binary.BigEndian.PutUint32(r[at:], uint32(now.Unix()+seconds1970))
			binary.BigEndian.PutUint32(r[at+4:], uint32(int64(now.Nanosecond())<<32/1_000_000_000))
		}
		_, _ = conn.WriteTo(r, from) // the asker went away
	}
}
