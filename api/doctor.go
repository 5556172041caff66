package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/doctor"
)

// Doctor is what is wrong, why, and what is done about it.
type Doctor struct {
	Verdict  string    `json:"verdict,omitempty"`  // code of the first broken link, such as "RC14"; absent: none
	Severity string    `json:"severity,omitempty"` // of the verdict: "fault" or "degraded"
	Findings []Finding `json:"findings"`           // all that is at work, the deepest first
	Checks   []Check   `json:"checks"`             // from power to the client's screen
	History  []Episode `json:"history,omitempty"`  // what is over, oldest first
}

// Finding is one cause that is at work.
type Finding struct {
	Code       string    `json:"code"`                // stable
	Check      string    `json:"check"`               // what it breaks
	Severity   string    `json:"severity"`            // "fault", "degraded" or "note"
	Variant    string    `json:"variant,omitempty"`   // of the sentence
	Sentence   string    `json:"sentence"`            // in English
	Clause     string    `json:"clause"`              // what is wrong alone, in English
	In         Tellings  `json:"in,omitempty"`        // the same in other languages
	Evidence   []Fact    `json:"evidence"`            // named values
	Confidence int       `json:"confidence"`          // percent
	Since      time.Time `json:"since"`               // true since then
	Hides      []string  `json:"hides,omitempty"`     // symptoms that it explains
	NeedsYou   bool      `json:"needs_you,omitempty"` // a person has to do something
	Remedy     *Remedy   `json:"remedy,omitempty"`    // what is done
}

// Tellings are a sentence by language.
type Tellings map[string]Telling

// Telling is what is said in one language.
type Telling struct {
	Sentence string `json:"sentence"`
	Clause   string `json:"clause,omitempty"` // what is wrong alone
}

// Fact is one named value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Remedy is what is done about a finding and what it costs.
type Remedy struct {
	Kind   string `json:"kind"`               // such as "redial"
	State  string `json:"state"`              // "waiting", "running", "in force" or "exhausted"
	Outage int    `json:"outage_s,omitempty"` // seconds without Internet
	Bytes  int    `json:"bytes,omitempty"`    // of the plan
	Left   int    `json:"tries_left"`         // further remedies before a person is asked
	Former string `json:"helped,omitempty"`   // "no": the remedy before did not help
	// Tried are all those before it, oldest first; none of them helped.
	Tried []string `json:"tried,omitempty"`
}

// Check is one node of the tree.
type Check struct {
	Name  string   `json:"name"`
	Needs []string `json:"needs,omitempty"` // checks before it
	State string   `json:"state"`           // "ok", "failed", "impaired" or "not evaluated"
	Code  string   `json:"code,omitempty"`  // of what is wrong with it
}

// Episode is a finding that is over.
type Episode struct {
	Code     string    `json:"code"`
	Sentence string    `json:"sentence"`     // what it was, as a clause in English
	In       Tellings  `json:"in,omitempty"` // the same in other languages
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Remedy   string    `json:"remedy,omitempty"` // the last one
	Helped   string    `json:"helped,omitempty"` // "yes" or "no"
}

func doctorDoc(r doctor.Report) Doctor {
	d := Doctor{Findings: []Finding{}, Checks: []Check{}}
	if r.Verdict != nil {
		d.Verdict, d.Severity = string(r.Verdict.Code), string(r.Verdict.Severity)
	}
	for _, f := range r.Findings {
		d.Findings = append(d.Findings, findingDoc(f))
	}
	for _, c := range r.Checks {
		d.Checks = append(d.Checks, Check{Name: c.Name, Needs: c.Needs, State: string(c.State), Code: string(c.Code)})
	}
	for _, e := range r.History {
		d.History = append(d.History, Episode{
			Code: string(e.Code), Sentence: doctor.Past("en", e), From: e.From, To: e.To, Remedy: e.Remedy, Helped: e.Helped,
			In: tellings(func(lang string) Telling { return Telling{Sentence: doctor.Past(lang, e)} }),
		})
	}
	return d
}

// tellings tells something in every language but the first.
func tellings(tell func(lang string) Telling) Tellings {
	out := Tellings{}
	for _, lang := range doctor.Languages()[1:] {
		out[lang] = tell(lang)
	}
	return out
}

func findingDoc(f doctor.Finding) Finding {
	d := Finding{
		Code: string(f.Code), Check: f.Check, Severity: string(f.Severity), Variant: f.Variant,
		Sentence: doctor.Sentence("en", f), Clause: doctor.What("en", f), Evidence: []Fact{}, Confidence: f.Confidence, Since: f.Since, NeedsYou: f.Advice,
	}
	d.In = tellings(func(lang string) Telling {
		return Telling{Sentence: doctor.Sentence(lang, f), Clause: doctor.What(lang, f)}
	})
	for _, v := range f.Evidence {
		d.Evidence = append(d.Evidence, Fact(v))
	}
	for _, c := range f.Hides {
		d.Hides = append(d.Hides, string(c))
	}
	if r := f.Remedy; r != nil {
		d.Remedy = &Remedy{Kind: string(r.Kind), State: r.State, Outage: r.Outage, Bytes: r.Bytes, Left: r.Left}
		for _, k := range r.Tried {
			d.Remedy.Tried, d.Remedy.Former = append(d.Remedy.Tried, string(k)), "no"
		}
	}
	return d
}

func (s *Server) doctor(Call) (any, error) { return doctorDoc(s.Loop.Snapshot().Doctor), nil }

func (s *Server) record(Call) (any, error) {
	snap := s.Loop.Snapshot()
	text, err := doctor.Record(snap.Case, snap.Before, snap.Doctor)
	return json.RawMessage(text), err
}

// AskRecord asks the gateway on a local socket what its diagnosis is made from.
func AskRecord(ctx context.Context, socket string) ([]byte, error) {
	return Use(ctx, socket, "doctor record", nil)
}

// Text renders the tree for a person at a terminal, the verdict first.
func (d Doctor) Text(sentence string) string {
	var b strings.Builder
	fmt.Fprintln(&b, sentence)
	for _, c := range d.Checks {
		fmt.Fprintf(&b, "  %-14s %-13s %s\n", c.Name, c.State, c.Code)
	}
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%s %s, %d %% sure: %s\n", f.Code, f.Severity, f.Confidence, f.Sentence)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "    %s: %s\n", e.Name, e.Value)
		}
		if len(f.Hides) > 0 {
			fmt.Fprintf(&b, "    explains: %s\n", strings.Join(f.Hides, ", "))
		}
		if r := f.Remedy; r != nil {
			fmt.Fprintf(&b, "    remedy: %s, %s; costs %d s and %d bytes; %d more to try\n", r.Kind, r.State, r.Outage, r.Bytes, r.Left)
			if len(r.Tried) > 0 {
				fmt.Fprintf(&b, "    did not help: %s\n", strings.Join(r.Tried, ", "))
			}
		}
	}
	for _, e := range d.History {
		fmt.Fprintf(&b, "past %s from %s for %v: %s%s\n", e.Code, e.From.UTC().Format(time.DateTime), e.duration(), e.Sentence, e.remedy())
	}
	return b.String()
}

func (e Episode) duration() time.Duration {
	return doctor.Episode{From: e.From, To: e.To}.Duration()
}

func (e Episode) remedy() string {
	switch e.Helped {
	case "yes":
		return "; " + e.Remedy + " helped"
	case "no":
		return "; " + e.Remedy + " did not help"
	}
	return ""
}

// broken puts what the doctor found into the stages: a stage that a fault breaks has
// failed, whatever else is known of it.
func broken(all []Stage, r doctor.Report) {
	at := map[string]string{
		doctor.CheckModem: StageModem, doctor.CheckSIM: StageSIM, doctor.CheckNetwork: StageNetwork,
		doctor.CheckBearer: StageAPN, doctor.CheckAddress: StageAddress, doctor.CheckPath: StageGateway,
		doctor.CheckNames: StageGateway, doctor.CheckValid: StageGateway, doctor.CheckFirewall: StageFirewall,
		doctor.CheckForward: StageClient, doctor.CheckLAN: StageLAN, doctor.CheckClient: StageClient,
	}
	for _, f := range r.Findings {
		for i := range all {
			if f.Severity == doctor.Fault && all[i].Name == at[f.Check] && all[i].State != Failed {
				all[i].State, all[i].Text = Failed, doctor.What("en", f)
			}
		}
	}
}

// verdict is the doctor's sentence; false when there is nothing to say.
func verdict(s *control.Snapshot) (string, bool) {
	v := s.Doctor.Verdict
	if v == nil {
		return "", false
	}
	text := doctor.Sentence("en", *v)
	if s.Online {
		text = "Clients have Internet through " + through(s) + ". " + text
	}
	return text, true
}
