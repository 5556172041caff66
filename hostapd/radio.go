package hostapd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/tetherd/tetherd/save"
)

// Times of looking after one radio.
const (
	startLimit   = time.Minute     // until hostapd answers: a small router has much to load and little to do it with
	stopGrace    = time.Second     // for hostapd to take leave of its stations
	countryLimit = 3 * time.Second // for the kernel to read its rules
	restFirst    = time.Second     // after the first failure, doubled each time
	restLongest  = time.Minute
	passing      = 2 // failures that may pass, before the former setting is put back
)

// wish is what one radio has to pursue.
type wish struct {
	country string
	radio   Radio
	denied  []net.HardwareAddr
	cost    Cost
}

func (w wish) equal(o wish) bool {
	return same(reflect.ValueOf(w), reflect.ValueOf(o))
}

var (
	errAbsent   = errors.New("there is no such radio")
	errUnlisted = errors.New("the radios cannot be listed")
	errRestart  = errors.New("to be started again") // at once, with the present wish
)

// radio looks after one radio on a goroutine of its own.
type radio struct {
	d      *Driver
	name   string
	log    *slog.Logger
	wishes chan wish             // one slot, the latest wins
	links  chan struct{}         // one slot: an interface came, went or changed
	kicks  chan net.HardwareAddr // stations to throw out once
	report func(RadioStatus, []Station)
	leave  func() bool // what is on the air stays there at the end

	// The rest belongs to the goroutine.
	wish     wish
	good     *Setting // the last that was on the air
	refused  string   // why the wish cannot be, while good is
	trouble  Trouble
	asked    int // networks that were wished when some were found too many
	guarded  int // likewise those to have WPA3 alone, when some could not
	fails    int // in a row
	starts   uint32
	status   RadioStatus
	stations []Station
}

func newRadio(d *Driver, name string, leave func() bool, report func(RadioStatus, []Station)) *radio {
	return &radio{
		d: d, name: name, leave: leave, report: report, log: d.opt.Log.With("radio", name),
		wishes: make(chan wish, 1), links: make(chan struct{}, 1), kicks: make(chan net.HardwareAddr, maxActs),
		status: RadioStatus{Interface: name},
	}
}

// run pursues wishes until ctx ends; then nothing is on the air, unless it is left.
func (w *radio) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case w.wish = <-w.wishes:
	}
	for ctx.Err() == nil {
		err := w.once(ctx)
		if ctx.Err() == nil && !errors.Is(err, errRestart) {
			w.rest(ctx, err)
		}
	}
}

// once has hostapd on the air until something ends that.
func (w *radio) once(ctx context.Context) error {
	set, err := w.prepare(ctx)
	if err != nil {
		return err
	}
	w.status.Why = set.Tune.Why
	w.status.Refused = w.refused
	w.enter(StateStarting, "")
	s, err := w.launch(ctx, set)
	if err == nil {
		if err = s.watch(ctx); w.leave() {
			s.leave()
		} else {
			s.close()
		}
	}
	w.stations = nil
	var c cause
	if errors.As(err, &c) && ctx.Err() == nil {
		return w.learn(set, s != nil && s.onAir, c)
	}
	return err
}

// prepare settles with what to start hostapd.
func (w *radio) prepare(ctx context.Context) (Setting, error) {
	if w.refused != "" {
		return w.former(*w.good), nil
	}
	caps, err := w.capabilities(ctx)
	if err != nil {
		return Setting{}, err
	}
	set, err := w.setting(caps)
	if err != nil && w.good != nil {
		w.refused = err.Error()
		return w.former(*w.good), nil
	}
	w.status.Why = set.Tune.Why
	return set, err
}

// former is a setting of before with what of the present wish does not depend on the
// radio.
func (w *radio) former(set Setting) Setting {
	set.Denied, set.Cost = w.wish.denied, w.wish.cost
	return set
}

// setting fits the wish to the radio.
func (w *radio) setting(caps Capabilities) (Setting, error) {
	t := w.trouble
	if t.Some = false; w.good != nil && len(w.wish.radio.Networks) > w.asked {
		t.Most = 0 // what is new of a wish beside one that works is not left out
	}
	caps = caps.without(t)
	r, tune, err := Fit(w.wish.radio, caps, t)
	if n := w.wish.radio.guarded(); err != nil && (w.good == nil || n <= w.guarded) {
		t.Some = true
		if r, tune, err = Fit(w.wish.radio, caps, t); err == nil {
			w.guarded = max(w.guarded, n)
		}
	}
	if err != nil {
		return Setting{Tune: tune}, err
	}
	if c := w.wish.country; c != "" && caps.Country != c {
		why := fmt.Sprintf("the rules in force are those of %q instead of %s: the kernel's table of rules may be missing", caps.Country, c)
		if caps.SelfManaged {
			why = "the radio's driver keeps its own rules instead of those of " + c
		}
		tune.Why = append(tune.Why, why)
	}
	return Setting{
		Dir: w.d.dir(), Country: w.wish.country, Radio: r, Tune: tune, Capabilities: caps,
		Denied: w.wish.denied, Cost: w.wish.cost, driver: w.d.wlan,
	}, nil
}

// capabilities reads what the radio can do once the rules of the wished country are in
// force, which take a moment. When they do not come, those that are count.
func (w *radio) capabilities(ctx context.Context) (Capabilities, error) {
	caps, err := w.look()
	if err != nil || w.wish.country == "" || caps.Country == w.wish.country || caps.SelfManaged {
		return caps, err
	}
	if err := w.d.hw.country(w.wish.country); err != nil {
		w.log.Warn("hostapd: country not set", "country", w.wish.country, "error", err)
		return caps, nil
	}
	limit := time.Now().Add(countryLimit)
	for caps.Country != w.wish.country && time.Now().Before(limit) && pause(ctx, 100*time.Millisecond) {
		if caps, err = w.look(); err != nil {
			return caps, err
		}
	}
	return caps, nil
}

func (w *radio) look() (Capabilities, error) {
	list, err := w.d.hw.list()
	if err != nil {
		return Capabilities{}, fmt.Errorf("%w: %w", errUnlisted, err)
	}
	i := slices.IndexFunc(list, func(c Capabilities) bool { return slices.Contains(c.Interfaces, w.name) })
	if i < 0 {
		return Capabilities{}, errAbsent
	}
	return list[i], nil
}

// learn draws the consequence of a failure: other settings at once if there are any,
// else the same again after a rest.
func (w *radio) learn(set Setting, wasOnAir bool, c cause) error {
	w.log.Warn("hostapd: ended or failed", "cause", c.sentence)
	before := w.trouble
	before.Channels = slices.Clone(before.Channels)
	switch c.remedy {
	case remedyACS:
		w.trouble.ACS = true
	case remedyRadar:
		w.trouble.Radar = true
	case remedySAE:
		w.trouble.SAE = true
	case remedyAX:
		w.trouble.AX = true
	case remedyAC:
		w.trouble.AC = true
	case remedyFewer: // unless that is what is new of a wish, which then is refused
		if n := len(set.Radio.Networks); n > 1 && (w.good == nil || Render(*w.good).equal(Render(set))) {
			w.trouble.Most, w.asked = n-1, len(w.wish.radio.Networks)
		}
	case remedyChannel:
		if set.Tune.Channel == 0 { // hostapd did not come to choose one
			w.trouble.ACS = true
		} else if !slices.Contains(w.trouble.Channels, set.Tune.Channel) {
			w.trouble.Channels = append(w.trouble.Channels, set.Tune.Channel)
		}
	}
	if !reflect.DeepEqual(before, w.trouble) && w.refused == "" {
		return errRestart
	}
	switch {
	case wasOnAir:
	case w.refused != "": // the former settings fail as well, so the wish is as good
		w.good, w.refused = nil, ""
	case c.remedy == remedyWait && w.fails < passing: // the wish is tried again after a rest
	case w.good != nil && !Render(*w.good).equal(Render(set)):
		w.refused = c.sentence
		return errRestart
	}
	return c
}

// rest waits until it is worth trying again.
func (w *radio) rest(ctx context.Context, err error) {
	var links chan struct{}
	state := StateWaiting
	if errors.Is(err, errAbsent) {
		state, links = StateAbsent, w.links // only then do changes of interfaces matter
	}
	w.enter(state, err.Error())
	timer := time.NewTimer(backOff(w.fails))
	defer timer.Stop()
	w.fails++
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-w.wishes:
			w.take(n)
			return
		case <-links:
			return
		case <-w.kicks: // there is nobody to throw out
		case <-timer.C:
			return
		}
	}
}

// backOff is the rest after that many failures.
func backOff(fails int) time.Duration {
	return min(restFirst<<min(fails, 16), restLongest)
}

// take makes n the wish. A refusal holds no longer when another thing is wished of the
// radio, nor do its troubles when that is another place in the spectrum.
func (w *radio) take(n wish) {
	was, is := w.wish.radio, n.radio
	if w.wish.country != n.country || !same(reflect.ValueOf(was), reflect.ValueOf(is)) {
		w.refused, w.fails = "", 0
	}
	was.Networks, is.Networks = nil, nil
	if w.wish.country != n.country || !same(reflect.ValueOf(was), reflect.ValueOf(is)) {
		w.trouble = w.trouble.lasting()
	}
	w.wish = n
}

// works notes that a setting that was not refused is on the air, which may show that a
// trouble has passed.
func (w *radio) works(set Setting) {
	if w.good = &set; len(set.Radio.Networks) > w.trouble.Most {
		w.trouble.Most = 0
	}
}

// enter notes and tells a state.
func (w *radio) enter(s State, fault string) {
	if s != w.status.State {
		w.log.Info("hostapd: radio", "state", s, "error", fault)
		w.status.Since = time.Now()
	}
	w.status.State, w.status.Error = s, fault
	if s != StateEnabled {
		w.status.Frequency, w.status.Width = 0, 0
	}
	w.report(w.status, w.stations)
}

// launch has a hostapd that answers: one of before, or a new one.
func (w *radio) launch(ctx context.Context, set Setting) (*session, error) {
	f, err := w.d.hw.netif(w.name)
	if err != nil {
		return nil, err
	}
	if f.index == 0 {
		return nil, errAbsent
	}
	w.status.Restarts = w.starts
	w.starts++
	if s := w.adopt(ctx, set, f.index); s != nil {
		return s, nil
	}
	if !w.d.evict(ctx, w.name) { // before the files tell of something else than it does
		return nil, cause{"another hostapd of ours still runs on this radio", remedyWait}
	}
	if err := writeFiles(set); err != nil {
		return nil, err
	}
	p, err := startProcess(w.d.opt.Program, set.configPath())
	if err != nil {
		return nil, fmt.Errorf("start hostapd: %w", err)
	}
	s := newSession(ctx, w, set, p, f.index)
	s.note()
	limit := time.Now().Add(startLimit)
	for !s.answers(pingLimit) {
		switch {
		case p.ended():
			s.close()
			return nil, diagnose(p.out.text(), p.end)
		case time.Now().After(limit):
			s.close()
			return nil, cause{"hostapd does not answer", remedyWait}
		case !pause(ctx, 20*time.Millisecond):
			s.close()
			return nil, ctx.Err()
		}
	}
	return s, nil
}

// writeFiles replaces the files of a setting, each in one step.
func writeFiles(set Setting) error {
	if err := os.MkdirAll(set.ctrlDir(), 0o700); err != nil {
		return err
	}
	for path, text := range Render(set) {
		if err := save.File(path, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// removeFiles removes what was written for a radio, for up to the most networks.
func removeFiles(dir, radio string) {
	os.Remove(filepath.Join(dir, radio+".conf"))
	os.Remove(filepath.Join(dir, radio+".deny"))
	os.Remove(pidPath(dir, radio))
	for i := range maxNetworks {
		os.Remove(filepath.Join(dir, bssName(radio, i)+".psk"))
	}
}

// pause waits; false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
