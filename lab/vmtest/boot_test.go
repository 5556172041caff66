//go:build vm

package vmtest

import (
	"fmt"
	"os"
	"testing"
)

// figure tells a figure to the runner, which puts it into its table.
func figure(t *testing.T, name, value string) {
	t.Helper()
	t.Logf("figure %s: %s", name, value)
}

// TestBootToFirstPage comes first, so that everything has yet to be loaded: the time
// from the kernel's first moment to a client's first page, and what tetherd then holds
// in memory.
func TestBootToFirstPage(t *testing.T) {
	w := newWorld(t)
	w.plug()
	g := newGateway(t, "")
	g.wire.lease()
	g.wire.fetch()
	up, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	var seconds string
	if _, err := fmt.Sscan(string(up), &seconds); err != nil {
		t.Fatal(err)
	}
	figure(t, "first page", seconds+" s")
	g.online()
	figure(t, "resident", g.resident())
}
