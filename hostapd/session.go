package hostapd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
)

// Times of a session.
const (
	lookSoon    = 100 * time.Millisecond // after an event; they come in bursts
	lookUp      = 2 * time.Second        // while not on the air
	lookClients = 15 * time.Second       // while there are stations
	lookIdle    = time.Minute
	stuckLimit  = time.Minute // in a state that should pass
	acsLimit    = time.Minute // for the choice of a channel
	maxSilence  = 3           // questions without an answer
	maxMismatch = 16
)

// session is one running hostapd.
type session struct {
	*radio
	set    Setting
	proc   *process
	ctrls  []*ctrl // by network
	events chan event
	lost   chan struct{} // an event socket failed
	timer  *time.Timer   // the next poll
	due    time.Time     // when it fires

	hurried func() bool // lets go of the context

	index  int  // of the interface at the start
	onAir  bool // it was enabled once
	radar  bool // radar was heard
	silent int  // questions in a row without an answer
	since  time.Time
	state  State
}

// newSession is a session whose questions to hostapd end with ctx.
func newSession(ctx context.Context, w *radio, set Setting, p *process, index int) *session {
	s := &session{
		radio: w, set: set, proc: p, index: index, since: time.Now(), state: StateStarting,
		events: make(chan event, 64), lost: make(chan struct{}, 1), timer: time.NewTimer(0),
	}
	for i := range set.Radio.Networks {
		s.ctrls = append(s.ctrls, newCtrl(set.ctrlDir(), set.bss(i)))
	}
	s.hurried = context.AfterFunc(ctx, s.hurry)
	return s
}

// hurry waits for no answer any more.
func (s *session) hurry() {
	for _, c := range s.ctrls {
		c.hurry()
	}
}

// note writes the file by which the next process knows hostapd.
func (s *session) note() {
	if err := s.proc.note(pidPath(s.set.Dir, s.name)); err != nil {
		s.log.Warn("hostapd: the next process will not know it", "error", err)
	}
}

// close ends hostapd and waits for it. The note of one that has ended goes.
func (s *session) close() {
	if !s.proc.stop(stopGrace) {
		s.d.release(s.name)
	}
	if s.proc.ended() {
		os.Remove(pidPath(s.set.Dir, s.name))
	}
	s.leave()
}

// leave lets go of hostapd, which goes on.
func (s *session) leave() {
	s.timer.Stop()
	s.hurried()
	for _, c := range s.ctrls {
		c.close()
	}
}

// answers says that all networks' control interfaces are there, each within a limit.
func (s *session) answers(limit time.Duration) bool {
	for _, c := range s.ctrls {
		if reply, err := c.within(limit, "PING"); err != nil || reply != "PONG\n" {
			return false
		}
	}
	return true
}

// watch follows hostapd until it ends, fails or must be started again.
func (s *session) watch(ctx context.Context) error {
	if err := s.attach(); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.proc.done:
			err = diagnose(s.proc.out.text(), s.proc.end)
		case n := <-s.wishes:
			err = s.change(n)
		case e := <-s.events:
			err = s.handle(e)
		case mac := <-s.kicks:
			s.kick(mac)
		case <-s.links:
			err = s.present()
		case <-s.lost:
			err = s.attach()
		case <-s.timer.C:
			err = s.poll()
		}
		if err != nil {
			return err
		}
	}
}

// attach listens for the events of every network, anew if it did before.
func (s *session) attach() error {
	for _, c := range s.ctrls {
		if err := c.attach(s.events, s.lost); err != nil {
			return cause{"hostapd's events cannot be heard: " + err.Error(), remedyWait}
		}
	}
	s.next(0)
	return nil
}

// present finds out whether the radio still is the one that hostapd was started on.
func (s *session) present() error {
	f, err := s.d.hw.netif(s.name)
	if err == nil && f.index != s.index {
		return errAbsent
	}
	if s.carried() != nil { // unless hostapd is about to change that itself
		s.next(lookSoon)
	}
	return nil
}

// carried tells what keeps a network from its stations, or these from their bridge, while
// hostapd thinks that all is well: it joins a bridge and sets its interfaces up when it
// starts, and where a bridge was made anew, or the radio was switched off meanwhile
// (rfkill), it must start again. What cannot be read is no complaint.
func (s *session) carried() error {
	for i, n := range s.set.Radio.Networks {
		name := s.set.bss(i)
		f, err := s.d.hw.netif(name)
		if err != nil {
			continue
		}
		if !f.up {
			return cause{"the interface " + name + " was set down", remedyWait}
		}
		if n.Bridge == "" {
			continue
		}
		if b, err := s.d.hw.netif(n.Bridge); err == nil && b.index != 0 && b.index != f.master {
			return cause{"the interface " + name + " was taken out of its bridge " + n.Bridge, remedyWait}
		}
	}
	return nil
}

// change makes n the wish, live if hostapd can.
func (s *session) change(n wish) error {
	s.take(n)
	return s.settle()
}

// settle has hostapd do what is wished. While the radios cannot be listed what is on the
// air stays, and the wish waits for the next poll.
func (s *session) settle() error {
	set, err := s.wished()
	s.status.Pending = errors.Is(err, errUnlisted)
	switch {
	case errors.Is(err, errRestart) || errors.Is(err, errAbsent):
		return err
	case s.status.Pending:
		s.log.Warn("hostapd: the wish waits", "error", err)
		s.next(lookUp)
		return nil
	case err != nil:
		s.refuse(err.Error())
		return nil
	}
	commands, ok := live(s.set, set)
	if !ok {
		return errRestart
	}
	return s.apply(set, commands)
}

// refuse keeps what is on the air, because the wish cannot be.
func (s *session) refuse(why string) {
	s.log.Warn("hostapd: refused, the former settings stay", "why", why)
	set := s.set
	s.good, s.refused, s.status.Refused = &set, why, why
	s.report(s.status, s.stations)
}

// wished is the setting that the present wish comes to, or the one that is on the air
// while the wish was refused.
func (s *session) wished() (Setting, error) {
	if s.refused != "" {
		return s.former(s.set), nil
	}
	caps, err := s.look()
	if err != nil {
		return Setting{}, err
	}
	if c := s.wish.country; c != s.set.Country && caps.Country != c && c != "" {
		// Its rules must be in force before a channel can be chosen.
		return Setting{}, errRestart
	}
	return s.setting(caps)
}

// apply gives a running hostapd another setting. Whoever comes after a cut in the middle
// of it finds no note, and starts hostapd anew.
func (s *session) apply(set Setting, commands []command) error {
	if len(commands) > 0 {
		os.Remove(pidPath(set.Dir, s.name))
	}
	if err := writeFiles(set); err != nil {
		return err
	}
	for _, c := range commands {
		i := slices.IndexFunc(s.ctrls, func(x *ctrl) bool { return x.path == newCtrl(set.ctrlDir(), c.bss).path })
		if err := s.ctrls[i].tell(c.text); err != nil {
			s.log.Info("hostapd: not taken live, starting again", "error", err)
			return errRestart
		}
	}
	if len(commands) > 0 {
		s.note()
		s.log.Info("hostapd: changed live", "commands", len(commands))
	}
	s.set = set
	if s.onAir && s.refused == "" {
		s.works(set)
	}
	s.status.Why, s.status.Refused = set.Tune.Why, s.refused
	s.next(lookSoon)
	s.report(s.status, s.stations)
	return nil
}

// kick throws a station out of every network; hostapd says OK whether it was there or
// not.
func (s *session) kick(mac net.HardwareAddr) {
	for _, c := range s.ctrls {
		if err := c.tell("DEAUTHENTICATE " + mac.String()); err != nil {
			s.log.Warn("hostapd: station not thrown out", "error", err)
		}
	}
	s.next(lookSoon)
}

// handle follows one event.
func (s *session) handle(e event) error {
	switch e.name {
	case "AP-STA-POSSIBLE-PSK-MISMATCH":
		s.mismatch(e.mac)
	case "ACS-FAILED":
		return cause{"the radio could not choose a channel by itself", remedyACS}
	case "DFS-RADAR-DETECTED":
		s.radar = true
	case "DFS-CAC-COMPLETED":
		if e.arg("success") == "0" {
			return cause{"radar was heard during the check for it", remedyRadar}
		}
	}
	s.next(lookSoon)
	return nil
}

// mismatch counts a probably wrong passphrase.
func (s *session) mismatch(mac net.HardwareAddr) {
	if mac == nil {
		return
	}
	list := slices.Clone(s.status.Mismatches) // the old one was given away
	i := slices.IndexFunc(list, func(m Mismatch) bool { return slices.Equal(m.MAC, mac) })
	if i < 0 {
		list = append(list[max(0, len(list)-maxMismatch+1):], Mismatch{MAC: mac})
		i = len(list) - 1
	}
	list[i].Count++
	list[i].Last = time.Now()
	s.status.Mismatches = list
	s.report(s.status, s.stations)
}

// poll asks where the radio stands and who is there.
func (s *session) poll() error {
	s.due = time.Time{}
	if s.status.Pending {
		if err := s.settle(); err != nil {
			return err
		}
	}
	reply, err := s.ctrls[0].ask("STATUS")
	a, ok := parseStatus(reply)
	if err != nil || !ok {
		s.next(lookUp)
		if s.silent++; s.silent >= maxSilence {
			return cause{"hostapd does not answer", remedyWait}
		}
		return nil
	}
	s.silent = 0
	for _, c := range s.ctrls {
		c.renew()
	}
	if a.state == StateEnabled {
		if err := s.carried(); err != nil {
			return err
		}
	}
	s.follow(a)
	if err := s.stuck(a); err != nil {
		return err
	}
	s.next(s.pace())
	return nil
}

// follow notes what hostapd says of itself.
func (s *session) follow(a air) {
	if a.state != s.state {
		s.state, s.since = a.state, time.Now()
	}
	if a.state == StateEnabled {
		s.enabled()
		s.stations = s.list()
	} else {
		s.stations = nil
	}
	s.status.Band, s.status.Channel = s.set.Tune.Band, a.channel
	s.status.CACLeft = a.cacLeft
	s.status.Why = s.set.Tune.Why
	if moved := s.set.Tune.Channel; s.radar && moved != 0 && a.channel != moved {
		s.status.Why = append(slices.Clone(s.status.Why), fmt.Sprintf("radar was heard on channel %d", moved))
	}
	s.status.Frequency, s.status.Width = a.frequency, a.width()
	fault := ""
	if a.state != StateEnabled {
		fault = "not on the air: hostapd is in state " + string(a.state)
	}
	s.enter(a.state, fault)
}

// enabled notes that the setting works.
func (s *session) enabled() {
	if s.onAir {
		return
	}
	s.onAir = true
	s.fails = 0
	s.proc.out.forget()
	if s.refused == "" {
		s.works(s.set)
	}
}

// list reads the stations of all networks. What cannot be read is left as it was.
func (s *session) list() []Station {
	var all []Station
	for i, c := range s.ctrls {
		list, err := c.stations()
		if err != nil {
			return s.stations
		}
		for _, st := range list {
			st.Interface = s.set.bss(i)
			st.SSID, st.Guest = s.set.Radio.Networks[i].SSID, s.set.Radio.Networks[i].Guest
			all = append(all, st)
		}
	}
	s.status.Read = time.Now()
	return all
}

// stuck finds a state that does not pass.
func (s *session) stuck(a air) error {
	limit, c := stuckLimit, cause{"hostapd stays in state " + string(a.state), remedyWait}
	switch {
	case a.state == StateEnabled || a.state == StateDFS && a.cacLeft > 0:
		return nil
	case a.state == StateACS:
		limit, c.remedy = acsLimit, remedyACS
	case a.state == StateDFS:
		c.remedy = remedyRadar
	case a.state == StateNoIR:
		c.remedy = remedyChannel
	}
	if time.Since(s.since) < limit {
		return nil
	}
	return c
}

// next has the radio polled after d at the latest: a flood of events cannot put it off.
func (s *session) next(d time.Duration) {
	if at := time.Now().Add(d); s.due.IsZero() || at.Before(s.due) {
		s.due = at
		s.timer.Reset(d)
	}
}

// pace is the time to the next look.
func (s *session) pace() time.Duration {
	switch {
	case s.state != StateEnabled:
		return lookUp
	case len(s.stations) > 0:
		return lookClients
	default:
		return lookIdle
	}
}
