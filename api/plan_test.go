package api

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// TestPlanDocument: what programs and people read of a plan, without a secret.
func TestPlanDocument(t *testing.T) {
	for name, set := range map[string]func(*control.Snapshot, *Plan){
		"plan-fresh": func(s *control.Snapshot, p *Plan) {
			s.Observed.Modem = modem.Status{}
			s.Observed.NAT = nat.Status{Error: "nat: list tables: operation not permitted"}
		},
		"plan-running":      func(_ *control.Snapshot, p *Plan) { p.Running, p.InForce = 4711, true },
		"plan-other-config": func(_ *control.Snapshot, p *Plan) { p.Running = 4711 },
		"plan-at-rest": func(s *control.Snapshot, p *Plan) {
			p.Running, p.InForce = 4711, true
			s.Steps = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t)
			s.Steps = []plan.Step{{Part: plan.NAT, Why: []string{"missing: table inet tetherd"}}}
			var whose Plan
			set(s, &whose)
			p := RenderPlan(s)
			p.Running, p.InForce, p.Ruleset = whose.Running, whose.InForce, "table inet tetherd {}"
			text, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", string(text)+"\n")
			golden(t, name+".txt", p.Text())
			for _, secret := range secrets() {
				if strings.Contains(string(text)+p.Text(), secret) {
					t.Errorf("tells %s", secret)
				}
			}
		})
	}
}

// TestCandidatesTellPublicCredentialsOnly: the table's login is public knowledge, that
// of the owner or of a SIM is not.
func TestCandidatesTellPublicCredentialsOnly(t *testing.T) {
	var list []provision.Candidate
	for _, from := range []provision.Source{provision.FromOwner, provision.FromMemory, provision.FromTable} {
		list = append(list, provision.Candidate{APN: "a", User: "web", Password: "sesame", Source: from})
	}
	got := Candidates(list)
	for i, want := range []string{"", "", "websesame"} {
		if got[i].User+got[i].Password != want {
			t.Errorf("%s: %+v", got[i].Source, got[i])
		}
	}
	if text, err := json.Marshal(Candidates(nil)); err != nil || string(text) != "[]" {
		t.Errorf("%s, %v", text, err)
	}
}

// TestAskPlan: the running gateway plans for the file at hand, and does nothing.
func TestAskPlan(t *testing.T) {
	s := turning(t, "")
	path, before := socket(t, s), s.Loop.Snapshot()
	same := *before.Config
	p, err := AskPlan(patient(t), path, same.UCI())
	if err != nil || p.Running != os.Getpid() || !p.InForce || p.SIMKnown || len(p.Problems) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	other := same
	other.LAN.Bridge, other.API.Socket = "br-other", "/elsewhere"
	p, err = AskPlan(patient(t), path, other.UCI())
	if err != nil || p.InForce || !strings.Contains(p.Ruleset, "br-other") {
		t.Errorf("%+v, %v", p, err)
	}
	if want := "config: the changed option 'socket' needs a restart of tetherd"; !slices.Equal(p.Problems, []string{want}) {
		t.Errorf("problems are %q", p.Problems)
	}
	if after := s.Loop.Snapshot(); after.Config != before.Config || after.Trial != nil || !reflect.DeepEqual(after.Desired, before.Desired) {
		t.Error("asking changed what is wished")
	}
}

// TestAskPlanErrors: nobody is there, or the text has faults.
func TestAskPlanErrors(t *testing.T) {
	if _, err := AskPlan(patient(t), filepath.Join(t.TempDir(), "gone"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
	path := socket(t, turning(t, ""))
	for name, text := range map[string]string{"faults": "config lan\n\toption adress '1'\n", "too large": strings.Repeat("#\n", maxConfig)} {
		if _, err := AskPlan(patient(t), path, []byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestNoPlanOnTheLAN: planning is for the owner.
func TestNoPlanOnTheLAN(t *testing.T) {
	s := turning(t, "")
	if strings.Contains(post(t, s.LAN(), "/v1/plan"), "steps") {
		t.Error("it is answered on the LAN")
	}
}

// TestHungGateway: who asks a gateway that does not answer, or not to the end, has an
// error after a while.
func TestHungGateway(t *testing.T) {
	for name, answer := range map[string]string{"nothing": "", "half a head": "HTTP/1.1 200 OK\r\n", "no body": "HTTP/1.1 200 OK\r\n\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			go func() {
				_, _ = there.Read(make([]byte, 4096)) // the request
				_, _ = there.Write([]byte(answer))
			}()
			begun := time.Now()
			body, err := ask(here, "GET", "/v1/status", "")
			if err == nil {
				err = read(body, func(Document) bool { return true })
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != answerLimit {
				t.Errorf("%s: %v after %v", name, err, time.Since(begun))
			}
		})
	}
}

// TestPlanNamesItsFields: what programs read has lower-case names.
func TestPlanNamesItsFields(t *testing.T) {
	var b strings.Builder
	shape(&b, "", reflect.TypeFor[Plan]())
	golden(t, "plan-shape.golden", b.String())
	for line := range strings.Lines(b.String()) {
		if name, _, _ := strings.Cut(line, " "); name == "" || strings.HasSuffix(name, ".") || name != strings.ToLower(name) {
			t.Errorf("a field is called %q", name)
		}
	}
}
