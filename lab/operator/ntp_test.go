package operator

import (
	"strings"
	"testing"
	"time"
)

// TestTimeServers has a foreign client ask for the time.
func TestTimeServers(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {}})
	w.up("apn=internet,ip-type=ipv4")
	for _, skew := range []time.Duration{0, 72 * time.Hour, -72 * time.Hour} {
		w.operator.SetSkew(skew)
		before := time.Now().Add(skew)
		out, err := w.gateway.Output("env", "TZ=UTC", "LC_ALL=C", "timeout", "20", "rdate", "-4", "-n", "-p", "203.0.113.123")
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got, err := time.Parse("Mon Jan _2 15:04:05 MST 2006", strings.TrimSpace(out))
		if err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if d := got.Sub(before); d < -2*time.Second || d > 20*time.Second {
			t.Errorf("skewed by %v: the foreign client is told %v, %v off", skew, got, d)
		}
	}
}
