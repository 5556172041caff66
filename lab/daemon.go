package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/lab/netns"
)

// endLimit bounds tetherd's end on a machine that is busy with other things; the two seconds
// that it promises are held by control's tests, on a clock of their own.
const endLimit = 20 * time.Second

// daemon is the tetherd under test and what it says of itself.
type daemon struct {
	program string // path of the binary
	dir     string // folder for configuration, state and socket
	root    string // root of the made-up sysfs
	ns      *netns.NS
	spawn   spawner
	log     *tail // the end of what it printed
	verbose bool

	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process is gone
	started time.Time

	mu     sync.Mutex
	latest api.Document
	news   chan struct{} // closed and replaced with every document
	pid    int           // of the process whose documents are awaited
}

func (d *daemon) socket() string { return filepath.Join(d.dir, "tetherd.sock") }

func (d *daemon) config() string { return filepath.Join(d.dir, "tetherd.conf") }

// configure writes the configuration file: the lab's own sections, then text.
func (d *daemon) configure(text string) error {
	own := fmt.Sprintf("config tetherd 'main'\n\toption log_level 'debug'\n\toption state_dir '%s'\n\toption run_dir '%s'\n\nconfig api 'api'\n\toption socket '%s'\n\n",
		filepath.Join(d.dir, "state"), filepath.Join(d.dir, "run"), d.socket())
	path := d.config()
	if err := os.WriteFile(path+".new", []byte(own+text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// obeyed waits until the configuration file is in force, or its faults are told.
func (d *daemon) obeyed(ctx context.Context) error {
	cfg, _, faults := config.Read(d.config())
	doc, err := d.await(ctx, expectLimit, func(doc api.Document) bool {
		told := strings.Join(doc.Problems, "\n")
		if faults != nil {
			first, _, _ := strings.Cut(faults.Error(), "\n")
			return strings.Contains(told, first)
		}
		return doc.Revision == cfg.Revision() && !strings.Contains(told, d.config()+":")
	})
	if err != nil {
		return fmt.Errorf("the configuration is not taken: %w; the status says:\n%s", err, indent(doc))
	}
	return nil
}

// start runs tetherd in the gateway's namespace. It dies with the lab.
func (d *daemon) start(flags ...string) error {
	if d.cmd != nil {
		return errors.New("tetherd runs already")
	}
	args := append([]string{"run", "-config", d.config(), "-root", d.root}, flags...)
	cmd := exec.Command(d.program, args...)
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+d.authorityPath())
	cmd.Stderr = d.log
	if d.verbose {
		cmd.Stderr = os.Stderr
	}
	d.started = time.Now()
	if err := d.spawn.start(d.ns, cmd); err != nil {
		return fmt.Errorf("start tetherd: %w", err)
	}
	d.cmd, d.ended = cmd, make(chan struct{})
	d.mu.Lock()
	d.pid, d.latest = cmd.Process.Pid, api.Document{}
	d.mu.Unlock()
	go func(ended chan struct{}) {
		_ = cmd.Wait() // the state is read from cmd by whoever waits for ended
		close(ended)
	}(d.ended)
	return nil
}

// runs says that it was started and has not ended.
func (d *daemon) runs() bool {
	select {
	case <-d.ended:
		return false
	default:
		return d.ended != nil
	}
}

// end sends a signal and waits until the process is gone.
func (d *daemon) end(sig unix.Signal) error {
	if d.cmd == nil {
		return errors.New("tetherd does not run")
	}
	begun := time.Now()
	if err := d.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal tetherd: %w", err)
	}
	select {
	case <-d.ended:
	case <-time.After(endLimit):
		_ = d.cmd.Process.Kill()
		<-d.ended
		d.cmd = nil
		return fmt.Errorf("tetherd had not ended %v after %v", endLimit, sig)
	}
	state := d.cmd.ProcessState
	d.cmd = nil
	if sig != unix.SIGKILL && !state.Success() {
		return fmt.Errorf("tetherd ended with %v after %v", state, time.Since(begun).Round(time.Millisecond))
	}
	return nil
}

// follow keeps the latest document until ctx ends, across restarts of tetherd, and shows
// each to see.
func (d *daemon) follow(ctx context.Context, see func(api.Document)) {
	const again = 10 * time.Millisecond // between attempts while nobody listens
	for ctx.Err() == nil {
		_ = api.Follow(ctx, d.socket(), false, func(doc api.Document) bool { // nobody listens: asked again below
			d.mu.Lock()
			defer d.mu.Unlock()
			if doc.Process.PID == d.pid {
				see(doc)
				d.latest = doc
				close(d.news)
				d.news = make(chan struct{})
			}
			return true
		})
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// current is the latest document and a channel that is closed by the next one.
func (d *daemon) current() (api.Document, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.latest, d.news
}

// await waits until ok says yes to a document. It fails at the limit or when
// tetherd ends.
func (d *daemon) await(ctx context.Context, limit time.Duration, ok func(api.Document) bool) (api.Document, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		doc, news := d.current()
		if doc.Seq > 0 && ok(doc) {
			return doc, nil
		}
		select {
		case <-news:
		case <-timer.C:
			return doc, fmt.Errorf("not within %v", limit)
		case <-d.ended:
			return doc, errors.New("tetherd ended")
		case <-ctx.Done():
			return doc, ctx.Err()
		}
	}
}
