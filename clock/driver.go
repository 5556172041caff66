package clock

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/egress"
	"github.com/tetherd/tetherd/save"
)

// patience is how long a server may take.
const patience = 3 * time.Second

// Options are what a Driver needs from outside.
type Options struct {
	Path string // file that keeps the last known time, in Unix seconds
	Log  *slog.Logger
	// Step moves the machine's clock by a duration; nil is the kernel's.
	Step func(time.Duration) error
}

// Driver asks for the time.
type Driver struct {
	opts  Options
	wake  chan struct{}
	right atomic.Pointer[moment] // that two servers agree on; nil none

	mu       sync.Mutex
	status   Status
	told     moment    // by whoever answered last
	failures int       // in a row
	due      time.Time // of the next round; zero at once
}

// New returns a driver that asks nobody yet. What the file holds is believed when it is a
// time.
func New(o Options) *Driver {
	d := &Driver{opts: o, wake: make(chan struct{}, 1)}
	if o.Step == nil {
		d.opts.Step = step
	}
	text, err := os.ReadFile(o.Path)
	seconds, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		o.Log.Warn("the last known time cannot be read", "err", err)
	case err == nil && bad == nil && seconds > 0 && seconds < 1<<34:
		d.status.Kept = time.Unix(seconds, 0)
	}
	return d
}

// Now is the time as far as it is known: the network's, or else the machine's. Whatever
// sets the machine's clock does not move the network's.
func (d *Driver) Now() time.Time {
	if m := d.right.Load(); m != nil {
		return m.now()
	}
	return time.Now()
}

// Apply replaces the wish.
func (d *Driver) Apply(s Spec) error {
	d.mu.Lock()
	before := d.status.InForce
	d.status.InForce = s
	d.status.InForce.Servers = slices.Clone(s.Servers)
	if s.Set && !before.Set || !slices.Equal(s.Servers, before.Servers) || s.Key != before.Key && d.status.Trust != TrustNetwork {
		d.due, d.failures = time.Time{}, 0
	}
	if (s.Modem != before.Modem || s.Set && !before.Set) && !s.Modem.At.IsZero() {
		d.hear(s)
	}
	d.mu.Unlock()
	d.rouse()
	return nil
}

// rouse has Run look what is due.
func (d *Driver) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Observe tells what is known. When somebody has moved a clock that is to be right, it has
// the servers asked anew; what they said before may have stood still with a machine that slept.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status
	s.InForce.Servers = slices.Clone(s.InForce.Servers)
	s.Behind = time.Now().Before(s.Kept)
	if !d.told.at.IsZero() {
		s.Offset = d.told.lacks()
	}
	if s.InForce.Set && s.Trust == TrustNetwork && s.Error == "" && s.Offset.Abs() > agree && time.Since(d.told.at) > first {
		d.due = time.Time{}
		d.rouse()
	}
	if s.Trust == TrustNone && !s.Kept.IsZero() && !s.Behind {
		s.Trust = TrustKept
	}
	return s
}

// Run asks until ctx ends.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		d.mu.Lock()
		spec, due := d.status.InForce, d.due
		d.mu.Unlock()
		switch {
		case len(spec.Servers) == 0 || spec.Interface == "":
			timer.Stop()
			continue
		case time.Now().Before(due):
		default:
			due = d.round(ctx, spec)
			changed()
		}
		timer.Reset(time.Until(due))
	}
}

// round asks one server after the other until two agree, and says when the next is due.
func (d *Driver) round(ctx context.Context, spec Spec) time.Time {
	var answers []heard
	var fault error
	for _, server := range spec.Servers {
		m, err := ask(ctx, spec, server)
		if err != nil {
			fault = fmt.Errorf("clock: %v: %w", server.Addr(), err)
			continue
		}
		answers = append(answers, heard{server, m})
		if trust, _ := judge(answers); trust == TrustNetwork {
			break
		}
	}
	trust, best := judge(answers)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !reflect.DeepEqual(spec, d.status.InForce) { // these are no longer the ones to ask
		return d.due
	}
	d.failures++
	switch {
	case trust == TrustNetwork, trust == TrustOne && len(spec.Servers) == 1:
		d.failures = 0
	case fault != nil:
		d.status.Error = fault.Error()
	}
	if trust != TrustNone {
		d.take(spec, trust, best)
	}
	d.due = time.Now().Add(pause(d.failures))
	return d.due
}

// hear takes what the modem told, while no server has answered; d.mu is held. Only a clock
// that is wrong in every time zone is put right by it, and not to a time that has been: a
// modem may tell what it heard days ago.
func (d *Driver) hear(s Spec) {
	if t := d.status.Trust; t == TrustOne || t == TrustNetwork || s.Modem.Right.Before(d.status.Kept.Add(-Zones)) {
		return
	}
	m := moment{at: s.Modem.At, right: s.Modem.Right}
	d.told = m
	d.status.Trust, d.status.Source, d.status.At = TrustModem, "modem", m.at
	lacks := m.lacks()
	if lacks.Abs() <= Zones {
		d.right.Store(nil)
		return
	}
	d.right.Store(&m)
	if s.Set {
		d.step(lacks)
	}
}

// step moves the clock by what it lacks; d.mu is held.
func (d *Driver) step(lacks time.Duration) {
	s := &d.status
	if err := d.opts.Step(lacks); err != nil {
		s.Error = "clock: it cannot be set: " + err.Error()
		return
	}
	d.opts.Log.Info("the clock was set", "by", lacks, "source", s.Source)
	s.At, s.Sets = s.At.Add(lacks), s.Sets+1
}

// take believes an answer; d.mu is held.
func (d *Driver) take(spec Spec, trust Trust, h heard) {
	s := &d.status
	d.told = h.moment
	s.Trust, s.Source, s.At, s.Error = trust, h.server.Addr().String(), h.at, ""
	if trust != TrustNetwork {
		return
	}
	d.right.Store(&h.moment)
	if lacks := h.lacks(); spec.Set && lacks.Abs() > agree {
		d.step(lacks)
	}
	d.keep(h.now())
}

// keep writes a time down, seldom; d.mu is held.
func (d *Driver) keep(t time.Time) {
	if old := d.status.Kept; t.Sub(old) < rewrite && !t.Before(old) {
		return
	}
	err := os.MkdirAll(filepath.Dir(d.opts.Path), 0o700)
	if err == nil {
		err = save.File(d.opts.Path, strconv.AppendInt(nil, t.Unix(), 10))
	}
	if err != nil {
		d.opts.Log.Warn("the time cannot be kept", "err", err)
		return
	}
	d.status.Kept = t
}

// ask asks one server.
func ask(ctx context.Context, spec Spec, server netip.AddrPort) (moment, error) {
	dialer := net.Dialer{Control: egress.Control(spec.Interface, spec.Mark), Timeout: patience}
	conn, err := dialer.DialContext(ctx, "udp", server.String())
	if err != nil {
		return moment{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	nonce := binary.BigEndian.Uint64(random[:])
	sent := time.Now()
	if err := conn.SetDeadline(sent.Add(patience)); err != nil {
		return moment{}, err
	}
	if _, err := conn.Write(question(nonce)); err != nil {
		return moment{}, err
	}
	var buf [2 * packetLen]byte
	for {
		n, err := conn.Read(buf[:])
		if err != nil {
			return moment{}, errors.New("no answer")
		}
		received := sent.Add(time.Since(sent)) // by the monotonic clock, whatever sets the other
		offset, err := answer(buf[:n], nonce, sent, received)
		if err == nil || binary.BigEndian.Uint64(buf[atOrigin:]) == nonce {
			return moment{at: received, right: received.Round(0).Add(offset)}, err
		}
	}
}

// step moves the kernel's clock.
func step(by time.Duration) error {
	t := unix.NsecToTimeval(time.Now().Add(by).UnixNano())
	return unix.Settimeofday(&t)
}
