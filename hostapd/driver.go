package hostapd

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tetherd/tetherd/save"
)

// linkPause is how long after a change of interfaces the radios are listed again: the
// events come in bursts, and hostapd causes some.
const linkPause = 200 * time.Millisecond

// listAgain is how long after a failure the radios are listed again.
const listAgain = 2 * time.Second

// strayLimit is how long what a former process left may wait to be wished for.
const strayLimit = 10 * time.Second

// Options are what does not change while the process runs.
type Options struct {
	RunDir  string       // files and sockets are in its folder "hostapd"
	Program string       // "" is hostapd, found by PATH
	Log     *slog.Logger // nil discards
	// Leave, asked when Run ends, keeps what is on the air for the next process; nil
	// never.
	Leave func() bool
}

// Driver puts networks on the air.
type Driver struct {
	opt  Options
	hw   hardware
	wlan string // hostapd's driver; "" is that of Linux
	wake chan struct{}

	mu      sync.Mutex
	spec    Spec
	air     map[string]onAir // by radio
	listed  bool             // the radios were listed once
	former  []string         // radios that a former process left on the air
	devices []Capabilities
	fault   string
	acts    acts
}

// onAir is what one radio reported last.
type onAir struct {
	of       wish // the report is about it; without what has no part in whether it can be
	status   RadioStatus
	stations []Station
}

// New returns a driver that has nothing on the air yet.
func New(opt Options) *Driver {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Program == "" {
		opt.Program = "hostapd"
	}
	return &Driver{opt: opt, hw: kernel(), wake: make(chan struct{}, 1), air: map[string]onAir{}}
}

func (d *Driver) dir() string { return filepath.Join(d.opt.RunDir, "hostapd") }

// Apply makes spec the wish, which Run pursues. A Spec that no radio could carry out
// is refused whole, and the former one stays in force.
func (d *Driver) Apply(spec Spec) error {
	if err := Check(spec); err != nil {
		return fmt.Errorf("hostapd: %w", err)
	}
	d.mu.Lock()
	d.spec = spec.clone()
	d.mu.Unlock()
	poke(d.wake)
	return nil
}

// Observe tells what is, as Run saw it last. The radios are listed also before.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	listed := d.listed
	d.mu.Unlock()
	if !listed {
		d.survey()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st := Status{Devices: d.devices, Former: d.former, Acts: d.acts.outcomes(), Error: d.fault, InForce: d.spec.clone()}
	for _, a := range d.air {
		a.status.Pending = a.status.Pending || !a.of.equal(d.spec.wishFor(a.status.Interface))
		st.Radios = append(st.Radios, a.status)
		st.Stations = append(st.Stations, a.stations...)
	}
	sort.Slice(st.Radios, func(i, j int) bool { return st.Radios[i].Interface < st.Radios[j].Interface })
	sort.Slice(st.Stations, func(i, j int) bool {
		a, b := &st.Stations[i], &st.Stations[j]
		return cmp.Or(bytes.Compare(a.MAC, b.MAC), strings.Compare(a.Interface, b.Interface)) < 0
	})
	return st
}

// wishFor is what is wished of one radio, as onAir has it.
func (s Spec) wishFor(name string) (w wish) {
	for _, r := range s.Radios {
		if r.Interface == name {
			w = wish{country: s.Country, radio: r}
		}
	}
	return w
}

// runner is one Run.
type runner struct {
	*Driver
	ctx     context.Context
	changed func()
	radios  map[string]*tended
	strays  []string // radios that a former process left on the air
	work    sync.WaitGroup
}

// tended is a radio that is looked after.
type tended struct {
	*radio
	sent wish
	stop context.CancelFunc
	done chan struct{}
}

// Run has the wish on the air until ctx ends; then no hostapd of ours is left, unless
// Options.Leave says so. It keeps what a former process left if it can become what is
// wished without dropping stations. changed is called when Observe would differ in more than counters; it must not block.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	ctx, cancel := context.WithCancel(ctx)
	r := &runner{Driver: d, ctx: ctx, changed: changed, radios: map[string]*tended{}}
	defer r.work.Wait()
	defer cancel()
	if err := os.MkdirAll(d.dir(), 0o700); err != nil {
		return fmt.Errorf("hostapd: make folder: %w", err)
	}
	if err := save.Sweep(d.dir()); err != nil {
		d.opt.Log.Warn("hostapd: what former writes left cannot be removed", "error", err)
	}
	r.recall()
	r.strays = leftovers(d.dir())
	links := make(chan struct{}, 1)
	r.work.Go(func() {
		if err := d.hw.watch(ctx, func() { poke(links) }); err != nil {
			d.opt.Log.Warn("hostapd: no link events", "error", err)
		}
	})
	r.loop(links)
	for _, x := range r.radios {
		<-x.done
	}
	if !r.leaving() {
		for name := range r.radios {
			removeFiles(r.dir(), name)
		}
		r.clear()
	}
	d.mu.Lock()
	clear(d.air)
	d.mu.Unlock()
	return nil
}

// loop follows wishes, ends of bans and changes of interfaces.
func (r *runner) loop(links <-chan struct{}) {
	bans, quiet := time.NewTimer(0), time.NewTimer(0)
	defer bans.Stop()
	defer quiet.Stop()
	strays := time.NewTimer(strayLimit)
	defer strays.Stop()
	waiting := true // for the burst of events to pass
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.wake:
			bans.Reset(0)
		case <-bans.C:
			if next := r.reconcile(time.Now()); !next.IsZero() {
				bans.Reset(time.Until(next))
			}
		case <-strays.C:
			r.clear()
		case <-links:
			if !waiting {
				waiting = true
				quiet.Reset(linkPause)
			}
		case <-quiet.C:
			waiting = false
			if r.survey() {
				r.changed()
			}
			if r.unlisted() {
				waiting = true
				quiet.Reset(listAgain)
			}
			for _, x := range r.radios {
				poke(x.links)
			}
		}
	}
}

// survey lists the radios of the machine and tells whether they differ from before. While
// they cannot be listed they are what they were, as what is on the air stays. The first
// time it also looks which of them a former process had, before Run ends any.
func (d *Driver) survey() bool {
	former := leftovers(d.dir())
	list, err := d.hw.list()
	fault := ""
	if err != nil {
		fault = err.Error()
	}
	d.mu.Lock()
	if err != nil {
		list = d.devices
	}
	differs := fault != d.fault || !reflect.DeepEqual(list, d.devices)
	if !d.listed {
		d.former = former
	}
	d.devices, d.fault, d.listed = list, fault, true
	d.mu.Unlock()
	if differs {
		d.opt.Log.Info("hostapd: radios listed", "radios", len(list), "error", fault)
	}
	return differs
}

// unlisted says that the radios could not be listed the last time.
func (d *Driver) unlisted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault != ""
}

// reconcile gives every radio its wish, and ends those that have none. It returns when
// the next ban ends; zero never.
func (r *runner) reconcile(now time.Time) time.Time {
	r.mu.Lock()
	spec := r.spec
	fresh := r.acts.take(spec.Kicks, r.isThere, now)
	denied, next := r.acts.denied(spec.Blocked, now)
	r.mu.Unlock()
	for name, x := range r.radios {
		if !slices.ContainsFunc(spec.Radios, func(o Radio) bool { return o.Interface == name }) {
			r.end(x)
		}
	}
	for _, o := range spec.Radios {
		r.pursue(wish{country: spec.Country, radio: o, denied: denied, cost: spec.Cost})
	}
	if len(fresh) > 0 {
		r.perform(fresh, now)
	}
	return next
}

// isThere says that a station is on one of the networks; r.mu is held.
func (r *runner) isThere(mac net.HardwareAddr) bool {
	for _, a := range r.air {
		if slices.ContainsFunc(a.stations, func(s Station) bool { return bytes.Equal(s.MAC, mac) }) {
			return true
		}
	}
	return false
}

// perform does acts that are new, once they are on file.
func (r *runner) perform(fresh []Kick, now time.Time) {
	r.mu.Lock()
	done := slices.Clone(r.acts)
	r.mu.Unlock()
	if err := done.write(r.actPath(), now); err != nil {
		r.opt.Log.Warn("hostapd: acts not on file", "error", err)
	}
	for _, k := range fresh {
		for _, x := range r.radios {
			select {
			case x.kicks <- k.MAC:
			default: // as many are waiting as there can be acts
			}
		}
		r.opt.Log.Info("hostapd: station thrown out", "act", k.ID, "ban", k.Ban)
	}
	r.changed()
}

func (r *runner) actPath() string { return filepath.Join(r.dir(), actFile) }

// recall reads the acts of a former process.
func (r *runner) recall() {
	done, err := readActs(r.actPath(), time.Now())
	if err != nil {
		r.opt.Log.Warn("hostapd: acts of before not read", "error", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.acts) == 0 {
		r.acts = done
	}
}

// pursue gives a radio its wish if it has another.
func (r *runner) pursue(n wish) {
	name := n.radio.Interface
	x := r.radios[name]
	if x == nil {
		x = r.begin(name)
	} else if x.sent.equal(n) {
		return
	}
	x.sent = n
	select {
	case <-x.wishes: // it was not taken yet and is out of date
	default:
	}
	x.wishes <- n
}

func (r *runner) begin(name string) *tended {
	ctx, cancel := context.WithCancel(r.ctx)
	x := &tended{stop: cancel, done: make(chan struct{})}
	x.radio = newRadio(r.Driver, name, r.leaving, func(st RadioStatus, list []Station) {
		r.publish(name, onAir{wish{country: x.wish.country, radio: x.wish.radio}, st, list})
	})
	r.radios[name] = x
	r.work.Go(func() {
		defer close(x.done)
		x.run(ctx)
	})
	return x
}

// leaving says that Run ends and what is on the air stays there.
func (r *runner) leaving() bool {
	return r.ctx.Err() != nil && r.opt.Leave != nil && r.opt.Leave()
}

// clear ends what a former process left and nobody wished for.
func (r *runner) clear() {
	for _, name := range r.strays {
		if r.radios[name] == nil {
			r.opt.Log.Info("hostapd: ended what a former process had left", "radio", name)
			r.evict(context.WithoutCancel(r.ctx), name)
			removeFiles(r.dir(), name)
		}
	}
	r.strays = nil
}

// end takes a radio off the air and forgets it.
func (r *runner) end(x *tended) {
	x.stop()
	<-x.done
	delete(r.radios, x.name)
	removeFiles(r.dir(), x.name)
	r.mu.Lock()
	delete(r.air, x.name)
	r.mu.Unlock()
	r.changed()
}

// publish notes what a radio reported, and tells when it is more than counters.
func (r *runner) publish(name string, now onAir) {
	r.mu.Lock()
	differs := now.differs(r.air[name])
	r.air[name] = now
	r.mu.Unlock()
	if differs {
		r.changed()
	}
}

// differs compares two reports without what changes all the time.
func (a onAir) differs(b onAir) bool {
	a.status.CACLeft, b.status.CACLeft = 0, 0
	a.status.Read, b.status.Read = time.Time{}, time.Time{}
	return !a.of.equal(b.of) || !reflect.DeepEqual(a.status, b.status) ||
		!slices.EqualFunc(a.stations, b.stations, func(x, y Station) bool {
			return bytes.Equal(x.MAC, y.MAC) && x.Interface == y.Interface && x.Authorised == y.Authorised
		})
}

// poke fills a one-slot channel.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
