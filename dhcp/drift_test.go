package dhcp

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func TestDrift(t *testing.T) {
	spec := testSpec()
	empty := spec
	empty.Hosts = []Host{}
	for _, c := range []struct {
		name string
		spec Network
		st   networkStatus
		want string // in the only line; "" no line
	}{
		{"off and off", Network{}, networkStatus{}, ""},
		{"off with leases remembered", Network{}, networkStatus{Leases: []Lease{{}}}, ""},
		{"in force", spec, networkStatus{Serving: true, InForce: spec}, ""},
		{"nil and empty are the same", empty, networkStatus{Serving: true, InForce: spec}, ""},
		{"not serving", spec, networkStatus{Error: "dhcp: br-test: the interface is absent"}, "does not serve: br-test: the interface is absent"},
		{"not serving yet", spec, networkStatus{}, "does not serve: br-test"},
		{"serving in vain", Network{}, networkStatus{Serving: true, InForce: spec}, "should not"},
	} {
		got := drift(c.spec, c.st)
		if (c.want == "") != (len(got) == 0) || len(got) > 1 || !strings.Contains(strings.Join(got, ""), c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestDriftSeesEveryFieldOfAHost(t *testing.T) {
	host := Host{MAC: dev(1).mac.hardware(), Addr: addr("192.168.8.9"), Name: "nas"}
	for name, change := range map[string]func(*Host){
		"MAC":       func(h *Host) { h.MAC = dev(2).mac.hardware() },
		"Addr":      func(h *Host) { h.Addr = h.Addr.Next() },
		"Name":      func(h *Host) { h.Name = "tv" },
		"Transient": func(h *Host) { h.Transient = true },
	} {
		wish, is := testSpec(), testSpec()
		wish.Hosts, is.Hosts = []Host{host}, []Host{host}
		change(&wish.Hosts[0])
		if got := drift(wish, networkStatus{Serving: true, InForce: is}); len(got) != 1 || !strings.HasPrefix(got[0], "Hosts is ") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if n := reflect.TypeFor[Host]().NumField(); n != 4 {
		t.Errorf("a host has %d fields", n)
	}
}

// Every field of the wish is compared, also one added later.
func TestDriftSeesEveryField(t *testing.T) {
	typ := reflect.TypeFor[Network]()
	for i := range typ.NumField() {
		spec := testSpec()
		f := reflect.ValueOf(&spec).Elem().Field(i)
		switch v := f.Addr().Interface().(type) {
		case *string:
			*v += "x"
		case *int:
			*v++
		case *time.Duration:
			*v++
		case *netip.Addr:
			*v = v.Next()
		case *netip.Prefix:
			*v = netip.MustParsePrefix("10.0.0.1/24")
		case *[]netip.Addr:
			*v = append(*v, addr("192.0.2.1"))
		case *[]Host:
			*v = append(*v, Host{Addr: addr("192.168.8.9")})
		default:
			t.Fatalf("this test knows nothing of the type of %s", typ.Field(i).Name)
		}
		got := drift(spec, networkStatus{Serving: true, InForce: testSpec()})
		if len(got) != 1 || !strings.Contains(got[0], typ.Field(i).Name) {
			t.Errorf("%s: %q", typ.Field(i).Name, got)
		}
	}
}

func TestSpecsThatCannotBeServed(t *testing.T) {
	if err := (Network{}).check(); err != nil {
		t.Errorf("off: %v", err)
	}
	for name, harm := range map[string]func(*Network){
		"no server":            func(s *Network) { s.Server = netip.Prefix{} },
		"IPv6 server":          func(s *Network) { s.Server = netip.MustParsePrefix("fd00::1/64") },
		"no room":              func(s *Network) { s.Server = netip.MustParsePrefix("192.168.8.1/31") },
		"pool elsewhere":       func(s *Network) { s.First, s.Last = addr("10.0.0.1"), addr("10.0.0.9") },
		"pool runs out of it":  func(s *Network) { s.Last = addr("192.168.9.9") },
		"pool backwards":       func(s *Network) { s.First, s.Last = s.Last, s.First },
		"no pool":              func(s *Network) { s.First, s.Last = netip.Addr{}, netip.Addr{} },
		"no lease time":        func(s *Network) { s.LeaseTime = 0 },
		"lease time too long":  func(s *Network) { s.LeaseTime = 100 * 365 * 24 * hour },
		"IPv6 DNS":             func(s *Network) { s.DNS = []netip.Addr{addr("fd00::1")} },
		"domain too long":      func(s *Network) { s.Domain = strings.Repeat("d", 254) },
		"MTU too small":        func(s *Network) { s.MTU = 67 },
		"MTU too large":        func(s *Network) { s.MTU = 1 << 16 },
		"negative lease time":  func(s *Network) { s.LeaseTime = -hour },
		"pool half given":      func(s *Network) { s.Last = netip.Addr{} },
		"mapped server":        func(s *Network) { s.Server = netip.MustParsePrefix("::ffff:192.168.8.1/120") },
		"DNS server not given": func(s *Network) { s.DNS = []netip.Addr{{}} },
	} {
		spec := testSpec()
		harm(&spec)
		if spec.check() == nil {
			t.Errorf("%s: accepted", name)
		}
		if err := newServer(Options{}).Apply(spec); err == nil || !strings.HasPrefix(err.Error(), "dhcp: ") {
			t.Errorf("%s: Apply says %v", name, err)
		}
		if a := NewTable(spec).Handle(dev(1).say(dhcpv4.MessageTypeDiscover), time.Now(), true); a.Reply != nil {
			t.Errorf("%s: a table answers %v", name, a.Reply)
		}
	}
}
