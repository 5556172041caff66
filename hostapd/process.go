package hostapd

import (
	"bytes"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
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

// process is a child in the foreground.
type process struct {
	cmd  *exec.Cmd
	out  tail
	done chan struct{} // closed when it has ended
	end  string        // how it ended, once done
}

// startProcess starts a child that is asked to end when this process does. The kernel
// ties that to the thread that started it, so one thread does nothing else until the
// child has ended.
func startProcess(program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	p.cmd.WaitDelay = time.Second // for the pipe, should a grandchild hold it
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		if err = p.cmd.Wait(); err != nil {
			p.end = err.Error()
		} else {
			p.end = "exit status 0"
		}
		close(p.done)
	}()
	return p, <-started
}

// stop asks the child to end, and makes it after the grace.
func (p *process) stop(grace time.Duration) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		p.cmd.Process.Kill()
		<-p.done
	}
}
