package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
)

// Marks tell whose a packet was behind NAT: whoever is marked sends datagrams to the
// Internet and questions to the gateway's forwarder that hold its name, and every packet
// that leaves the gateway is searched for such names.
const (
	markPrefix = "mark-"
	markEnd    = '-'
	markEvery  = 20 * time.Millisecond
	markAt     = "203.0.113.9:9" // nobody answers there
	// markWindow is how long who has Internet is silent at most.
	markWindow = 500 * time.Millisecond
	// markPause ends a spell: nobody who lost a place has it back sooner.
	markPause = 100 * time.Millisecond
	maxMark   = 40 // bytes of a name
	// steadyGap is longer than a busy machine holds anybody up, and shorter than a place that
	// somebody else has taken is lost for.
	steadyGap = 5 * time.Second
)

// capture counts marked packets by access point and sender.
type capture struct {
	mu     sync.Mutex
	counts map[passage]int
	last   map[string]time.Time     // by sender, by whichever access point
	asked  map[string]time.Time     // the same of questions
	gaps   map[string]time.Duration // by sender, the longest silence between two datagrams
	spells map[string]spell         // of clients, the present ones
	most   int                      // clients heard at a time
	who    string                   // they were
}

// passage is one way that one sender's packets took.
type passage struct {
	apn, who string
	name     bool // in a question for a name
}

func newCapture() *capture {
	return &capture{
		counts: map[passage]int{}, spells: map[string]spell{}, last: map[string]time.Time{},
		asked: map[string]time.Time{}, gaps: map[string]time.Duration{},
	}
}

// see is shown every packet that leaves by the interface of a session. The gateway's own
// errors about answers that came too late quote them, and are nobody's packets.
func (c *capture) see(apn string, packet []byte) {
	const version, offsetProtocol = 4, 9
	if len(packet) > offsetProtocol && packet[0]>>4 == version && packet[offsetProtocol] == unix.IPPROTO_ICMP {
		return
	}
	i := bytes.Index(packet, []byte(markPrefix))
	if i < 0 {
		return
	}
	rest := packet[i+len(markPrefix):]
	end := bytes.IndexByte(rest, markEnd)
	if end < 1 || end > maxMark {
		return
	}
	const offsetPort, headers = 22, 28 // IPv4 and UDP
	p := passage{apn: apn, who: string(rest[:end]), name: len(packet) >= headers && packet[offsetPort] == 0 && packet[offsetPort+1] == 53}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[p]++
	if p.name {
		c.asked[p.who] = time.Now()
	} else { // names are asked by those without Internet too
		c.hear(p.who, time.Now())
	}
}

// hear notes a datagram; c.mu is held.
func (c *capture) hear(who string, now time.Time) {
	if last, heard := c.last[who]; heard {
		c.gaps[who] = max(c.gaps[who], now.Sub(last))
	}
	c.last[who] = now
	c.note(who, now)
}

// gap is the longest silence of a sender since it was first heard, the present one too;
// false when it never was.
func (c *capture) gap(who string, now time.Time) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, heard := c.last[who]
	return max(c.gaps[who], now.Sub(last)), heard
}

// spell is a time in which a sender was heard without a pause.
type spell struct{ begun, last time.Time }

// note keeps how many senders were heard at a time; c.mu is held. Each packet looks at the
// moment of the one before it of the same sender: those count that were heard before it and
// after it, so that who comes when another has gone is not taken for one too many.
func (c *capture) note(who string, now time.Time) {
	if !strings.HasPrefix(who, "client") {
		return
	}
	s := c.spells[who]
	moment := s.last
	if now.Sub(moment) >= markPause {
		c.spells[who] = spell{now, now}
		return
	}
	s.last = now
	c.spells[who] = s
	var all []string
	for name, s := range c.spells {
		if !s.begun.After(moment) && s.last.After(moment) {
			all = append(all, name)
		}
	}
	if len(all) > c.most {
		sort.Strings(all)
		c.most, c.who = len(all), strings.Join(all, " ")
	}
}

// count is how many datagrams and how many questions of a sender left by an access point.
func (c *capture) count(apn, who string) (datagrams, names int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[passage{apn, who, false}], c.counts[passage{apn, who, true}]
}

// silent says that a sender was not heard within the last window, nor with names a
// question of its.
func (c *capture) silent(who string, names bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last[who]) >= markWindow && (!names || time.Since(c.asked[who]) >= markWindow)
}

// sender sends marks of one name until ctx ends.
type sender struct {
	who     string
	world   *World
	payload []byte
	plain   net.PacketConn
	n       int
}

// mark begins to send marks from a namespace, by one of its addresses or, with "", by the
// one that it chooses.
func (w *World) mark(ctx context.Context, who string, ns *netns.NS, from string) error {
	s := &sender{who: who, world: w, payload: []byte(markPrefix + who + string(markEnd))}
	err := ns.Do(func() (err error) {
		s.plain, err = net.ListenPacket("udp4", net.JoinHostPort(from, "0"))
		return err
	})
	if err != nil {
		return fmt.Errorf("mark %s: %w", who, err)
	}
	w.marks.Go(func() { s.run(ctx) })
	return nil
}

func (s *sender) run(ctx context.Context) {
	defer s.plain.Close()
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	at := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(markAt))
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, _ = s.plain.WriteTo(s.payload, at) // without a way out it fails, as it may
		if s.n++; s.n%3 == 0 {
			s.ask()
		}
	}
}

// ask asks the gateway's forwarder for a name that nobody asked for before.
func (s *sender) ask() {
	doc, _ := s.world.daemon.current()
	lan, err := netip.ParsePrefix(doc.LAN.Address)
	if err != nil || s.who == "gateway" { // its own questions go to nobody here
		return
	}
	name := fmt.Sprintf("%s%s%c%d.example.com.", markPrefix, s.who, markEnd, s.n)
	if text, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack(); err == nil {
		_, _ = s.plain.WriteTo(text, net.UDPAddrFromAddrPort(netip.AddrPortFrom(lan.Addr(), 53)))
	}
}

// markStep makes a client or the gateway send marks for the rest of the story, or until
// it is told to be quiet.
func markStep(_ context.Context, w *World, args []string) (string, error) {
	if _, twice := w.quiet[args[0]]; twice {
		return "", fmt.Errorf("%s is marked already", args[0])
	}
	ns := w.spaces[args[0]]
	if c, ok := w.clients[args[0]]; ok {
		ns = c.ns
	}
	if ns == nil {
		return "", fmt.Errorf("there is no %q", args[0])
	}
	ctx, quiet := context.WithCancel(context.Background())
	w.quiet[args[0]] = quiet
	return "", w.mark(ctx, args[0], ns, "")
}

// checkMarked finds a name that nobody above this line has: whatever is said of its packets
// would be said of none.
func (s *Scenario) checkMarked(line int, who string) error {
	for _, st := range s.Story {
		word, args := st.Words[0], st.Words[1:]
		if st.Line >= line || len(args) == 0 {
			continue
		}
		if (word == "mark" || word == "flood") && args[0] == who {
			return nil
		}
		if name, one, ok := strings.Cut(who, "."); word == "crowd" && ok && args[0] == name {
			n, err := number(args[1:], 99)
			if i, odd := strconv.Atoi(one); err == nil && odd == nil && 1 <= i && i <= n {
				return nil
			}
		}
	}
	return fmt.Errorf("%s is not marked above", who)
}

// quietStep ends what mark began.
func quietStep(_ context.Context, w *World, args []string) (string, error) {
	quiet, ok := w.quiet[args[0]]
	if !ok {
		return "", fmt.Errorf("%s is not marked", args[0])
	}
	quiet()
	delete(w.quiet, args[0])
	return "", nil
}

// carriesStep waits until more of somebody's datagrams leave by an access point, and of
// a client's questions too.
func carriesStep(ctx context.Context, w *World, args []string) (string, error) {
	const look = 10 * time.Millisecond
	apn, who := args[0], args[1]
	first, names := w.capture.count(apn, who)
	limit := time.NewTimer(expectLimit)
	defer limit.Stop()
	for {
		now, asked := w.capture.count(apn, who)
		if now > first && (asked > names || who == "gateway") {
			return fmt.Sprintf("%d packets, %d questions", now, asked), nil
		}
		select {
		case <-limit.C:
			return "", fmt.Errorf("of %s %d packets and %d questions left by %s, and no more", who, now, asked, apn)
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(look):
		}
	}
}

// neverStep checks that nothing of somebody's has ever left by an access point.
func neverStep(_ context.Context, w *World, args []string) (string, error) {
	packets, names := w.capture.count(args[0], args[1])
	if len(args) > 2 { // who is refused may ask for names
		names = 0
	}
	if packets+names > 0 {
		return "", fmt.Errorf("%d packets and %d questions of %s left by %s", packets, names, args[1], args[0])
	}
	return "", nil
}

// mutedStep waits until nothing of a client's leaves any more, with the word names no
// question either.
func mutedStep(ctx context.Context, w *World, args []string) (string, error) {
	limit := time.NewTimer(expectLimit)
	defer limit.Stop()
	for !w.capture.silent(args[0], len(args) > 1) {
		select {
		case <-limit.C:
			return "", fmt.Errorf("%s still has Internet", args[0])
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(markWindow / 10):
		}
	}
	return "", nil
}

// steadyStep checks that a sender was never silent for long since it was first heard.
func steadyStep(_ context.Context, w *World, args []string) (string, error) {
	gap, heard := w.capture.gap(args[0], time.Now())
	if !heard || gap >= steadyGap {
		return "", fmt.Errorf("%s was silent for %v (heard at all: %t)", args[0], gap.Round(time.Millisecond), heard)
	}
	return fmt.Sprintf("silent for %v at most", gap.Round(time.Millisecond)), nil
}

// mostStep checks that there was no moment at which more clients than N were heard, and
// that there was one with N.
func mostStep(_ context.Context, w *World, args []string) (string, error) {
	n, err := number(args, 99)
	if err != nil {
		return "", err
	}
	w.capture.mu.Lock()
	defer w.capture.mu.Unlock()
	if w.capture.most != n {
		return "", fmt.Errorf("at most %d clients had Internet at a time: %s", w.capture.most, w.capture.who)
	}
	return w.capture.who, nil
}
