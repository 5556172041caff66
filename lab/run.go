package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/api"
)

// tour is the scenario that Run lays out.
//
//go:embed tour.txtar
var tour []byte

// Limits of Run.
const (
	onlineLimit = 30 * time.Second
	settle      = 20 * time.Second // until clients count as resting, and passive evidence is seldom taken
	idleWindow  = time.Minute      // over which wake-ups are counted
)

// page is what the client loads at the end of the way.
const page = "http://www.example.com/"

// Run lays out the lab for a person: it starts tetherd, prints a line a stage as
// it is reached, lets a client load a page, and stays until ctx ends; with once it
// ends after the client's page. The error names the stage that was not reached.
func Run(ctx context.Context, program string, once bool, out io.Writer) error {
	s, err := ParseScenario(tour)
	if err != nil {
		return fmt.Errorf("lab: tour: %w", err)
	}
	w, err := NewWorld(ctx, s, program, false)
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Fprintln(out, "lab laid out: operator, gateway and two clients in network namespaces")
	if err := w.daemon.start(); err != nil {
		return err
	}
	r := &tourist{world: w, out: out, printed: map[string]string{}}
	if err := r.walk(ctx); err != nil {
		return errors.Join(err, w.tail())
	}
	r.measure(ctx)
	if once {
		return w.daemon.end(15)
	}
	r.invite()
	<-ctx.Done()
	return w.daemon.end(15)
}

// tourist prints what happens.
type tourist struct {
	world   *World
	out     io.Writer
	printed map[string]string
}

func (r *tourist) line(stage, text string) {
	fmt.Fprintf(r.out, "%8s  %-17s %s\n", seconds(time.Since(r.world.daemon.started)), stage, text)
}

func seconds(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%d.%02d s", ms/1000, ms%1000/10)
}

// walk follows the stages until a client has loaded its page.
func (r *tourist) walk(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, onlineLimit)
	defer stop()
	client := make(chan error, 1)
	started := false
	for {
		doc, news := r.world.daemon.current()
		r.show(doc)
		if !started && stageHolds(doc, api.StageLAN, string(api.Done), "") {
			started = true
			go func() { client <- r.client(ctx) }()
		}
		select {
		case err := <-client:
			if err != nil {
				return fmt.Errorf("stage client: %w", err)
			}
			return r.finish(ctx)
		case <-news:
		case <-r.world.daemon.ended:
			return errors.New("stage tetherd: it ended")
		case <-ctx.Done():
			return fmt.Errorf("stage %s was not reached within %v", missing(doc), onlineLimit)
		}
	}
}

// show prints the stages that are done and were not printed in this form.
func (r *tourist) show(doc api.Document) {
	for _, s := range doc.Stages {
		if _, known := r.printed[s.Name]; s.State == api.Done && !known && s.Name != api.StageLAN {
			r.printed[s.Name] = s.Text
			r.line(s.Name, s.Text)
		}
	}
}

func missing(doc api.Document) string {
	for _, s := range doc.Stages {
		if s.State != api.Done {
			return s.Name + " (" + s.Text + ")"
		}
	}
	return "client"
}

// client takes a lease and loads the page, again and again until it is there.
func (r *tourist) client(ctx context.Context) error {
	c := r.world.clients["client1"]
	address, err := c.lease(ctx)
	if err != nil {
		return err
	}
	r.line("client lease", c.name+" has "+address)
	for {
		body, err := c.fetch(ctx, page)
		if err == nil {
			r.line("client page", fmt.Sprintf("%s loaded %s, %d bytes", c.name, page, len(body)))
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-r.world.moved(ctx):
		}
	}
}

// finish waits for tetherd's own proof and prints the result.
func (r *tourist) finish(ctx context.Context) error {
	online := time.Since(r.world.daemon.started)
	doc, err := r.world.daemon.await(ctx, onlineLimit, func(d api.Document) bool { return d.Online })
	r.show(doc)
	if err != nil {
		return fmt.Errorf("stage client-internet: %w", err)
	}
	fmt.Fprintf(r.out, "client online in %s\n%s\n", seconds(online), doc.Sentence)
	fmt.Fprintf(r.out, "ruleset in force %d ms after the start of the process\n", doc.Process.RulesetMS)
	return nil
}

// measure prints memory and wake-ups of the idle gateway.
func (r *tourist) measure(ctx context.Context) {
	fmt.Fprintf(r.out, "counting memory and wake-ups once it is idle, in %v\n", settle)
	pid := r.world.daemon.cmd.Process.Pid
	if !pause(ctx, settle) {
		return
	}
	before := switches(pid)
	if !pause(ctx, idleWindow) {
		return
	}
	tenths := (switches(pid) - before) * 10 / int(idleWindow/time.Second)
	status := fmt.Sprintf("/proc/%d/status", pid)
	fmt.Fprintf(r.out, "idle: %s KiB resident (%s its own, the rest pages of the program's file), %d.%d wake-ups a second\n",
		procField(status, "VmRSS:"), procField(status, "RssAnon:"), tenths/10, tenths%10)
}

// pause waits; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// switches counts the voluntary context switches of all threads: each is a sleep
// and a wake-up.
func switches(pid int) int {
	sum := 0
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid)) // the pattern is right
	for _, p := range paths {
		n, _ := strconv.Atoi(procField(p, "voluntary_ctxt_switches:")) // a thread that ended counts nothing
		sum += n
	}
	return sum
}

// procField reads the first word behind a key of a status file.
func procField(path, key string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == key {
			return f[1]
		}
	}
	return ""
}

// invite says what a person can do now.
func (r *tourist) invite() {
	w := r.world
	fmt.Fprintf(r.out, "\nThe lab stays up until Ctrl-C. In another terminal, as root:\n")
	fmt.Fprintf(r.out, "  %s status -socket %s\n", w.daemon.program, w.daemon.socket())
	fmt.Fprintf(r.out, "  nsenter --net=%s curl http://%s/v1/status\n", w.clients["client1"].ns.Path(), w.publicStatus())
	fmt.Fprintf(r.out, "  nsenter --net=%s bash    # be in the gateway\n", w.spaces["gateway"].Path())
}
