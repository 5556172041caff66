//go:build vm

package vmtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/lab/netns"
)

// client is somebody who wants Internet, in a namespace of its own.
type client struct {
	t      *testing.T
	ns     *netns.NS
	dev    string // its interface
	script string // what udhcpc calls
}

// leaseScript takes addresses, the way out and the name server of a lease. There is
// one file of name servers for all namespaces.
const leaseScript = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev "$interface" scope global
ip addr add "$ip/$mask" dev "$interface"
ip route replace default via "${router%% *}" dev "$interface"
echo "nameserver ${dns%% *}" >/etc/resolv.conf
`

func newClient(t *testing.T, dev string) *client {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	c := &client{t: t, ns: ns, dev: dev, script: t.TempDir() + "/lease.sh"}
	if err := os.WriteFile(c.script, []byte(leaseScript), 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

// lease takes a lease.
func (c *client) lease() {
	c.t.Helper()
	eventually(c.t, "lease", func() error {
		return c.ns.Run("udhcpc", "-i", c.dev, "-n", "-q", "-f", "-t", "5", "-T", "1", "-s", c.script)
	})
}

// fetch loads a page by its name, through the gateway and the modem.
func (c *client) fetch() {
	c.t.Helper()
	if err := os.WriteFile("/etc/resolv.conf", []byte("nameserver "+c.gateway()+"\n"), 0o644); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "page", func() error {
		return c.ns.Run("curl", "-sS", "--fail", "--max-time", "60", "http://www.example.com/")
	})
}

// download loads so many bytes in one connection.
func (c *client) download(bytes int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d bytes", bytes), func() error {
		return c.ns.Run("curl", "-sS", "--fail", "--max-time", fmt.Sprint(limit.Seconds()), "-o", "/dev/null", fmt.Sprintf("http://www.example.com/download?bytes=%d", bytes))
	})
}

// mac is the hardware address of the client's interface.
func (c *client) mac() string {
	c.t.Helper()
	return c.word("-br link show "+c.dev, 2)
}

// gateway is the router of the client's lease.
func (c *client) gateway() string { return c.word("route show default", 2) }

// address is the address of the client's lease.
func (c *client) address() string {
	c.t.Helper()
	address, _, _ := strings.Cut(c.word("-4 -o addr show dev "+c.dev, 3), "/")
	return address
}

// word is one of the words that ip(8) answers.
func (c *client) word(question string, n int) string {
	c.t.Helper()
	out, err := c.ns.Output("ip", strings.Fields(question)...)
	f := strings.Fields(out)
	if err != nil || len(f) <= n {
		c.t.Fatalf("ip %s: %q, %v", question, out, err)
	}
	return f[n]
}
