package doctor

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// TestHealthyHoursAreQuiet: a day of busy and idle hours, of slow and lossy ones, in
// which nothing is wrong.
func TestHealthyHoursAreQuiet(t *testing.T) {
	p := well(t)
	for hour := range 24 {
		for range 60 {
			switch {
			case hour%3 == 0: // idle
			case hour%3 == 1: // busy
				p.traffic(5000, 90000, 5000, 90000)
			default: // an upload: little comes back
				p.traffic(900000, 20000, 900000, 20000)
			}
			if hour == 5 { // one look fails now and then, while traffic goes on
				p.probed(probe.Dead, probe.Dead, 1)
				p.Online = true
			} else {
				p.probed(probe.Online, probe.Online, 0)
			}
			p.pass(time.Minute).expect("")
			if len(p.report.Findings)+len(p.report.History) > 0 {
				t.Fatalf("hour %d: %+v %+v", hour, p.report.Findings, p.report.History)
			}
		}
	}
	if n := p.report.Memory.Doubt.Count; n > 0 {
		t.Errorf("%d doubts, each costs bytes", n)
	}
}

// TestShortTroubleIsNotTold: what passes before its time to be visible leaves no trace.
func TestShortTroubleIsNotTold(t *testing.T) {
	p := well(t)
	was := p.Case
	p.down(modem.PhaseNoModem)
	p.see().expect("")
	p.pass(5 * time.Second).expect("")
	now := p.Observed.Now
	p.Case = was
	p.Observed.Now = now
	p.see().pass(time.Minute).expect("")
	if len(p.report.History) > 0 {
		t.Errorf("past %+v", p.report.History)
	}
}

// TestFlappingIsOneEpisode: what comes and goes within a minute is told once, with the
// whole time.
func TestFlappingIsOneEpisode(t *testing.T) {
	p := well(t)
	was := p.Case
	for range 5 {
		p.probed(probe.Portal, probe.Portal, 1)
		p.see().expect("RC18")
		p.pass(10 * time.Second)
		now := p.Observed.Now
		p.Case = was
		p.Observed.Now = now.Add(time.Second)
		p.see().expect("")
		p.pass(10 * time.Second)
	}
	if h := p.report.History; len(h) != 1 || h[0].Duration() < time.Minute {
		t.Errorf("past %+v", h)
	}
}

// TestHistoryUnderAnOlderClock: a board that starts with the time of its image, or whose clock
// was set back, loses no episode of before; one that overlaps another makes it no shorter.
func TestHistoryUnderAnOlderClock(t *testing.T) {
	episode := func(from time.Time, minutes int) Episode {
		return Episode{Code: "RC14", From: from, To: from.Add(time.Duration(minutes) * time.Minute)}
	}
	yesterday := episode(begun(), 20)
	image := episode(time.Unix(60, 0).UTC(), 5)
	h := add(add([]Episode{yesterday}, image), episode(begun().Add(24*time.Hour), 1))
	if len(h) != 3 || !reflect.DeepEqual(h[:2], []Episode{yesterday, image}) {
		t.Errorf("past %+v", h)
	}
	if h = add([]Episode{yesterday}, episode(begun().Add(5*time.Minute), 5)); !reflect.DeepEqual(h, []Episode{yesterday}) {
		t.Errorf("past %+v", h)
	}
	before := begun().Add(-5 * time.Minute)
	if h = add([]Episode{yesterday}, episode(before, 5)); len(h) != 1 || !h[0].From.Equal(before) || !h[0].To.Equal(yesterday.To) {
		t.Errorf("past %+v", h)
	}
}

// TestHistoryIsBounded and keeps the newest.
func TestHistoryIsBounded(t *testing.T) {
	var h []Episode
	for i := range 3 * maxHistory {
		from := begun().Add(time.Duration(i) * time.Hour)
		h = add(h, Episode{Code: "RC18", From: from, To: from.Add(time.Second)})
	}
	if len(h) != maxHistory || !h[maxHistory-1].From.Equal(begun().Add(time.Duration(3*maxHistory-1)*time.Hour)) {
		t.Errorf("%d, the last is %v", len(h), h[len(h)-1])
	}
}

// TestLadderOfRemedies: each step has its time, the next one follows, the end is told,
// and after a while it begins again. Nothing is done twice at once.
func TestLadderOfRemedies(t *testing.T) {
	p := well(t)
	p.probed(probe.NoDNS, probe.NoDNS, 2)
	f := p.see().expect("RC14")
	if r := f.Remedy; r.Kind != Redial || r.State != "running" || r.Left != 3 || r.Outage <= 0 || r.Bytes <= 0 || p.report.Repairs != (plan.Repairs{Redial: 1}) {
		t.Fatalf("%+v, %+v", r, p.report.Repairs)
	}
	f = p.pass(15 * time.Second).expect("RC14")
	if f.Remedy.Kind != Redial || f.Advice {
		t.Errorf("before its time: %+v", f.Remedy)
	}
	all := plan.Repairs{Redial: 1}
	for _, next := range []struct {
		kind  Kind
		count *uint32
		wait  time.Duration
	}{{Reattach, &all.Reattach, 10 * time.Second}, {RadioCycle, &all.Radio, 30 * time.Second}, {ModemReset, &all.Reset, 45 * time.Second}} {
		before := f.Remedy
		f = p.pass(next.wait).expect("RC14")
		*next.count++
		r := f.Remedy
		if r.Kind != next.kind || r.State != "running" || f.Advice || len(r.Tried) == 0 || r.Tried[len(r.Tried)-1] != before.Kind || r.Outage <= before.Outage || p.report.Repairs != all {
			t.Errorf("after %s: %+v, %+v", before.Kind, r, p.report.Repairs)
		}
	}
	f = p.pass(2 * time.Minute).expect("RC14")
	if r := f.Remedy; r.State != "exhausted" || len(r.Tried) != 4 || !f.Advice || p.report.Repairs != all {
		t.Errorf("%+v, %+v", r, p.report.Repairs)
	}
	if s := Sentence("en", *f); !strings.Contains(s, "helped") {
		t.Errorf("%s", s)
	}
	p.pass(restart)
	if got := p.report.Repairs; got.Redial != 2 || got.Reset != 1 {
		t.Errorf("half an hour later: %+v", got)
	}
	p.pass(24 * time.Hour)
	if got := p.report.Repairs; got.Reset < 4 || got.Reset > 8 {
		t.Errorf("a day later: %+v", got)
	}
}

// TestStepIsJudgedByTheBearerThatItBrought: a new bearer that is as dead as the one before
// ends a step before its time, and one that has only just come does not.
func TestStepIsJudgedByTheBearerThatItBrought(t *testing.T) {
	p := well(t)
	p.probed(probe.NoDNS, probe.NoDNS, 2)
	p.see().expect("RC14")
	p.pass(2 * time.Second)
	p.shared(func(b *modem.BearerStatus) { b.Since = p.Observed.Now })
	p.probed(probe.NoDNS, probe.NoDNS, 2)
	if f := p.pass(settling - time.Second).expect("RC14"); f.Remedy.Kind != Redial {
		t.Errorf("too soon: %+v", f.Remedy)
	}
	if f := p.pass(2 * time.Second).expect("RC14"); f.Remedy.Kind != Reattach {
		t.Errorf("dead again: %+v", f.Remedy)
	}
	if f := p.pass(settling + time.Second).expect("RC14"); f.Remedy.Kind != Reattach {
		t.Errorf("judged by the bearer that was there before: %+v", f.Remedy)
	}
}

// TestModemThatIsResetFromHereHasNotVanished: the verdict stays, until it should be back.
func TestModemThatIsResetFromHereHasNotVanished(t *testing.T) {
	p := well(t)
	p.probed(probe.NoDNS, probe.NoDNS, 2)
	p.see().pass(20*time.Second + 30*time.Second + 45*time.Second).expect("RC14")
	if got := p.report.Verdict.Remedy.Kind; got != ModemReset {
		t.Fatalf("remedy %s", got)
	}
	p.down(modem.PhaseNoModem)
	p.see().expect("RC14")
	p.pass(time.Minute).expect("RC14")
	p.pass(70 * time.Second).expect("RC01")
}

// TestModemIsRepairedOnceNoAccessPointIsLeft: an access point that carries nothing is the
// ladder's matter first, and only what it leaves is the modem's.
func TestModemIsRepairedOnceNoAccessPointIsLeft(t *testing.T) {
	p := well(t)
	p.report = Report{}
	p.Path = Path{APN: "internet", Outcome: provision.Trying, Story: []provision.Try{try("internet", provision.Mute, 0)}}
	p.probed(probe.Dead, probe.Dead, 2)
	if f := p.see().pass(time.Minute).expect("RC13"); f.Remedy.Kind != NextAPN || f.Advice || p.report.Repairs != (plan.Repairs{}) {
		t.Fatalf("%+v, %+v", f.Remedy, p.report.Repairs)
	}
	p.Path.Outcome = provision.Mute
	if f := p.see().expect("RC13"); f.Remedy.Kind != Reattach || f.Advice || p.report.Repairs != (plan.Repairs{Reattach: 1}) {
		t.Fatalf("%+v, %+v", f.Remedy, p.report.Repairs)
	}
	if f := p.pass(4 * time.Minute).expect("RC13"); f.Remedy.State != "exhausted" || !f.Advice || p.report.Repairs.Reset != 1 {
		t.Errorf("%+v, %+v", f.Remedy, p.report.Repairs)
	}
}

// TestNothingIsRepairedAtThePayPage: money is the owner's to spend. That clients reach the
// page is all.
func TestNothingIsRepairedAtThePayPage(t *testing.T) {
	p := well(t)
	p.probed(probe.Portal, probe.Portal, 1)
	f := p.see().pass(time.Hour).expect("RC18")
	if p.report.Repairs != (plan.Repairs{Garden: true}) || f.Remedy != nil || !f.Advice {
		t.Errorf("%+v, %+v", p.report.Repairs, f)
	}
	p.probed(probe.Online, probe.Online, 0)
	if p.see().expect(""); p.report.Repairs.Garden {
		t.Error("private addresses are let through at a page that is gone")
	}
}

// TestRepairHelped: the remedy that was under way when the fault went is named. A fault
// that is back at once goes on to the next; one that is back later takes what helped.
func TestRepairHelped(t *testing.T) {
	for _, c := range []struct {
		gone time.Duration
		want Kind
	}{{relapse / 2, RadioCycle}, {2 * relapse, Reattach}, {2 * forget, Redial}} {
		p := well(t)
		p.probed(probe.NoDNS, probe.NoDNS, 2)
		p.see().pass(21 * time.Second).expect("RC14")
		p.probed(probe.Online, probe.Online, 0)
		p.see().expect("")
		if h := p.report.History; len(h) != 1 || h[0].Remedy != string(Reattach) || h[0].Helped != "yes" {
			t.Errorf("past %+v", h)
		}
		p.pass(c.gone)
		p.probed(probe.NoDNS, probe.NoDNS, 2)
		if f := p.see().expect("RC14"); f.Remedy.State != "running" || f.Remedy.Kind != c.want {
			t.Errorf("after %v: %+v", c.gone, f.Remedy)
		}
	}
}

// TestSmallerPacketsStay: the MTU that was found holds for this access point and no
// other.
func TestSmallerPacketsStay(t *testing.T) {
	p := well(t)
	p.Observed.Probe.Gateway.Large, p.Observed.Probe.Gateway.PathMTU = probe.LargeLost, 1400
	p.see().expect("RC21")
	if p.report.Repairs.MTU != 1400 {
		t.Fatalf("%+v", p.report.Repairs)
	}
	p.Wish.Repairs, p.Wish.Gateway, p.Wish.Client = p.report.Repairs, "g mtu 1400", "c mtu 1400"
	p.Online = false
	if p.see(); p.code() != "RC21" {
		t.Errorf("not looked at again yet: verdict %q", p.code())
	}
	p.Observed.Probe.Gateway = probe.Result{Key: "g mtu 1400", Verdict: probe.Online, At: p.Observed.Now, Large: probe.LargePasses}
	p.Observed.Probe.Client = probe.Result{Key: "c mtu 1400", Verdict: probe.Online, At: p.Observed.Now}
	p.Online = true
	p.see().pass(time.Hour).expect("")
	if p.report.Repairs.MTU != 1400 || p.report.History[0].Helped != "yes" {
		t.Errorf("%+v, past %+v", p.report.Repairs, p.report.History)
	}
	p.Path.APN = "other"
	if p.see(); p.report.Repairs.MTU != 0 {
		t.Errorf("by another access point: %+v", p.report.Repairs)
	}
}

// TestAMTUThatIsNotKnown is replaced by one that is safe.
func TestAMTUThatIsNotKnown(t *testing.T) {
	p := well(t)
	p.Observed.Probe.Gateway.Large = probe.LargeLost
	if p.see().expect("RC21"); p.report.Repairs.MTU != safeMTU {
		t.Errorf("%+v", p.report.Repairs)
	}
}

// TestDoubts: traffic without answers makes the probe look again, ever more seldom
// while it is wrong; answers do not.
func TestDoubts(t *testing.T) {
	for name, c := range map[string]struct {
		happen func(*patient)
		doubts bool
	}{
		"the uplink sends and nothing comes": {func(p *patient) { p.traffic(500, 0, 0, 0) }, true},
		"clients send and nothing comes":     {func(p *patient) { p.traffic(500, 500, 500, 0) }, true},
		"no name server answers": {func(p *patient) {
			p.Observed.DNS.Silent, p.Observed.DNS.Answering = p.Observed.DNS.Answering, nil
		}, true},
		"questions of clients fail": {func(p *patient) { p.Observed.DNS.Counts.Failed++ }, true},
		"both ways":                 {func(p *patient) { p.traffic(500, 500, 500, 500) }, false},
		"a name that nobody has":    {func(p *patient) { p.Observed.DNS.Counts.Failed++; p.traffic(500, 500, 500, 500) }, true},
		"one stray packet":          {func(p *patient) { p.traffic(60, 0, 60, 0) }, false},
		"nothing":                   {func(p *patient) {}, false},
	} {
		p := well(t)
		for range 200 { // ten minutes
			c.happen(p)
			p.pass(sampleBusy)
			p.Observed.Probe.Gateway.At = p.Observed.Now
		}
		n := p.report.Memory.Doubt.Count
		if (n > 0) != c.doubts || n > 12 {
			t.Errorf("%s: %d looks", name, n)
		}
	}
}

// TestStalledTrafficNeedsOneFailure: with passive evidence the first failed look is
// enough, without it takes two.
func TestStalledTrafficNeedsOneFailure(t *testing.T) {
	p := well(t)
	p.probed(probe.NoDNS, probe.Online, 1)
	p.see().expect("")
	p.traffic(5000, 0, 5000, 0)
	f := p.pass(sampleBusy).expect("RC14")
	if f.Confidence < 90 {
		t.Errorf("%d %% sure", f.Confidence)
	}
}

// TestStoryWithinOneTurn: tries that failed and were made good before anybody looked
// are told as past, once.
func TestStoryWithinOneTurn(t *testing.T) {
	p := well(t)
	p.Path.Story = append(p.Path.Story, provision.Try{APN: "old", Source: provision.FromMemory, Outcome: provision.Refused, Cause: 29, At: p.Observed.Now.Add(-2 * time.Second)},
		provision.Try{APN: "guess", Source: provision.FromTable, Outcome: provision.Refused, Cause: 27, At: p.Observed.Now.Add(-2 * time.Second)},
		provision.Try{APN: "new", Outcome: provision.Carries, At: p.Observed.Now.Add(-time.Second)})
	for range 3 {
		p.see().expect("")
	}
	if h := p.report.History; len(h) != 1 || h[0].Code != "RC12" || h[0].Helped != "yes" || h[0].Remedy != string(NextAuth) {
		t.Errorf("past %+v", h)
	}
}

// TestExamineKeepsItsArguments: what went in is as it was.
func TestExamineKeepsItsArguments(t *testing.T) {
	for _, c := range illnesses() {
		p := well(t)
		c.set(p)
		p.see().pass(30 * time.Second)
		before, err := json.Marshal(p.report)
		if err != nil {
			t.Fatal(err)
		}
		memory := p.report.Memory.clone()
		p.Observed.Now = p.Observed.Now.Add(time.Hour)
		Examine(p.Case, p.report)
		after, _ := json.Marshal(p.report)
		if string(before) != string(after) || !reflect.DeepEqual(memory, p.report.Memory) {
			t.Errorf("%s: the former report was changed", c.name)
		}
	}
}

// TestRecordsReplay: every illness, written down and read again, has the same verdict,
// and nobody's numbers are in it.
func TestRecordsReplay(t *testing.T) {
	for _, c := range illnesses() {
		p := well(t)
		c.set(p)
		m := &p.Observed.Modem
		m.Device.IMEI, m.SIM.ICCID, m.SIM.IMSI, m.InForce.PIN = "sealed", "sealed", "sealed", "sealed"
		m.InForce.Bearers = map[modem.Purpose]modem.Bearer{modem.Shared: {User: "sealed", Password: "sealed"}}
		p.shared(func(b *modem.BearerStatus) { b.InForce.User, b.InForce.Password = "sealed", "sealed" })
		p.Observed.DHCP.InForce.Networks = []dhcp.Network{{Hosts: []dhcp.Host{{MAC: []byte("sealed"), Name: "sealed"}}}}
		p.see().pass(25 * time.Second).expect(c.code)
		before := p.report
		text, err := Record(p.Case, before, p.report)
		if err != nil {
			t.Fatal(err)
		}
		r, told, err := Replay(text)
		if err != nil || told != c.code || r.Verdict == nil || r.Verdict.Code != told {
			t.Errorf("%s: %+v, told %q, %v", c.name, r.Verdict, told, err)
		}
		for _, private := range []string{"sealed", "phone", "c2VhbGVk", "AgAAAAAJ"} { // the last are hardware addresses in base 64
			if strings.Contains(string(text), private) {
				t.Errorf("%s: %s is in the record", c.name, private)
			}
		}
		if m.SIM.IMSI != "sealed" {
			t.Errorf("%s: the record emptied what it was made from", c.name)
		}
	}
}

// TestReplayRefuses what is no record.
func TestReplayRefuses(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{", `{"Version":9}`, `{"Version":1}`, strings.Repeat(" ", MaxRecord+1)} {
		if _, _, err := Replay([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "doctor: record: ") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// FuzzReplay: a record that anybody made breaks nothing, and its report is sane.
func FuzzReplay(f *testing.F) {
	for _, c := range illnesses()[:6] {
		t := new(testing.T)
		p := well(t)
		c.set(p)
		text, err := Record(p.Case, p.see().report, p.report)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"Version":1,"Case":{"Observed":{"Now":"2026-03-01T08:00:00Z"}},"Memory":{"held":[{"code":"RC99"},{"code":"RC14"}],"courses":[{"code":"RC14","step":9}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, _, err := Replay(text)
		if err != nil {
			return
		}
		for _, x := range r.Findings {
			if Sentence("en", x) == "" || Sentence("xx", x) != Sentence("en", x) {
				t.Errorf("no sentence for %+v", x)
			}
		}
		if len(r.Checks) != len(tree()) {
			t.Errorf("%d checks", len(r.Checks))
		}
	})
}

// TestAGuessIsNoFault while there are others; when none is left it is.
func TestAGuessIsNoFault(t *testing.T) {
	p := well(t)
	p.down(modem.PhaseReady)
	guess := try("guess", provision.Refused, 27)
	guess.Source = provision.FromTable
	p.Path.Outcome, p.Path.Story = provision.Trying, []provision.Try{guess, try("next", provision.Trying, 0)}
	p.see().pass(time.Minute).expect("")
	p.Path.Outcome = provision.Refused
	if f := p.see().expect("RC11"); !f.Advice {
		t.Error("nothing is left to try, and nobody is asked")
	}
}

// TestUnansweredTriesRaiseDoubt: when most of what clients try to connect to does not
// answer, what was proved is looked at again; a site that is down, slow answers and
// repeated tries among answered ones are no reason.
func TestUnansweredTriesRaiseDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		asked, answered uint64
		doubt           bool
	}{
		"everything is answered": {40, 40, false},
		"one site is down":       {12, 10, false},
		"one in eight is lost":   {40, 35, false},
		"secured pages are dead": {9, 4, true},
		"nothing answers":        {3, 0, true},
	} {
		p := well(t)
		p.traffic(1000, 1000, 1000, 1000)
		p.pass(sampleBusy)
		p.traffic(1000, 1000, 1000, 1000)
		p.Observed.NAT.Asked, p.Observed.NAT.Answered = c.asked, c.answered
		p.pass(2 * sampleBusy)
		if got := p.report.Memory.Doubt.Count > 0; got != c.doubt {
			t.Errorf("%s: doubt %v", name, got)
		}
		p.expect("")
	}
	p := well(t)
	p.traffic(1000, 1000, 1000, 1000)
	p.Observed.NAT.Asked = 2 // their answers come late, in the next sample
	p.pass(sampleBusy)
	p.traffic(1000, 1000, 1000, 1000)
	p.Observed.NAT.Asked, p.Observed.NAT.Answered = 4, 4
	p.pass(sampleBusy)
	if p.report.Memory.Doubt.Count > 0 {
		t.Error("late answers raise a doubt")
	}
}

// TestASlowPathIsNotDead: looks that fail while something still comes in are of a crowded
// path; when nothing comes in any more, or they go on failing, it is dead.
func TestASlowPathIsNotDead(t *testing.T) {
	p := well(t)
	p.traffic(5000, 500, 5000, 500)
	p.pass(sampleBusy)
	p.probed(probe.Dead, probe.Dead, 2)
	p.see().expect("")
	p.pass(2 * deaf).expect("RC14")
	p = well(t)
	for range 3 {
		p.traffic(5000, 500, 5000, 500)
		p.pass(sampleBusy)
	}
	p.probed(probe.Dead, probe.Dead, 4)
	p.see().expect("RC14")
}

// TestWhatCarriesForClientsIsNotRepaired: a long download on a slow path leaves looks no
// room, and no remedy is worth its end. When it has ended, they come.
func TestWhatCarriesForClientsIsNotRepaired(t *testing.T) {
	p := well(t)
	for i := range 60 {
		p.traffic(5000, 16000, 5000, 16000)
		p.probed(probe.Dead, probe.Dead, i)
		p.pass(sampleBusy).expect("")
		if p.report.Repairs != (plan.Repairs{}) {
			t.Fatalf("%+v", p.report.Repairs)
		}
		if !p.report.Served(p.Observed.Now) {
			t.Fatal("clients are not served")
		}
	}
	p.pass(2 * deaf).expect("RC14")
	if p.report.Repairs.Redial != 1 || p.report.Served(p.Observed.Now) {
		t.Errorf("%+v", p.report.Repairs)
	}
	p.traffic(5000, 16000, 5000, 16000) // what came too late
	p.pass(sampleBusy).expect("")
}

// TestFirstRemedyWaits for a second failed look, or for what a lift or the edge of a cell
// takes; the verdict does not.
func TestFirstRemedyWaits(t *testing.T) {
	p := well(t)
	p.probed(probe.NoDNS, probe.Online, 1)
	p.traffic(5000, 0, 5000, 0)
	if f := p.pass(sampleBusy).expect("RC14"); f.Remedy.State != "waiting" || f.Advice {
		t.Errorf("at once: %+v", f.Remedy)
	}
	if f := p.pass(patience - time.Second).expect("RC14"); f.Remedy.State != "waiting" || p.report.Repairs != (plan.Repairs{}) {
		t.Errorf("soon: %+v", f.Remedy)
	}
	again := *p
	if p.pass(2 * time.Second).expect("RC14"); p.report.Repairs.Redial != 1 {
		t.Errorf("later: %+v", p.report.Repairs)
	}
	again.probed(probe.NoDNS, probe.Online, 2)
	if again.see().expect("RC14"); again.report.Repairs.Redial != 1 {
		t.Errorf("a second look: %+v", again.report.Repairs)
	}
}

// TestAFormerFailureOfAClientSaysNothing: what a client saw while the gateway itself had
// no Internet is not blamed on the LAN, the firewall or the operator.
func TestAFormerFailureOfAClientSaysNothing(t *testing.T) {
	for name, was := range map[string]probe.Verdict{"names": probe.NoDNS, "pages": probe.Dead, "a page": probe.Portal} {
		p := well(t)
		p.probed(was, was, 3)
		p.see()
		c := p.Observed.Probe.Client
		p.Observed.Now = p.Observed.Now.Add(time.Second)
		p.probed(probe.Online, was, 4)
		c.At, c.Took = p.Observed.Now, 8*time.Second // it began before
		p.Observed.Probe.Client = c
		p.see().expect("")
		if p.pass(20 * time.Second).expect(""); len(p.report.Findings) > 0 {
			t.Errorf("%s: %+v", name, p.report.Findings)
		}
		p.probed(probe.Online, was, 5) // and this one is its own
		if p.see().pass(10 * time.Second); p.report.Verdict == nil {
			t.Errorf("%s: never blamed", name)
		}
	}
}

// TestAChainThatClientsLivedWithIsNotBlamed: only what is new makes one failure enough, and
// a rule that was there all the time drops something else.
func TestAChainThatClientsLivedWithIsNotBlamed(t *testing.T) {
	invalid := nat.Rival{Table: "inet filter", Chain: "forward", Why: "rule"}
	closed := nat.Rival{Table: "ip filter", Chain: "FORWARD", Why: "policy"}
	for _, c := range []struct {
		before, now []nat.Rival
		failed      int
		want        Code
	}{
		{nil, []nat.Rival{invalid}, 1, "RC41"},
		{[]nat.Rival{invalid}, []nat.Rival{invalid}, 1, ""},
		{[]nat.Rival{invalid}, []nat.Rival{invalid}, 2, "RC17"},
		{[]nat.Rival{closed}, []nat.Rival{closed}, 1, ""},
		{[]nat.Rival{closed}, []nat.Rival{closed}, 2, "RC41"},
		{[]nat.Rival{invalid}, []nat.Rival{invalid, closed}, 1, "RC41"},
	} {
		p := well(t)
		p.Observed.NAT.Rivals = c.before
		p.see().expect("")
		p.Observed.NAT.Rivals = c.now
		p.Observed.Now = p.Observed.Now.Add(time.Second)
		p.probed(probe.Online, probe.Dead, c.failed)
		p.see().pass(6 * time.Second).expect(c.want)
	}
}

// TestARadioThatChoosesItsChannelHasTime, and one that says why it is not there has none.
func TestARadioThatChoosesItsChannelHasTime(t *testing.T) {
	for _, state := range []hostapd.State{hostapd.StateStarting, hostapd.StateCountry, hostapd.StateACS, hostapd.StateHTScan} {
		p := well(t)
		p.Observed.Hostapd.Radios = []hostapd.RadioStatus{{Interface: "wlan0", State: state, Since: p.Observed.Now}}
		p.see().pass(50 * time.Second).expect("")
		p.pass(16 * time.Second).expect("RC44")
		p = well(t)
		p.Observed.Hostapd.Radios = []hostapd.RadioStatus{{Interface: "wlan0", State: state, Error: "no", Since: p.Observed.Now}}
		p.see().pass(6 * time.Second).expect("RC44")
	}
}

// TestBootIsNoFault: within its first minute a modem may look for its network; the checks
// say meanwhile that nothing is proven. Where traffic has flowed, less time is usual, and
// none while a remedy has switched the radio off.
func TestBootIsNoFault(t *testing.T) {
	search := func(p *patient) *patient {
		p.down(modem.PhaseRegister)
		p.Observed.Modem.Since, p.Observed.Modem.Registration.State = p.Observed.Now, "searching"
		return p.see()
	}
	fresh := func() *patient {
		p := well(t)
		p.report = Report{}
		return search(p)
	}
	p := fresh().pass(58 * time.Second)
	p.expect("")
	for _, check := range []string{CheckNetwork, CheckBearer, CheckAddress, CheckPath} {
		if got := p.state(check); got != NotEvaluated {
			t.Errorf("%s is %s", check, got)
		}
	}
	p.pass(4 * time.Second).expect("RC09")
	p.Observed.Modem.Registration.State = "home" // it waits for its activation
	p.see().pass(time.Minute).expect("")
	p = search(well(t)).pass(19 * time.Second)
	p.expect("")
	p.pass(2 * time.Second).expect("RC09")
	p = well(t)
	p.probed(probe.NoDNS, probe.NoDNS, 2)
	p.see().pass(51 * time.Second)
	if got := p.report.Verdict.Remedy.Kind; got != RadioCycle {
		t.Fatalf("remedy %s", got)
	}
	search(p).pass(40 * time.Second).expect("RC14")
	p = fresh()
	p.Observed.Modem.Phase, p.Observed.Modem.Error = modem.PhaseOpening, "mbim: open: busy"
	p.see().pass(firstOpening + 7*time.Second).expect("")
	p.pass(2 * time.Second).expect("RC01")
	for phase, modemIs := range map[modem.Phase]State{modem.PhaseOpening: NotEvaluated, modem.PhaseMending: NotEvaluated, modem.PhaseReading: OK, modem.PhaseSIM: OK} {
		p = well(t)
		p.down(phase)
		p.Observed.Modem.SIM.State = ""
		if p.see(); p.state(CheckModem) != modemIs || p.state(CheckSIM) != NotEvaluated {
			t.Errorf("%s: %+v", phase, p.report.Checks)
		}
	}
}

// TestAFailedLookProvesNothing: no check is good by it, nor by one that could not be made.
func TestAFailedLookProvesNothing(t *testing.T) {
	for _, c := range []struct {
		gateway, client probe.Verdict
		open            []string
	}{
		{probe.Dead, probe.Dead, []string{CheckPath, CheckNames, CheckValid, CheckForward, CheckClient}},
		{probe.Online, probe.Unproven, []string{CheckForward, CheckClient}},
		{probe.Online, probe.Online, nil},
	} {
		p := well(t)
		p.probed(c.gateway, c.client, 1)
		p.see().expect("")
		for _, check := range []string{CheckPath, CheckNames, CheckValid, CheckForward, CheckClient} {
			if got, want := p.state(check) == NotEvaluated, slices.Contains(c.open, check); got != want {
				t.Errorf("%s, %s: %s is %s", c.gateway, c.client, check, p.state(check))
			}
		}
	}
}

// TestRecoveryIsLookedFor: soon while clients show life, often while they try or have only
// just lost it, and by the probe's own pauses when nobody is there; more seldom abroad.
func TestRecoveryIsLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		happen   func(*patient)
		after    time.Duration
		min, max uint32 // looks within two minutes
	}{
		"answered":             {func(p *patient) { p.traffic(500, 5000, 500, 5000) }, 0, 20, 30},
		"just lost":            {func(p *patient) {}, 0, 7, 9},
		"clients try":          {func(p *patient) { p.traffic(500, 0, 500, 0) }, time.Hour, 7, 9},
		"nobody is there":      {func(p *patient) {}, time.Hour, 0, 0},
		"answered for long":    {func(p *patient) { p.traffic(500, 5000, 500, 5000) }, time.Hour, 0, 0},
		"a fault of no client": {func(p *patient) { p.probed(probe.Online, probe.Portal, 9); p.traffic(500, 0, 500, 0) }, time.Hour, 0, 0},
		"answered, abroad":     {func(p *patient) { p.Observed.Modem.Registration.State = "roaming"; p.traffic(500, 5000, 500, 5000) }, 0, 5, 7},
		"tries abroad":         {func(p *patient) { p.Observed.Modem.Registration.State = "roaming"; p.traffic(500, 0, 500, 0) }, 0, 1, 3},
	} {
		p := well(t)
		p.probed(probe.Portal, probe.Portal, 9)
		p.see().pass(c.after)
		before := p.report.Memory.Doubt.Count
		for range 60 {
			c.happen(p)
			if p.pass(sampleBusy); p.Online {
				t.Fatalf("%s: nothing is the matter", name)
			}
		}
		if n := p.report.Memory.Doubt.Count - before; n < c.min || n > c.max {
			t.Errorf("%s: %d looks", name, n)
		}
	}
}

// TestDoubtsAreFew: within six hours a device that asks for a name that nobody has costs a bounded
// share of a plan.
func TestDoubtsAreFew(t *testing.T) {
	for state, most := range map[string]uint32{"home": 45, "roaming": 16} {
		p := well(t)
		p.Observed.Modem.Registration.State = state
		for range 6 * 60 * 6 {
			p.Observed.DNS.Counts.Failed++
			p.traffic(500, 500, 500, 500)
			p.pass(10 * time.Second)
		}
		if n := p.report.Memory.Doubt.Count; n < 5 || n > most {
			t.Errorf("%s: %d looks", state, n)
		}
	}
}

// TestAnotherSIMIsAnotherPath, by whatever name of an access point: neither what was
// learnt of the former one nor how far its ladder was climbed holds for it.
func TestAnotherSIMIsAnotherPath(t *testing.T) {
	p := well(t)
	p.Observed.Probe.Gateway.Large, p.Observed.Probe.Gateway.PathMTU = probe.LargeLost, 1400
	if p.see().expect("RC21"); p.report.Repairs.MTU != 1400 {
		t.Fatalf("%+v", p.report.Repairs)
	}
	p.Observed.Probe.Gateway.Large = probe.LargePasses
	p.Path.SIM, p.Path.Outcome, p.Path.Looking = 1, provision.Trying, true
	p.Path.Story = []provision.Try{try("internet", provision.Trying, 0)}
	p.probed(probe.Dead, probe.Dead, 2)
	if p.see().expect("RC13"); p.report.Repairs.MTU != 0 || len(p.report.Memory.Courses) != 0 {
		t.Errorf("%+v, %+v", p.report.Repairs, p.report.Memory.Courses)
	}
	p = well(t) // one that has carried, and whose ladder looks further
	p.Path.Looking = true
	p.probed(probe.Dead, probe.Dead, 2)
	if p.see().pass(time.Minute).expect("RC14"); p.report.Repairs != (plan.Repairs{}) {
		t.Errorf("in the middle of a climb: %+v", p.report.Repairs)
	}
}

// TestAFormerRemedyIsNotShown when the finding has taken another form.
func TestAFormerRemedyIsNotShown(t *testing.T) {
	p := well(t)
	p.Observed.DNS.Serving, p.Observed.DNS.Error = false, "in use"
	p.probed(probe.Online, probe.NoDNS, 2)
	if f := p.see().expect("RC34"); f.Remedy == nil || f.Remedy.Kind != DirectDNS {
		t.Fatalf("%+v", f)
	}
	p.Observed.DNS.Serving, p.Observed.DNS.Error = true, ""
	if f := p.see().expect("RC34"); f.Variant != "lan" || f.Remedy != nil || !f.Advice {
		t.Errorf("%+v, %+v", f, f.Remedy)
	}
}
