package dhcp

import (
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const mac1, mac2 = "02:00:00:00:00:01", "02:00:00:00:00:02"

// leaseOf checks what the status says of the only client.
func (s *bench) leaseOf(mac string, a netip.Addr, hostname string) {
	s.t.Helper()
	st := s.Observe()
	if len(st.Leases) != 1 {
		s.t.Fatalf("leases: %+v", st.Leases)
	}
	l := st.Leases[0]
	if l.MAC.String() != mac || l.Addr != a || l.Hostname != hostname || time.Until(l.Expires) > st.InForce.LeaseTime+time.Second {
		s.t.Errorf("lease: %+v", l)
	}
	if back, ok := s.Names().LookupName(hostname); hostname != "" && (!ok || back != a) {
		s.t.Errorf("%s is %v", hostname, back)
	}
}

// The firewall of this gateway lets nothing in; leases are given all the same.
func TestUdhcpc(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp+`nft 'add table inet t; add chain inet t in { type filter hook input priority 0; policy drop; }'`)
	plug(t, "c1", mac1)
	s := serve(t, testSpec(), "")
	c := udhcpc(t, "c1", "-f", "-x", "hostname:Box", "-r", "192.168.8.150")
	a := s.bound(mac1)
	if a != addr("192.168.8.150") {
		t.Errorf("got %v", a)
	}
	c.says("lease of 192.168.8.150 obtained")
	s.leaseOf(mac1, a, "box")
	c.signal(syscall.SIGUSR1)
	if got := s.bound(mac1); got != a {
		t.Errorf("renewed %v", got)
	}
	c.signal(syscall.SIGUSR2)
	if got := s.bound(""); got != a || len(s.Observe().Leases) != 0 {
		t.Errorf("released %v", got)
	}
}

func TestUdhcpcBroadcastAndWithoutIdentifier(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	s := serve(t, testSpec(), "")
	c := udhcpc(t, "c1", "-f", "-q", "-B", "-C", "-F", "Box.lan")
	a := s.bound(mac1)
	c.says("lease of " + a.String() + " obtained")
	s.leaseOf(mac1, a, "box")
}

// A client that finds its leased address in use declines it and gets another.
func TestUdhcpcDeclines(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	plug(t, "c2", mac2)
	s := serve(t, testSpec(), "")
	udhcpc(t, "c1", "-q").says("obtained")
	a := s.bound(mac1)
	sh(t, "ip -n c1 addr flush dev eth0; ip -n c2 addr add "+a.String()+"/24 dev eth0")
	c := udhcpc(t, "c1", "-f", "-a", "-A", "1")
	if got := s.bound(""); got != a {
		t.Errorf("ended: %v", got)
	}
	b := s.bound(mac1)
	c.says("lease of " + b.String() + " obtained")
	if a == b || s.Observe().Free != 98 {
		t.Errorf("first %v, then %v, free %d", a, b, s.Observe().Free)
	}
}

func TestDhclient(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	spec := testSpec()
	spec.LeaseTime = 4 * time.Second
	s := serve(t, spec, "")
	dir := t.TempDir()
	files := []string{"-lf", filepath.Join(dir, "leases"), "-pf", filepath.Join(dir, "pid"), "eth0"}
	c := start(t, "c1", append([]string{"dhclient", "-d", "-v"}, files...)...)
	a := s.bound(mac1)
	c.says("bound to " + a.String())
	if got := s.bound(mac1); got != a { // by itself, after half the lease time
		t.Errorf("renewed %v", got)
	}
	c.says("DHCPACK of " + a.String())
	start(t, "c1", append([]string{"dhclient", "-r", "-d", "-v"}, files...)...).says("DHCPRELEASE")
	if got := s.bound(""); got != a {
		t.Errorf("released %v", got)
	}
}

func TestDhcpcd(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	s := serve(t, testSpec(), "")
	// Without its user dhcpcd is one process. With its helpers, version 9.4 hangs after
	// a signal that comes while it waits for one of them.
	sh(t, "sed -i /^dhcpcd:/d /etc/passwd")
	run := func() *program { return start(t, "c1", "dhcpcd", "-4", "-B", "-d", "-h", "Pi", "--noarp", "eth0") }
	c := run()
	a := s.bound(mac1)
	c.says("leased " + a.String())
	s.leaseOf(mac1, a, "pi")
	if id := s.Observe().Leases[0].ClientID; len(id) < 7 || id[0] != 255 {
		t.Errorf("client identifier %x is not of RFC 4361", id)
	}
	c.signal(syscall.SIGALRM)
	if got := s.bound(""); got != a {
		t.Errorf("released %v", got)
	}
	c.ends()
	c = run()
	if got := s.bound(mac1); got != a {
		t.Errorf("back with %v, before %v", got, a)
	}
	c.says("leased " + a.String())
	c.signal(syscall.SIGUSR1)
	if got := s.bound(mac1); got != a {
		t.Errorf("renewed %v", got)
	}
}

// The server is killed and comes back: with its file, and without.
func TestRestart(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	path := filepath.Join(t.TempDir(), "leases")
	s := serve(t, testSpec(), path)
	c := udhcpc(t, "c1", "-f", "-x", "hostname:box")
	a := s.bound(mac1)
	c.says("obtained")
	s.stop()
	if s.Observe().Serving {
		t.Error("it still serves")
	}
	s = serve(t, testSpec(), path)
	s.leaseOf(mac1, a, "box")
	c.signal(syscall.SIGUSR1)
	if got := s.bound(mac1); got != a {
		t.Errorf("renewed %v", got)
	}
	s.stop()
	s = serve(t, testSpec(), "")
	c.signal(syscall.SIGUSR1)
	if got := s.bound(mac1); got != a {
		t.Errorf("renewed %v after all memory was lost", got)
	}
}

// The LAN moves to another subnet, and a client renews at the gateway's old address.
func TestClientFollowsTheLAN(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	s := serve(t, testSpec(), "")
	c := udhcpc(t, "c1", "-f")
	a := s.bound(mac1)
	c.says("obtained")
	sh(t, "ip -n c1 neigh replace 192.168.8.1 lladdr 02:00:00:00:ff:01 dev eth0")
	sh(t, "ip addr flush dev br-test; ip addr add 10.77.0.1/24 dev br-test; sysctl -qw net.ipv4.conf.all.rp_filter=1")
	spec := testSpec()
	spec.Server = netip.MustParsePrefix("10.77.0.1/24")
	spec.First, spec.Last = addr("10.77.0.10"), addr("10.77.0.20")
	s.apply(spec)
	if got := s.bound(""); got != a {
		t.Errorf("ended: %v", got)
	}
	c.signal(syscall.SIGUSR1)
	if got := s.bound(mac1); !spec.Server.Contains(got) {
		t.Errorf("bound to %v", got)
	}
}
