package doctor

import (
	"slices"
	"time"

	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// Memory is what one examination leaves for the next.
type Memory struct {
	Held      []Held       `json:"held,omitempty"`
	ModemSeen bool         `json:"modem_seen,omitempty"`
	Carried   string       `json:"carried,omitempty"` // access point by which traffic has flowed; with a mark, so that "" is none
	Told      time.Time    `json:"told"`              // begin of the last failed try that was told of
	Addresses string       `json:"addresses,omitempty"`
	Bearer    time.Time    `json:"bearer"` // when the bearer with these addresses came up
	Sample    Sample       `json:"sample"`
	Stall     Stall        `json:"stall"`
	Doubt     Doubt        `json:"doubt"`
	Courses   []Course     `json:"courses,omitempty"`
	Repairs   plan.Repairs `json:"repairs"`
	MTUOf     string       `json:"mtu_of,omitempty"` // access point for which Repairs.MTU was found
	Attach    string       `json:"attach,omitempty"` // access points that are tried for registering, one a line
	Turned    uint64       `json:"turned,omitempty"` // devices turned away without an address, so far
	TurnedAt  time.Time    `json:"turned_at"`        // the last of them
	Dropped   uint64       `json:"dropped,omitempty"`
	Lost      time.Time    `json:"lost"`            // when the gateway was last seen without Internet
	Borne     []string     `json:"borne,omitempty"` // others' chains that drop, beside which a client had Internet
	Waits     time.Time    `json:"waits"`           // since when clients lack the Internet; zero: they do not
	SIM       int          `json:"sim,omitempty"`   // that all this is about, see Path
}

func (m Memory) clone() Memory {
	m.Held, m.Courses = slices.Clone(m.Held), slices.Clone(m.Courses)
	return m
}

// follow forgets what was learnt about the path of another SIM.
func (m *Memory) follow(sim int) {
	if m.SIM != sim {
		m.SIM, m.Carried, m.Courses, m.MTUOf, m.Repairs.MTU = sim, "", nil, "", 0
	}
}

// Sample is traffic as it was counted at one time.
type Sample struct {
	At       time.Time `json:"at"`
	Key      string    `json:"key,omitempty"` // of the bearer
	Tx       uint64    `json:"tx"`            // bytes sent by the uplink
	Rx       uint64    `json:"rx"`
	Up       uint64    `json:"up"` // bytes that clients sent to the Internet
	Down     uint64    `json:"down"`
	Failed   uint64    `json:"failed"`             // questions of clients that nobody could answer
	Asked    uint64    `json:"asked"`              // questions of clients
	Moved    time.Time `json:"moved"`              // when traffic was last seen
	Heard    time.Time `json:"heard"`              // when something last came in by the bearer
	Busy     time.Time `json:"busy"`               // when clients last sent to the Internet
	Lively   time.Time `json:"lively"`             // when clients were last answered from there
	Silenced bool      `json:"silenced,omitempty"` // no DNS server answered
	Rivals   int       `json:"rivals,omitempty"`   // chains of others that drop
	Tries    uint64    `json:"tries,omitempty"`    // of clients to connect
	Met      uint64    `json:"met,omitempty"`      // that were answered
}

// Stall says what traffic lacked between the last two samples.
type Stall struct {
	Uplink  bool `json:"uplink,omitempty"`  // much was sent, nothing came back
	Clients bool `json:"clients,omitempty"` // clients sent much, nothing came back to them
	Barred  bool `json:"barred,omitempty"`  // most of what clients try to connect to does not answer
}

// Passive evidence is taken so often, while clients are active and while they rest.
const (
	sampleBusy = 2 * time.Second
	sampleIdle = time.Minute
	// rest is how long clients must be quiet to count as resting; longer than the lull
	// after which a client's question is news.
	rest = 15 * time.Second
)

// Bytes that are too many for a stray packet: a few tries to connect.
const (
	muchSent   = 200
	muchClient = 150
	muchAnswer = 2000 // within one sample: more than what an old connection is told in passing
)

// manyTries to connect without an answer are more than a site that is down accounts for.
const manyTries = 3

// unmet is how many tries were not answered; a late answer makes it less again.
func (s Sample) unmet() int64 { return int64(s.Tries - s.Met) }

// sample takes the passive evidence.
func (e *exam) sample() {
	now := e.take()
	was := e.m.Sample
	now.Moved, now.Heard, now.Busy, now.Lively = was.Moved, was.Heard, was.Busy, was.Lively
	if now.Key == was.Key && now.Rx > was.Rx {
		now.Heard = now.At
	}
	if now.Up > was.Up {
		now.Busy = now.At
	}
	if now.Key == was.Key && now.Down >= was.Down && (now.Met > was.Met || now.Down-was.Down >= muchAnswer) {
		now.Lively = now.At
	}
	if now.Tx != was.Tx || now.Up != was.Up || now.Asked != was.Asked || now.Key != was.Key {
		now.Moved = now.At
	}
	switch {
	case was.Key != now.Key || now.Tx < was.Tx || now.Up < was.Up || now.Rx < was.Rx || now.Down < was.Down || now.Tries < was.Tries || now.Met < was.Met:
		e.m.Stall = Stall{}
	case now.At.Sub(was.At) < sampleBusy:
		e.m.Sample.Moved, e.m.Sample.Heard, e.m.Sample.Busy, e.m.Sample.Lively = now.Moved, now.Heard, now.Busy, now.Lively
		e.plan(e.m.Sample)
		e.trouble(now, was)
		return
	default:
		e.m.Stall = Stall{
			Uplink:  now.Tx >= was.Tx+muchSent && now.Rx == was.Rx,
			Clients: now.Up >= was.Up+muchClient && now.Down == was.Down,
			Barred:  now.unmet() >= was.unmet()+max(manyTries, int64(now.Met-was.Met)),
		}
		e.trouble(now, was)
	}
	e.m.Sample = now
	e.plan(now)
}

// plan says when the next sample is due.
func (e *exam) plan(s Sample) {
	switch {
	case s.Key == "" || len(e.Observed.DHCP.Leases) == 0:
	case e.Observed.Now.Sub(s.Moved) < rest:
		e.at(s.At.Add(sampleBusy))
	default:
		e.at(s.At.Add(sampleIdle))
	}
}

// take counts now.
func (e *exam) take() Sample {
	s := Sample{At: e.Observed.Now, Key: e.Wish.Gateway, Failed: e.Observed.DNS.Counts.Failed, Asked: e.Observed.DNS.Counts.Queries, Silenced: e.silenced(), Rivals: len(e.Observed.NAT.Rivals),
		Tries: e.Observed.NAT.Asked, Met: e.Observed.NAT.Answered}
	for _, i := range e.Observed.Link.Interfaces {
		if i.Name == e.Wish.Uplink {
			s.Tx, s.Rx = i.TxBytes, i.RxBytes
		}
	}
	probes := e.probeAddr()
	for a, c := range e.Observed.NAT.Clients {
		if a != probes {
			s.Up, s.Down = s.Up+c.Up, s.Down+c.Down
		}
	}
	return s
}

// silenced says that every DNS server that was asked has fallen silent.
func (e *exam) silenced() bool {
	d := e.Observed.DNS
	return len(d.Silent) > 0 && len(d.Answering) == 0
}

// Doubt is why and how often the probe was asked to look again.
type Doubt struct {
	Count uint32        `json:"count"`          // of requests
	At    time.Time     `json:"at"`             // the last one
	Gap   time.Duration `json:"gap"`            // until the next one may be made
	Seen  time.Time     `json:"seen"`           // a doubt, last
	Weak  bool          `json:"weak,omitempty"` // only of what is usual on healthy paths too
	Now   bool          `json:"now,omitempty"`
}

// Bounds between two looks for a suspicion that proved wrong: each costs bytes of the
// plan.
const (
	firstGap  = 5 * time.Second
	lastGap   = 2 * time.Minute
	weakGap   = 10 * time.Minute
	calm      = 15 * time.Minute // without a suspicion, before the gap is short again
	costly    = 4                // times as long, where data are dear
	hopeGap   = 15 * time.Second // between looks while somebody waits for the Internet
	lastHoped = 10 * time.Minute // somebody waits for so long at least
)

// trouble notes what makes a proof doubtful.
func (e *exam) trouble(now, was Sample) {
	strong := e.m.Stall.Uplink || e.m.Stall.Clients || now.Silenced || now.Rivals > was.Rivals
	weak := e.m.Stall.Barred || now.Failed > was.Failed && now.Key == was.Key
	e.m.Doubt.Now, e.m.Doubt.Weak = strong || weak, !strong
}

// suspect asks for another look when what was proved is in doubt, and again and again
// while somebody waits for what is not there.
func (e *exam) suspect() {
	if e.hope() {
		return
	}
	d, now := &e.m.Doubt, e.Observed.Now
	g := e.gateway()
	doubt := d.Now && (g.Verdict == probe.Online || e.client().Verdict == probe.Online)
	if !doubt || g.At.After(d.At) && now.Sub(g.At) < firstGap {
		return
	}
	if now.Sub(d.Seen) > calm {
		d.Gap = firstGap
	}
	d.Seen = now
	gap := d.Gap
	if !d.Weak {
		gap = min(gap, lastGap)
	}
	if due := d.At.Add(gap); now.Before(due) {
		e.at(due)
		return
	}
	d.Count, d.At, d.Gap = d.Count+1, now, min(max(2*d.Gap, firstGap), e.dear(weakGap))
}

// hope asks for another look while clients lack the Internet, soon when they show life or
// are at work, and says that they lack it.
func (e *exam) hope() bool {
	d, now := &e.m.Doubt, e.Observed.Now
	last := e.gateway()
	if last.Failed == 0 {
		last = e.client()
	}
	if last.Failed == 0 || e.Online {
		e.m.Waits = time.Time{}
		return false
	}
	if e.m.Waits.IsZero() {
		e.m.Waits = now
	}
	// In the end the probe's own pauses are enough for nobody, for those who are answered
	// and have what they want, and for a fault that the synthetic client has alone.
	lively := e.lively()
	if now.Sub(e.m.Waits) >= lastHoped && (lively || e.gateway().Failed == 0 || now.Sub(e.m.Sample.Busy) >= lastGap) {
		return true
	}
	gap := e.dear(hopeGap)
	if lively {
		gap = e.dear(firstGap)
	}
	if due := later(last.At, d.At).Add(gap); now.Before(due) {
		e.at(due)
		return true
	}
	d.Count, d.At = d.Count+1, now
	return true
}

// dear makes a pause longer where each byte may cost extra.
func (e *exam) dear(gap time.Duration) time.Duration {
	if e.Observed.Modem.Registration.Roams() {
		return costly * gap
	}
	return gap
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
