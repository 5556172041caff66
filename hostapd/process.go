package hostapd

import (
	"bytes"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of what is kept of a child's output.
const (
	tailLines = 40
	tailLine  = 256 // octets of a line
)

// tail keeps the last lines of a text.
type tail struct {
	mu    sync.Mutex
	lines []string
	part  []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := b; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		rest = after
		t.part = append(t.part, line[:min(len(line), max(0, tailLine-len(t.part)))]...)
		if ended {
			t.lines = append(t.lines, strings.ToValidUTF8(string(t.part), "?"))
			t.part = t.part[:0]
			t.lines = t.lines[max(0, len(t.lines)-tailLines):]
		}
	}
	return len(b), nil
}

func (t *tail) text() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}

// forget drops what was said so far.
func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = nil
}

// process is a hostapd: one that this process started, or one that a former process
// of ours left on the air.
type process struct {
	pid    int
	signal func(unix.Signal) error
	out    tail
	done   chan struct{} // closed when it has ended
	end    string        // how it ended, once done
}

// startProcess starts a hostapd that outlives this process should that be killed:
// clients of the network go on, and the next process adopts it.
func startProcess(program string, args ...string) (*process, error) {
	// It inherits this, and must survive that nobody hears any longer what it says.
	signal.Ignore(unix.SIGPIPE)
	p := &process{done: make(chan struct{})}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is for us
	cmd.WaitDelay = time.Second                           // for the pipe, should a grandchild hold it
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	p.signal = func(s unix.Signal) error { return cmd.Process.Signal(s) }
	go func() {
		p.end = "exit status 0"
		if err := cmd.Wait(); err != nil {
			p.end = err.Error()
		}
		close(p.done)
	}()
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop asks the process to end, and makes it after the grace. It tells whether the process
// took leave; the kernel goes on transmitting for one that did not. One that sleeps in a
// driver does not even end when it is killed, so that the wait for that has an end too.
func (p *process) stop(grace time.Duration) bool {
	if p.ended() { // how, is not known of one that is no child
		return strings.HasPrefix(p.end, "exit status")
	}
	p.signal(unix.SIGTERM)
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-p.done:
		return !strings.HasPrefix(p.end, "signal")
	case <-limit.C:
		p.signal(unix.SIGKILL)
	}
	limit.Reset(2 * stopGrace)
	select {
	case <-p.done:
	case <-limit.C:
	}
	return false
}
