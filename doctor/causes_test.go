package doctor

import (
	"cmp"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// illness is one fault as it is observed.
type illness struct {
	name     string
	code     Code
	variant  string
	severity Severity
	set      func(*patient)
	says     string // in English
}

func illnesses() []illness {
	refused := func(cause uint32) func(*patient) {
		return func(p *patient) {
			p.down(modem.PhaseReady)
			p.Path.Outcome = provision.Trying
			p.Path.Story = []provision.Try{try("old", provision.Refused, cause), try("next", provision.Trying, 0)}
		}
	}
	sim := func(phase modem.Phase, s modem.SIM) func(*patient) {
		return func(p *patient) { p.down(phase); p.Observed.Modem.SIM = s }
	}
	radio := func(r hostapd.RadioStatus) func(*patient) {
		return func(p *patient) { r.Interface = "wlan0"; p.Observed.Hostapd.Radios = []hostapd.RadioStatus{r} }
	}
	return []illness{
		{"the modem is gone", "RC01", "gone", Fault, func(p *patient) { p.down(modem.PhaseNoModem) }, "vanished"},
		{"the modem is silent", "RC01", "silent", Fault, func(p *patient) { p.down(modem.PhaseUnanswered) }, "does not answer"},
		{"the modem refuses", "RC01", "refuses", Fault, func(p *patient) {
			p.down(modem.PhaseOpening)
			p.Observed.Modem.Since, p.Observed.Modem.Error = p.Observed.Now.Add(-firstOpening), "mbim: open: failure"
		}, "refuses to be opened (open: failure)"},
		{"there never was a modem", "RC02", "", Fault, func(p *patient) {
			p.down(modem.PhaseNoModem)
			p.report.Memory.ModemSeen, p.Observed.Modem.Device = false, modem.Device{}
			p.Observed.Modem.Error = "modem: the modem at 1-1 uses the driver qmi_wwan, whose protocol is not spoken here"
		}, "driver qmi_wwan"},
		{"another program has the silent modem", "RC06", "", Fault, func(p *patient) {
			p.down(modem.PhaseUnanswered)
			p.Observed.Modem.Device.Holder = "mbim-proxy (process 731)"
		}, "mbim-proxy (process 731) holds"},
		{"the radio is blocked", "RC03", "", Fault, func(p *patient) { p.down(modem.PhaseRadioOff) }, "blocked by a switch"},
		{"no SIM", "RC04", "absent", Fault, sim(modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent}), "there is no SIM"},
		{"a bad SIM", "RC04", "bad", Fault, sim(modem.PhaseNoSIM, modem.SIM{State: modem.SIMBad}), "cannot be read"},
		{"a PIN", "RC05", "needed", Fault, sim(modem.PhasePIN, modem.SIM{State: modem.SIMPIN, TriesLeft: 3}), "tries left: 3"},
		{"a wrong PIN", "RC05", "refused", Fault, sim(modem.PhasePIN, modem.SIM{State: modem.SIMPIN, TriesLeft: 2, PINRefused: true}), "tries left: 2"},
		{"a PUK", "RC05", "puk", Fault, sim(modem.PhasePIN, modem.SIM{State: modem.SIMPUK, TriesLeft: -1}), "tries left: unknown"},
		{"a locked modem", "RC05", "locked", Fault, sim(modem.PhasePIN, modem.SIM{State: modem.SIMLocked}), "another operator"},
		{"roaming", "RC07", "", Fault, func(p *patient) {
			p.down(modem.PhaseRoaming)
			p.Observed.Modem.Registration = modem.Registration{State: "roaming", PLMN: "22201", Name: "Foreign"}
		}, "abroad on Foreign 22201"},
		{"data are barred", "RC07", "barred", Fault, func(p *patient) {
			p.down(modem.PhaseRoaming)
			p.Wish.Barred = "the operator forbids data abroad"
		}, "forbids data abroad"},
		{"denied", "RC08", "", Fault, func(p *patient) {
			p.down(modem.PhaseDenied)
			p.Observed.Modem.Registration = modem.Registration{State: "denied", Cause: 15}
		}, "cause 15: no suitable cell"},
		{"denied without a reason", "RC08", "silent", Fault, func(p *patient) { p.down(modem.PhaseDenied) }, "does not say why"},
		{"the session is refused", "RC08", "session", Fault, refused(26), "insufficient resources"},
		{"no network", "RC09", "searching", Fault, func(p *patient) {
			p.down(modem.PhaseRegister)
			p.Observed.Modem.Registration = modem.Registration{State: "searching"}
		}, "finds none"},
		{"no packet service", "RC09", "", Fault, func(p *patient) { p.down(modem.PhaseAttach) }, "no data service"},
		{"one family alone", "RC10", "", Fault, refused(50), "only IPv4"},
		{"an unknown name", "RC11", "", Fault, refused(27), "'old' (cause 27"},
		{"a name that is not part of the plan", "RC11", "unsubscribed", Fault, refused(33), "not subscribed"},
		{"no reason", "RC11", "silent", Fault, refused(0), "does not say why"},
		{"a wrong password", "RC12", "", Fault, refused(29), "user name or password"},
		{"the radio is not there", "RC44", "", Degraded, radio(hostapd.RadioStatus{State: hostapd.StateAbsent, Error: "there is no such radio"}), "wlan0 is not on the air: there is no such radio"},
		{"hostapd does not start", "RC44", "", Degraded, radio(hostapd.RadioStatus{State: hostapd.StateWaiting, Error: "the country is not set"}), "the country is not set"},
		{"no country", "RC44", "no-ir", Degraded, radio(hostapd.RadioStatus{State: hostapd.StateNoIR}), "may not transmit here"},
		{"hostapd hangs", "RC44", "silent", Degraded, radio(hostapd.RadioStatus{State: hostapd.StateStarting}), "state starting"},
		{"Wi-Fi settings are refused", "RC44", "refused", Degraded, radio(hostapd.RadioStatus{State: hostapd.StateEnabled, Refused: "the radio does not have the channel"}), "does not have the channel"},
		{"a slow clock", "RC35", "slow", Degraded, func(p *patient) {
			p.Observed.Clock = clock.Status{Trust: clock.TrustNetwork, Offset: 26 * time.Hour, Source: "203.0.113.123"}
		}, "26h0m0s behind"},
		{"a fast clock", "RC35", "fast", Degraded, func(p *patient) {
			p.Observed.Clock = clock.Status{Trust: clock.TrustOne, Offset: -2 * time.Minute, Source: "203.0.113.123"}
		}, "2m0s ahead"},
		{"a clock from before", "RC35", "past", Degraded, func(p *patient) {
			p.Observed.Clock = clock.Status{Behind: true, Kept: begun().Add(240 * time.Hour)}
		}, "before 2026-03-11, which has been"},
		{"IPv6 alone", "RC22", "", Fault, func(p *patient) {
			p.down(modem.PhaseReady)
			p.Path.Outcome, p.Path.Story = provision.V6Only, []provision.Try{try("six", provision.V6Only, 0)}
		}, "IPv6 alone"},
		{"a mute access point", "RC13", "", Fault, func(p *patient) {
			p.Path.APN, p.Path.Outcome, p.Path.Story = "mute", provision.Trying, []provision.Try{try("mute", provision.Trying, 0)}
			p.probed(probe.NoDNS, probe.NoDNS, 2)
		}, "carries nothing"},
		{"a dead session", "RC14", "", Fault, func(p *patient) { p.probed(probe.NoDNS, probe.NoDNS, 2) }, "the connection is dead"},
		{"a pay page", "RC18", "", Fault, func(p *patient) { p.probed(probe.Portal, probe.Portal, 1) }, "page of its own"},
		{"a login page", "RC18", "login", Fault, func(p *patient) {
			p.probed(probe.Portal, probe.Portal, 1)
			p.Observed.Probe.Gateway.Login = true
		}, "wants a login"},
		{"large packets are lost", "RC21", "", Degraded, func(p *patient) {
			p.Observed.Probe.Gateway.Large, p.Observed.Probe.Gateway.PathMTU = probe.LargeLost, 1400
		}, "1400 bytes"},
		{"port 53 is taken", "RC34", "port", Fault, func(p *patient) {
			p.Observed.DNS.Serving, p.Observed.DNS.Error, p.Observed.DNS.Holder = false, "udp 192.168.97.1:53: address already in use", "dnsmasq (process 731)"
			p.probed(probe.Online, probe.NoDNS, 2)
		}, "dnsmasq (process 731) uses port 53"},
		{"no server answers", "RC34", "upstream", Fault, func(p *patient) {
			p.probed(probe.NoDNS, probe.NoDNS, 2)
			p.Observed.Probe.Gateway.Alive = true
		}, "no DNS server answers"},
		{"a client's questions get lost", "RC34", "lan", Fault, func(p *patient) { p.probed(probe.Online, probe.NoDNS, 2) }, "not answered"},
		{"the rules cannot be loaded", "RC40", "refused", Fault, func(p *patient) {
			p.Online, p.Refused = false, []string{"nat: load ruleset: operation not supported"}
		}, "operation not supported"},
		{"the rules were taken away", "RC40", "tampered", Fault, func(p *patient) {
			p.Online, p.Tampered = false, []plan.Step{{Part: plan.NAT, Why: []string{"missing: table inet tetherd"}}}
		}, "missing: table inet tetherd"},
		{"forwarding was switched off", "RC40", "tampered", Fault, func(p *patient) {
			p.Online, p.Tampered = false, []plan.Step{{Part: plan.Link, Why: []string{"missing: sysctl br-tether forwarding 1", "missing: route"}}}
		}, "forwarding 1)"},
		{"another firewall", "RC41", "", Fault, func(p *patient) {
			p.probed(probe.Online, probe.Dead, 2)
			p.Observed.NAT.Rivals = []nat.Rival{{Table: "ip filter", Chain: "FORWARD", Why: "policy"}}
		}, "'ip filter' drops"},
		{"OpenWrt's firewall without the uplink", "RC42", "", Fault, func(p *patient) {
			p.probed(probe.Online, probe.Dead, 2)
			p.Observed.NAT.Rivals = []nat.Rival{{Table: "inet fw4", Chain: "forward", Why: "policy"}}
		}, "wwan0 is in none of its zones"},
		{"the operator forbids sharing", "RC17", "", Fault, func(p *patient) { p.probed(probe.Online, probe.Dead, 2) }, "gateway itself has Internet"},
		{"clients are shown a page", "RC17", "page", Fault, func(p *patient) { p.probed(probe.Online, probe.Portal, 2) }, "somebody else's"},
		{"the pages to look at are denied", "RC38", "ours", Degraded, func(p *patient) {
			p.probed(probe.NoDNS, probe.NoDNS, 2)
			p.Observed.Probe.Gateway.Alive, p.Observed.Probe.Gateway.Denied = true, true
		}, "other addresses can"},
		{"the pages to look at are out of reach", "RC38", "ours", Degraded, func(p *patient) {
			p.probed(probe.Dead, probe.Dead, 5)
			p.Observed.Probe.Gateway.Alive = true
		}, "(what was tried)"},
		{"no lease", "RC47", "none", Fault, func(p *patient) { p.probed(probe.Online, probe.NoLease, 3) }, "given no address"},
		{"leases cannot be given", "RC47", "server", Fault, func(p *patient) {
			p.Online, p.Observed.DHCP.Error = false, "dhcp: br-tether: address in use"
		}, "leased: br-tether: address in use"},
		{"the pool is full", "RC47", "full", Degraded, func(p *patient) { p.Observed.DHCP.Free, p.Observed.DHCP.TurnedAway = 0, 1 }, "all 150 addresses"},
	}
}

// TestEveryCauseHasItsName: each fault alone gets its code, its sentence in every
// language, and evidence; below it nothing else is blamed; when it is gone it is past.
func TestEveryCauseHasItsName(t *testing.T) {
	for _, c := range illnesses() {
		t.Run(c.name, func(t *testing.T) {
			p := well(t)
			p.expect("")
			was := p.Case
			c.set(p)
			f := p.see().pass(25 * time.Second).expect(c.code)
			if f.Variant != c.variant || f.Severity != c.severity {
				t.Errorf("%s %s, want %s %s", f.Variant, f.Severity, c.variant, c.severity)
			}
			if s := Sentence("en", *f); !strings.Contains(s, c.says) || strings.ContainsAny(s, "{}") {
				t.Errorf("says %q, want %q in it", s, c.says)
			}
			if s := Sentence("ru", *f); s == Sentence("en", *f) || strings.ContainsAny(s, "{}") || len(s) < 20 {
				t.Errorf("says %q in Russian", s)
			}
			if got := p.state(f.Check); c.severity == Fault && got != Failed || c.severity == Degraded && got != Impaired {
				t.Errorf("check %s is %s", f.Check, got)
			}
			now := p.Observed.Now
			p.Case = was
			p.Observed.Now = now.Add(time.Second)
			p.see().pass(7 * time.Minute).expect("")
			if len(p.report.Findings) != 0 || len(p.report.History) != 1 || p.report.History[0].Code != c.code {
				t.Errorf("afterwards: findings %+v, history %+v", p.report.Findings, p.report.History)
			}
		})
	}
}

// TestEveryCodeIsDocumented: doc/doctor.md lists each code, what it takes from clients and
// what is done about it, what the parts do by themselves in italics.
func TestEveryCodeIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../doc/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.Trim(line, "|\n "), " | "); strings.HasPrefix(line, "| `RC") {
			rows[strings.Trim(cells[0], "` ")] = cells
		}
	}
	for _, c := range causes() {
		var repairs []string
		if c.self != "" {
			repairs = append(repairs, "*"+string(c.self)+"*")
		}
		for i, k := range c.ladder {
			if i == 0 || k != c.ladder[i-1] {
				repairs = append(repairs, string(k))
			}
		}
		want := cmp.Or(strings.Join(repairs, ", "), "none")
		if row := rows[string(c.code)]; len(row) != 4 || row[2] != string(c.severity) || row[3] != want {
			t.Errorf("documented is %q, true are %s, %s", row, c.severity, want)
		}
		delete(rows, string(c.code))
	}
	for code := range rows {
		t.Errorf("%s is documented and nothing tells it apart", code)
	}
}

// TestBelowAFailedCheckNothingIsEvaluated: one link is broken, and only it is blamed.
func TestBelowAFailedCheckNothingIsEvaluated(t *testing.T) {
	p := well(t)
	p.down(modem.PhaseNoSIM)
	p.Observed.Modem.SIM.State = modem.SIMAbsent
	p.see().pass(5 * time.Second).expect("RC04")
	for check, want := range map[string]State{
		CheckModem: OK, CheckSIM: Failed, CheckNetwork: NotEvaluated, CheckBearer: NotEvaluated, CheckPath: NotEvaluated,
		CheckFirewall: OK, CheckForward: NotEvaluated, CheckLAN: OK, CheckClient: NotEvaluated,
	} {
		if got := p.state(check); got != want {
			t.Errorf("%s is %q, want %q", check, got, want)
		}
	}
}

// TestNotes: what costs nobody anything is told and is no verdict.
func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		code Code
		set  func(*patient)
	}{
		"the address changed": {"RC15", func(p *patient) {
			p.shared(func(b *modem.BearerStatus) {
				b.IPv4 = &modem.IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.9.9/30")}, DNS: b.IPv4.DNS}
			})
		}},
		"connections of a former address": {"RC29", func(p *patient) { p.Observed.NAT.Dropped = 3 }},
		"no DNS servers named": {"RC33", func(p *patient) {
			p.shared(func(b *modem.BearerStatus) { b.IPv4 = &modem.IPConfig{Addresses: b.IPv4.Addresses} })
		}},
		"its servers are silent": {"RC33", func(p *patient) {
			p.Observed.DNS.Silent, p.Observed.DNS.Answering = p.Observed.DNS.Answering, []netip.Addr{netip.MustParseAddr("1.1.1.1")}
		}},
		"the LAN moved": {"RC27", func(p *patient) { p.Wish.LANWhy = "the config's 192.168.1.1/24 collides with 192.168.1.0/24" }},
	} {
		p := well(t)
		c.set(p)
		p.see().expect("")
		i := slices.IndexFunc(p.report.Findings, func(f Finding) bool { return f.Code == c.code })
		if i < 0 || p.report.Findings[i].Severity != Note {
			t.Errorf("%s: %+v", name, p.report.Findings)
			continue
		}
		if s := Sentence("en", p.report.Findings[i]); s == "" || strings.ContainsAny(s, "{}") {
			t.Errorf("%s: %q", name, s)
		}
	}
}

// TestPairs: of two faults the deeper is named, and the other one when it is gone.
func TestPairs(t *testing.T) {
	all := illnesses()
	at := func(name string) illness {
		return all[slices.IndexFunc(all, func(i illness) bool { return i.name == name })]
	}
	for _, pair := range [][2]string{
		{"no SIM", "the rules cannot be loaded"}, {"a PIN", "leases cannot be given"}, {"roaming", "port 53 is taken"},
		{"denied", "the pool is full"}, {"an unknown name", "the rules cannot be loaded"}, {"a dead session", "leases cannot be given"},
		{"a pay page", "the pool is full"}, {"large packets are lost", "the pool is full"},
		{"the modem is gone", "leases cannot be given"}, {"a wrong password", "the pool is full"},
	} {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			deep, other := at(pair[0]), at(pair[1])
			p := well(t)
			other.set(p)
			deep.set(p)
			p.see().pass(25 * time.Second).expect(deep.code)
			now := p.Observed.Now.Add(time.Second)
			fresh := well(t)
			p.Case = fresh.Case
			p.Observed.Now = now
			other.set(p)
			p.see().pass(25 * time.Second).expect(other.code)
		})
	}
}

// TestTheTableIsWhole: every code of the table has words in every language for every
// variant that is used, is of a check that exists, and every ladder ends.
func TestTheTableIsWhole(t *testing.T) {
	seen := map[Code]bool{}
	for _, c := range causes() {
		if seen[c.code] || depth(c.check) < 0 {
			t.Errorf("%s is there twice, or of no check", c.code)
		}
		seen[c.code] = true
		for _, k := range c.ladder {
			if k.price().dwell <= 0 {
				t.Errorf("%s: %s is never judged", c.code, k)
			}
		}
		for _, h := range c.hides {
			if _, ok := causeOf(h); !ok {
				t.Errorf("%s hides %s, which there is not", c.code, h)
			}
		}
	}
	for _, n := range tree() {
		for _, need := range n.needs {
			if depth(need) < 0 || depth(need) >= depth(n.name) {
				t.Errorf("%s needs %s, which is not before it", n.name, need)
			}
		}
	}
}

// TestLanguagesSayTheSame: each file has the keys of the first and the same words to
// fill in.
func TestLanguagesSayTheSame(t *testing.T) {
	keys := func(lang string) map[string]string {
		text, err := texts.ReadFile("text/" + lang + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for line := range strings.Lines(string(text)) {
			k, v, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if _, twice := out[k]; !ok || twice || v == "" {
				t.Errorf("%s: %q", lang, line)
			}
			if !strings.HasPrefix(k, `"`) { // a clause, which English has already
				out[k] = v
			}
		}
		return out
	}
	first := keys(Languages()[0])
	for _, lang := range Languages()[1:] {
		other := keys(lang)
		for k := range first {
			if _, ok := other[k]; !ok {
				t.Errorf("%s lacks %s", lang, k)
			}
		}
		if len(other) != len(first) {
			t.Errorf("%s has %d keys, want %d", lang, len(other), len(first))
		}
	}
}

// TestClausesAreTranslated: what the network and the operator say stands in sentences of
// every language in its words.
func TestClausesAreTranslated(t *testing.T) {
	clauses := []string{
		provision.Entitlement{Rule: provision.ShareNever}.Reason(), provision.Entitlement{Rule: provision.ShareCheck, Answer: provision.Denied}.Reason(),
		provision.Entitlement{Rule: provision.ShareCheck}.Reason(),
	}
	for cause := range uint32(256) {
		for _, clause := range []string{provision.SessionCause(cause), provision.MobilityCause(cause)} {
			if !strings.HasPrefix(clause, "unknown cause") {
				clauses = append(clauses, clause)
			}
		}
	}
	for _, lang := range Languages()[1:] {
		for _, clause := range clauses {
			if got := Phrase(lang, "refused.plan", []Value{{"reason", clause}}); got == clause || got == "" {
				t.Errorf("%s: %q is %q", lang, clause, got)
			}
		}
	}
}

// TestOneLeaseThatFailsIsNoVerdict: the client's look fails in one way and another while the
// link is full; that it was once given no address in time blames nobody for that.
func TestOneLeaseThatFailsIsNoVerdict(t *testing.T) {
	p := well(t)
	p.probed(probe.Online, probe.NoLease, 3)
	p.Observed.Probe.Client.Alike = 2
	p.see().pass(time.Minute).expect("")
	p.Observed.Probe.Client.Alike = 3
	p.see().pass(time.Minute).expect("RC47")
}

// TestProgramThatHasAModemThatWorksIsNoVerdict: it is told all the same, and is the verdict
// once the modem does not answer.
func TestProgramThatHasAModemThatWorksIsNoVerdict(t *testing.T) {
	p := well(t)
	p.Observed.Modem.Device.Holder = "mbim-proxy (process 731)"
	p.see().pass(time.Minute).expect("")
	if f := p.report.Findings; len(f) != 1 || f[0].Code != "RC06" || f[0].Severity != Note {
		t.Fatalf("%+v", f)
	}
	p.down(modem.PhaseUnanswered)
	if f := p.see().pass(10 * time.Second).expect("RC06"); f.Severity != Fault || !f.Advice || !slices.Contains(f.Hides, "RC01") {
		t.Errorf("%+v", f)
	}
}

// TestDeniedChecksAreTold, while there is Internet, and are no verdict: nothing is broken
// but what phones believe.
func TestDeniedChecksAreTold(t *testing.T) {
	p := well(t)
	p.Observed.DNS.Denied = []string{"captive.apple.com"}
	p.see().pass(10 * time.Second).expect("")
	if f := p.report.Findings; len(f) != 1 || f[0].Code != "RC38" || f[0].Severity != Note || !strings.Contains(Sentence("en", f[0]), "captive.apple.com") {
		t.Fatalf("%+v", f)
	}
	p.probed(probe.Dead, probe.Dead, 3)
	p.Observed.DNS.Denied = nil
	p.see().pass(10 * time.Second)
	if p.code() == "RC38" {
		t.Error("without Internet it is the verdict")
	}
}

// TestAdviceAboutTheClock: while it is going to be set nobody is told to; who may not set it, or
// cannot, says so, and what one server alone says, or the modem has said before, sets nothing.
func TestAdviceAboutTheClock(t *testing.T) {
	p := well(t)
	for _, c := range []struct {
		may    bool
		trust  clock.Trust
		fault  string
		remedy bool
		advice bool
	}{
		{may: true, trust: clock.TrustNetwork, remedy: true},
		{may: true, trust: clock.TrustNetwork, fault: "clock: it cannot be set: operation not permitted", remedy: true, advice: true},
		{may: true, trust: clock.TrustOne, remedy: true, advice: true},
		{may: true, trust: clock.TrustModem, remedy: true, advice: true}, // it was set by that before it was moved
		{trust: clock.TrustNetwork, advice: true},
	} {
		p.Facts.SetClock = c.may
		p.Observed.Clock = clock.Status{Trust: c.trust, Offset: 26 * time.Hour, Source: "203.0.113.123", Error: c.fault}
		if f := p.see().pass(time.Minute).expect("RC35"); f.Advice != c.advice || (f.Remedy != nil) != c.remedy || strings.Contains(Sentence("en", *f), "Set it") != c.advice {
			t.Errorf("%+v: %s (remedy %+v)", c, Sentence("en", *f), f.Remedy)
		}
	}
}

// TestTheModemsTimeIsRightButForTheZones: what a time zone explains is no wrong clock.
func TestTheModemsTimeIsRightButForTheZones(t *testing.T) {
	for off, want := range map[time.Duration]Code{time.Hour: "", -clock.Zones: "", clock.Zones + time.Minute: "RC35", -30 * 24 * time.Hour: "RC35"} {
		p := well(t)
		p.Observed.Clock = clock.Status{Trust: clock.TrustModem, Source: "modem", Offset: off}
		f := p.see().pass(time.Minute).expect(want)
		if f != nil && f.Confidence >= 90 {
			t.Errorf("%v: as sure as of servers: %+v", off, f)
		}
	}
}
