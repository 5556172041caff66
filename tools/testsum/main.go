// Command testsum reads what "go test -json" prints, of one run or several, and
// prints one line a package as it ends and the whole output of tests that fail.
// It adds the numbers to a file; -close prints the sum of that file.
//
//	go test -json ./... | testsum -total FILE
//	testsum -close -total FILE
//
// It exits non-zero when anything failed or did not end, so that the exit status of
// go test, which a pipe loses, is not needed; with -close also when nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	total := flag.String("total", os.DevNull, "`file` to which the numbers are added")
	closing := flag.Bool("close", false, "print the sum of the total file instead")
	flag.Parse()
	act := addRun
	if *closing {
		act = printTotal
	}
	if err := act(*total, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
}

// count counts leaf tests: those without subtests.
type count struct{ passed, failed, skipped int }

func (c *count) add(d count) {
	*c = count{c.passed + d.passed, c.failed + d.failed, c.skipped + d.skipped}
}

// event is one line of "go test -json" (go doc test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       json.Number // seconds
}

// pack is one package while its tests run.
type pack struct {
	state  map[string]string // last action of each test, "fail" once it failed
	output map[string]string // of each test that has not passed, "" the package's own
}

// addRun sums a stream and appends the numbers to the total file.
func addRun(total string, in io.Reader, out io.Writer) error {
	f, err := os.OpenFile(total, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	sum, err := read(in, out)
	_, writeErr := fmt.Fprintln(f, sum.passed, sum.failed, sum.skipped)
	return errors.Join(err, writeErr, f.Close())
}

// printTotal prints the sum of the total file.
func printTotal(total string, _ io.Reader, out io.Writer) error {
	text, err := os.ReadFile(total)
	if err != nil {
		return err
	}
	var sum count
	for line := range strings.Lines(string(text)) {
		var c count
		if _, err := fmt.Sscanln(line, &c.passed, &c.failed, &c.skipped); err != nil {
			return fmt.Errorf("%s: %w", total, err)
		}
		sum.add(c)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", sum.passed, sum.failed, sum.skipped)
	if sum.failed > 0 || sum.passed == 0 {
		return errors.New("not passed")
	}
	return nil
}

// read sums a stream. A package that does not end counts as a failure, and so does
// a stream without packages: go test itself failed.
func read(in io.Reader, out io.Writer) (count, error) {
	var sum count
	packs, ended := map[string]*pack{}, 0
	r := bufio.NewReader(in)
	for err := error(nil); err == nil; {
		var line []byte
		line, err = r.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) != nil:
			out.Write(line) // not from a test: what the go command complains of
		case e.Package == "":
			io.WriteString(out, e.Output) // of a build
		default:
			p := packs[e.Package]
			if p == nil {
				p = &pack{state: map[string]string{}, output: map[string]string{}}
				packs[e.Package] = p
			}
			if p.take(e) {
				sum.add(p.end(e, out))
				delete(packs, e.Package)
				ended++
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(packs)) {
		sum.add(packs[name].end(event{Action: "fail", Package: name, Output: "did not end"}, out))
	}
	switch {
	case ended == 0:
		sum.failed++
		return sum, errors.New("no package was tested")
	case sum.failed > 0:
		return sum, fmt.Errorf("%d failed", sum.failed)
	}
	return sum, nil
}

// take keeps an event and tells whether it ends the package.
func (p *pack) take(e event) bool {
	if e.Action == "output" {
		p.output[e.Test] += e.Output
		return false
	}
	ends := e.Action == "pass" || e.Action == "fail" || e.Action == "skip"
	if e.Test == "" {
		return ends
	}
	if p.state[e.Test] == "fail" {
		return false // of several runs (-count) one that failed counts
	}
	if ends || e.Action == "run" {
		p.state[e.Test] = e.Action
	}
	if ends && e.Action != "fail" {
		delete(p.output, e.Test)
	}
	return false
}

// end prints the package and counts its tests. A package that fails without a
// failing leaf, because it was not built, ended early or a parent failed, is one
// failure.
func (p *pack) end(e event, out io.Writer) count {
	sum, verdict := p.count(), map[string]string{"pass": "ok", "fail": "FAIL", "skip": "-"}[e.Action]
	if e.Action == "fail" {
		sum.failed = max(sum.failed, 1)
		for _, test := range slices.Sorted(maps.Keys(p.output)) {
			io.WriteString(out, p.output[test])
		}
	}
	fmt.Fprintf(out, "%-4s %s %s%s\n", verdict, e.Package, e.Elapsed, e.Output)
	return sum
}

// count counts the tests that have no subtests. One that has no end failed.
func (p *pack) count() count {
	parents := map[string]bool{}
	for name := range p.state {
		for i := range len(name) {
			if name[i] == '/' {
				parents[name[:i]] = true
			}
		}
	}
	var sum count
	for name, state := range p.state {
		switch {
		case parents[name]:
		case state == "pass":
			sum.passed++
		case state == "skip":
			sum.skipped++
		default:
			sum.failed++
		}
	}
	return sum
}
