package simmodem

import (
	"io"
	"sync"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// queueLength bounds what waits for a host that does not read.
const queueLength = 256

// host is one program that holds the control node open.
type host struct {
	conn   io.ReadWriteCloser
	out    chan outgoing
	done   chan struct{}
	closed sync.Once
}

// outgoing is one write to the host, not before due.
type outgoing struct {
	data []byte
	due  time.Time
}

func (h *host) close() {
	h.closed.Do(func() {
		close(h.done)
		h.conn.Close()
	})
}

// Serve speaks MBIM on conn until it ends, and then closes it. A host that is there
// already is thrown out. State, also open sessions, does not depend on the
// connection: as with a character device, only messages change it.
func (m *Modem) Serve(conn io.ReadWriteCloser) { m.serve(m.admit(conn)) }

// admit makes a connection the modem's host.
func (m *Modem) admit(conn io.ReadWriteCloser) *host {
	h := &host{conn: conn, out: make(chan outgoing, queueLength), done: make(chan struct{})}
	m.mu.Lock()
	former := m.host
	m.host = h
	m.event(Event{Kind: "host"})
	m.mu.Unlock()
	if former != nil {
		former.close()
	}
	return h
}

// serve works for a host until its connection ends.
func (m *Modem) serve(h *host) {
	var writer sync.WaitGroup
	writer.Go(h.write)
	m.read(h)
	h.close()
	writer.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.host == h {
		m.host = nil
		m.event(Event{Kind: "gone"})
	}
}

// write sends what is queued, each at its time.
func (h *host) write() {
	for {
		select {
		case <-h.done:
			return
		case o := <-h.out:
			if !h.wait(time.Until(o.due)) {
				return
			}
			if _, err := h.conn.Write(o.data); err != nil {
				h.close()
				return
			}
		}
	}
}

// wait lets d pass, or reports that the host has gone.
func (h *host) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-h.done:
		return false
	case <-timer.C:
		return true
	}
}

// read handles what the host sends until its connection ends.
func (m *Modem) read(h *host) {
	var splitter mbim.Splitter
	var assembler mbim.Assembler
	buf := make([]byte, mbim.MaxMessage)
	for {
		n, err := h.conn.Read(buf)
		splitter.Write(buf[:n], time.Now())
		for {
			frame, ok := splitter.Next()
			if !ok {
				break
			}
			m.frame(h, &assembler, frame)
		}
		if err != nil {
			return
		}
	}
}

// frame handles one frame of the host.
func (m *Modem) frame(h *host, assembler *mbim.Assembler, frame []byte) {
	message, complete, err := assembler.Add(frame, time.Now())
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.host != h {
		return
	}
	switch {
	case err != nil:
		m.protocolError(err)
	case complete:
		m.message(message)
	}
}

// send queues one message for the host.
func (m *Modem) send(message mbim.Message) {
	limit := min(int(m.limit), m.device.MaxControl)
	if m.faults.fragment > 0 {
		limit = min(limit, m.faults.fragment)
	}
	for _, frame := range message.Frames(limit) {
		m.queue(frame)
	}
}

// queue queues bytes for the host, in pieces when a fault asks for it.
func (m *Modem) queue(data []byte) {
	if m.host == nil {
		return
	}
	piece := len(data)
	if m.faults.chop > 0 {
		piece = m.faults.chop
	}
	due := time.Now().Add(m.faults.delay)
	for ; len(data) > 0; data = data[min(piece, len(data)):] {
		select {
		case m.host.out <- outgoing{data[:min(piece, len(data))], due}:
		default:
			m.counts.overflows.Add(1)
		}
	}
}
