package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetherd/tetherd/api"
)

// Fault is what the section "fault" of a scenario says: which cause the story brings
// about, and how it must end. A control has no code: nothing may be found. With Then it
// is two faults at once: Code is named first, and Then once that is gone. A code may say
// which of its variants it must be, as in "RC34.upstream".
type Fault struct {
	Code    string
	Then    string
	Cause   string
	Outcome string // "repaired", "explained" or "prevented"; of a control "healthy"
}

// readFault reads the section "fault".
func (s *Scenario) readFault(first int, data []byte) (faults []error) {
	list, faults := statements(first, data)
	f := &Fault{}
	for _, st := range list {
		switch {
		case st.words[0] == "code" && len(st.words) == 2:
			f.Code = st.words[1]
		case st.words[0] == "then" && len(st.words) == 2:
			f.Then = st.words[1]
		case st.words[0] == "cause" && len(st.words) == 2:
			f.Cause = st.words[1]
		case st.words[0] == "outcome" && len(st.words) == 2:
			f.Outcome = st.words[1]
		default:
			faults = append(faults, fmt.Errorf("line %d: a fault has no %q", st.line, st.words[0]))
		}
	}
	outcomes := []string{"repaired", "explained", "prevented"}
	if f.Code == "" {
		outcomes = []string{"healthy"}
	}
	if f.Cause == "" || !slices.Contains(outcomes, f.Outcome) {
		faults = append(faults, fmt.Errorf("line %d: a fault needs a cause, and an outcome of %s", first, strings.Join(outcomes, ", ")))
	}
	s.Fault = f
	return faults
}

// looks says that a step leaves what was injected as it is.
func (st Step) looks() bool {
	switch st.Words[0] {
	case "detect", "expect", "recover", "lease", "fetch", "resolve", "calm", "check", "attaches":
		return true
	case "run":
		return strings.HasPrefix(st.Words[1], "client")
	}
	return false
}

// shown says what of the outcome the story does not look at before it takes anything that
// was injected away: that a remedy helped, or eases what stays; or that of two faults the
// deeper one is the verdict while both are there.
func (f *Fault) shown(story []Step) error {
	var want []string
	code, _, _ := strings.Cut(f.Code, ".")
	switch {
	case f.Then != "":
		want = []string{"verdict " + code}
	case f.Outcome == "repaired":
		want = []string{"helped " + code + " ", "eased " + code + " "}
	default:
		return nil
	}
	detect := slices.IndexFunc(story, func(st Step) bool { return st.Words[0] == "detect" })
	for _, st := range story[detect+1:] {
		if st.Words[0] == "expect" && slices.ContainsFunc(want, func(text string) bool { return strings.Contains(st.String()+" ", text) }) {
			return nil
		}
		if !st.looks() {
			break
		}
	}
	return fmt.Errorf("after 'detect', and before the story changes anything, it must expect %s", strings.Join(want, "or "))
}

// Limits of a row.
const (
	detectLimit  = 45 * time.Second
	recoverLimit = 90 * time.Second
	medianLimit  = 10 * time.Second // of all verdicts, when there are so many as in a gallery
	gallery      = 10
)

// watchman notes what the doctor says in all documents of one row.
type watchman struct {
	mu        sync.Mutex
	injected  time.Time
	found     time.Duration // from the injection to the right verdict; 0 not yet
	recovered time.Duration // from the injection until clients were online again
	sentence  string
	verdicts  []string // that were given, each once
	detected  bool     // the story has looked for the fault
	changed   bool     // and has changed something since: the first of two faults is gone
	early     int      // so many of the verdicts were given before that
}

// before notes, before a step, whether it takes the first fault away.
func (m *watchman) before(st Step) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changed = m.changed || m.detected && !st.looks()
	m.detected = m.detected || st.Words[0] == "detect"
}

// see takes one document.
func (m *watchman) see(d api.Document, code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range d.Doctor.Findings {
		if v := full(f.Code, f.Variant); f.Code == d.Doctor.Verdict && !slices.Contains(m.verdicts, v) {
			m.verdicts = append(m.verdicts, v)
			if !m.changed {
				m.early = len(m.verdicts)
			}
		}
	}
	if m.injected.IsZero() || m.found != 0 || code == "" {
		return
	}
	for _, f := range d.Doctor.Findings {
		if is(full(f.Code, f.Variant), code) {
			m.found, m.sentence = time.Since(m.injected), f.Sentence
			return
		}
	}
	for _, e := range d.Doctor.History {
		if strings.HasPrefix(code, e.Code) && e.To.After(m.injected) {
			m.found, m.sentence = time.Since(m.injected), e.Sentence
			return
		}
	}
}

// full is a code with its variant, when it has one.
func full(code, variant string) string {
	return strings.TrimSuffix(code+"."+variant, ".")
}

// is says that a full code is the one that is meant, of any variant when none is meant.
func is(code, meant string) bool {
	return code == meant || meant != "" && strings.HasPrefix(code, meant+".")
}

func injectStep(_ context.Context, w *World, _ []string) (string, error) {
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	w.watch.injected = time.Now()
	return "", nil
}

// detectStep waits until the fault of the file is found.
func detectStep(ctx context.Context, w *World, args []string) (string, error) {
	code := w.scenario.Fault.Code
	doc, err := w.daemon.await(ctx, detectLimit, func(api.Document) bool {
		w.watch.mu.Lock()
		defer w.watch.mu.Unlock()
		return w.watch.found != 0
	})
	if err != nil {
		return "", fmt.Errorf("%s was not found: %w; the doctor says:\n%s", code, err, doc.Doctor.Text(doc.Sentence))
	}
	if len(args) > 0 && !strings.Contains(w.watch.sentence, args[0]) {
		return "", fmt.Errorf("the sentence is %q", w.watch.sentence)
	}
	return w.watch.sentence, nil
}

// recoverStep waits until clients are online again, and one loads a page: recover CLIENT
// [DURATION].
func recoverStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args)
	limit := recoverLimit
	if err == nil && len(args) > 0 {
		limit, err = time.ParseDuration(args[0])
	}
	if err != nil {
		return "", err
	}
	doc, err := w.daemon.await(ctx, limit, func(d api.Document) bool { return d.Online && d.Doctor.Severity != "fault" })
	if err != nil {
		return "", fmt.Errorf("clients are not online: %w; the doctor says:\n%s", err, doc.Doctor.Text(doc.Sentence))
	}
	if _, err := c.fetch(ctx, page); err != nil {
		return "", err
	}
	if w.watch.recovered == 0 {
		w.watch.recovered = time.Since(w.watch.injected)
	}
	return "", nil
}

// calmStep waits; nothing may be found meanwhile.
func calmStep(ctx context.Context, w *World, args []string) (string, error) {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return "", err
	}
	doc, err := w.daemon.await(ctx, d, func(d api.Document) bool { return d.Doctor.Verdict != "" })
	if err == nil {
		return "", fmt.Errorf("a false alarm:\n%s", doc.Doctor.Text(doc.Sentence))
	}
	if doc.Seq == 0 || ctx.Err() != nil {
		return "", errors.Join(errors.New("tetherd does not run"), ctx.Err())
	}
	return "", nil
}

// Row is the outcome of one scenario of the gallery.
type Row struct {
	Fault
	Name      string
	Found     time.Duration // 0: it was not
	Recovered time.Duration // 0: clients were not online again, or need not be
	Sentence  string
	Wrong     []string // verdicts that were given and are not the right one
	Err       error    // what of the story did not hold
}

// Faults plays the scenarios of the gallery, so many at a time, and prints a line each
// and the sum. The error says that a row failed.
func Faults(ctx context.Context, list []*Scenario, program string, parallel int, out io.Writer) error {
	rows := make([]Row, len(list))
	gate, done := make(chan struct{}, parallel), make(chan int)
	for i, s := range list {
		go func() {
			gate <- struct{}{}
			rows[i] = playRow(ctx, s, program)
			<-gate
			done <- i
		}()
	}
	for range list {
		i := <-done
		fmt.Fprintln(out, rows[i].line())
	}
	return sum(rows, out)
}

// playRow plays one scenario.
func playRow(ctx context.Context, s *Scenario, program string) Row {
	r := Row{Name: s.Name}
	if s.Fault == nil {
		r.Err = fmt.Errorf("%s has no section 'fault'", s.Name)
		return r
	}
	r.Fault = *s.Fault
	seen, err := watch(ctx, s, program)
	r.Err = err
	r.Found, r.Recovered, r.Sentence = seen.found, seen.recovered, seen.sentence
	r.Wrong = s.Fault.wrong(seen.verdicts, seen.early)
	return r
}

// wrong are those of the verdicts, in their order, that were not to be given, or not yet:
// the second of two faults not among the first so many, while the deeper one is there.
func (f Fault) wrong(verdicts []string, early int) (wrong []string) {
	deep := false
	for i, v := range verdicts {
		deep = deep || is(v, f.Code)
		if !is(v, f.Code) && (!is(v, f.Then) || !deep || i < early) {
			wrong = append(wrong, v)
		}
	}
	return wrong
}

// line is the row for people.
func (r Row) line() string {
	state := r.Outcome
	switch {
	case r.Err != nil:
		state = "FAILED"
	case r.Outcome == "explained":
		state = "explained, needs you"
	}
	code := r.Code
	if r.Then != "" {
		code += "+" + r.Then
	}
	text := fmt.Sprintf("%-9s %-28s found after %6s  online after %6s  %-20s %s", code, r.Name, span(r.Found), span(r.Recovered), state, r.Sentence)
	if len(r.Wrong) > 0 {
		text += fmt.Sprintf("\n      wrong verdicts: %s", strings.Join(r.Wrong, ", "))
	}
	if r.Err != nil {
		text += "\n      " + strings.ReplaceAll(strings.TrimSpace(r.Err.Error()), "\n", "\n      ")
	}
	return text
}

func span(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return seconds(d)
}

// sums are what the rows come to.
type sums struct {
	controls, faults, detected, explained, repairable, repaired, prevented, wrong, failed, pairs, ordered int

	times []time.Duration
}

// count adds one row. What was prevented has no verdict that could be right or late.
func (s *sums) count(r Row) {
	s.wrong += len(r.Wrong)
	held := 0
	if r.Err == nil {
		held = 1
	} else {
		s.failed++
	}
	switch {
	case r.Then != "":
		s.pairs++
		if held == 1 && len(r.Wrong) == 0 {
			s.ordered++
		}
		return
	case r.Code == "":
		s.controls++
		return
	}
	s.faults++
	if r.Outcome == "prevented" {
		s.prevented += held
		return
	}
	if r.Found != 0 {
		s.detected++
		s.times = append(s.times, r.Found)
	}
	if r.Sentence != "" && held == 1 {
		s.explained++
	}
	if r.Outcome == "repaired" {
		s.repairable++
		s.repaired += held
	}
}

// sum prints the last lines and says whether everything held.
func sum(rows []Row, out io.Writer) error {
	var s sums
	open := 0 // faults that are not prevented
	for _, r := range rows {
		s.count(r)
		if r.Code != "" && r.Then == "" && r.Outcome != "prevented" {
			open++
		}
	}
	slices.Sort(s.times)
	var slow error
	if n := len(s.times); n > 0 {
		median := s.times[n/2]
		fmt.Fprintf(out, "time to the verdict: median %s, worst %s; %d healthy controls\n", seconds(median), seconds(s.times[n-1]), s.controls)
		if n >= gallery && median > medianLimit {
			slow = fmt.Errorf("the median time to the verdict is over %s", medianLimit)
		}
	}
	if s.pairs > 0 {
		fmt.Fprintf(out, "two faults at once: the deeper one first and then the other in %d of %d\n", s.ordered, s.pairs)
	}
	fmt.Fprintf(out, "detected %d/%d, explained %d/%d, repaired %d of %d repairable, prevented %d of %d, wrong verdicts %d\n",
		s.detected, open, s.explained, open, s.repaired, s.repairable, s.prevented, s.faults-open, s.wrong)
	if s.failed > 0 || s.wrong > 0 || s.detected != open {
		return errors.Join(fmt.Errorf("%d of %d rows failed, %d verdicts were wrong", s.failed, len(rows), s.wrong), slow)
	}
	return slow
}
