package provision

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision/document"
)

const attachCard = modem.Secret("8949020000012345678")

// denied is a modem whose SIM the network refuses.
func denied(cause uint32) modem.Status {
	return modem.Status{
		Phase:        modem.PhaseDenied,
		SIM:          modem.SIM{State: modem.SIMReady, ICCID: attachCard, IMSI: "262010000012345", MCC: "262", MNC: "01", Read: true},
		Registration: modem.Registration{State: "denied", Cause: cause},
		Attach:       modem.AttachStatus{Can: true, Done: &modem.Attach{Card: attachCard}},
	}
}

// admitted is one that is in service with what it was told.
func admitted(done modem.Attach) modem.Status {
	m := denied(0)
	m.Phase, m.Attach.Done = modem.PhaseReady, &done
	return m
}

// look goes on from what the modem tells, with an empty memory.
func (a Attach) look(t *testing.T, m modem.Status, trying int) Attach {
	t.Helper()
	next, _ := a.Look(m, false, trying, Search{wish: []config.APN{{APN: "mine", User: "u", Password: "p"}}}, &Memory{})
	return next
}

func dialled(list []modem.Bearer) string {
	var out []string
	for _, b := range list {
		out = append(out, b.APN+"/"+string(b.Family))
	}
	return strings.Join(out, " ")
}

// TestNothingIsTriedForRegistering while the network lets the modem in, or refuses it for
// another reason, or when nothing can be done.
func TestNothingIsTriedForRegistering(t *testing.T) {
	unread, mute, busy, former := denied(33), denied(33), denied(33), denied(33)
	unread.SIM.Read, mute.Attach.Can, busy.Phase = false, false, modem.PhaseRadio
	former.Attach.Done = &modem.Attach{Card: attachCard, Set: true} // its own is not put back yet
	for name, m := range map[string]modem.Status{
		"in service": admitted(modem.Attach{}), "an area that is not allowed": denied(12), "barred": denied(8),
		"a SIM that was not read": unread, "a modem that cannot be told": mute,
		"a modem that has left the network": busy, "a modem that has another one": former,
	} {
		a := Attach{}.look(t, m, 1)
		if a.Tries != nil {
			t.Errorf("%s: %v", name, a.Tries)
		}
		if w := a.Wish(m.SIM, nil, 1); w.Set {
			t.Errorf("%s: %+v", name, w)
		}
	}
	if a, _ := (Attach{}).Look(denied(33), true, 0, Search{}, nil); a.Tries != nil {
		t.Errorf("in spite of the document: %v", a.Tries)
	}
}

// TestWhatIsTriedForRegistering: the network's own choice, then the first candidates, each
// once; in the family that the network says it has.
func TestWhatIsTriedForRegistering(t *testing.T) {
	for cause, family := range map[uint32]string{19: "ipv4v6", 27: "ipv4v6", 33: "ipv4v6", 50: "ipv4", 51: "ipv6"} {
		a := Attach{}.look(t, denied(cause), 0)
		got := dialled(a.Tries)
		if !strings.HasPrefix(got, "/"+family+" mine/"+family+" ") || len(a.Tries) != maxAttach {
			t.Errorf("cause %d: %s", cause, got)
		}
		for i, b := range a.Tries {
			if slices.Index(a.Tries, b) != i {
				t.Errorf("cause %d: %s is tried twice", cause, b.APN)
			}
		}
		if again := a.look(t, denied(33), 2); !reflect.DeepEqual(again, a) {
			t.Errorf("cause %d: they change while they are tried: %s", cause, dialled(again.Tries))
		}
		want := modem.Bearer{APN: "mine", User: "u", Password: "p", Auth: modem.AuthCHAP, Family: modem.Family(family)}
		if w := a.Wish(denied(cause).SIM, nil, 2); w != (modem.Attach{Card: attachCard, Set: true, Profile: want}) {
			t.Errorf("cause %d: %+v", cause, w)
		}
		if w := a.Wish(denied(cause).SIM, nil, maxAttach+1); w != (modem.Attach{Card: attachCard}) {
			t.Errorf("past the end: %+v", w)
		}
	}
}

// TestOwnerNamesAnotherOne: what is tried is looked for anew, once the modem has its own again.
func TestOwnerNamesAnotherOne(t *testing.T) {
	a := Attach{}.look(t, denied(33), 0)
	named := Search{wish: []config.APN{{APN: "secret"}}}
	busy := denied(33)
	w := a.Wish(busy.SIM, nil, 2)
	busy.Attach.Done = &w
	if b, _ := a.Look(busy, false, 2, named, nil); !reflect.DeepEqual(b, a) {
		t.Errorf("while one is tried: %s", dialled(b.Tries))
	}
	if b, _ := a.Look(denied(33), false, 0, named, nil); !strings.HasPrefix(dialled(b.Tries), "/ipv4v6 secret/ipv4v6 ") {
		t.Errorf("then: %s", dialled(b.Tries))
	}
}

// TestWhatWasRightIsKept for the SIM, and for no other.
func TestWhatWasRightIsKept(t *testing.T) {
	a := Attach{}.look(t, denied(33), 0)
	right := a.Wish(denied(33).SIM, nil, 2)
	if _, proved := a.Look(admitted(a.Wish(denied(33).SIM, nil, 1)), false, 2, Search{}, nil); proved {
		t.Error("proved by another one")
	}
	given := admitted(right)
	given.Attach.Error = "the modem does not take it"
	if _, proved := a.Look(given, false, 2, Search{}, nil); proved {
		t.Error("proved by one that the modem has refused")
	}
	next, proved := a.Look(admitted(right), false, 2, Search{}, nil)
	if !proved || *next.Kept != right.Profile || next.Tries != nil {
		t.Fatalf("proved %v: %+v", proved, next)
	}
	for trying := range 3 { // whether the try is over or not
		if w := next.Wish(denied(0).SIM, nil, trying); w != right {
			t.Errorf("%+v", w)
		}
	}
	if _, again := next.Look(admitted(right), false, 2, Search{}, nil); again {
		t.Error("proved twice")
	}
	memory, changed := (&Memory{}).RememberAttach(attachCard, *next.Kept, time.Unix(1, 0))
	later, _ := (Attach{}).Look(denied(0), false, 0, Search{}, memory)
	if w := later.Wish(denied(0).SIM, nil, 0); !changed || w != right {
		t.Errorf("after a restart: %+v", w)
	}
	other := denied(0)
	other.SIM.ICCID = "8943010000012345678"
	if w := next.Wish(other.SIM, nil, 0); w != (modem.Attach{}) {
		t.Errorf("another SIM: %+v", w)
	}
	swapped, _ := next.Look(other, false, 0, Search{}, memory)
	if w := swapped.Wish(other.SIM, nil, 0); w != (modem.Attach{Card: other.SIM.ICCID}) {
		t.Errorf("another SIM: %+v", w)
	}
}

// TestDocumentNamesWithWhatToRegister: the first of the greatest priority, before everything
// else; without a SIM it is nobody's.
func TestDocumentNamesWithWhatToRegister(t *testing.T) {
	high := 7
	p := Demand(&document.Document{}, document.SIM{Contexts: []document.Context{
		{Name: "n", Uses: []document.Use{document.ForInternet}, APN: "net"},
		{Name: "a", Uses: []document.Use{document.ForAttach}, APN: "low"},
		{Name: "b", Uses: []document.Use{document.ForInternet, document.ForAttach}, APN: "high", Family: "ipv4", Auth: "pap", User: "u", Password: "p", Priority: &high},
		{Name: "c", Uses: []document.Use{document.ForAttach}, APN: "late", Priority: &high},
	}})
	a := Attach{}.look(t, denied(33), 0)
	w := a.Wish(denied(33).SIM, p.Attach, 1)
	want := modem.Bearer{APN: "high", User: "u", Password: "p", Auth: modem.AuthPAP, Family: modem.IPv4}
	if w != (modem.Attach{Card: attachCard, Set: true, Profile: want}) {
		t.Errorf("%+v", w)
	}
	if got := a.Wish(modem.SIM{}, p.Attach, 0); got != (modem.Attach{}) {
		t.Errorf("without a SIM: %+v", got)
	}
	if p.Standing().Attach != nil {
		t.Error("a credential is left for the next process")
	}
	for _, c := range p.Contexts[modem.Own] {
		if c.APN == "low" || c.APN == "late" {
			t.Errorf("own traffic takes %s, which is for registering", c.APN)
		}
	}
}

// TestMemoryOfRegisteringSurvives beside the other one.
func TestMemoryOfRegisteringSurvives(t *testing.T) {
	m, _ := (&Memory{salt: Salt{1}}).Remember("1", Rung{Bearer: modem.Bearer{APN: "net", Auth: modem.AuthNone, Family: modem.IPv4}}, time.Unix(5, 0))
	b := modem.Bearer{APN: "reg", User: "u", Password: "p", Auth: modem.AuthPAP, Family: modem.IPv4v6}
	m, changed := m.RememberAttach("1", b, time.Unix(6, 0))
	if _, again := m.RememberAttach("1", b, time.Unix(7, 0)); !changed || again {
		t.Errorf("changed %v, again %v", changed, again)
	}
	m, _ = m.Remember("2", Rung{Bearer: b}, time.Unix(8, 0))
	read, err := ParseMemory(m.Encode(), Salt{})
	if err != nil || !cmp.Equal(read, m, cmp.AllowUnexported(Memory{}, remembered{})) {
		t.Fatalf("%v: %+v", err, read)
	}
	if got := read.attached("1"); got == nil || *got != b || read.attached("2") != nil {
		t.Errorf("%+v, %+v", got, read.attached("2"))
	}
	if c, _, ok := read.recall("1"); !ok || c.APN != "net" {
		t.Errorf("%+v", c)
	}
	damaged := strings.Replace(string(m.Encode()), `"apn":"reg"`, `"apn":"`+strings.Repeat("x", 101)+`"`, 1)
	if _, err := ParseMemory([]byte(damaged), Salt{}); err == nil {
		t.Error("a name that is too long is taken")
	}
}

func TestRefusalsOfRegisteringAreToldInWords(t *testing.T) {
	for cause := range uint32(256) {
		if AttachCause(cause) && strings.HasPrefix(MobilityCause(cause), "unknown cause") {
			t.Errorf("cause %d: %s", cause, MobilityCause(cause))
		}
	}
}
