// Command fuzz runs every fuzz target of a module for a while each, twice as many at a
// time as there are processors, with one worker each.
//
//	fuzz [-time 5s] [-run REGEXP] [-total FILE]
//
// A package is built once, with coverage, for all its targets. What the fuzzer finds
// interesting is kept in Go's cache, an input that fails in testdata/fuzz of its
// package, both as "go test -fuzz" does. It exits non-zero when a target failed.
//
// Up to Go 1.26 a target can end with "context deadline exceeded" when its time is
// up (golang/go#75804): that is an orderly end, told from a finding by the input that
// a finding leaves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	span := flag.Duration("time", 5*time.Second, "how long each target runs")
	only := flag.String("run", "", "run only targets whose name matches `regexp`")
	total := flag.String("total", os.DevNull, "`file` to which the numbers of passed, failed and skipped targets are added")
	flag.Parse()
	if err := run(*span, *only, *total, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// target is one fuzz target.
type target struct{ dir, name string }

// run fuzzes every target below this folder and appends the numbers to the total file.
func run(span time.Duration, only, total string, out io.Writer) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	targets, err := find(".", match)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("there is no such target")
	}
	bins, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bins)
	programs, err := build(targets, bins)
	if err != nil {
		return err
	}
	failed, err := all(targets, programs, span, out)
	return errors.Join(err, add(total, len(targets)-failed, failed))
}

// declaration is the line that declares a target.
var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// find lists the targets below root whose name matches, by folder and name.
func find(root string, match *regexp.Regexp) ([]target, error) {
	var out []target
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range declaration.FindAllSubmatch(text, -1) {
			if name := string(m[1]); match.MatchString(name) {
				out = append(out, target{filepath.Dir(path), name})
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b target) int {
		return strings.Compare(a.dir+" "+a.name, b.dir+" "+b.name)
	})
	return out, err
}

// program is a test program with coverage, and where its fuzzer keeps what it finds.
type program struct{ file, cache string }

// build makes one program a folder, in bins.
func build(targets []target, bins string) (map[string]program, error) {
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOCACHE: %w", err)
	}
	out := map[string]program{}
	for _, t := range targets {
		if _, done := out[t.dir]; done {
			continue
		}
		name := strings.NewReplacer("/", "-", ".", "-").Replace(t.dir)
		p := program{
			file:  filepath.Join(bins, name+".test"),
			cache: filepath.Join(strings.TrimSpace(string(cache)), "fuzz", "tetherd", t.dir),
		}
		if text, err := exec.Command("go", "test", "-c", "-fuzz=.", "-o", p.file, "./"+t.dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", t.dir, err, text)
		}
		out[t.dir] = p
	}
	return out, nil
}

// all runs the targets and returns how many failed.
func all(targets []target, programs map[string]program, span time.Duration, out io.Writer) (int, error) {
	var group errgroup.Group
	group.SetLimit(2 * runtime.NumCPU()) // each often waits for its one worker
	results := make(chan error, len(targets))
	for _, t := range targets {
		group.Go(func() error {
			results <- fuzz(t, programs[t.dir], span, out)
			return nil
		})
	}
	_ = group.Wait() // results hold the errors
	close(results)
	var faults []error
	for err := range results {
		if err != nil {
			faults = append(faults, err)
		}
	}
	return len(faults), errors.Join(faults...)
}

// grace is what a target may take beyond its time, for its seeds and its end, on a busy
// machine.
const grace = 2 * time.Minute

// fuzz runs one target. Its error holds what the target printed.
func fuzz(t target, p program, span time.Duration, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), span+grace)
	defer cancel()
	// Making a large input small can take all of the span: a few tries must do.
	cmd := exec.CommandContext(ctx, p.file, "-test.run=^$", "-test.fuzzminimizetime=100x", "-test.fuzz=^"+t.name+"$",
		"-test.fuzztime="+span.String(), "-test.parallel=1", "-test.fuzzcachedir="+p.cache)
	cmd.Dir = t.dir
	text, err := cmd.CombinedOutput()
	err = errors.Join(err, ctx.Err())
	if err != nil && ctx.Err() == nil && orderly(string(text)) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", t.dir, t.name, err, text)
	}
	_, err = fmt.Fprintf(out, "fuzz %s %s: %s\n", t.dir, t.name, executions(string(text)))
	return err
}

// expired is all that a target prints which the end of its time has failed.
var expired = regexp.MustCompile(`^--- FAIL: Fuzz\w+ \([0-9.]+s\)\n    context deadline exceeded\nFAIL\n$`)

// orderly says that nothing but the end of its time failed the target.
func orderly(text string) bool {
	var rest strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "fuzz: elapsed: ") && !strings.HasPrefix(line, "waiting for fuzzing process ") {
			rest.WriteString(line)
		}
	}
	return expired.MatchString(rest.String())
}

// executions is the number of inputs that were tried, as the fuzzer told it last.
func executions(text string) string {
	all := regexp.MustCompile(`execs: \d+`).FindAllString(text, -1)
	if len(all) == 0 {
		return "seeds only"
	}
	return all[len(all)-1]
}

// add appends the numbers to the total file.
func add(total string, passed, failed int) error {
	f, err := os.OpenFile(total, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, passed, failed, 0)
	return errors.Join(err, f.Close())
}
