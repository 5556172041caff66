package dns

import (
	"net/netip"
	"testing"
	"time"
)

func TestServersAreListedOnceTheBearersOwnFirst(t *testing.T) {
	servers := newServers(Upstream{
		Servers:  []netip.Addr{second, {}, first, second},
		Fallback: []netip.Addr{first, spare},
	})
	want := []server{{addr: second}, {addr: first}, {addr: spare, fallback: true}}
	if len(servers) != len(want) {
		t.Fatalf("%d servers", len(servers))
	}
	for i, s := range servers {
		if *s != want[i] {
			t.Errorf("%d: %+v, want %+v", i, *s, want[i])
		}
	}
}

func TestServerFallsSilentByPersistenceNotByOneLoss(t *testing.T) {
	var s server
	now := time.Unix(1000, 0)
	if s.missed(now) || s.missed(now.Add(silentAfter-1)) {
		t.Error("silent at once")
	}
	if !s.missed(now.Add(silentAfter)) || s.missed(now.Add(silentAfter+1)) {
		t.Error("silence is told not once")
	}
	if s.rank(now.Add(silentAfter)) != 2 || s.rank(now.Add(silentAfter+silentFor+1)) != 0 {
		t.Error("does not go last, or for ever")
	}
	if !s.heard() || s.heard() {
		t.Error("the answer is told not once")
	}
	if s.missed(now.Add(time.Hour)) || s.rank(now) != 0 {
		t.Error("an answer does not make good")
	}
}

func TestRankPrefersALivingFallbackToASilentServer(t *testing.T) {
	now := time.Unix(1000, 0)
	silent := now.Add(time.Second)
	order := []server{{}, {fallback: true}, {silent: silent}, {silent: silent, fallback: true}}
	for i := range order {
		if got := order[i].rank(now); got != i {
			t.Errorf("%+v has rank %d, want %d", order[i], got, i)
		}
	}
}

func TestChoiceForTheNextTry(t *testing.T) {
	now := time.Unix(1000, 0)
	a, b, f := &server{addr: first}, &server{addr: second}, &server{addr: spare, fallback: true}
	all := []*server{a, b, f}
	for _, c := range []struct {
		story   string
		servers []*server
		p       pending
		want    *server
	}{
		{"nobody asked yet", all, pending{}, a},
		{"the first is waited for", all, pending{tries: []try{{server: a}}}, b},
		{"both are waited for", all, pending{tries: []try{{server: a}, {server: b}}}, f},
		{"everybody is waited for", all, pending{tries: []try{{server: a}, {server: b}, {server: f}}}, a},
		{"four packets are enough", all, pending{tries: []try{{server: a, sent: true}, {server: b, sent: true}, {server: f, sent: true}, {server: a, sent: true}}}, nil},
		{"the first could not say", all, pending{rcode: 2, tries: []try{{server: a, failed: true}}}, b},
		{"both could not say", all, pending{rcode: 2, tries: []try{{server: a, failed: true}, {server: b, failed: true}}}, nil},
		{"the only one is silent", all[:1], pending{tries: []try{{server: a}}}, a},
		{"the only one could not be reached", all[:1], pending{tries: []try{{server: a, failed: true}}}, nil},
		{"neither could be reached", all, pending{tries: []try{{server: a, failed: true}, {server: b, failed: true}}}, f},
		{"only the fallback is known and fails", all[2:], pending{rcode: 2, tries: []try{{server: f, failed: true}}}, nil},
		{"nobody is known", nil, pending{}, nil},
	} {
		c.p.most = maxTries
		if got := c.p.choose(c.servers, now); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.story, got, c.want)
		}
	}
}

func TestPatienceDoubles(t *testing.T) {
	want := 400 * time.Millisecond
	for i := range maxTries {
		if got := patience(i); got != want {
			t.Errorf("try %d: %v, want %v", i, got, want)
		}
		want *= 2
	}
}

// TestOperatorsRetries: what an operator asks for is done within what the forwarder bears,
// and a question fails only when its last try had its time.
func TestOperatorsRetries(t *testing.T) {
	for _, c := range []struct {
		up      Spec
		most    int
		patient time.Duration // of the second try
		limit   time.Duration
	}{
		{Spec{}, 4, 800 * time.Millisecond, giveUp},
		{Spec{Retry: time.Second, Tries: 2}, 2, time.Second, giveUp},
		{Spec{Retry: 4 * time.Second, Tries: 4}, 4, 4 * time.Second, 16 * time.Second},
		{Spec{Tries: 99}, 4, 800 * time.Millisecond, giveUp},
		{Spec{Tries: 1}, 1, 800 * time.Millisecond, giveUp},
	} {
		if c.up.most() != c.most || c.up.patience(1) != c.patient || c.up.limit() != c.limit {
			t.Errorf("%+v: %d tries, %v, %v", c.up, c.up.most(), c.up.patience(1), c.up.limit())
		}
	}
	a := &server{addr: first}
	p := pending{most: 1, tries: []try{{server: a, sent: true}}}
	if got := p.choose([]*server{a, {addr: second}}, time.Unix(1000, 0)); got != nil {
		t.Errorf("a second server is asked where one try is allowed: %+v", got)
	}
}

func TestDueIsTheNextTryOrTheEnd(t *testing.T) {
	end := time.Unix(1005, 0)
	for next, want := range map[time.Time]time.Time{
		{}:                 end,
		time.Unix(1001, 0): time.Unix(1001, 0),
		time.Unix(1009, 0): end,
	} {
		p := pending{next: next, end: end}
		if got := p.due(); got != want {
			t.Errorf("next %v: %v, want %v", next, got, want)
		}
	}
}
