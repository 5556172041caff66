package modem

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// walker gives a session arbitrary events and holds it to the rules that must hold
// whatever happens.
type walker struct {
	*world
	dice    *rand.Rand
	cards   []Secret
	tries   map[Secret]int      // on the SIM
	sent    map[string]int      // PIN entries that failed since the wish changed, by SIM and PIN
	typed   uint32              // PINs that a person typed
	leave   uint32              // of these the last that was sent: a person's permission is one
	right   Secret              // the PIN of every SIM
	refused map[string]bool     // by SIM and PIN
	dead    map[string]struct{} // SIMs whose last try was used
}

func newWalker(t testing.TB, seed uint64) *walker {
	w := &walker{world: newWorld(t), dice: rand.New(rand.NewPCG(seed, 1)),
		cards: []Secret{"8949000000000000001", "8941000000000000002"},
		right: "1000", tries: map[Secret]int{}, sent: map[string]int{}, refused: map[string]bool{}}
	for _, c := range w.cards {
		w.tries[c] = 1 + w.dice.IntN(3)
	}
	w.answer[opEnterPIN] = w.enterPIN
	w.attaches = seed%2 == 0
	w.answer[opReadPIN] = func(Command) (fact, *failure) {
		n := w.tries[w.sim.iccid]
		if n == 0 {
			return pinState{lock: SIMPUK, tries: 10}, nil
		}
		return pinState{lock: SIMPIN, tries: n}, nil
	}
	return w
}

// enterPIN is a SIM, and the judge of each entry.
func (w *walker) enterPIN(c Command) (fact, *failure) {
	card := w.sim.iccid
	key := string(card + "/" + c.pin)
	person := w.state.spec.PINTyped != w.leave
	busy := w.dice.IntN(4) == 0
	if !busy {
		w.leave = w.state.spec.PINTyped
		w.sent[key]++
	}
	switch n := w.tries[card]; {
	case n <= 1:
		w.t.Fatalf("the last try was used")
	case n < triesAlone && !person:
		w.t.Fatalf("PIN sent by itself with %d tries left", n)
	case !person && w.refused[key]:
		w.t.Fatalf("refused PIN sent again by itself")
	case w.sent[key] > 1:
		w.t.Fatalf("PIN sent twice for one wish")
	}
	if busy {
		return nil, &failure{reason: reasonEarly, tries: -1, text: "busy"}
	}
	if c.pin == w.right {
		w.tries[card], w.sim.state = 3, simReady
		delete(w.sent, key)
		delete(w.refused, key)
		return nil, nil
	}
	w.tries[card]--
	w.refused[key] = true
	return nil, &failure{reason: reasonPIN, tries: w.tries[card]}
}

func (w *walker) spec() Spec {
	if w.dice.IntN(6) == 0 {
		return Spec{}
	}
	w.typed += uint32(w.dice.IntN(3) / 2)
	s := Spec{Enabled: true, Roaming: w.dice.IntN(2) == 0, PINTyped: w.typed,
		PIN: Secret(fmt.Sprint(1000 + w.dice.IntN(3))), Bearers: map[Purpose]Bearer{},
		Mend: Mend{uint32(w.dice.IntN(2)), uint32(w.dice.IntN(2))}}
	for _, p := range []Purpose{Own, Shared, Purchase, "other"} {
		if w.dice.IntN(2) == 0 {
			s.Bearers[p] = Bearer{APN: fmt.Sprint("apn", w.dice.IntN(3)), Family: []Family{IPv4, IPv6, IPv4v6}[w.dice.IntN(3)]}
		}
	}
	s.Reregister, s.Service.ID = uint32(w.dice.IntN(2)), uint32(w.dice.IntN(2))
	if w.dice.IntN(2) == 0 {
		s.Attach = Attach{Card: w.cards[w.dice.IntN(2)], Set: w.dice.IntN(2) == 0, Profile: Bearer{APN: fmt.Sprint("apn", w.dice.IntN(3))}}
	}
	if w.dice.IntN(5) == 0 {
		s.Device = fmt.Sprint("1-", w.dice.IntN(2))
	}
	return s
}

// newWish is another wish.
func (w *walker) newWish() fact {
	s := w.spec()
	if s.PIN != w.state.spec.PIN || s.PINTyped != w.state.spec.PINTyped {
		clear(w.sent)
	}
	return specChanged{s}
}

// newSIM is another state of the SIM, or another SIM. While there is none it may be in a
// telephone.
func (w *walker) newSIM() fact {
	card := w.dice.IntN(2)
	w.sim = simState{state: simReadiness(w.dice.IntN(7)), iccid: w.cards[card],
		imsi: Secret([]string{"", fmt.Sprint("26201", card), fmt.Sprint("20404", card)}[w.dice.IntN(3)])}
	if w.sim.state == simAbsent && w.dice.IntN(2) == 0 {
		w.right = Secret(fmt.Sprint(1000 + w.dice.IntN(3)))
		w.tries[w.cards[0]], w.tries[w.cards[1]] = 1+w.dice.IntN(3), 1+w.dice.IntN(3)
	}
	return w.sim
}

// fact is any fact that the world may bring.
func (w *walker) fact() fact {
	d := w.dice
	n := uint32(d.IntN(4))
	switch d.IntN(10) {
	case 0:
		return w.newWish()
	case 1:
		var nodes []node
		for i := range d.IntN(3) {
			n := testNode(fmt.Sprint(i))
			n.port = n.Path + "/authorized"
			n.Holder = []string{"", "", "other"}[d.IntN(3)]
			nodes = append(nodes, n)
		}
		return devicesSeen{nodes}
	case 2:
		return channelLost{"EOF"}
	case 3:
		return w.newSIM()
	case 4:
		w.reg.state = []string{"", "deregistered", "searching", "home", "home", "roaming", "partner", "denied", "?"}[d.IntN(9)]
		return w.reg
	case 5:
		w.packet.state = packetState(d.IntN(5))
		return w.packet
	case 6:
		return bearerState{session: n, state: contextState(d.IntN(6)), cause: uint32(d.IntN(60))}
	case 7:
		return ipConfiguration{session: n, ipv4: v4("10.0.0.9/30")}
	case 8:
		w.radio = radioState{hardware: d.IntN(4) > 0, software: d.IntN(4) > 0}
		return w.radio
	}
	return pinState{lock: []SIMState{SIMReady, SIMPIN, SIMPUK, SIMLocked}[d.IntN(4)], tries: d.IntN(5) - 1}
}

// step is one event: a fact, the passing of time, an answer out of order, or silence.
func (w *walker) step() {
	switch w.dice.IntN(8) {
	case 0:
		w.pass(time.Duration(w.dice.Int64N(int64(4 * time.Minute))))
	case 1:
		o := op(2 + w.dice.IntN(int(opForgetRun)-1))
		w.mute[o] = !w.mute[o] && o != opEnterPIN && o != opRecordPIN && o != opRecallPIN
	case 2:
		if len(w.open) > 0 { // late, failed, or of another kind than asked for
			c := w.open[w.dice.IntN(len(w.open))]
			if c.op != opEnterPIN && c.op != opRecordPIN && c.op != opRecallPIN {
				w.event(answered{id: c.id, result: w.bearerFact(), err: w.failure()})
			}
		}
	default:
		f := w.fact()
		if _, ok := f.(pinState); ok { // tries are told by the SIM alone
			return
		}
		w.event(f)
	}
	w.open = w.open[max(0, len(w.open)-20):]
	w.check()
}

func (w *walker) bearerFact() fact {
	return bearerState{state: contextState(w.dice.IntN(5)), cause: uint32(w.dice.IntN(60))}
}

func (w *walker) failure() *failure {
	if w.dice.IntN(2) == 0 {
		return nil
	}
	return &failure{reason: reason(w.dice.IntN(int(reasonClosed) + 1)), cause: uint32(w.dice.IntN(60)), tries: -1, text: "no", card: w.dice.IntN(4) == 0}
}

// check holds the state to what must always be true.
func (w *walker) check() {
	s := w.state.snapshot()
	switch {
	case len(s.Log) > maxLog:
		w.t.Fatalf("%d transitions", len(s.Log))
	case len(w.state.slots) > maxSlots:
		w.t.Fatalf("%d sessions", len(w.state.slots))
	case s.Phase == PhaseOff && w.state.spec.Enabled, s.Phase == "":
		w.t.Fatalf("phase %q with wish %+v", s.Phase, w.state.spec)
	}
	seen := map[uint32]bool{}
	for _, slot := range w.state.slots {
		if seen[slot.id] || slot.id >= maxSlots {
			w.t.Fatalf("session %d", slot.id)
		}
		seen[slot.id] = true
	}
	for p, b := range s.Bearers {
		up := b.State == BearerUp
		if up != (b.IPv4 != nil || b.IPv6 != nil) && b.State != BearerConnecting {
			w.t.Fatalf("bearer %s is %s with addresses %v %v", p, b.State, b.IPv4, b.IPv6)
		}
		if up && w.state.channel != channelOpen {
			w.t.Fatalf("bearer %s is up without a modem", p)
		}
		if up && !w.state.spec.Roaming && (s.Registration.State == "roaming" || s.Registration.State == "partner") {
			w.t.Fatalf("bearer %s is up abroad", p)
		}
	}
}

func TestWhateverHappensTheRulesHold(t *testing.T) {
	for seed := range uint64(300) {
		w := newWalker(t, seed)
		for range 200 {
			w.step()
		}
		w.open = nil
		clear(w.mute)
		w.done = nil
		w.event(specChanged{Spec{}})
		w.pass(timeoutHangUp + timeoutClose + timeoutDial)
		w.phase(PhaseOff)
	}
}

func TestWhateverHappensToTheSIMNoSecondTryIsUsedByItself(t *testing.T) {
	for seed := range uint64(300) {
		w := newWalker(t, seed)
		w.event(devicesSeen{[]node{testNode("0")}})
		for range 100 {
			switch w.dice.IntN(8) {
			case 0:
				w.event(w.newWish())
			case 1:
				w.pass(time.Minute)
			default:
				w.event(w.newSIM())
			}
			w.check()
		}
	}
}

func TestWhateverHappenedAHealthyModemEndsInService(t *testing.T) {
	for seed := range uint64(300) {
		w := newWalker(t, seed)
		for range 100 {
			w.step()
		}
		w.open, w.mute = nil, map[op]bool{}
		fresh := newWorld(t)
		w.answer, w.sim, w.reg, w.packet, w.radio = fresh.answer, fresh.sim, fresh.reg, fresh.packet, fresh.radio
		for _, f := range []fact{specChanged{wish(internet)}, devicesSeen{nil}, devicesSeen{[]node{testNode("0")}}} {
			w.event(f)
		}
		w.pass(30 * time.Minute)
		w.bearer(Shared, BearerUp)
	}
}

// FuzzNext gives the session events that the fuzzer chooses byte by byte.
func FuzzNext(f *testing.F) {
	for seed := range byte(4) {
		f.Add(uint64(seed), seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps byte) {
		w := newWalker(t, seed)
		for range steps {
			w.step()
		}
	})
}
