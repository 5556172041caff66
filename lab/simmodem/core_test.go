package simmodem

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// testCore is a core with three access points: "internet" gives both families,
// "four" gives IPv4 only, "secret" wants user u, password p and CHAP.
type testCore struct {
	mu       sync.Mutex
	reject   Cause
	attached []Request
	bearers  []*testBearer
}

// testBearer records what the modem does with it.
type testBearer struct {
	request  Request
	terminal Terminal
	mu       sync.Mutex
	grant    Grant
	closed   int
	packets  chan []byte
}

func (c *testCore) Attach(_ Subscriber, r Request) Cause {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attached = append(c.attached, r)
	return c.reject
}

func (c *testCore) Connect(_ Subscriber, r Request, t Terminal) (Bearer, Cause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	grant, cause := testGrant(), CauseNone
	switch {
	case r.APN == "four":
		grant.IPv6, cause = nil, CauseIPv4Only
	case r.APN == "secret" && (r.User != "u" || r.Password != "p" || r.Auth != AuthCHAP):
		return nil, CauseAuthentication
	case r.APN != "internet" && r.APN != "secret":
		return nil, CauseUnknownAPN
	}
	if r.IPType == IPv4 {
		grant.IPv6, cause = nil, CauseNone
	}
	b := &testBearer{request: r, terminal: t, grant: grant, packets: make(chan []byte, 16)}
	c.bearers = append(c.bearers, b)
	return b, cause
}

func (c *testCore) last(t *testing.T) *testBearer {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bearers) == 0 {
		t.Fatal("the core was never asked for a bearer")
	}
	return c.bearers[len(c.bearers)-1]
}

func (c *testCore) attaches() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.attached)
}

func (b *testBearer) Grant() Grant {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.grant
}

func (b *testBearer) Change(g Grant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grant = g
}

func (b *testBearer) Send(packet []byte) { b.packets <- slices.Clone(packet) }

func (b *testBearer) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed++
}

func (b *testBearer) closes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func testGrant() Grant {
	return Grant{
		IPv4: &Config{
			Address: netip.MustParsePrefix("10.20.30.40/29"), Gateway: netip.MustParseAddr("10.20.30.41"),
			DNS: []netip.Addr{netip.MustParseAddr("198.51.100.53"), netip.MustParseAddr("203.0.113.53")}, MTU: 1430,
		},
		IPv6: &Config{
			Address: netip.MustParsePrefix("2001:db8:1:2::3/64"), Gateway: netip.MustParseAddr("fe80::1"),
			DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, MTU: 1420,
		},
	}
}

// testSIM is a card without a PIN of a network with a two-digit MNC.
func testSIM() SIM {
	return SIM{
		ICCID: "8949020000012345678", IMSI: "262019876543210", HomePLMN: "26201", HomeName: "Zuhause",
		SPN: "Brand One", GID1: "a1ff", Number: "+49123456",
		PIN: PIN{Code: "1234", Tries: 3, PUK: "12345678", PUKTries: 10},
	}
}

// testModem is a modem at home with a core.
func testModem(t *testing.T, change func(*Options)) (*Modem, *testCore) {
	t.Helper()
	core := &testCore{}
	options := Options{
		Device:  Device{Manufacturer: "Lab", Model: "Simulated One", Firmware: "1.2.3", IMEI: "353338110000002"},
		SIM:     testSIM(),
		Network: Network{State: Home, PLMN: "26201", Name: "Zuhause", DataClass: DataLTE},
		Signal:  Signal{RSSI: -71, RSRP: -97, SNR: 125, HasSNR: true},
		Core:    core,
	}
	if change != nil {
		change(&options)
	}
	m := New(options)
	t.Cleanup(func() { m.Close() })
	return m, core
}
