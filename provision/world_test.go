package provision

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

// answer is what the simulated network does with a bearer.
type answer struct {
	refuse  bool
	cause   uint32
	silent  bool // neither yes nor no
	v6only  bool
	verdict probe.Verdict
	rx      bool
	alive   bool // addresses can be reached
	served  bool // clients are answered
}

var (
	carries = answer{verdict: probe.Online}
	mute    = answer{verdict: probe.Dead}
	portal  = answer{verdict: probe.Portal}
	noNames = answer{verdict: probe.NoDNS, rx: true, alive: true}
	v6      = answer{v6only: true}
)

func refusal(cause uint32) answer { return answer{refuse: true, cause: cause} }

// network answers by "APN/family/auth", by "APN/family", by "APN", or with cause 27.
type network map[string]answer

func (n network) answer(b modem.Bearer) answer {
	for _, name := range []string{
		fmt.Sprintf("%s/%s/%s", b.APN, b.Family, b.Auth), fmt.Sprintf("%s/%s", b.APN, b.Family), b.APN,
	} {
		if a, ok := n[name]; ok {
			return a
		}
	}
	return refusal(27)
}

// world runs a ladder against a simulated network, session and probe, in simulated
// time: every turn is one observation, time jumps to what happens next.
type world struct {
	t       *testing.T
	start   time.Time
	now     time.Time
	key     string
	rungs   []Rung
	net     network
	ready   bool
	probing bool
	trace   string
	ladder  Ladder
	status  modem.BearerStatus
	left    modem.Bearer // up since a former process, to be taken over
	probeAt time.Time    // when the next result comes; zero none
	result  probe.Verdict
	failed  int
	rounds  int // how often the rungs were asked for
	dials   []string
}

func newWorld(t *testing.T, net network, candidates ...Candidate) *world {
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return &world{t: t, start: begin, now: begin, key: "sim1", rungs: Rungs(candidates), net: net, ready: true, probing: true}
}

// turn observes once, applies the wish, and returns when time alone does something.
func (w *world) turn() time.Time {
	w.t.Helper()
	seen := Seen{Now: w.now, Ready: w.ready, Bearer: w.status, Probing: w.probing,
		Alive: w.net.answer(w.status.InForce).alive, Served: w.net.answer(w.status.InForce).served, Verdict: w.result, Failed: w.failed, Trace: w.trace}
	if w.status.State == modem.BearerUp {
		seen.RxGrew = w.net.answer(w.status.InForce).rx
	}
	next, wake := w.ladder.Climb(w.key, func() []Rung { w.rounds++; return w.rungs }, seen)
	if again, _ := next.Climb(w.key, func() []Rung { return w.rungs }, seen); !slices.Equal(next.Story(), again.Story()) {
		w.t.Fatalf("at %v the same observation moves the ladder twice", w.now.Sub(w.start))
	}
	if !wake.IsZero() && !wake.After(w.now) {
		w.t.Fatalf("at %v the ladder wants to be woken at %v", w.now.Sub(w.start), wake.Sub(w.start))
	}
	w.ladder = next
	w.apply()
	return wake
}

// apply is the session and the probe.
func (w *world) apply() {
	wish, wished := w.ladder.Bearer()
	if !wished {
		w.status = modem.BearerStatus{State: modem.BearerDown, InForce: w.status.InForce}
		w.probeAt, w.result, w.failed = time.Time{}, "", 0
		return
	}
	if !w.ready || wish == w.status.InForce && w.status.State != modem.BearerDown {
		return
	}
	w.dial(wish)
	left := wish
	left.Attempt = 0 // as modem takes it over
	if w.status.Adopted = left == w.left; !w.status.Adopted {
		w.dials = append(w.dials, fmt.Sprintf("%s/%s/%s", wish.APN, wish.Family, wish.Auth))
	}
	w.left = modem.Bearer{}
}

func (w *world) dial(wish modem.Bearer) {
	a := w.net.answer(wish)
	w.status = modem.BearerStatus{State: modem.BearerUp, InForce: wish, IPv4: &modem.IPConfig{
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/30")}}}
	w.probeAt, w.result, w.failed = time.Time{}, "", 0
	switch {
	case a.silent:
		w.status = modem.BearerStatus{State: modem.BearerConnecting, InForce: wish}
	case a.refuse:
		w.status = modem.BearerStatus{State: modem.BearerFailed, InForce: wish, Cause: a.cause}
	case a.v6only:
		w.status.IPv4, w.status.IPv6 = nil, &modem.IPConfig{}
	case w.probing && a.verdict != "":
		w.probeAt = w.now.Add(time.Second)
	}
}

// probe makes a result of the bearer as it is.
func (w *world) probe() {
	w.result = w.net.answer(w.status.InForce).verdict
	w.failed++
	w.probeAt = w.now.Add(3 * time.Second)
	if w.result == probe.Online || w.result == probe.Portal {
		w.failed, w.probeAt = 0, w.now.Add(time.Minute)
	}
}

// run lets the time go on.
func (w *world) run(forTime time.Duration) {
	w.t.Helper()
	end := w.now.Add(forTime)
	for turns := 0; ; turns++ {
		if turns > 20000 {
			w.t.Fatalf("%d turns in %v", turns, forTime)
		}
		before := w.status
		wake := w.turn()
		if before != w.status {
			continue // the session reports a change
		}
		if wake.IsZero() || !w.probeAt.IsZero() && w.probeAt.Before(wake) {
			wake = w.probeAt
		}
		if wake.IsZero() || wake.After(end) {
			w.now = end
			return
		}
		w.now = wake
		if w.now.Equal(w.probeAt) {
			w.probe()
		}
	}
}

// story is the ladder's, a line a try.
func (w *world) story() string {
	var text strings.Builder
	for _, try := range w.ladder.Story() {
		fmt.Fprintf(&text, "%6s %s %s/%s/%s: %s", try.At.Sub(w.start).Round(time.Second), try.Source, try.APN, try.Family, try.Auth, try.Outcome)
		if try.Cause != 0 {
			fmt.Fprintf(&text, " %d", try.Cause)
		}
		if try.Note != "" {
			fmt.Fprintf(&text, ", %s", try.Note)
		}
		text.WriteByte('\n')
	}
	return text.String()
}

func (w *world) tells(want string) {
	w.t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if diff := cmp.Diff(want, w.story()); diff != "" {
		w.t.Errorf("story (-want +got):\n%s", diff)
	}
}

func (w *world) says(want string) {
	w.t.Helper()
	if got := w.ladder.Why(); got != want {
		w.t.Errorf("why:\ngot  %s\nwant %s", got, want)
	}
}

func (w *world) dialled(want string) {
	w.t.Helper()
	if got := strings.Join(w.dials, " "); got != want {
		w.t.Errorf("dialled:\ngot  %s\nwant %s", got, want)
	}
	w.dials = nil
}

// The candidates most stories are told with.
var (
	dualStack = []modem.Family{modem.IPv4v6, modem.IPv4, modem.IPv6}
	wrong     = Candidate{Source: FromOwner, APN: "wrong.apn", Families: dualStack, Why: "named in section 'home' of the config"}
	assigned  = Candidate{Source: FromNetwork, Families: dualStack, Why: "the network may assign one"}
	internet  = Candidate{Source: FromTable, APN: "internet", Families: dualStack, Why: "listed for 26201"}
	login     = Candidate{Source: FromTable, APN: "login", User: "u", Password: "p", Families: dualStack, Why: "listed for 26201"}
)
