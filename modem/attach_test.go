package modem

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// attachWorld is a world whose modem can be told what to register with.
type attachWorld struct {
	*world
	has    attachConfig
	disk   map[string]*attachConfig
	radios []bool // whether the radio was on at each write
}

func profile(apn string) Bearer { return Bearer{APN: apn, Auth: AuthNone, Family: IPv4v6} }

func (w *attachWorld) set(apn string) Attach {
	return Attach{Card: w.sim.iccid, Set: true, Profile: profile(apn)}
}

func (w *attachWorld) own() Attach { return Attach{Card: w.sim.iccid} }

func withAttach(t *testing.T) *attachWorld {
	w := &attachWorld{world: newWorld(t), disk: map[string]*attachConfig{}}
	w.has = attachConfig{{profile("old"), 2}, {profile("old.partner"), 3}, {profile(""), 4}}
	w.attaches = true
	w.answer[opReadAttach] = func(Command) (fact, *failure) { return w.has, nil }
	w.answer[opWriteAttach] = func(c Command) (fact, *failure) {
		w.has = *c.attach
		w.radios = append(w.radios, w.radio.software)
		if len(w.up) > 0 {
			t.Error("written while a bearer was up")
		}
		return w.has, nil
	}
	w.answer[opRecallAttach] = func(c Command) (fact, *failure) { return attachRecord{w.disk[c.key]}, nil }
	w.answer[opRecordAttach] = func(c Command) (fact, *failure) {
		w.disk[c.key] = c.attach
		return nil, nil
	}
	return w
}

// online brings it into service, with a wish for registering.
func (w *attachWorld) online(a Attach) {
	w.t.Helper()
	s := wish(internet)
	s.Attach = a
	w.begin(s)
	w.settled(a)
}

// settled holds that the wish was carried out and clients are served.
func (w *attachWorld) settled(a Attach) AttachStatus {
	w.t.Helper()
	w.bearer(Shared, BearerUp)
	got := w.state.snapshot().Attach
	if !got.Can || !got.Done.is(a) || got.Error != "" {
		w.t.Fatalf("attach %+v, want %+v; done %v", got, a, w.ops())
	}
	return got
}

// key is of the record of the SIM that is in.
func (w *attachWorld) key() string { return pinKey(w.sim.iccid, "") }

// wish wishes another one.
func (w *attachWorld) wish(a Attach) {
	w.t.Helper()
	s := w.state.spec
	s.Attach = a
	w.event(specChanged{s})
}

func TestAttachIsLeftAloneWhileNobodyWishesOne(t *testing.T) {
	w := withAttach(t)
	w.online(w.own())
	w.wish(Attach{})
	w.pass(time.Hour)
	for _, o := range []op{opReadAttach, opWriteAttach, opRecordAttach, opRadioOff} {
		w.never(o)
	}
}

func TestAttachIsWrittenOnceAndOnlyWhenItDiffers(t *testing.T) {
	w := withAttach(t)
	w.online(w.own())
	w.forget()
	w.wish(w.set("new"))
	w.settled(w.set("new"))
	want := attachProfile{profile("new"), 1}
	if w.has != (attachConfig{want, want, want}) {
		t.Errorf("the modem has %+v", w.has)
	}
	w.times(opWriteAttach, 1)
	w.times(opRadioOff, 1)
	w.times(opRadioOn, 1)
	order := []op{opHangUp, opWriteAttach, opRadioOff, opRadioOn, opDial}
	if got := slices.DeleteFunc(w.ops(), func(o op) bool { return !slices.Contains(order, o) }); !slices.Equal(got, order) {
		t.Errorf("done %v, want %v", got, order)
	}
	w.event(devicesSeen{nil}) // the modem comes back: it has it still
	w.event(devicesSeen{[]node{testNode("0")}})
	if got := w.settled(w.set("new")); !got.Same {
		t.Errorf("attach %+v", got)
	}
	w.times(opWriteAttach, 1)
}

func TestAttachIsPutBack(t *testing.T) {
	w := withAttach(t)
	had := w.has
	w.online(w.set("new"))
	w.wish(w.set("other"))
	w.settled(w.set("other"))
	w.times(opRecordAttach, 1)
	w.state = State{} // another process, later
	clear(w.up)
	w.online(w.own())
	if w.has != had {
		t.Errorf("the modem has %+v", w.has)
	}
	if r := w.disk[w.key()]; r != nil {
		t.Errorf("the record stays: %+v", r)
	}
	writes := w.count(opWriteAttach)
	w.wish(Attach{})
	w.wish(w.own())
	w.settled(w.own())
	w.times(opWriteAttach, writes)
}

func TestAttachOfAnotherCardIsNotWritten(t *testing.T) {
	w := withAttach(t)
	other := w.set("new")
	other.Card = "8949000000000000099"
	s := wish(internet)
	s.Attach = other
	w.begin(s)
	w.bearer(Shared, BearerUp)
	w.never(opWriteAttach)
	w.event(simState{state: simReady, iccid: other.Card, imsi: "262010000000009"})
	w.settled(other)
	w.times(opWriteAttach, 1)
}

func TestAttachIsWrittenBeforeTheRadioComesOn(t *testing.T) {
	w := withAttach(t)
	w.radio.software = false
	w.online(w.set("new"))
	w.times(opRadioOff, 0)
	if !slices.Equal(w.radios, []bool{false}) {
		t.Errorf("written with the radio on: %v", w.radios)
	}
}

// TestRadioComesOnWithoutAWish: nobody says what is wished, or the SIM cannot be read while
// the radio is off.
func TestRadioComesOnWithoutAWish(t *testing.T) {
	for name, change := range map[string]func(*attachWorld){
		"no wish":             func(*attachWorld) {},
		"a SIM that starts":   func(w *attachWorld) { w.sim.state = simStarting },
		"a SIM that is mute":  func(w *attachWorld) { w.mute[opReadSIM] = true },
		"a SIM that is early": func(w *attachWorld) { w.mute[opReadIdentity] = true },
	} {
		w := withAttach(t)
		w.radio.software = false
		change(w)
		w.begin(wish(internet))
		w.never(opRadioOn)
		w.pass(time.Minute)
		if w.times(opRadioOn, 1); t.Failed() {
			t.Fatal(name)
		}
	}
	w := withAttach(t)
	w.radio.software, w.sim.state = false, simAbsent
	w.begin(wish(internet))
	w.times(opRadioOn, 1)
}

func TestAttachThatTheModemRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		err  failure
		can  bool
		text string
	}{
		"for good":     {failure{reason: reasonRefused, text: "no"}, true, "no"},
		"as too new":   {failure{reason: reasonUnsupported, text: "unknown"}, false, ""},
		"without a no": {failure{reason: reasonTimeout, text: "silence"}, true, "did not answer"},
	} {
		w := withAttach(t)
		w.answer[opWriteAttach] = func(Command) (fact, *failure) { return nil, &c.err }
		s := wish(internet)
		s.Attach = w.set("new")
		w.begin(s)
		w.bearer(Shared, BearerUp)
		w.pass(time.Hour)
		got := w.state.snapshot().Attach
		if got.Can != c.can || !strings.Contains(got.Error, c.text) || got.Done.is(s.Attach) != c.can {
			t.Errorf("%s: %+v", name, got)
		}
		w.event(channelLost{"EOF"})
		w.pass(time.Hour)
		if n := w.count(opWriteAttach); c.err.reason == reasonTimeout && n != 1 {
			t.Errorf("%s: written %d times", name, n)
		}
	}
}

// TestAttachIsWrittenAgainWithTheRadioOn to a modem that refuses while it is off.
func TestAttachIsWrittenAgainWithTheRadioOn(t *testing.T) {
	w := withAttach(t)
	w.radio.software = false
	write := w.answer[opWriteAttach]
	w.answer[opWriteAttach] = func(c Command) (fact, *failure) {
		if !w.radio.software {
			return nil, &failure{reason: reasonRefused, text: "radio is off"}
		}
		return write(c)
	}
	w.online(w.set("new"))
	w.times(opWriteAttach, 2)
	w.times(opRadioOff, 1)
}

// TestAttachIsNotChangedWithoutARecord: what cannot be put back is not taken away.
func TestAttachIsNotChangedWithoutARecord(t *testing.T) {
	w := withAttach(t)
	w.answer[opRecordAttach] = func(Command) (fact, *failure) { return nil, &failure{text: "disk full"} }
	s := wish(internet)
	s.Attach = w.set("new")
	w.begin(s)
	w.bearer(Shared, BearerUp)
	w.never(opWriteAttach)
	if got := w.state.snapshot().Attach; got.Error != "disk full" {
		t.Errorf("%+v", got)
	}
}

// TestWishThatChangesWhileTheModemIsTold is not taken for carried out.
func TestWishThatChangesWhileTheModemIsTold(t *testing.T) {
	w := withAttach(t)
	w.online(w.own())
	w.mute[opWriteAttach] = true
	w.wish(w.set("first"))
	w.wish(w.set("second"))
	clear(w.mute)
	w.settle()
	w.settled(w.set("second"))
	if w.has[0].APN != "second" {
		t.Errorf("the modem has %+v", w.has[0])
	}
	w.times(opWriteAttach, 2)
}

// TestSIMPulledWhileTheModemIsTold, or asked: the answer is nobody's, and the next SIM's modem
// is told what is wished for that.
func TestSIMPulledWhileTheModemIsTold(t *testing.T) {
	refused := &failure{reason: reasonOffline, text: "no SIM"}
	for name, c := range map[string]struct {
		op     op
		result fact
		err    *failure
	}{
		"told, refused":  {opWriteAttach, nil, refused},
		"asked, refused": {opReadAttach, nil, refused},
		"asked":          {opReadAttach, attachConfig{{profile("new"), 1}, {profile("new"), 1}, {profile("new"), 1}}, nil},
		"looked up":      {opRecallAttach, attachRecord{&attachConfig{{profile("former"), 2}}}, nil},
	} {
		w := withAttach(t)
		had := w.has
		w.mute[c.op] = true
		s := wish(internet)
		s.Attach = w.set("new")
		w.begin(s)
		w.event(simState{state: simAbsent})
		w.release(c.op, c.result, c.err)
		clear(w.mute)
		w.sim.iccid = "8949000000000000099"
		w.event(w.sim)
		w.wish(w.set("new"))
		w.settled(w.set("new"))
		if w.has[0].APN != "new" || *w.disk[w.key()] != had {
			t.Errorf("%s: the modem has %+v, recorded %+v", name, w.has, w.disk[w.key()])
		}
	}
}

// TestAttachIsPutBackAfterSilence: a modem that did not answer may have taken it.
func TestAttachIsPutBackAfterSilence(t *testing.T) {
	w := withAttach(t)
	had, write := w.has, w.answer[opWriteAttach]
	w.answer[opWriteAttach] = func(c Command) (fact, *failure) {
		write(c)
		return nil, &failure{reason: reasonTimeout, text: "silence"}
	}
	s := wish(internet)
	s.Attach = w.set("new")
	w.begin(s)
	w.bearer(Shared, BearerUp)
	if w.has == had || !strings.Contains(w.state.snapshot().Attach.Error, "did not answer") {
		t.Fatalf("the modem has %+v, status %+v", w.has, w.state.snapshot().Attach)
	}
	w.answer[opWriteAttach] = write
	w.wish(w.own())
	w.settled(w.own())
	if r := w.disk[w.key()]; w.has != had || r != nil {
		t.Errorf("the modem has %+v, recorded %+v", w.has, r)
	}
}

func TestProfilesThatFit(t *testing.T) {
	with := func(change func(*Bearer)) attachProfile {
		p := attachProfile{Bearer{APN: "a.b", User: "u", Password: "p", Auth: AuthPAP, Family: IPv4}, 1}
		change(&p.Bearer)
		return p
	}
	want := with(func(*Bearer) {})
	for name, c := range map[string]struct {
		has attachProfile
		fit bool
	}{
		"the same":         {with(func(*Bearer) {}), true},
		"in capitals":      {with(func(b *Bearer) { b.APN = "A.B" }), true},
		"a kept password":  {with(func(b *Bearer) { b.Password = "" }), true},
		"another name":     {with(func(b *Bearer) { b.APN = "c" }), false},
		"another user":     {with(func(b *Bearer) { b.User = "x" }), false},
		"another password": {with(func(b *Bearer) { b.Password = "x" }), false},
		"another way in":   {with(func(b *Bearer) { b.Auth = AuthCHAP }), false},
		"another family":   {with(func(b *Bearer) { b.Family = IPv6 }), false},
	} {
		if c.has.fits(&want) != c.fit {
			t.Errorf("%s: fits is not %v", name, c.fit)
		}
	}
	nobody, anyhow := profile("a"), profile("a")
	nobody.Auth, anyhow.Auth = "", AuthPAP
	if p := (attachProfile{Bearer: nobody}); !p.fits(&attachProfile{Bearer: anyhow}) {
		t.Error("nobody logs in, and the way to log in counts")
	}
}
