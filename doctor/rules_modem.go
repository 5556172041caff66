package doctor

import (
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
)

// modemSigns: the device is not there or does not answer.
func (e *exam) modemSigns() {
	m := e.Observed.Modem
	if m.Device.Control != "" {
		e.m.ModemSeen = true
	}
	if !e.Facts.Modem || e.away(ModemReset) {
		return
	}
	phase := Value{"phase", string(m.Phase)}
	if h := m.Device.Holder; h != "" {
		e.sign(sign{code: "RC06", severity: e.contention(), confidence: 80, args: []Value{{"holder", h}},
			evidence: []Value{phase, {"node", m.Device.Control}, {"holder", h}}})
	}
	seen := Value{"modem seen before", yesNo(e.m.ModemSeen)}
	switch m.Phase {
	case modem.PhaseOpening:
		if until := m.Since.Add(firstOpening); e.Observed.Now.Before(until) {
			e.at(until)
		} else if m.Error != "" {
			e.sign(sign{code: "RC01", variant: "refuses", confidence: 70, args: []Value{{"detail", clause(m.Error, "")}},
				evidence: []Value{phase, {"node", m.Device.Control}, {"error", m.Error}}})
		}
	case modem.PhaseNoModem:
		if e.m.ModemSeen {
			e.sign(sign{code: "RC01", variant: "gone", confidence: 80, evidence: []Value{phase, seen}})
		} else {
			e.sign(sign{code: "RC02", confidence: 70, args: []Value{{"detail", clause(m.Error, "no modem is found")}}, evidence: []Value{phase, seen}})
		}
	case modem.PhaseUnanswered:
		e.sign(sign{code: "RC01", variant: "silent", confidence: 70, evidence: []Value{phase, {"node", m.Device.Control}}})
	case modem.PhaseRadioOff:
		e.sign(sign{code: "RC03", confidence: 90, evidence: []Value{phase}})
	}
}

// firstOpening is how long a modem that has just started may refuse to be opened.
const firstOpening = time.Minute

// contention is what it takes from clients that another program has the modem open:
// everything when the modem does not do what is asked, for the answers may go there.
func (e *exam) contention() Severity {
	if m := e.Observed.Modem; m.Phase == modem.PhaseUnanswered || m.Phase == modem.PhaseOpening || m.Phase == modem.PhaseReading {
		return Fault
	}
	return Note
}

// simSigns: the SIM is not there, cannot be read, or is locked.
func (e *exam) simSigns() {
	sim := e.Observed.Modem.SIM
	state := Value{"sim", string(sim.State)}
	tries := []Value{state, {"tries left", count(sim.TriesLeft)}}
	args := []Value{{"tries", count(sim.TriesLeft)}}
	switch sim.State {
	case modem.SIMAbsent:
		e.sign(sign{code: "RC04", variant: "absent", confidence: 95, evidence: []Value{state}})
	case modem.SIMBad:
		e.sign(sign{code: "RC04", variant: "bad", confidence: 90, evidence: []Value{state}})
	case modem.SIMPIN:
		variant := "needed"
		if sim.PINRefused {
			variant = "refused"
		}
		e.sign(sign{code: "RC05", variant: variant, confidence: 95, args: args, evidence: tries})
	case modem.SIMPUK:
		e.sign(sign{code: "RC05", variant: "puk", confidence: 95, args: args, evidence: tries})
	case modem.SIMLocked:
		e.sign(sign{code: "RC05", variant: "locked", confidence: 90, evidence: []Value{state}})
	}
}

// networkSigns: the network does not admit the SIM, or ours forbids to use it.
func (e *exam) networkSigns() {
	m := e.Observed.Modem
	r := m.Registration
	name := firstOf(strings.TrimSpace(r.Name+" "+r.PLMN), "-")
	evidence := []Value{{"registration", r.State}, {"network", name}}
	if e.Wish.Barred != "" {
		e.sign(sign{code: "RC07", variant: "barred", confidence: 95, args: []Value{{"why", e.Wish.Barred}}, evidence: append(evidence, Value{"rule", e.Wish.Barred})})
		return
	}
	switch m.Phase {
	case modem.PhaseRoaming:
		e.sign(sign{code: "RC07", confidence: 95, args: []Value{{"network", name}}, evidence: append(evidence, Value{"roaming allowed", "no"})})
	case modem.PhaseReady:
		return
	}
	if provision.AttachCause(r.Cause) {
		e.attachSign(name, evidence)
		return
	}
	switch m.Phase {
	case modem.PhaseDenied:
		variant, args := "", []Value{{"network", name}, {"cause", number(r.Cause)}, {"meaning", provision.MobilityCause(r.Cause)}}
		if r.Cause == 0 {
			variant = "silent"
		}
		e.sign(sign{code: "RC08", variant: variant, confidence: 90, args: args, evidence: append(evidence, Value{"cause", number(r.Cause)})})
	case modem.PhaseRegister:
		if !e.seeking() && !r.Registered() { // else it waits for its activation
			e.sign(sign{code: "RC09", variant: "searching", confidence: 70, evidence: append(evidence, Value{"searching since", m.Since.UTC().Format("15:04:05")})})
		}
	case modem.PhaseAttach:
		e.sign(sign{code: "RC09", confidence: 70, args: []Value{{"network", name}}, evidence: append(evidence, Value{"attached", yesNo(r.Attached)})})
	}
}

// attachSign: the network refuses the access point with which the modem registers. While
// others are tried the modem leaves the network for each, which is no sign that it is over.
func (e *exam) attachSign(network string, evidence []Value) {
	cause := e.Observed.Modem.Registration.Cause
	args := []Value{{"network", network}, {"cause", number(cause)}, {"meaning", provision.MobilityCause(cause)}}
	e.sign(sign{code: "RC08", variant: "attach", confidence: 85, args: args, evidence: append(evidence, Value{"cause", number(cause)})})
}

// attempts tells with which access points registering was tried, and with which it is now.
func (e *exam) attempts(f Finding, r *Remedy) Finding {
	if f.word("tried") != "" { // it is what was told before
		return f
	}
	var names []string
	for _, name := range e.Path.Attach[:min(len(r.Tried)+1, len(e.Path.Attach))] {
		names = append(names, firstOf(name, "the network's own choice"))
	}
	f.Args = append(f.Args, Value{"trying", names[len(names)-1]}, Value{"tried", number(len(names))})
	f.Evidence = append(f.Evidence, Value{"tried for registering", strings.Join(names, ", ")})
	return f
}

// firstSearch is how long a modem may look for its network before that is a fault's
// beginning; where traffic has flowed already, the table's time is enough.
const firstSearch = 40 * time.Second

// seeking says that it is usual that the modem looks for its network.
func (e *exam) seeking() bool {
	if e.away(NextAttach, Reattach, RadioCycle, ModemReset) {
		return true
	}
	until := e.Observed.Modem.Since.Add(firstSearch)
	if e.m.Carried != "" || !e.Observed.Now.Before(until) {
		return false
	}
	e.at(until)
	return true
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// count writes a number of which -1 is unknown.
func count(n int) string {
	if n < 0 {
		return "unknown"
	}
	return strconv.Itoa(n)
}

func number[T ~uint16 | ~uint32 | ~uint64 | ~int](n T) string {
	return strconv.FormatUint(uint64(n), 10)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// clause is an error as it stands inside a sentence.
func clause(text, otherwise string) string {
	text = firstOf(text, otherwise)
	_, rest, found := strings.Cut(text, ": ")
	if found && !strings.Contains(text[:strings.Index(text, ": ")], " ") {
		text = rest // a part's name in front
	}
	return strings.TrimSuffix(text, ".")
}
