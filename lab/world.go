package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/lab/operator"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// defaultConfig is the gateway's configuration when a scenario has none.
const defaultConfig = "config lan 'lan'\n\tlist port 'lan1'\n\tlist port 'lan2'\n"

// World is one scenario laid out: everything lives in anonymous network namespaces
// and one folder, and is gone when the process is.
type World struct {
	scenario *Scenario
	dir      string
	spaces   map[string]*netns.NS // "operator", "gateway"
	clients  map[string]*client
	operator *operator.Operator
	modem    *simmodem.Modem
	plugged  *simmodem.Plug
	network  simmodem.Network // around the modem now
	daemon   *daemon
	spawn    spawner
	commands *commands
	capture  *capture
	marks    sync.WaitGroup // who sends marks
	quiet    map[string]context.CancelFunc
	watch    watchman
	broken   invariants
	carryOut func(ctx context.Context, words []string) (note string, err error) // any step
	held     []io.Closer                                                        // ports and nodes that are occupied
	stop     []func()                                                           // each ends something in the background
	unfollow context.CancelFunc
}

// NewWorld lays a scenario out. program is the tetherd binary to run in it.
func NewWorld(ctx context.Context, s *Scenario, program string, verbose bool) (*World, error) {
	program, err := filepath.Abs(program)
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		return nil, fmt.Errorf("lab: the tetherd program: %w", err)
	}
	dir, err := os.MkdirTemp("", "tetherd-lab-")
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	w := &World{scenario: s, dir: dir, spaces: map[string]*netns.NS{}, clients: map[string]*client{}, network: s.Network, spawn: newSpawner(), commands: newCommands(), capture: newCapture(), quiet: map[string]context.CancelFunc{}}
	if err := w.layOut(program, verbose); err != nil {
		return nil, fmt.Errorf("lab: lay out: %w", errors.Join(err, w.Close()))
	}
	w.carryOut = func(ctx context.Context, words []string) (string, error) {
		return steps[words[0]].do(ctx, w, words[1:])
	}
	following, stop := context.WithCancel(ctx)
	w.unfollow = stop
	go w.daemon.follow(following, w.see)
	return w, nil
}

// see takes note of one document of tetherd.
func (w *World) see(d api.Document) {
	w.broken.see(d)
	if f := w.scenario.Fault; f != nil {
		w.watch.see(d, f.Code)
	}
}

func (w *World) layOut(program string, verbose bool) error {
	if err := errors.Join(w.addSpace("operator"), w.addSpace("gateway")); err != nil {
		return err
	}
	for i := range w.scenario.Clients { // each at a LAN port of its own
		if err := w.addClient(fmt.Sprintf("lan%d", i+1), fmt.Sprintf("client%d", i+1)); err != nil {
			return err
		}
	}
	w.daemon = &daemon{
		program: program, dir: w.dir, root: filepath.Join(w.dir, "root"), ns: w.spaces["gateway"], spawn: w.spawn,
		log: new(tail), verbose: verbose, news: make(chan struct{}),
	}
	text, ok := w.scenario.Configs[""]
	if !ok {
		text = defaultConfig
	}
	if err := w.daemon.configure(text); err != nil {
		return err
	}
	return w.addModem()
}

func (w *World) addSpace(name string) error {
	ns, err := netns.New()
	if err == nil {
		w.spaces[name] = ns
	}
	return err
}

func (w *World) addClient(port, name string) error {
	ns, err := netns.New()
	if err != nil {
		return err
	}
	c, err := newClient(name, ns, w.spawn, w.dir)
	if err != nil {
		return err
	}
	w.clients[name] = c
	return netns.Veth(w.spaces["gateway"], port, ns, "eth0")
}

// addModem starts the operator and plugs the modem in.
func (w *World) addModem() (err error) {
	w.operator, err = operator.New(operator.Options{Netns: w.spaces["operator"].FD(), APNs: w.scenario.APNs, Attach: w.scenario.Attach, OnPacket: w.capture.see})
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(w.daemon.root, 0o755), os.WriteFile(w.daemon.authorityPath(), w.operator.Authority(), 0o600)); err != nil {
		return err
	}
	w.modem = simmodem.New(simmodem.Options{
		Device: w.scenario.Device, SIM: w.scenario.SIMs[w.scenario.SIM], Network: w.network,
		Signal: simmodem.Signal{RSSI: -71}, Core: w.operator, OnEvent: w.commands.event, OnPacket: w.capture.see,
	})
	w.modem.SetHardwareRadio(!w.scenario.RadioOff)
	if w.scenario.Absent {
		return nil
	}
	return w.plug(0)
}

// plug plugs the modem in as cdc-wdmN and wwanN.
func (w *World) plug(n int) (err error) {
	if w.plugged != nil {
		return errors.New("the modem is plugged in already")
	}
	w.plugged, err = w.modem.Plug(simmodem.Slot{
		Root: w.daemon.root, Netns: w.spaces["gateway"].FD(),
		Node: fmt.Sprintf("cdc-wdm%d", n), Interface: fmt.Sprintf("wwan%d", n), Port: fmt.Sprintf("1-%d", n+1),
	})
	return err
}

func (w *World) unplug() error {
	if w.plugged == nil {
		return errors.New("the modem is not plugged in")
	}
	err := w.plugged.Unplug()
	w.plugged = nil
	return err
}

// reset makes the modem vanish and come back, as after a crash of its firmware.
func (w *World) reset() error {
	if w.plugged == nil {
		return errors.New("the modem is not plugged in")
	}
	return w.plugged.Reset(500 * time.Millisecond)
}

// client finds the client that a step names first.
func (w *World) client(args []string) (*client, []string, error) {
	c, ok := w.clients[args[0]]
	if !ok {
		return nil, nil, fmt.Errorf("there is no client %q", args[0])
	}
	return c, args[1:], nil
}

// nothingLeft checks that a tetherd that was stopped left nothing in the gateway.
func (w *World) nothingLeft() error {
	ns := w.spaces["gateway"]
	var faults []error
	for _, look := range []struct {
		what string
		args []string
		only string // lines that hold this text count; "" all
	}{
		{"tables", []string{"nft", "list", "tables"}, ""},
		{"links", []string{"ip", "-o", "link"}, "br-tether"},
		{"links", []string{"ip", "-o", "link"}, "tprobe"},
		{"addresses", []string{"ip", "-4", "-o", "addr"}, "wwan"},
		{"routes", []string{"ip", "route", "show", "table", "all", "proto", "97"}, ""},
		{"rules", []string{"ip", "rule"}, "proto 97"},
		{"forwarding", []string{"sh", "-c", "grep -l 1 /proc/sys/net/ipv4/conf/*/forwarding || true"}, ""},
	} {
		out, err := ns.Output(look.args[0], look.args[1:]...)
		if err != nil {
			faults = append(faults, err)
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, look.only) {
				faults = append(faults, fmt.Errorf("left behind in %s: %s", look.what, strings.TrimSpace(line)))
			}
		}
	}
	return errors.Join(faults...)
}

// moved gives a channel that is closed when tetherd has something new to tell.
func (w *World) moved(context.Context) <-chan struct{} {
	_, news := w.daemon.current()
	return news
}

// publicStatus is where the status can be read on the LAN.
func (w *World) publicStatus() string {
	doc, _ := w.daemon.current()
	host, _, _ := strings.Cut(doc.LAN.Address, "/")
	return net.JoinHostPort(host, fmt.Sprint(doc.LAN.Port))
}

// tail is the end of tetherd's log, as an error to print with another. It ends
// tetherd.
func (w *World) tail() error {
	const lines = 30
	if w.daemon.cmd != nil {
		_ = w.daemon.end(9) // it is being given up
	}
	return fmt.Errorf("the modem's last events:\n%s\ntetherd's last words:\n%s", w.commands.tail(), w.daemon.log.lines(lines))
}

// Close ends every process that the world started and removes its folder.
func (w *World) Close() error {
	var errs []error
	if w.daemon != nil && w.daemon.cmd != nil {
		errs = append(errs, w.daemon.end(9))
	}
	if w.unfollow != nil {
		w.unfollow()
	}
	for _, quiet := range w.quiet {
		quiet()
	}
	w.marks.Wait()
	if w.plugged != nil {
		errs = append(errs, w.plugged.Unplug())
	}
	if w.modem != nil {
		errs = append(errs, w.modem.Close())
	}
	if w.operator != nil {
		errs = append(errs, w.operator.Close())
	}
	for _, stop := range w.stop {
		stop()
	}
	for _, c := range w.held {
		errs = append(errs, c.Close())
	}
	for _, c := range w.clients {
		c.close()
	}
	for _, ns := range w.spaces {
		errs = append(errs, ns.Close())
	}
	if w.spawn != nil {
		close(w.spawn)
	}
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}
