package operator

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// world is an operator, a modem and a gateway that is configured by hand.
type world struct {
	t        *testing.T
	operator *Operator
	modem    *simmodem.Modem
	gateway  *netns.NS
	pty      string
	events   chan Event
}

func newWorld(t *testing.T, apns map[string]APN) *world {
	t.Helper()
	space := func() *netns.NS {
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.Close() })
		return ns
	}
	w := &world{t: t, gateway: space(), events: make(chan Event, 4096)}
	var err error
	w.operator, err = New(Options{Netns: space().FD(), APNs: apns, OnEvent: func(e Event) { w.events <- e },
		Zone: []string{"own.example.com. 60 IN A 192.0.2.7"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.operator.Close(); err != nil {
			t.Error(err)
		}
	})
	w.modem = simmodem.New(simmodem.Options{
		SIM:     simmodem.SIM{ICCID: "8949020000012345678", IMSI: "262019876543210", HomePLMN: "26201"},
		Network: simmodem.Network{State: simmodem.Home, PLMN: "26201"},
		Core:    w.operator,
	})
	t.Cleanup(func() { w.modem.Close() })
	tun, err := simmodem.OpenTUN(w.gateway.FD(), "wwan0")
	if err != nil {
		t.Fatal(err)
	}
	w.modem.Attach(tun)
	path, node, err := w.modem.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	w.pty = path
	return w
}

// dial connects with mbimcli and returns what it printed.
func (w *world) dial(options string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "mbimcli", "-d", w.pty, "--no-close", "--connect="+options).CombinedOutput()
	if err != nil {
		w.t.Fatalf("mbimcli --connect=%s: %v\n%s", options, err, out)
	}
	return string(out)
}

// up dials and configures the interface by hand from what mbimcli read.
func (w *world) up(options string) netip.Prefix {
	w.t.Helper()
	out := w.dial(options)
	found := regexp.MustCompile(`IP \[0\]: '([0-9./]+)'`).FindStringSubmatch(out)
	if found == nil {
		w.t.Fatalf("no address:\n%s", out)
	}
	w.address(found[1])
	return netip.MustParsePrefix(found[1])
}

func (w *world) address(prefix string) {
	w.t.Helper()
	for _, line := range []string{
		"link set wwan0 up", "address flush dev wwan0", "address add " + prefix + " dev wwan0", "route replace default dev wwan0",
	} {
		if err := w.gateway.Run("ip", strings.Fields(line)...); err != nil {
			w.t.Fatal(err)
		}
	}
}

// prints runs a command in the gateway's namespace and checks what it prints.
func (w *world) prints(want, command string) {
	w.t.Helper()
	out, err := w.gateway.Output("timeout", append([]string{"20"}, strings.Fields(command)...)...)
	if err != nil || strings.TrimSpace(out) != want {
		w.t.Errorf("%s: %q, %v; want %q", command, strings.TrimSpace(out), err, want)
	}
}

// fails runs a command that must fail.
func (w *world) fails(command string) {
	w.t.Helper()
	if out, err := w.gateway.Output("timeout", append([]string{"20"}, strings.Fields(command)...)...); err == nil {
		w.t.Errorf("%s succeeds: %s", command, out)
	}
}

// expects waits for an event.
func (w *world) expects(kind, detail string) Event {
	w.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case e := <-w.events:
			if e.Kind == kind && strings.Contains(e.Detail, detail) {
				return e
			}
		case <-deadline:
			w.t.Fatalf("no event %q %q among %+v", kind, detail, w.operator.Events())
		}
	}
}

const curl = "curl -sS -m 10 "

func TestBearerCarriesTraffic(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {MTU: 1400}, "other": {Pool4: netip.MustParsePrefix("10.7.0.0/16")}})
	address := w.up("apn=internet,ip-type=ipv4")
	if !netip.MustParsePrefix("100.64.0.0/10").Contains(address.Addr()) || address.Bits() != 10 {
		t.Errorf("address %v", address)
	}
	if err := w.gateway.Run("ping", "-n", "-c", "1", "-w", "10", "203.0.113.80"); err != nil {
		t.Error(err)
	}
	w.prints("203.0.113.80", "dig +short @198.51.100.53 www.example.com")
	w.prints("192.0.2.7", "dig +short @198.51.100.53 own.example.com")
	w.prints("203.0.113.80", "dig +short +tcp @203.0.113.53 www.example.com")
	w.expects("dns", "A www.example.com. tcp")
	w.prints("204", curl+"-o /dev/null -w %{http_code} http://203.0.113.204/generate_204")
	w.prints("success", curl+"http://203.0.113.204/success.txt")
	w.prints("A plain page of the lab's Internet.", curl+"http://203.0.113.80/")
	w.prints(address.Addr().String(), curl+"http://203.0.113.80/address")
	w.prints("1000000", curl+"-o /dev/null -w %{size_download} http://203.0.113.80/download?bytes=1000000")
	w.prints("3000", curl+"-o /dev/null -w %{size_download} http://203.0.113.80/download?bytes=3000&rate=20000")
	w.prints("400", curl+"-o /dev/null -w %{http_code} http://203.0.113.80/download?bytes=x")
	if c := w.operator.Counts(); c.Uplink == 0 || c.Downlink == 0 || c.DNS != 3 || c.Web != 7 {
		t.Errorf("operator's counts: %+v", c)
	}

	if err := w.gateway.Run("ip", "address", "add", "100.127.255.1/32", "dev", "wwan0"); err != nil {
		t.Fatal(err)
	}
	before := w.modem.Counts().Foreign
	w.fails("ping -n -c 1 -W 1 -I 100.127.255.1 203.0.113.80")
	if got := w.modem.Counts().Foreign - before; got == 0 {
		t.Error("a packet with a foreign source address was not counted")
	}
}

func TestDNSOfTheOperator(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {}})
	w.up("apn=internet,ip-type=ipv4")
	const dig = "dig +tries=1 +time=1 @198.51.100.53 "
	status := func(want, question string) {
		t.Helper()
		out, _ := w.gateway.Output("timeout", append([]string{"20"}, strings.Fields(dig+question)...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%s does not say %q:\n%s", question, want, out)
		}
	}
	status("NXDOMAIN", "nothing.example.com")
	status("ANSWER: 0", "four.example.com AAAA")
	status("flags: qr tc", "+ignore big.example.com TXT")
	status("ANSWER: 40", "big.example.com TXT")
	w.expects("dns", "TXT big.example.com. tcp")
	w.operator.SetDNS(DNSSilent)
	status("timed out", "www.example.com")
	w.operator.SetDNS(DNSRefuses)
	status("REFUSED", "www.example.com")
	w.operator.SetDNS(DNSFails)
	status("SERVFAIL", "www.example.com")
	w.operator.SetDNS(DNSAnswers)
	w.prints("192.168.1.1", dig+"+short rebind.example.com")
}

func TestWalledGarden(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {Garden: true}})
	w.up("apn=internet,ip-type=ipv4")
	w.prints("302,http://login.example.net/", curl+"-o /dev/null -w %{http_code},%{redirect_url} http://203.0.113.204/generate_204")
	w.fails("ping -n -c 1 -W 1 203.0.113.80")
	if w.operator.Counts().Garden == 0 {
		t.Error("the garden dropped nothing")
	}
	if err := w.operator.SetAPN("internet", APN{Garden: true, Passes: "one.example"}); err != nil {
		t.Fatal(err)
	}
	w.prints("204", curl+"-o /dev/null -w %{http_code} -H Host:one.example http://203.0.113.204/generate_204")
	w.prints("302", curl+"-o /dev/null -w %{http_code} -H Host:two.example http://203.0.113.204/generate_204")
	w.prints("203.0.113.80", "dig +short @198.51.100.53 www.example.com")
	w.prints("Buy a plan at http://login.example.net/accept", curl+"-H Host:login.example.net http://198.51.100.80/")
	w.prints("Welcome.", curl+"-H Host:login.example.net http://198.51.100.80/accept")
	w.expects("accept", "")
	w.prints("204", curl+"-o /dev/null -w %{http_code} http://203.0.113.204/generate_204")
}

func TestMuteBearer(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {Mute: true}})
	w.up("apn=internet,ip-type=ipv4")
	w.fails("ping -n -c 1 -W 1 203.0.113.80")
	if w.operator.Counts().Muted == 0 {
		t.Error("nothing was muted")
	}
	if err := w.operator.SetAPN("internet", APN{}); err != nil {
		t.Fatal(err)
	}
	w.prints("success", curl+"http://203.0.113.204/success.txt")
}

func TestNetworkRenumbersAndDrops(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {}})
	first := w.up("apn=internet,ip-type=ipv4")
	w.prints("success", curl+"http://203.0.113.204/success.txt")
	id := w.operator.Bearers()[0].ID
	if !w.operator.Renumber(id) {
		t.Fatal("the bearer is not up")
	}
	second := w.modem.Status().Sessions[0].Grant.IPv4.Address
	if second == first || second != w.operator.Bearers()[0].Grant.IPv4.Address {
		t.Fatalf("renumbered from %v to %v, the core says %v", first, second, w.operator.Bearers()[0].Grant.IPv4.Address)
	}
	w.fails("ping -n -c 1 -W 1 203.0.113.80")
	w.address(second.String())
	w.prints("success", curl+"http://203.0.113.204/success.txt")
	w.modem.ChangeBearer(0, func(g *simmodem.Grant) { g.IPv4.Address = netip.MustParsePrefix("10.200.0.6/30") })
	w.address("10.200.0.6/30")
	w.prints("10.200.0.6", curl+"http://203.0.113.204/address")
	w.operator.Drop(id, 38)
	if e := w.expects("drop", ""); e.Cause != 38 || e.APN != "internet" {
		t.Errorf("event: %+v", e)
	}
	if len(w.modem.Status().Sessions) != 0 || w.operator.Drop(id, 38) || w.operator.Renumber(id) {
		t.Error("the bearer is still up")
	}
	w.fails("ping -n -c 1 -W 1 203.0.113.80")
}

func TestPoolThatCollidesWithALAN(t *testing.T) {
	w := newWorld(t, map[string]APN{"": {Pool4: netip.MustParsePrefix("192.168.1.0/24"), Gateway: true}})
	address := w.up("ip-type=ipv4")
	if address.String() != "192.168.1.2/24" {
		t.Errorf("address %v", address)
	}
	if err := w.gateway.Run("ping", "-n", "-c", "1", "-w", "10", "192.168.1.1"); err != nil {
		t.Errorf("the operator's gateway: %v", err)
	}
}

func TestBothFamilies(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {IPv6: true}})
	out := w.dial("apn=internet,ip-type=ipv4v6")
	found := regexp.MustCompile(`IP \[0\]: '([0-9a-f:]+)/64'`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no IPv6 address:\n%s", out)
	}
	for _, line := range []string{"link set wwan0 up", "-6 address add " + found[1] + "/64 dev wwan0 nodad", "-6 route add default dev wwan0"} {
		if err := w.gateway.Run("ip", strings.Fields(line)...); err != nil {
			t.Fatal(err)
		}
	}
	w.prints(found[1], curl+"http://[2001:db8:ffff::80]/address")
	w.prints("203.0.113.80", "dig +short @2001:db8:ffff::53 www.example.com")
}

func TestPolicyCausesReachTheModem(t *testing.T) {
	w := newWorld(t, map[string]APN{
		"internet": {}, "barred": {Refuse: 33}, "small": {Pool4: netip.MustParsePrefix("10.1.0.0/29")},
	})
	terminal := nobody{}
	ask := func(name string, ip simmodem.IPType) (simmodem.Bearer, simmodem.Cause) {
		return w.operator.Connect(simmodem.Subscriber{}, simmodem.Request{APN: name, IPType: ip}, terminal)
	}
	for name, want := range map[string]simmodem.Cause{"": 27, "unknown": 27, "barred": 33} {
		if b, cause := ask(name, simmodem.IPv4); b != nil || cause != want {
			t.Errorf("APN %q: %v, cause %d; want %d", name, b, cause, want)
		}
	}
	if b, cause := ask("internet", simmodem.IPv4v6); b == nil || b.Grant().IPv6 != nil || cause != simmodem.CauseIPv4Only {
		t.Errorf("both families: %v, cause %d", b, cause)
	}
	for range 5 {
		if b, cause := ask("small", simmodem.IPv4); b == nil {
			t.Fatalf("cause %d", cause)
		}
	}
	b, cause := ask("small", simmodem.IPv4)
	if b != nil || cause != CauseResources {
		t.Errorf("from an empty pool: %v, cause %d", b, cause)
	}
	w.operator.Reject(11)
	if cause := w.operator.Attach(simmodem.Subscriber{}, simmodem.Request{}); cause != 11 {
		t.Errorf("attach: cause %d", cause)
	}
	w.operator.Reject(simmodem.CauseNone)
	w.operator.SetAttach(Attach{APN: "first.lab", Cause: 33})
	for apn, want := range map[string]simmodem.Cause{"first.lab": 0, "First.Lab": 0, "": 33, "internet": 33} {
		if cause := w.operator.Attach(simmodem.Subscriber{}, simmodem.Request{APN: apn}); cause != want {
			t.Errorf("attach with %q: cause %d", apn, cause)
		}
	}
}

// nobody is a terminal without a modem.
type nobody struct{}

func (nobody) Receive([]byte)        {}
func (nobody) Drop(simmodem.Cause)   {}
func (nobody) Change(simmodem.Grant) {}

func TestEventsAreBounded(t *testing.T) {
	o := &Operator{log: slog.New(slog.DiscardHandler)}
	for i := range maxHistory + 10 {
		o.event(Event{Detail: fmt.Sprint(i)})
	}
	if got := o.Events(); len(got) != maxHistory || got[0].Detail != "10" {
		t.Errorf("%d events from %q on", len(got), got[0].Detail)
	}
}

func TestBadOptionsLeaveNothingOpen(t *testing.T) {
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	for _, bad := range []Options{
		{Zone: []string{"nonsense"}},
		{APNs: map[string]APN{"x": {MTU: -5}}},
		{Interface: "a name that is far too long"},
	} {
		bad.Netns = ns.FD()
		if o, err := New(bad); err == nil {
			o.Close()
			t.Errorf("accepted %+v", bad)
		}
	}
	o, err := New(Options{Netns: ns.FD()})
	if err != nil {
		t.Fatalf("after the failures: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := ns.Do(func() error {
		l, err := net.Listen("tcp", ":80")
		if err == nil {
			l.Close()
		}
		return err
	}); err != nil {
		t.Errorf("Close left the web server open: %v", err)
	}
}
