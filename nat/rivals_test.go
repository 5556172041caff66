package nat

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetherd/tetherd/lab/nstest"
)

// TestRivals: chains of others that drop what is forwarded are named, by policy or by a
// rule; those that do not, or are about something else, are not.
func TestRivals(t *testing.T) {
	nstest.Enter(t)
	nftLoad(t, `table inet fw4 {
	chain forward { type filter hook forward priority filter; policy drop; iifname "eth9" counter accept; }
	chain input { type filter hook input priority filter; policy drop; }
}
table ip docker {
	chain FORWARD { type filter hook forward priority filter; policy accept; iifname "eth8" reject; }
	chain USER { type filter hook forward priority 10; policy accept; iifname "eth8" ip daddr 192.0.2.1 drop; }
	chain harmless { type filter hook forward priority 20; policy accept; counter accept; }
	chain jumped { drop; }
}
table ip6 other {
	chain forward { type filter hook forward priority filter; policy drop; }
}
`)
	d := New(Options{})
	apply(t, d, sharing())
	want := []Rival{
		{"inet fw4", "forward", "policy"}, {"ip docker", "FORWARD", "rule"}, {"ip docker", "USER", "rule"},
	}
	if diff := cmp.Diff(want, d.Observe().Rivals); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRivalsAreBounded: who makes many chains does not make us list them all.
func TestRivalsAreBounded(t *testing.T) {
	nstest.Enter(t)
	text := "table ip many {\n"
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		for _, n := range []string{"1", "2", "3", "4"} {
			text += "chain " + name + n + " { type filter hook forward priority " + n + "; policy drop; }\n"
		}
	}
	nftLoad(t, text+"}\n")
	if n := len(New(Options{}).Observe().Rivals); n != maxRivals {
		t.Errorf("%d of 20 are listed", n)
	}
}
