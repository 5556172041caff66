package nat

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/lab/nstest"
)

func apply(t testing.TB, d *Driver, s Spec) {
	t.Helper()
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	st := d.Observe()
	if st.Error != "" || st.Loaded != s.Enabled || st.InForce != Render(s).Fingerprint() {
		t.Fatalf("observed %+v, want fingerprint %s\n%s", st, Render(s).Fingerprint(), ruleset(t))
	}
	if drift := Drift(s, st); len(drift) > 0 {
		t.Fatalf("drift: %q", drift)
	}
}

// ruleset is nft's listing without what was counted and when it expires, and with
// the counters in alphabetic order: nft lists them as they came.
func ruleset(t testing.TB) string {
	t.Helper()
	s := regexp.MustCompile(`packets \d+ bytes \d+|expires \w+`).ReplaceAllString(nstest.Run(t, "nft list ruleset"), "")
	s = regexp.MustCompile(`(?s)table bridge tetherd \{.*?\n\}\n`).ReplaceAllString(s, "") // it has tests of its own
	block := regexp.MustCompile(`\tcounter \S+ \{\s+\}\n+`)
	counters := block.FindAllString(s, -1)
	slices.Sort(counters)
	return strings.Join(counters, "") + block.ReplaceAllString(s, "")
}

// nftLoad has nft load a text.
func nftLoad(t testing.TB, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.nft")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	nstest.Run(t, "nft -c -f "+file, "nft -f "+file)
}

// TestTextEqualsNetlink has nft judge whether our two forms of every rule are one.
func TestTextEqualsNetlink(t *testing.T) {
	for name, s := range stories() {
		t.Run(name, func(t *testing.T) {
			nstest.Enter(t)
			nftLoad(t, Render(s).String())
			byText := ruleset(t)
			nstest.Run(t, "nft delete table inet tetherd")
			apply(t, New(Options{}), s)
			if d := cmp.Diff(byText, ruleset(t)); d != "" {
				t.Error(d)
			}
			if !strings.Contains(byText, "chain postrouting") {
				t.Errorf("nft lists: %s", byText)
			}
		})
	}
}

func TestApplyTwiceIsTheSame(t *testing.T) {
	nstest.Enter(t)
	apply(t, New(Options{}), sharing())
	before := ruleset(t)
	apply(t, New(Options{}), sharing())
	if d := cmp.Diff(before, ruleset(t)); d != "" {
		t.Error(d)
	}
	if n := strings.Count(before, "masquerade"); n != 1 {
		t.Errorf("%d masquerading rules", n)
	}
}

// TestHistoryDoesNotLeak walks through all states in changing order with one lasting
// driver: the same wish must give the same kernel text whatever was before.
func TestHistoryDoesNotLeak(t *testing.T) {
	nstest.Enter(t)
	d := New(Options{})
	texts := map[string]string{}
	for range 6 { // maps are walked in random order
		for name, s := range stories() {
			apply(t, d, s)
			got := ruleset(t)
			if want, seen := texts[name]; seen && got != want {
				t.Fatalf("%s: %s", name, cmp.Diff(want, got))
			}
			texts[name] = got
		}
	}
	apply(t, d, Spec{})
	apply(t, d, Spec{})
	if got := ruleset(t); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestForeignTablesStay(t *testing.T) {
	nstest.Enter(t)
	nftLoad(t, `table inet fw4 {
	chain forward { type filter hook forward priority filter; policy drop; iifname "eth9" counter accept; }
}
table ip tetherd {
	chain mine { type nat hook postrouting priority srcnat; oifname "eth9" masquerade; }
}
`)
	before := nstest.Run(t, "nft -a list table inet fw4", "nft -a list table ip tetherd")
	d := New(Options{})
	for _, s := range []Spec{closed(), sharing(), sharing(), {}} {
		apply(t, d, s)
		if diff := cmp.Diff(before, nstest.Run(t, "nft -a list table inet fw4", "nft -a list table ip tetherd")); diff != "" {
			t.Error(diff)
		}
	}
}

// trimmed compares texts without the empty lines around them.
var trimmed = cmp.Comparer(func(a, b string) bool { return strings.Trim(a, "\n\t}") == strings.Trim(b, "\n\t}") })

// TestTamperingShows has somebody else change the table in every way.
func TestTamperingShows(t *testing.T) {
	nstest.Enter(t)
	d := New(Options{})
	apply(t, d, sharing())
	// A chain that was made anew is listed last, which means nothing.
	chains := func() []string {
		return slices.Sorted(strings.SplitSeq(strings.TrimRight(ruleset(t), "\n\t}"), "\tchain "))
	}
	clean := chains()
	handle := func(chain, rule string) string {
		m := regexp.MustCompile(`(?m)` + rule + `.*# handle (\d+)$`).FindStringSubmatch(nstest.Run(t, "nft -a list chain inet tetherd "+chain))
		if m == nil {
			t.Fatalf("no rule %q in %s", rule, chain)
		}
		return m[1]
	}
	for name, do := range map[string]func(){
		"rule added":           func() { nstest.Run(t, "nft add rule inet tetherd input accept") },
		"rule with a set":      func() { nstest.Run(t, "nft insert rule inet tetherd input tcp dport { 22, 80 } accept") },
		"rule without comment": func() { nstest.Run(t, "nft insert rule inet tetherd forward_in accept") },
		"rule deleted": func() {
			nstest.Run(t, "nft delete rule inet tetherd forward_in handle "+handle("forward_in", "drop comment .nobody"))
		},
		"chain flushed": func() { nstest.Run(t, "nft flush chain inet tetherd postrouting") },
		"verdict edited": func() {
			nftLoad(t, `replace rule inet tetherd forward_in handle `+handle("forward_in", "drop comment .nobody")+` accept comment "nobody reaches clients from outside"`)
		},
		"prefix edited": func() {
			nftLoad(t, `replace rule inet tetherd forward_out handle `+handle("forward_out", "ip saddr")+` ip saddr 192.168.0.0/16 goto share_out comment "source is the LAN's"`)
		},
		"interface edited": func() {
			nftLoad(t, `replace rule inet tetherd postrouting handle `+handle("postrouting", "masquerade")+` oifname "eth1" ip saddr 192.168.8.0/24 masquerade comment "clients leave with the uplink's address"`)
		},
		"port edited": func() {
			nftLoad(t, `replace rule inet tetherd input_lan handle `+handle("input_lan", "tcp dport 8080")+` tcp dport 22 accept comment "status page"`)
		},
		"rules swapped": func() {
			nftLoad(t, `replace rule inet tetherd input_lan handle `+handle("input_lan", "udp dport 67")+` udp dport 53 accept comment "DNS"
replace rule inet tetherd input_lan handle `+handle("input_lan", "udp dport 53 accept comment .DNS\"")+` udp dport 67 accept comment "DHCP, also from clients without an address"`)
		},
		"chain added": func() {
			nftLoad(t, `add chain inet tetherd more { type filter hook input priority 5; policy accept; }`)
		},
		"policy changed": func() { nftLoad(t, `add chain inet tetherd input { type filter hook input priority 0; policy drop; }`) },
		"table asleep":   func() { nftLoad(t, `add table inet tetherd { flags dormant; }`) },
		"set and map": func() {
			nftLoad(t, `add set inet tetherd pets { type ether_addr; }
add chain inet tetherd dogs
add map inet tetherd kennel { type ipv4_addr : verdict; elements = { 10.0.0.1 : goto dogs } }
add rule inet tetherd input ip saddr vmap @kennel
add rule inet tetherd input ether saddr @pets drop`)
		},
		"objects":       func() { nftLoad(t, `add quota inet tetherd plan { over 5 mbytes }`) },
		"table deleted": func() { nstest.Run(t, "nft delete table inet tetherd") },
	} {
		do()
		if len(Drift(sharing(), d.Observe())) == 0 {
			t.Errorf("%s: no drift", name)
		}
		apply(t, d, sharing())
		if diff := cmp.Diff(clean, chains(), trimmed); diff != "" {
			t.Errorf("%s is not undone: %s", name, diff)
		}
	}
}

// TestAnUnreadableTableIsReplaced loads over an object that the library cannot read.
func TestAnUnreadableTableIsReplaced(t *testing.T) {
	nstest.Enter(t)
	d := New(Options{})
	apply(t, d, sharing())
	nftLoad(t, `add limit inet tetherd slow { rate 1/second; }
add rule inet tetherd input limit name slow drop`)
	st := d.Observe()
	if st.Error == "" || !st.Loaded || len(Drift(sharing(), st)) != 1 {
		t.Errorf("observed %+v", st)
	}
	apply(t, d, sharing())
	if strings.Contains(ruleset(t), "slow") {
		t.Error("it is still there")
	}
	nftLoad(t, `add limit inet tetherd slow { rate 1/second; }`)
	apply(t, d, Spec{})
}

func TestSetOfAnotherDefinitionIsReplaced(t *testing.T) {
	nstest.Enter(t)
	nftLoad(t, `table inet tetherd {
	set client_up { type ipv4_addr; size 8; flags dynamic; }
	set client_down { type ipv4_addr; size 1024; flags dynamic,timeout; timeout 1d; elements = { 192.168.8.7 counter packets 1 bytes 99 } }
	counter in-wan0 { packets 2 bytes 77 }
	chain old { type filter hook forward priority 9; policy drop; ip saddr @client_up drop; }
	chain input { type filter hook input priority 7; policy drop; }
}
`)
	d := New(Options{})
	apply(t, d, sharing())
	st := d.Observe()
	if got := st.Clients[adr("192.168.8.7")]; got.Down != 99 {
		t.Errorf("what was counted is lost with the set beside it: %+v", st.Clients)
	}
	if got := st.Uplinks["wan0"]; got.Down != 77 {
		t.Errorf("what was counted is lost: %+v", st.Uplinks)
	}
}

func TestRunTellsOfOurTableOnly(t *testing.T) {
	s := nstest.Enter(t)
	d := New(Options{})
	apply(t, d, closed())
	ctx, cancel := context.WithCancel(context.Background())
	calls := make(chan struct{}, 1000)
	done := s.Start(func() error { return d.Run(ctx, func() { calls <- struct{}{} }) })
	wait := func(why string) {
		t.Helper()
		select {
		case <-calls:
		case <-time.After(5 * time.Second):
			t.Fatal("not told: ", why)
		}
	}
	wait("start")
	nstest.Run(t, "nft add table inet other", "nft add chain inet other c", "nft add rule inet other c drop", "nft add table ip tetherd")
	nstest.Run(t, "nft add element inet tetherd client_up { 10.0.0.1 }")
	nstest.Run(t, "nft add rule inet tetherd input accept")
	wait("rule")
	if n := len(calls); n > 0 {
		t.Errorf("told %d times of other tables", n)
	}
	nstest.Run(t, "nft delete table inet tetherd")
	wait("table")
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not end")
	}
}

// fill gives both sets n elements.
func fill(t testing.TB, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		a := netip.AddrFrom4([4]byte{192, 168, 8, byte(i)})
		fmt.Fprintf(&b, "add element inet tetherd client_up { %v counter packets 1 bytes 60 }\nadd element inet tetherd client_down { %v counter packets 1 bytes 60 }\n", a, a)
	}
	nftLoad(t, b.String())
}

func TestElementsOutliveReloads(t *testing.T) {
	nstest.Enter(t)
	d := New(Options{})
	apply(t, d, sharing())
	fill(t, 250)
	for range 20 { // a lasting socket must stay in step
		apply(t, d, sharing())
		apply(t, d, closed())
	}
	st := New(Options{}).Observe()
	if len(st.Clients) != 250 || st.Clients[adr("192.168.8.249")] != (Counters{60, 60}) {
		t.Errorf("%d clients: %v", len(st.Clients), st.Clients)
	}
}

// eachSize measures a driver that shares with no clients, and with many.
func eachSize(b *testing.B, step func(b *testing.B, d *Driver, clients int)) {
	for _, n := range []int{0, 250} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			nstest.Enter(b)
			d := New(Options{})
			apply(b, d, sharing())
			fill(b, n)
			for b.Loop() {
				step(b, d, n)
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	eachSize(b, func(b *testing.B, d *Driver, _ int) {
		if err := d.Apply(sharing()); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	eachSize(b, func(b *testing.B, d *Driver, clients int) {
		if st := d.Observe(); st.Error != "" || len(st.Clients) != clients {
			b.Fatal(st.Error)
		}
	})
}
