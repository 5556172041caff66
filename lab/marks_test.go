package lab

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMostCountsThoseAtATime: who comes when another has gone is not one too many, and who
// is heard between packets of others is.
func TestMostCountsThoseAtATime(t *testing.T) {
	begin := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	const ms = time.Millisecond
	type heard struct {
		who      string
		from, to time.Duration
	}
	for what, test := range map[string]struct {
		heard []heard
		want  int
	}{
		"one":                           {[]heard{{"client1", 0, 200 * ms}}, 1},
		"two at a time":                 {[]heard{{"client1", 0, 200 * ms}, {"client2", 5 * ms, 200 * ms}}, 2},
		"one after another":             {[]heard{{"client1", 0, 200 * ms}, {"client2", 205 * ms, 400 * ms}}, 1},
		"a third when the second went":  {[]heard{{"client1", 0, 400 * ms}, {"client2", 5 * ms, 200 * ms}, {"client3", 206 * ms, 400 * ms}}, 2},
		"a third before the second did": {[]heard{{"client1", 0, 400 * ms}, {"client2", 5 * ms, 300 * ms}, {"client3", 206 * ms, 400 * ms}}, 3},
		"back after a pause":            {[]heard{{"client1", 0, 100 * ms}, {"client2", 106 * ms, 190 * ms}, {"client1", 220 * ms, 300 * ms}}, 1},
		"the gateway is no client":      {[]heard{{"client1", 0, 200 * ms}, {"gateway", 5 * ms, 200 * ms}}, 1},
		"a single packet is no time":    {[]heard{{"client1", 0, 0}}, 0},
	} {
		c := newCapture()
		for at := time.Duration(0); at <= 400*ms; at += ms {
			for _, h := range test.heard {
				if at >= h.from && at <= h.to && (at-h.from)%markEvery == 0 {
					c.note(h.who, begin.Add(at))
				}
			}
		}
		if c.most != test.want {
			t.Errorf("%s: %d at a time (%s), want %d", what, c.most, c.who, test.want)
		}
	}
}

// TestGapsAreKept: a silence counts though the sender is heard again, and so does one that
// lasts; who was never heard has none.
func TestGapsAreKept(t *testing.T) {
	begin := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	c := newCapture()
	for _, at := range []time.Duration{0, time.Second, 7 * time.Second, 8 * time.Second} {
		c.hear("client1", begin.Add(at))
	}
	for after, want := range map[time.Duration]time.Duration{9 * time.Second: 6 * time.Second, 20 * time.Second: 12 * time.Second} {
		if gap, heard := c.gap("client1", begin.Add(after)); gap != want || !heard {
			t.Errorf("after %v: %v, %t, want %v", after, gap, heard, want)
		}
	}
	if _, heard := c.gap("client2", begin); heard {
		t.Error("who was never heard was")
	}
}

// TestMarksArePackets: what a client sent counts as a datagram or a question; an error of the
// gateway's about an answer that came too late, which quotes it, is neither.
func TestMarksArePackets(t *testing.T) {
	packet := func(protocol byte, port byte, text string) []byte {
		b := make([]byte, 28, 100)
		b[0], b[9], b[23] = 0x45, protocol, port
		return append(b, text...)
	}
	c := newCapture()
	c.see("a", packet(unix.IPPROTO_UDP, 9, "mark-client1-"))
	c.see("a", packet(unix.IPPROTO_UDP, 53, "mark-client1-7.example.com"))
	c.see("a", packet(unix.IPPROTO_ICMP, 0, "mark-client1-7.example.com"))
	c.see("a", packet(unix.IPPROTO_UDP, 9, "mark-"))
	c.see("a", nil)
	if datagrams, questions := c.count("a", "client1"); datagrams != 1 || questions != 1 {
		t.Errorf("%d datagrams, %d questions", datagrams, questions)
	}
}

// TestKillsAreChecked: what could only fail when it is played is a fault of the file.
func TestKillsAreChecked(t *testing.T) {
	s := &Scenario{}
	for words, ok := range map[string]bool{
		"kill-every steps tetherd status": true, "kill-every links tetherd status": true,
		"kill-while modem 3 tetherd status": true, "kill-every nothing tetherd status": false,
		"kill-every steps kill-while files 1 tetherd status": false, "kill-every steps": false, "kill-every steps nonsense": false,
	} {
		list, err := splitWords(words)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.check(Step{Words: list}); (err == nil) != ok {
			t.Errorf("%s: %v", words, err)
		}
	}
}
