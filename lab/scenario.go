// Package lab plays scenarios: it lays out an operator, a simulated modem, a
// gateway and its clients in network namespaces, runs the real tetherd in the
// gateway's, and follows a story with expectations. doc/scenarios.md describes the
// file format.
//
// scenario.go reads the file, world.go lays out the namespaces, daemon.go runs
// tetherd, steps.go and expect.go carry out the story, run.go is the lab that a
// person watches.
package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/tetherd/tetherd/lab/operator"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// maxScenario bounds a scenario file.
const maxScenario = 256 << 10

// Scenario is one file, read and checked.
type Scenario struct {
	Records   string // folder for what the doctor's verdicts were made from; "" none is kept
	Name      string // file name without its ending
	Title     string
	Device    simmodem.Device
	Absent    bool // the modem is not plugged in at the start
	RadioOff  bool // the radio is blocked by hardware
	SIMs      map[string]simmodem.SIM
	SIM       string // the SIM that is in the modem at the start; "" none
	Network   simmodem.Network
	APNs      map[string]operator.APN
	Attach    operator.Attach   // with what modems must register
	Clients   int               // on the LAN; 2 unless the file says otherwise
	Configs   map[string]string // by name; "" is the one to start with
	Documents map[string]string // of the operator, by name
	Story     []Step
	Fault     *Fault // of the fault gallery; nil none
}

// Step is one line of the story.
type Step struct {
	Line  int // in the file
	Words []string
}

// String gives the step as it would be written.
func (s Step) String() string { return strings.Join(s.Words, " ") }

// statement is one line of a section with the indented lines that belong to it.
type statement struct {
	line  int
	words []string
	inner []statement
}

// ReadScenario reads a file. Every fault is reported, each with its line.
func ReadScenario(path string) (*Scenario, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxScenario {
		err = fmt.Errorf("larger than %d bytes", maxScenario)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("lab: scenario %s: %w", path, err)
	}
	s, err := ParseScenario(text)
	if err != nil {
		return nil, fmt.Errorf("lab: scenario %s:\n%w", path, err)
	}
	s.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return s, nil
}

// ParseScenario reads the text of a scenario.
func ParseScenario(text []byte) (*Scenario, error) {
	archive := txtar.Parse(text)
	s := &Scenario{Clients: 2, SIMs: map[string]simmodem.SIM{}, APNs: map[string]operator.APN{}, Configs: map[string]string{}, Documents: map[string]string{}}
	s.Title, _, _ = strings.Cut(strings.TrimSpace(string(archive.Comment)), "\n")
	var faults []error
	if s.Title == "" {
		faults = append(faults, errors.New("the first line must be the title"))
	}
	for _, f := range archive.Files {
		kind, name, _ := strings.Cut(f.Name, " ")
		first := firstLine(text, f)
		switch kind {
		case "operator":
			faults = append(faults, s.readOperator(first, f.Data)...)
		case "tetherd":
			s.Configs[strings.TrimSpace(name)] = string(f.Data)
		case "fault":
			faults = append(faults, s.readFault(first, f.Data)...)
		case "document":
			s.Documents[strings.TrimSpace(name)] = string(f.Data)
		case "story":
			faults = append(faults, s.readStory(first, f.Data)...)
		default:
			faults = append(faults, fmt.Errorf("line %d: there is no section %q", first-1, f.Name))
		}
	}
	for _, st := range s.Story {
		if err := s.check(st); err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", st.Line, err))
		}
	}
	if _, ok := s.SIMs[s.SIM]; s.SIM != "" && !ok {
		faults = append(faults, fmt.Errorf("insert %s: there is no such SIM", s.SIM))
	}
	if s.Fault != nil {
		faults = append(faults, s.Fault.shown(s.Story))
	}
	if len(s.Story) == 0 {
		faults = append(faults, errors.New("there is no story"))
	}
	return s, errors.Join(faults...)
}

// firstLine is the number of the first line of a section's data: txtar keeps none.
func firstLine(text []byte, f txtar.File) int {
	at := strings.Index(string(text), "-- "+f.Name+" --\n")
	return strings.Count(string(text[:max(at, 0)]), "\n") + 2
}

func (s *Scenario) readStory(first int, data []byte) (faults []error) {
	list, faults := statements(first, data)
	for _, st := range list {
		if len(st.inner) > 0 {
			faults = append(faults, fmt.Errorf("line %d: steps are not indented", st.inner[0].line))
		}
		s.Story = append(s.Story, Step{Line: st.line, Words: st.words})
	}
	return faults
}

// statements splits a section into statements.
func statements(first int, data []byte) (list []statement, faults []error) {
	for i, text := range strings.Split(string(data), "\n") {
		words, err := splitWords(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", first+i, err))
		}
		if len(words) == 0 {
			continue
		}
		st := statement{line: first + i, words: words}
		indented := text[0] == ' ' || text[0] == '\t'
		switch {
		case !indented:
			list = append(list, st)
		case len(list) == 0:
			faults = append(faults, fmt.Errorf("line %d: nothing stands above this indented line", st.line))
		default:
			above := &list[len(list)-1]
			above.inner = append(above.inner, st)
		}
	}
	return list, faults
}

// splitWords splits a line at white space; 'quoted words' may hold it.
func splitWords(line string) (words []string, err error) {
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		if line[0] != '\'' {
			end := strings.IndexAny(line+" ", " \t\r")
			words, line = append(words, line[:end]), line[end:]
			continue
		}
		end := strings.IndexByte(line[1:], '\'')
		if end < 0 {
			return words, errors.New("a quote is not closed")
		}
		words, line = append(words, line[1:1+end]), line[end+2:]
	}
}
