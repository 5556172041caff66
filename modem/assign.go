package modem

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"
)

// wanted is one distinct bearer of the wish with the purposes that share it.
type wanted struct {
	bearer   Bearer
	purposes []Purpose
}

// rank orders purposes for the choice of sessions: the clients' bearer gets the
// network interface itself, the others VLANs on top of it.
func rank(p Purpose) int {
	i := slices.Index([]Purpose{Shared, Own, Purchase}, p)
	if i < 0 {
		return 3
	}
	return i
}

// distinct lists the wished bearers, each once.
func distinct(s Spec) []wanted {
	if !s.Enabled {
		return nil
	}
	purposes := make([]Purpose, 0, len(s.Bearers))
	for p := range s.Bearers {
		purposes = append(purposes, p)
	}
	sort.Slice(purposes, func(i, j int) bool {
		a, b := purposes[i], purposes[j]
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) < 0
	})
	var list []wanted
	for _, p := range purposes {
		b := s.Bearers[p]
		i := slices.IndexFunc(list, func(w wanted) bool { return w.bearer == b })
		if i < 0 {
			list = append(list, wanted{bearer: b, purposes: []Purpose{p}})
			continue
		}
		list[i].purposes = append(list[i].purposes, p)
	}
	return list
}

// limit is how many sessions may be used.
func (s *State) limit() uint32 {
	if s.node.Driver != "cdc_mbim" {
		return 1 // only that driver makes a VLAN of a further one
	}
	return min(max(s.known.caps.sessions, 1), maxSlots)
}

// assign gives each distinct bearer a session: the one that it has, else the one
// that served the purpose, in a former process too, else one that is to end anyway, else a
// free one.
func (t *turn) assign() {
	t.slots = slices.DeleteFunc(t.slots, func(s slot) bool { return s.id >= t.limit() && s.idle() })
	for i := range t.slots {
		t.slots[i].wished = false
	}
	var rest []wanted
	for _, w := range distinct(t.spec) {
		if s := t.find(func(s *slot) bool { return s.wish == w.bearer }); s != nil {
			s.serve(w)
			continue
		}
		rest = append(rest, w)
	}
	rest = slices.DeleteFunc(rest, func(w wanted) bool {
		s, waits := t.former(w)
		if s != nil {
			s.serve(w)
		}
		return s != nil || waits
	})
	for _, w := range rest {
		s := t.find(func(s *slot) bool { return slices.ContainsFunc(w.purposes, s.serves) })
		if s == nil {
			s = t.find(func(*slot) bool { return true })
		}
		if s == nil {
			s = t.free()
		}
		if s != nil {
			s.serve(w)
		}
	}
}

// former returns the session in which a former process left the bearer of one of a wish's
// purposes; nil when none is, or it is given away. Until the modem has told how many it
// has the wish waits for one beyond the first.
func (t *turn) former(w wanted) (s *slot, waits bool) {
	for _, p := range w.purposes {
		id, ok := t.spec.Sessions[p]
		switch s := t.slot(id); {
		case !ok || s != nil && s.wished || id >= maxSlots:
		case id < t.limit():
			return t.session(id), false
		default:
			waits = waits || !t.known.capsRead
		}
	}
	return nil, waits
}

// session returns the slot of a session, also of one that was not used yet.
func (t *turn) session(id uint32) *slot {
	if s := t.slot(id); s != nil {
		return s
	}
	t.slots = append(t.slots, slot{id: id, status: BearerStatus{State: BearerUnasked, Since: t.at}})
	return &t.slots[len(t.slots)-1]
}

// find returns the first session not yet given to a wish that fits.
func (t *turn) find(fits func(*slot) bool) *slot {
	for i := range t.slots {
		if s := &t.slots[i]; !s.wished && fits(s) {
			return s
		}
	}
	return nil
}

// free takes the lowest unused session; nil when the modem has no more.
func (t *turn) free() *slot {
	for id := range t.limit() {
		if t.slot(id) == nil {
			return t.session(id)
		}
	}
	return nil
}

// slot returns the slot of a session, or nil.
func (t *turn) slot(id uint32) *slot {
	for i := range t.slots {
		if t.slots[i].id == id {
			return &t.slots[i]
		}
	}
	return nil
}

func (s *slot) serves(p Purpose) bool { return slices.Contains(s.purposes, p) }

// serve gives the session a wish. A new one starts without the former's back-off.
func (s *slot) serve(w wanted) {
	s.wished, s.purposes = true, w.purposes
	if s.wish != w.bearer {
		s.wish, s.redialed = w.bearer, false
		s.lane.failures, s.lane.hold = 0, time.Time{}
	}
}

// snapshot renders the state for others.
func (s *State) snapshot() Status {
	out := Status{
		Phase: s.phase, Since: s.since, Error: s.complaint, Log: s.log,
		Device:  s.device(),
		RadioOn: s.known.radio.hardware && s.known.radio.software,
		SIM:     s.sim(), Registration: s.registered(), Signal: s.known.signal,
		Time:    s.known.time,
		Bearers: make(map[Purpose]BearerStatus),
		Served:  s.served,
		Attach:  AttachStatus{Can: s.known.caps.attach, Done: s.known.attach.done, Same: s.known.attach.same, Error: s.known.attach.trouble},
	}
	if out.Phase == "" {
		out.Phase = PhaseOff
	}
	for _, w := range distinct(s.spec) {
		for _, p := range w.purposes {
			out.Bearers[p] = s.unserved(w.bearer)
		}
	}
	for _, wished := range []bool{false, true} { // what is wished goes before what ends
		for i := range s.slots {
			if slot := &s.slots[i]; slot.wished == wished {
				for _, p := range slot.purposes {
					out.Bearers[p] = s.bearer(slot)
				}
			}
		}
	}
	return out
}

func (s *State) device() Device {
	d, caps := s.node.Device, s.known.caps
	d.Firmware, d.IMEI, d.Sessions = caps.firmware, caps.imei, caps.sessions
	if caps.model != "" {
		d.Model = caps.model
	}
	return d
}

func (s *State) sim() SIM {
	k := &s.known
	sim := SIM{
		ICCID: k.card, IMSI: k.sim.imsi,
		MCC: k.identity.mcc, MNC: k.identity.mnc, HomeName: k.identity.home,
		SPN: k.identity.spn, GID1: k.identity.gid1,
		Early:     k.identity.early && (!k.identityDue.IsZero() || s.control.busy() && s.control.op == opReadIdentity),
		TriesLeft: -1, PINRefused: k.pin.refused, PINTaken: k.pin.taken,
	}
	switch k.sim.state {
	case simReady:
		sim.State, sim.Read = SIMReady, k.identityRead
	case simAbsent:
		sim.State = SIMAbsent
	case simBad:
		sim.State = SIMBad
	case simStarting:
		if s.phase == PhaseNoSIM { // it has had its time
			sim.State = SIMBad
		}
	case simLocked:
		sim.State = k.pin.state.lock
		if k.pin.state.lock != "" {
			sim.TriesLeft = k.pin.state.tries
		}
	}
	return sim
}

func (s *State) registered() Registration {
	r, p := s.known.registration, s.known.packet
	return Registration{
		State: r.state, PLMN: r.plmn, Name: r.name, Cause: cmp.Or(r.cause, p.cause),
		Technology: cmp.Or(p.technology, r.technology), Attached: p.state == packetAttached,
	}
}

func (s *State) bearer(slot *slot) BearerStatus {
	b := slot.status
	b.Session = slot.id
	b.Interface = s.node.Interface
	if slot.id > 0 && b.Interface != "" {
		b.Parent, b.Interface = b.Interface, sessionName(b.Interface, slot.id)
	}
	return b
}

// maxName is the longest name of a network interface, in bytes (IFNAMSIZ less its end).
const maxName = 15

// sessionName names a session's VLAN. Those who name interfaces by where they are, as
// wwp0s20f0u2i12, leave no room for it: the end of such a name is left out.
func sessionName(parent string, session uint32) string {
	end := fmt.Sprintf(".%d", session)
	return parent[:min(len(parent), maxName-len(end))] + end
}

// unserved is a wished bearer for which there is no session.
func (s *State) unserved(wish Bearer) BearerStatus {
	if !s.known.capsRead {
		return BearerStatus{State: BearerDown, Since: s.since}
	}
	return BearerStatus{State: BearerFailed, InForce: wish, Since: s.since,
		Error: fmt.Sprintf("all %d sessions of the modem are in use", s.limit())}
}
