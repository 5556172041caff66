package doctor

import "time"

// cause is what is fixed about a code.
type cause struct {
	code     Code
	check    string
	severity Severity
	appear   time.Duration // it must be true for so long before anybody hears of it
	dwell    time.Duration // it is shown for at least so long, unless a proof says that it is over
	hides    []Code        // symptoms that need no name of their own
	ladder   []Kind        // repairs in the order of their cost, once self has tried everything
	self     Kind          // what the parts do about it by themselves
	once     bool          // the ladder is climbed from its bottom whenever the cause is back, and not again before
	advice   bool          // without a repair a person has to act
}

// causes is the table of what can be told apart, in the order of the checks.
func causes() []cause {
	const s = time.Second
	return []cause{
		{code: "RC01", check: CheckModem, severity: Fault, appear: 8 * s, dwell: 3 * s, advice: true},
		{code: "RC02", check: CheckModem, severity: Fault, appear: 20 * s, advice: true},
		{code: "RC03", check: CheckModem, severity: Fault, appear: 3 * s, advice: true},
		{code: "RC06", check: CheckModem, severity: Fault, appear: 3 * s, hides: []Code{"RC01"}, advice: true},
		{code: "RC04", check: CheckSIM, severity: Fault, appear: 2 * s, advice: true},
		{code: "RC05", check: CheckSIM, severity: Fault, appear: s, advice: true},
		{code: "RC07", check: CheckNetwork, severity: Fault, advice: true},
		{code: "RC08", check: CheckNetwork, severity: Fault, appear: s, ladder: []Kind{NextAttach, NextAttach, NextAttach, NextAttach}, once: true, advice: true},
		{code: "RC09", check: CheckNetwork, severity: Fault, appear: 20 * s, advice: true},
		{code: "RC10", check: CheckBearer, severity: Fault, self: NextFamily},
		{code: "RC11", check: CheckBearer, severity: Fault, self: NextAPN, advice: true},
		{code: "RC12", check: CheckBearer, severity: Fault, self: NextAuth, advice: true},
		{code: "RC22", check: CheckAddress, severity: Fault, self: NextFamily, advice: true},
		{code: "RC13", check: CheckPath, severity: Fault, self: NextAPN, hides: pathSymptoms(), ladder: []Kind{Reattach, RadioCycle, ModemReset}, advice: true},
		{code: "RC14", check: CheckPath, severity: Fault, hides: pathSymptoms(), ladder: []Kind{Redial, Reattach, RadioCycle, ModemReset}, advice: true},
		{code: "RC15", check: CheckAddress, severity: Note, dwell: 10 * s, self: Followed},
		{code: "RC29", check: CheckPath, severity: Note, dwell: 10 * s, self: DropFlows},
		{code: "RC21", check: CheckPath, severity: Degraded, ladder: []Kind{LowerMTU}},
		{code: "RC33", check: CheckNames, severity: Note, self: Fallback},
		{code: "RC34", check: CheckNames, severity: Fault, hides: []Code{"RC17", "RC41", "RC42"}, ladder: []Kind{DirectDNS}, advice: true},
		{code: "RC18", check: CheckValid, severity: Fault, hides: []Code{"RC17", "RC41", "RC42", "RC34"}, advice: true},
		{code: "RC38", check: CheckValid, severity: Note, appear: 5 * s},
		{code: "RC27", check: CheckLAN, severity: Note, self: Renumber},
		{code: "RC40", check: CheckFirewall, severity: Fault, dwell: 5 * s, hides: []Code{"RC17", "RC41", "RC42"}, self: Reassert},
		{code: "RC42", check: CheckForward, severity: Fault, hides: []Code{"RC17", "RC47"}, advice: true},
		{code: "RC41", check: CheckForward, severity: Fault, hides: []Code{"RC17", "RC47"}, advice: true},
		{code: "RC17", check: CheckForward, severity: Fault, appear: 5 * s, advice: true},
		{code: "RC44", check: CheckWiFi, severity: Degraded, appear: 5 * s, advice: true},
		{code: "RC47", check: CheckLAN, severity: Degraded, dwell: 30 * s, advice: true},
		{code: "RC35", check: CheckClock, severity: Degraded, dwell: 5 * s, self: SetClock, advice: true},
	}
}

// pathSymptoms are what a dead path looks like further on.
func pathSymptoms() []Code { return []Code{"RC34", "RC33", "RC21", "RC17", "RC41", "RC42"} }

// causeOf finds a code in the table; false when nothing tells it apart yet.
func causeOf(code Code) (cause, bool) {
	for _, c := range causes() {
		if c.code == code {
			return c, true
		}
	}
	return cause{}, false
}
