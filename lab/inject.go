package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/operator"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// policyStep changes an access point of the operator: policy NAME ATTRIBUTE [VALUE…].
// Without an attribute it is as the file says.
func policyStep(_ context.Context, w *World, args []string) (string, error) {
	apn, ok := w.scenario.APNs[args[0]]
	if !ok {
		return "", fmt.Errorf("the operator knows no access point %q", args[0])
	}
	if len(args) > 1 {
		if err := apnAttribute(&apn, args[1:]); err != nil {
			return "", err
		}
	}
	return "", w.operator.SetAPN(args[0], apn)
}

// attachStep changes with what modems must register, which they do anew: attach NAME CAUSE,
// or attach any.
func attachStep(_ context.Context, w *World, args []string) (string, error) {
	a, err := parseAttach(args)
	if err == nil {
		w.operator.SetAttach(a)
		w.modem.Reattach()
	}
	return "", err
}

// attachesStep waits until the modem registers with an access point, and looks how often it
// was told one since it was made: attaches NAME [TIMES].
func attachesStep(ctx context.Context, w *World, args []string) (string, error) {
	limit := time.NewTimer(expectLimit)
	defer limit.Stop()
	for {
		_, more := w.commands.since()
		s := w.modem.Status()
		told := fmt.Sprint(s.Counts.Attaches)
		if s.Attach.APN == args[0] && (len(args) == 1 || args[1] == told) {
			return "told " + told + " times", nil
		}
		select {
		case <-more:
		case <-limit.C:
			return "", fmt.Errorf("the modem registers with %q, which it was told %s times", s.Attach.APN, told)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// cures are what a stale modem may be said to need.
func cures() map[string]simmodem.Cure {
	return map[string]simmodem.Cure{"detach": simmodem.CureDetach, "radio": simmodem.CureRadio, "reset": simmodem.CureReset}
}

// staleStep makes the bearers that are up carry nothing any more: stale; or every bearer
// whatever, until the modem is given more than that: stale until detach|radio|reset.
func staleStep(_ context.Context, w *World, args []string) (string, error) {
	if len(args) > 0 {
		w.modem.Wedge(cures()[args[1]])
		return "", nil
	}
	if w.operator.Stale() == 0 {
		return "", errors.New("no bearer is up")
	}
	return "", nil
}

func serversStep(_ context.Context, w *World, args []string) (string, error) {
	mode, err := choice(args, map[string]operator.DNSMode{
		"answer": operator.DNSAnswers, "silent": operator.DNSSilent, "refuse": operator.DNSRefuses, "fail": operator.DNSFails,
	})
	if err == nil {
		w.operator.SetDNS(mode)
	}
	return "", err
}

// skewStep makes the operator's time servers tell another time, which is to find the
// machine's clock wrong: nothing may set that in the lab.
func skewStep(_ context.Context, w *World, args []string) (string, error) {
	d, err := time.ParseDuration(args[0])
	if err == nil {
		w.operator.SetSkew(d)
	}
	return "", err
}

func filterStep(_ context.Context, w *World, args []string) (string, error) {
	w.operator.Filter(args...)
	return "", nil
}

func unreachStep(_ context.Context, w *World, args []string) (string, error) {
	a, err := netip.ParseAddr(args[0])
	if err != nil {
		return "", err
	}
	return "", w.operator.Unreach(a)
}

// pathStep changes what the network does to packets: path [delay DURATION] [lose N]
// [rate BYTES].
func pathStep(_ context.Context, w *World, args []string) (string, error) {
	p, err := parsePath(args)
	if err == nil {
		w.operator.SetPath(p)
	}
	return "", err
}

func parsePath(args []string) (p operator.Path, err error) {
	for i := 0; i+1 < len(args) && err == nil; i += 2 {
		switch args[i] {
		case "delay":
			p.Delay, err = time.ParseDuration(args[i+1])
		case "lose":
			p.Lose, err = number(args[i+1:i+2], 1000)
		case "rate":
			p.Rate, err = strconv.Atoi(args[i+1])
		default:
			err = fmt.Errorf("a path has no %q", args[i])
		}
	}
	if len(args)%2 != 0 {
		err = errors.New("a value is missing")
	}
	return p, err
}

// occupyStep holds a UDP port of the gateway, as another program would, until the end
// of the world.
func occupyStep(_ context.Context, w *World, args []string) (string, error) {
	return "", w.spaces["gateway"].Do(func() error {
		conn, err := net.ListenPacket("udp4", args[0])
		if err == nil {
			w.held = append(w.held, conn)
		}
		return err
	})
}

// rivalStep lets another program have the modem's control node too, to which the modem's
// answers go, and no longer, or open and close the modem once: rival [gone|closes].
func rivalStep(_ context.Context, w *World, args []string) (string, error) {
	if len(args) > 0 && args[0] == "closes" {
		w.modem.Shut()
		return "", nil
	}
	if len(args) > 0 {
		w.modem.Silence(0)
		return vacateStep(nil, w, nil)
	}
	fd, err := unix.Open(w.plugged.Node(), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	w.held = append(w.held, os.NewFile(uintptr(fd), "control node"))
	w.modem.Silence(time.Hour)
	return "", nil
}

// vacateStep gives back what was occupied.
func vacateStep(_ context.Context, w *World, _ []string) (string, error) {
	var errs []error
	for _, c := range w.held {
		errs = append(errs, c.Close())
	}
	w.held = nil
	return "", errors.Join(errs...)
}

// busy is a client that does what a phone does all the time: it asks for names, loads a
// small page and opens a connection for what is secured.
const busy = `i=0; while i=$((i+1)); do
	dig +time=2 +tries=1 n$i.example.com >/dev/null &
	curl -s -o /dev/null -m 4 http://www.example.com/ &
	curl -s -o /dev/null -m 4 https://www.example.com/ &
	curl -s -o /dev/null -m 4 -F file=@/proc/self/exe http://www.example.com/address &
	sleep 1
done`

// trafficStep begins a client's traffic, which runs on in the background.
func trafficStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args)
	if err != nil {
		return "", err
	}
	cmd := c.command(ctx, "sh", "-c", busy)
	if err := c.spawn.start(c.ns, cmd); err != nil {
		return "", fmt.Errorf("traffic: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it ends when it is killed
		close(ended)
	}()
	w.stop = append(w.stop, func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
	})
	return "", nil
}

// noLeaseStep lets a client ask for a lease and not get one.
func noLeaseStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args)
	if err != nil {
		return "", err
	}
	if out, err := c.run(ctx, "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "2", "-T", "1", "-s", c.script()); err == nil {
		return "", fmt.Errorf("it got %s", strings.TrimSpace(out))
	}
	return "", nil
}
