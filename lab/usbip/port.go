package usbip

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// Bounds of what waits for the host; more is lost, as in a real modem.
const (
	maxResponses = 256
	maxPackets   = 512
	maxWaiting   = 1024 // transfers that the host has asked for
)

// maxSessions is how many sessions have a data path; those of the others are lost.
const maxSessions = 3

// downward is a packet for the host.
type downward struct {
	session byte
	packet  []byte
}

// port is one USB port with the modem in it. The host asks for data before or after
// it is there, so requests and data wait for each other in queues, and reading never
// waits for either.
type port struct {
	conn     net.Conn
	device   simmodem.Device
	messages *messages             // towards the modem's control function
	packets  [maxSessions]*packets // towards its data path, by session

	mu        sync.Mutex
	out       []byte // buffer for what is sent
	setting   byte   // of the data interface: 1 is on
	inputSize int    // largest block for the host
	sequence  uint16 // of the next block
	responses [][]byte
	notices   int // responses that the host has not been told of
	downlink  []downward
	waiting   map[uint32][]submit // by endpoint, towards the host
	closed    bool
}

func newPort(conn net.Conn, device simmodem.Device) *port {
	const usual = 4096 // of simmodem.Device
	if device.MaxControl == 0 {
		device.MaxControl = usual
	}
	p := &port{conn: conn, device: device, inputSize: ntbSize, waiting: map[uint32][]submit{}}
	p.messages = &messages{port: p, commands: make(chan []byte, maxResponses), done: make(chan struct{})}
	for i := range p.packets {
		p.packets[i] = &packets{port: p, session: byte(i), uplink: make(chan []byte, maxPackets), done: make(chan struct{})}
	}
	return p
}

// run serves the host until the connection ends.
func (p *port) run() {
	defer p.close()
	r := bufio.NewReaderSize(p.conn, maxTransfer)
	for {
		s, err := readSubmit(r)
		if err != nil {
			return
		}
		p.serve(s)
	}
}

// close pulls the plug.
func (p *port) close() {
	p.conn.Close() // first: whoever holds the lock may be writing
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	close(p.messages.done)
	for _, s := range p.packets {
		close(s.done)
	}
}

// serve takes one request.
func (p *port) serve(s submit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.command == cmdUnlink:
		p.forget(s)
	case s.endpoint == endpointControl:
		p.serveControl(s)
	case s.in:
		p.wait(s)
	case s.endpoint == endpointUplink:
		// A broken block is lost, as on a real modem: there is no way to say so.
		_ = parseBlock(s.data, func(session byte, packet []byte) {
			if session < maxSessions {
				p.packets[session].deliver(packet)
			}
		})
		p.send(appendResult(p.out[:0], s.sequence, 0, len(s.data), nil))
	default:
		p.stall(s)
	}
	p.pair()
}

func (p *port) serveControl(s submit) {
	answer, ok := p.control(s)
	switch {
	case !ok:
		p.stall(s)
	case s.in:
		answer = answer[:min(len(answer), s.length)]
		p.send(appendResult(p.out[:0], s.sequence, 0, len(answer), answer))
	default:
		p.send(appendResult(p.out[:0], s.sequence, 0, len(s.data), nil))
	}
}

func (p *port) stall(s submit) {
	p.send(appendResult(p.out[:0], s.sequence, -int32(unix.EPIPE), 0, nil))
}

// wait keeps a request until there is data for it.
func (p *port) wait(s submit) {
	if len(p.waiting[s.endpoint]) >= maxWaiting {
		p.stall(s)
		return
	}
	p.waiting[s.endpoint] = append(p.waiting[s.endpoint], s)
}

// forget drops a request that waits. One that was answered already is told from it by
// the status.
func (p *port) forget(s submit) {
	status := int32(0)
	for endpoint, list := range p.waiting {
		i := slices.IndexFunc(list, func(w submit) bool { return w.sequence == s.unlink })
		if i >= 0 {
			p.waiting[endpoint] = slices.Delete(list, i, i+1)
			status = -int32(unix.ECONNRESET)
		}
	}
	p.send(appendUnlinked(p.out[:0], s.sequence, status))
}

// pair answers requests that wait with data that waits.
func (p *port) pair() {
	for p.notices > 0 {
		s, ok := p.next(endpointNotices)
		if !ok {
			break
		}
		p.notices--
		// RESPONSE_AVAILABLE (CDC 1.2 6.3.2) from interface 0.
		notice := []byte{0xa1, 0x01, 0, 0, 0, 0, 0, 0}
		p.send(appendResult(p.out[:0], s.sequence, 0, len(notice), notice))
	}
	for p.setting == 1 && len(p.downlink) > 0 {
		s, ok := p.next(endpointPackets)
		if !ok {
			break
		}
		p.sendBlock(s)
	}
}

// next takes the oldest request that waits at an endpoint.
func (p *port) next(endpoint uint32) (submit, bool) {
	list := p.waiting[endpoint]
	if len(list) == 0 {
		return submit{}, false
	}
	s := list[0]
	p.waiting[endpoint] = slices.Delete(list, 0, 1)
	return s, true
}

// sendBlock answers a request with as many packets of the next one's session as it
// holds.
func (p *port) sendBlock(s submit) {
	room := min(p.inputSize, s.length)
	n, size := 0, 0
	var packets [][]byte
	for _, d := range p.downlink {
		if d.session != p.downlink[0].session || blockRoom(n+1, size+len(d.packet)) > room {
			break
		}
		size += len(d.packet)
		packets = append(packets, d.packet)
		n++
	}
	if n == 0 { // not even one: it is lost, and the transfer is empty
		p.downlink = slices.Delete(p.downlink, 0, 1)
		p.send(appendResult(p.out[:0], s.sequence, 0, 0, nil))
		return
	}
	block := appendBlock(nil, p.sequence, p.downlink[0].session, packets)
	p.sequence++
	p.downlink = slices.Delete(p.downlink, 0, n)
	p.send(appendResult(p.out[:0], s.sequence, 0, len(block), block))
}

// send writes to the host, which always reads. A host that has gone is noticed by run.
func (p *port) send(b []byte) {
	p.out = b
	_, _ = p.conn.Write(b)
}

// messages is the modem's control connection: one message a read and a write.
type messages struct {
	port     *port
	commands chan []byte
	done     chan struct{} // closed with the port
}

// deliver passes a command on to the modem. It is called with the port locked.
func (m *messages) deliver(command []byte) {
	select {
	case m.commands <- command:
	default: // a modem that does not listen
	}
}

// Read gives the host's next command.
func (m *messages) Read(b []byte) (int, error) {
	select {
	case c := <-m.commands:
		if len(c) > len(b) {
			return 0, io.ErrShortBuffer
		}
		return copy(b, c), nil
	case <-m.done:
		return 0, io.EOF
	}
}

// Write tells the host that there is a response, which it then fetches.
func (m *messages) Write(response []byte) (int, error) {
	p := m.port
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	if len(p.responses) >= maxResponses {
		return 0, errors.New("usbip: the host does not fetch responses")
	}
	p.responses = append(p.responses, slices.Clone(response))
	p.notices++
	p.pair()
	return len(response), nil
}

// Close is the modem's: it hangs up, which pulls the plug.
func (m *messages) Close() error {
	m.port.close()
	return nil
}

// packets is one session of the modem's network interface: one packet a read and a write.
type packets struct {
	port    *port
	session byte
	uplink  chan []byte
	done    chan struct{} // closed with the port
}

// deliver passes a packet on to the modem. It is called with the port locked.
func (p *packets) deliver(packet []byte) {
	select {
	case p.uplink <- packet: // part of a transfer's own buffer
	default: // lost in a full queue
	}
}

// Read gives the host's next packet.
func (p *packets) Read(b []byte) (int, error) {
	select {
	case packet := <-p.uplink:
		return copy(b, packet), nil
	case <-p.done:
		return 0, io.EOF
	}
}

// Write queues a packet for the host.
func (p *packets) Write(packet []byte) (int, error) {
	o := p.port
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, io.ErrClosedPipe
	}
	if o.setting != 1 || len(o.downlink) >= maxPackets {
		return len(packet), nil // lost
	}
	o.downlink = append(o.downlink, downward{p.session, slices.Clone(packet)})
	o.pair()
	return len(packet), nil
}

// Close is the modem's: it needs the interface no longer.
func (p *packets) Close() error { return nil }
