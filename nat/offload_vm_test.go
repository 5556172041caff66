//go:build vm

// Tests that need a kernel with flow tables: they run in the lab's machine, where
// every Debian kernel has them.

package nat

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/lab/nstest"
)

// forwarded counts packets that pass the forward hook in a table of its own.
const forwarded = `table inet witness {
	chain forward {
		type filter hook forward priority -1
		counter
	}
}
`

// passed reads that counter.
func passed(t *testing.T) int {
	t.Helper()
	m := regexp.MustCompile(`packets (\d+)`).FindStringSubmatch(nstest.Run(t, "nft list table inet witness"))
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// until waits for something that can only be looked at again and again.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-end:
			t.Fatal("not reached: ", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestOffloadTextEqualsNetlink(t *testing.T) {
	newWorld(t)
	nftLoad(t, Render(offloading()).String())
	byText := ruleset(t)
	nstest.Run(t, "nft delete table inet tetherd")
	apply(t, New(Options{}), offloading())
	if d := cmp.Diff(byText, ruleset(t)); d != "" {
		t.Error(d)
	}
}

// TestOffloadCountsEveryByte: connections pass by the rules, and clients and
// uplink are counted all the same, each byte once.
func TestOffloadCountsEveryByte(t *testing.T) {
	w := newWorld(t)
	s := nstest.Here(t)
	d := New(Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	running := make(chan struct{}, 100)
	done := s.Start(func() error { return d.Run(ctx, func() { running <- struct{}{} }) })
	<-running
	apply(t, d, sharing())
	echo(t, w.operator, server+":80")
	before := mustDial(t, w.client, server+":80")
	const n = 300_000
	say(t, before, n)
	apply(t, d, offloading())
	nftLoad(t, forwarded)

	say(t, before, n)
	c := mustDial(t, w.client, server+":80")
	say(t, c, 5*n)
	if p := passed(t); p > 400 {
		t.Errorf("%d packets passed the rules", p)
	}
	c.Close() // its bytes are known from its end, or from the next look
	w.client.Run(t, "ping -q -c3 -i0.2 -W2 "+server)
	count := func(what string, got uint64, want uint64) {
		if got < want || got > want*13/10 {
			t.Errorf("%s: %d bytes for %d", what, got, want)
		}
	}
	var st Status
	until(t, "all is counted", func() bool {
		st = d.Observe()
		return st.Clients[adr("192.168.8.5")].Down >= 7*n && st.Clients[adr("192.168.8.5")].Up >= 7*n
	})
	count("client up", st.Clients[adr("192.168.8.5")].Up, 7*n)
	count("client down", st.Clients[adr("192.168.8.5")].Down, 7*n)
	count("uplink up", st.Uplinks["wan0"].Up, 7*n)
	count("uplink down", st.Uplinks["wan0"].Down, 7*n)
	apply(t, d, sharing())
	if now := d.Observe().Clients[adr("192.168.8.5")]; now.Down < st.Clients[adr("192.168.8.5")].Down {
		t.Errorf("switching offload off lost count: %+v, then %+v", st.Clients, now)
	}
	say(t, before, 10)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOffloadObeysNewRules: what goes the short way is called back when
// the rules change.
func TestOffloadObeysNewRules(t *testing.T) {
	w := newWorld(t)
	d := New(Options{})
	apply(t, d, offloading())
	echo(t, w.operator, server+":80")
	c := mustDial(t, w.client, server+":80")
	say(t, c, 100_000)
	off := offloading()
	off.Sharing = false
	apply(t, d, off)
	if _, err := c.Write([]byte("still?")); err == nil {
		say(t, mustDial(t, w.operator, server+":80"), 100_000) // so an answer would have had its time
		_ = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
		if _, err := c.Read(make([]byte, 6)); err == nil {
			t.Error("the connection goes on")
		}
	}
	apply(t, d, offloading())
	say(t, mustDial(t, w.client, server+":80"), 100_000)
}

// TestOffloadTakesADeviceBack: the kernel forgets a device that vanishes,
// which shows as drift, and an apply brings it back.
func TestOffloadTakesADeviceBack(t *testing.T) {
	w := newWorld(t)
	d := New(Options{})
	for range 3 {
		apply(t, d, offloading())
		nstest.Run(t, "ip link del wan0")
		if st := d.Observe(); !slices.Equal(st.Offload, []string{"lan0"}) || len(Drift(offloading(), st)) == 0 {
			t.Errorf("the uplink vanished: %+v", st)
		}
		// What a plan makes of it: the device that is not there is not named.
		gone := offloading()
		gone.Offload = []string{"lan0"}
		apply(t, d, gone)
		nstest.Run(t, "ip link add wan0 type veth peer name net0 netns "+w.operator.Path())
		if len(Drift(offloading(), d.Observe())) == 0 {
			t.Error("its return is no drift")
		}
	}
}

// TestOffloadTamperingShows has somebody else change the flow table.
func TestOffloadTamperingShows(t *testing.T) {
	newWorld(t)
	nstest.Run(t, "ip link add wan1 type dummy")
	d := New(Options{})
	apply(t, d, offloading())
	for name, text := range map[string]string{
		"a device more":   `add flowtable inet tetherd fast { hook ingress priority 0; devices = { wan1 }; }`,
		"another":         `add flowtable inet tetherd more { hook ingress priority 5; devices = { wan1 }; }`,
		"without a use":   `flush chain inet tetherd share_in`,
		"a device fewer":  `delete flowtable inet tetherd fast { hook ingress priority 0; devices = { wan0 }; }`,
		"the table's end": `delete table inet tetherd`,
	} {
		nftLoadAsItIs(t, text)
		if len(Drift(offloading(), d.Observe())) == 0 {
			t.Errorf("%s: no drift", name)
		}
		apply(t, d, offloading())
		if text := ruleset(t); strings.Contains(text, "wan1") || strings.Contains(text, "more") {
			t.Errorf("%s is not undone: %s", name, text)
		}
	}
}

// nftLoadAsItIs has nft load a text without a check before, which would register the
// devices of a flow table twice.
func nftLoadAsItIs(t *testing.T, text string) {
	t.Helper()
	nstest.Run(t, "nft "+text)
}

// TestOffloadOverARestart: a process that begins finds connections on the
// short way, counts them from their own counters, and goes on.
func TestOffloadOverARestart(t *testing.T) {
	w := newWorld(t)
	apply(t, New(Options{}), offloading())
	echo(t, w.operator, server+":80")
	c := mustDial(t, w.client, server+":80")
	const n = 200_000
	say(t, c, n)
	d := New(Options{})
	apply(t, d, offloading())
	say(t, c, n)
	var got Counters
	until(t, "all is counted", func() bool {
		got = d.Observe().Clients[adr("192.168.8.5")]
		return got.Down >= 2*n
	})
	if got.Up < 2*n || got.Up > 3*n {
		t.Errorf("%+v for %d", got, 2*n)
	}
	say(t, c, 10)
}
