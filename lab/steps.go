package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// step carries out one line of a story. What it returns as text is printed behind
// the line.
type step func(ctx context.Context, w *World, args []string) (note string, err error)

// steps are all the words that a story's line may begin with.
var steps = map[string]step{
	"start":       startStep,
	"stop":        stopStep,
	"kill":        func(_ context.Context, w *World, _ []string) (string, error) { return "", w.daemon.end(unix.SIGKILL) },
	"kill-after":  killAfterStep,
	"hand-over":   func(_ context.Context, w *World, _ []string) (string, error) { return "", w.daemon.end(unix.SIGUSR2) },
	"config":      configStep,
	"plug":        plugStep,
	"unplug":      func(_ context.Context, w *World, _ []string) (string, error) { return "", w.unplug() },
	"insert":      insertStep,
	"eject":       func(_ context.Context, w *World, _ []string) (string, error) { w.modem.RemoveSIM(); return "", nil },
	"register":    registerStep,
	"network":     networkStep,
	"drop":        dropStep,
	"address":     addressStep,
	"silent":      silentStep,
	"reset":       func(ctx context.Context, w *World, _ []string) (string, error) { return "", w.reset() },
	"lease":       leaseStep,
	"fetch":       fetchStep,
	"resolve":     resolveStep,
	"download":    downloadStep,
	"downloading": downloadingStep,
	"run":         runStep,
	"expect":      expectStep,
}

// need checks the number of words.
func need(args []string, least, most int) error {
	if len(args) < least || len(args) > most {
		return fmt.Errorf("takes %d to %d words, has %d", least, most, len(args))
	}
	return nil
}

func startStep(_ context.Context, w *World, args []string) (string, error) {
	w.commands.reset()
	return "", w.daemon.start(args...)
}

func stopStep(_ context.Context, w *World, _ []string) (string, error) {
	if err := w.daemon.end(unix.SIGTERM); err != nil {
		return "", err
	}
	return "", w.nothingLeft()
}

// killAfterStep kills tetherd in the middle of its work: once the modem has carried
// out so many commands since the start.
func killAfterStep(ctx context.Context, w *World, args []string) (string, error) {
	n, err := number(args, 1000)
	if err != nil {
		return "", err
	}
	limit := time.NewTimer(expectLimit)
	defer limit.Stop()
	for {
		done, more := w.commands.since()
		if done >= n {
			return "", w.daemon.end(unix.SIGKILL)
		}
		select {
		case <-more:
		case <-limit.C:
			return "", fmt.Errorf("tetherd gave the modem %d commands and no more", done)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func configStep(_ context.Context, w *World, args []string) (string, error) {
	if err := need(args, 1, 1); err != nil {
		return "", err
	}
	text, ok := w.scenario.Configs[args[0]]
	if !ok {
		return "", fmt.Errorf("there is no section 'tetherd %s'", args[0])
	}
	return "", w.daemon.configure(text)
}

func plugStep(_ context.Context, w *World, args []string) (string, error) {
	n := 0
	if len(args) > 0 {
		var err error
		if n, err = number(args, 9); err != nil {
			return "", err
		}
	}
	return "", w.plug(n)
}

func insertStep(_ context.Context, w *World, args []string) (string, error) {
	if err := need(args, 1, 1); err != nil {
		return "", err
	}
	sim, ok := w.scenario.SIMs[args[0]]
	if !ok {
		return "", fmt.Errorf("there is no SIM %q", args[0])
	}
	w.modem.InsertSIM(sim)
	return "", nil
}

func registerStep(_ context.Context, w *World, args []string) (string, error) {
	if err := parseRegistration(&w.network, args); err != nil {
		return "", err
	}
	w.modem.SetNetwork(w.network)
	return "", nil
}

func networkStep(_ context.Context, w *World, args []string) (string, error) {
	n, err := parseNetwork(args)
	if err != nil {
		return "", err
	}
	w.network = n
	w.modem.SetNetwork(n)
	return "", nil
}

func dropStep(_ context.Context, w *World, args []string) (string, error) {
	cause, err := number(args, 255)
	if err != nil {
		return "", err
	}
	if !w.modem.DropBearer(0, simmodem.Cause(cause)) {
		return "", errors.New("no bearer is up")
	}
	return "", nil
}

func addressStep(_ context.Context, w *World, args []string) (string, error) {
	if err := need(args, 1, 1); err != nil {
		return "", err
	}
	p, err := netip.ParsePrefix(args[0])
	if err != nil {
		return "", err
	}
	changed := w.modem.ChangeBearer(0, func(g *simmodem.Grant) {
		if g.IPv4 != nil {
			g.IPv4.Address, g.IPv4.Gateway = p, p.Masked().Addr().Next()
		}
	})
	if !changed {
		return "", errors.New("no bearer is up")
	}
	return "", nil
}

func silentStep(_ context.Context, w *World, args []string) (string, error) {
	if err := need(args, 1, 1); err != nil {
		return "", err
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return "", err
	}
	w.modem.Silence(d)
	return "", nil
}

func leaseStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args, 1, 1)
	if err != nil {
		return "", err
	}
	return c.lease(ctx)
}

func fetchStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args, 2, 3)
	if err != nil {
		return "", err
	}
	page, err := c.fetch(ctx, args[0])
	if err != nil {
		return "", err
	}
	if len(args) > 1 && !strings.Contains(page, args[1]) {
		return "", fmt.Errorf("the page does not contain %q but reads %.80q", args[1], page)
	}
	return fmt.Sprintf("%d bytes", len(page)), nil
}

func resolveStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args, 2, 3)
	if err != nil {
		return "", err
	}
	for _, transport := range []string{"+notcp", "+tcp"} {
		out, err := c.run(ctx, "dig", "+short", "+time=3", "+tries=1", transport, args[0])
		if err != nil {
			return "", err
		}
		if len(args) > 1 && !strings.Contains(out, args[1]) || strings.TrimSpace(out) == "" {
			return "", fmt.Errorf("dig %s answers %q", transport, out)
		}
	}
	return "", nil
}

func downloadStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args, 1, 1)
	if err != nil {
		return "", err
	}
	return "", c.startDownload(ctx)
}

func downloadingStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args, 1, 1)
	if err != nil {
		return "", err
	}
	return c.downloading(ctx)
}

func runStep(ctx context.Context, w *World, args []string) (string, error) {
	if len(args) < 2 {
		return "", errors.New("run where, and what?")
	}
	if c, ok := w.clients[args[0]]; ok {
		_, err := c.run(ctx, args[1], args[2:]...)
		return "", err
	}
	ns, ok := w.spaces[args[0]]
	if !ok {
		return "", fmt.Errorf("there is no %q", args[0])
	}
	return "", ns.Run(args[1], args[2:]...)
}

func expectStep(ctx context.Context, w *World, args []string) (string, error) {
	e, err := parseExpectation(args)
	if err != nil {
		return "", err
	}
	doc, err := w.daemon.await(ctx, e.limit, e.holds)
	if err != nil {
		return "", fmt.Errorf("%w; the status says:\n%s", err, indent(doc))
	}
	return "", nil
}

func indent(d api.Document) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(d.Text()), "\n", "\n    ")
}
