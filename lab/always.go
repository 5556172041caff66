package lab

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/tetherd/tetherd/api"
)

// invariants are what must hold of every status from the moment on at which a story says
// so.
type invariants struct {
	mu    sync.Mutex
	rules []invariant
	err   error // of the first that did not hold
}

type invariant struct {
	text  string
	holds func(api.Document) bool
}

// alwaysStep makes an expectation hold for every status document from now on; the step
// after one for which it does not fails.
func alwaysStep(_ context.Context, w *World, args []string) (string, error) {
	e, err := parseExpectation(args)
	if err != nil {
		return "", err
	}
	w.broken.mu.Lock()
	defer w.broken.mu.Unlock()
	w.broken.rules = append(w.broken.rules, invariant{strings.Join(args, " "), e.holds})
	return "", nil
}

// see looks whether a document keeps all rules.
func (i *invariants) see(d api.Document) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.rules {
		if i.err == nil && !r.holds(d) {
			i.err = fmt.Errorf("not always %s: the status %d of process %d says:\n%s", r.text, d.Seq, d.Process.PID, indent(d))
		}
	}
}

// fault is what was broken; nil nothing.
func (i *invariants) fault() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err
}
