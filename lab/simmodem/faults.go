package simmodem

import (
	"slices"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// faults are what is wrong with the modem now.
type faults struct {
	until    time.Time     // silent until then
	swallow  int           // messages to leave unanswered yet
	busy     int           // hang-ups to refuse yet
	wrong    int           // answers that get a wrong transaction yet
	delay    time.Duration // before everything that is sent
	fragment int           // largest frame sent; 0 as negotiated
	chop     int           // bytes a write; 0 whole frames
}

// quiet tells whether nothing may be said now.
func (f *faults) quiet(now time.Time) bool { return now.Before(f.until) }

// silent tells whether a message of the host is to be left unanswered.
func (f *faults) silent(now time.Time) bool {
	if f.quiet(now) {
		return true
	}
	if f.swallow > 0 {
		f.swallow--
		return true
	}
	return false
}

// transaction is the id that an answer gets.
func (f *faults) transaction(id uint32) uint32 {
	if f.wrong > 0 {
		f.wrong--
		return id + 1000
	}
	return id
}

// Silence makes the modem deaf and mute for d; 0 ends it. What the host sends
// meanwhile is lost, and what happens meanwhile is never told.
func (m *Modem) Silence(d time.Duration) {
	m.update(func() { m.faults.until = time.Now().Add(d) })
}

// Swallow leaves the next n messages of the host unanswered and undone.
func (m *Modem) Swallow(n int) { m.update(func() { m.faults.swallow = n }) }

// BusyHangUps refuses the next n hang-ups of sessions that are up.
func (m *Modem) BusyHangUps(n int) { m.update(func() { m.faults.busy = n }) }

// Shut closes the function under the host, as another program that opens and closes it does:
// all contexts end, and whatever is asked is answered "not opened" until the host opens it.
func (m *Modem) Shut() { m.update(m.shut) }

// WrongTransactions gives the next n answers a transaction id nobody asked with.
func (m *Modem) WrongTransactions(n int) { m.update(func() { m.faults.wrong = n }) }

// Delay holds back everything that the modem says by d; 0 ends it.
func (m *Modem) Delay(d time.Duration) { m.update(func() { m.faults.delay = d }) }

// Fragment splits everything that is longer than size bytes into fragments, however
// much the host can take; 0 ends it. The least size is 64.
func (m *Modem) Fragment(size int) { m.update(func() { m.faults.fragment = size }) }

// Chop writes size bytes at a time, so that frames arrive in pieces; 0 ends it.
func (m *Modem) Chop(size int) { m.update(func() { m.faults.chop = size }) }

// Garbage writes bytes to the host that are part of no frame.
func (m *Modem) Garbage(data []byte) { m.update(func() { m.queue(slices.Clone(data)) }) }

// DropBearer ends a session as the network does, with a cause. It reports whether
// the session was up.
func (m *Modem) DropBearer(id uint32, cause Cause) bool {
	found := false
	m.update(func() {
		if s := m.sessions[id]; s != nil {
			found = true
			m.lose(s, cause)
		}
	})
	return found
}

// ChangeBearer changes addresses, DNS servers or MTU of a live session as the
// network does. It reports whether the session was up.
func (m *Modem) ChangeBearer(id uint32, change func(*Grant)) bool {
	found := false
	m.update(func() {
		if s := m.sessions[id]; s != nil {
			found = true
			g := s.grant.Load().Clone()
			change(&g)
			s.bearer.Change(g.Clone())
			m.regrant(s, g)
		}
	})
	return found
}

// Cure is what a wedged modem needs until it carries packets again.
type Cure uint32

// The cures, the lightest first: each does what those before it do.
const (
	CureDetach Cure = 1 + iota // leaving packet service
	CureRadio                  // the radio is switched off
	CureReset                  // losing power, which a reset is
)

// Wedge makes the modem swallow all packets of whatever bearer, though nobody is told,
// until the host does what cures it.
func (m *Modem) Wedge(until Cure) { m.wedged.Store(uint32(until)) }

// cure ends that when a deed is as heavy as what is needed.
func (m *Modem) cure(deed Cure) {
	if deed >= Cure(m.wedged.Load()) {
		m.wedged.Store(0)
	}
}

// stuck tells whether a packet gets lost in the modem.
func (m *Modem) stuck() bool { return m.wedged.Load() != 0 }

// Indicate sends an indication of the caller's own making, to try how a host takes
// odd firmware. It is subject to the subscription like any other.
func (m *Modem) Indicate(service mbim.UUID, cid uint32, info *mbim.Writer) {
	m.update(func() { m.indicate(service, cid, info) })
}
