package doctor

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// patient is a gateway whose hours pass in a loop.
type patient struct {
	t *testing.T
	Case
	report Report
	next   time.Time
}

func begun() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }

// well is a gateway on which everything works and a client is busy.
func well(t *testing.T) *patient {
	p := &patient{t: t}
	p.Facts = Facts{Modem: true, DHCP: true, DNS: true, Limit: 150}
	p.Path = Path{APN: "internet", Outcome: provision.Carries, Story: []provision.Try{try("internet", provision.Carries, 0)}}
	server := netip.MustParseAddr("198.51.100.53")
	p.Wish = Wish{LAN: "192.168.97.1/24", Gateway: "g", Client: "c", Uplink: "wwan0", UplinkMTU: 1500}
	p.Observed = plan.Observed{
		Now: begun(), Started: begun().Add(-time.Hour),
		Modem: modem.Status{
			Phase: modem.PhaseReady, Device: modem.Device{Control: "/dev/cdc-wdm0", Interface: "wwan0"}, SIM: modem.SIM{State: modem.SIMReady, MCC: "262", MNC: "01"},
			Registration: modem.Registration{State: "home", PLMN: "26201", Name: "Lab Mobile", Attached: true},
			Bearers: map[modem.Purpose]modem.BearerStatus{modem.Shared: {
				State: modem.BearerUp, Interface: "wwan0", Since: begun().Add(-time.Hour),
				IPv4: &modem.IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.0.2/30")}, DNS: []netip.Addr{server}},
			}},
		},
		Link: link.Status{Interfaces: []link.Interface{{Name: "wwan0", RxBytes: 1000, TxBytes: 1000}}},
		NAT:  nat.Status{Loaded: true, Clients: map[netip.Addr]nat.Counters{netip.MustParseAddr("192.168.97.100"): {Up: 1000, Down: 1000}}},
		DHCP: dhcp.Status{Serving: true, Free: 100, Leases: []dhcp.Lease{{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}, Addr: netip.MustParseAddr("192.168.97.100"), Hostname: "phone"}}},
		DNS:  dns.Status{Serving: true, Answering: []netip.Addr{server}},
		Probe: probe.Status{
			Gateway: probe.Result{Key: "g", Verdict: probe.Online, At: begun().Add(-time.Minute), Large: probe.LargePasses},
			Client:  probe.Result{Key: "c", Verdict: probe.Online, At: begun().Add(-time.Minute)},
		},
	}
	p.Online = true
	return p.see()
}

func try(apn string, outcome provision.Outcome, cause uint32) provision.Try {
	return provision.Try{APN: apn, Family: modem.IPv4v6, Source: provision.FromOwner, Outcome: outcome, Cause: cause, At: begun().Add(-time.Minute)}
}

// see examines once.
func (p *patient) see() *patient {
	p.report, p.next = Examine(p.Case, p.report)
	p.sane()
	return p
}

// sane holds what must be true of every report.
func (p *patient) sane() {
	p.t.Helper()
	r := p.report
	last := -1
	for _, f := range r.Findings {
		if len(f.Evidence) == 0 || f.Confidence <= 0 || f.Confidence > 100 || f.Since.IsZero() || f.Since.After(p.Observed.Now) {
			p.t.Errorf("%s: no evidence, or none that counts: %+v", f.Code, f)
		}
		if d := depth(f.Check); d < last {
			p.t.Errorf("%s comes after what is less deep", f.Code)
		} else {
			last = d
		}
	}
	if len(r.Checks) != len(tree()) || len(r.History) > maxHistory {
		p.t.Errorf("%d checks, %d episodes", len(r.Checks), len(r.History))
	}
	if !p.next.IsZero() && !p.next.After(p.Observed.Now) {
		p.t.Errorf("the next look is due at %v, now is %v", p.next, p.Observed.Now)
	}
}

// pass lets time pass as the loop does: it looks when it must, and at the end.
func (p *patient) pass(d time.Duration) *patient {
	p.t.Helper()
	end := p.Observed.Now.Add(d)
	for turns := 0; !p.next.IsZero() && p.next.Before(end); turns++ {
		if turns > 10000 {
			p.t.Fatal("a busy loop")
		}
		p.Observed.Now = p.next
		p.Wish.Repairs = p.report.Repairs
		p.see()
	}
	p.Observed.Now = end
	return p.see()
}

// code is the verdict's; "" none.
func (p *patient) code() Code {
	if p.report.Verdict == nil {
		return ""
	}
	return p.report.Verdict.Code
}

func (p *patient) expect(want Code) *Finding {
	p.t.Helper()
	if got := p.code(); got != want {
		p.t.Fatalf("verdict %q, want %q; findings %+v", got, want, p.report.Findings)
	}
	return p.report.Verdict
}

// state is how a check stands.
func (p *patient) state(check string) State {
	for _, c := range p.report.Checks {
		if c.Name == check {
			return c.State
		}
	}
	return ""
}

// shared changes the bearer.
func (p *patient) shared(change func(*modem.BearerStatus)) {
	b := p.Observed.Modem.Bearers[modem.Shared]
	change(&b)
	p.Observed.Modem.Bearers = map[modem.Purpose]modem.BearerStatus{modem.Shared: b}
}

// down takes the bearer and what is proved by it away.
func (p *patient) down(phase modem.Phase) {
	p.Online = false
	p.Observed.Modem.Phase = phase
	p.shared(func(b *modem.BearerStatus) { b.State, b.IPv4 = modem.BearerDown, nil })
	p.Wish.Gateway, p.Wish.Client, p.Wish.Uplink = "", "", ""
}

// probed sets what both vantage points found, so many times in a row.
func (p *patient) probed(gateway, client probe.Verdict, failed int) {
	g, c := &p.Observed.Probe.Gateway, &p.Observed.Probe.Client
	set := func(r *probe.Result, v probe.Verdict) {
		r.Verdict, r.At, r.Failed, r.Alike, r.Detail = v, p.Observed.Now, failed, failed, "what was tried"
		if v == probe.Online {
			r.Failed = 0
		}
	}
	set(g, gateway)
	set(c, client)
	p.Online = gateway == probe.Online && client == probe.Online
}

// traffic moves the counters of the uplink and of the client.
func (p *patient) traffic(tx, rx, up, down uint64) {
	i := p.Observed.Link.Interfaces[0]
	i.TxBytes, i.RxBytes = i.TxBytes+tx, i.RxBytes+rx
	p.Observed.Link.Interfaces = []link.Interface{i}
	a := netip.MustParseAddr("192.168.97.100")
	c := p.Observed.NAT.Clients[a]
	p.Observed.NAT.Clients = map[netip.Addr]nat.Counters{a: {Up: c.Up + up, Down: c.Down + down}}
}
