package nat

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/nstest"
)

// offloading is sharing with the short way.
func offloading() Spec {
	s := sharing()
	s.Offload = []string{"wan0", "lan0"}
	return s
}

// TestWhatOffloadAdds: what is sent the short way is counted by its connection, and so
// must not be counted by a rule, on whichever way it goes.
func TestWhatOffloadAdds(t *testing.T) {
	was := strings.Split(Render(sharing()).String(), "\n")
	var added []string
	for l := range strings.SplitSeq(Render(offloading()).String(), "\n") {
		if len(was) > 0 && l == was[0] {
			was = was[1:]
		} else {
			added = append(added, strings.TrimSpace(l))
		}
	}
	want := strings.Split(`flowtable fast {
hook ingress priority 0
devices = { "lan0", "wan0" }
counter
}

iifname "wan0" ct status snat meta l4proto tcp accept comment "counted by its connection"
iifname "wan0" ct status snat meta l4proto udp accept comment "counted by its connection"
oifname "wan0" ct state established meta l4proto tcp flow add @fast comment "the rest of the connection passes by these rules"
oifname "wan0" ct state established meta l4proto udp flow add @fast comment "the rest of the connection passes by these rules"
oifname "wan0" meta l4proto tcp accept comment "counted by its connection"
oifname "wan0" meta l4proto udp accept comment "counted by its connection"
ct state established meta l4proto tcp flow add @fast comment "the rest of the connection passes by these rules"
ct state established meta l4proto udp flow add @fast comment "the rest of the connection passes by these rules"
meta l4proto tcp accept comment "counted by its connection"
meta l4proto udp accept comment "counted by its connection"
oifname "wan0" ct status snat meta l4proto tcp accept comment "counted by its connection"
oifname "wan0" ct status snat meta l4proto udp accept comment "counted by its connection"`, "\n")
	if len(was) > 0 {
		t.Errorf("offload takes away, from: %q", was[0])
	}
	if d := cmp.Diff(want, added); d != "" {
		t.Error(d)
	}
}

// TestNoShortWay: a flow table is named only when there is something to offload, with
// devices that are there.
func TestNoShortWay(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"off":                    func(s *Spec) { s.Offload = nil },
		"the LAN is not there":   func(s *Spec) { s.Offload = []string{"wan0"} },
		"the modem is not there": func(s *Spec) { s.Offload = []string{"lan0"} },
		"no uplink":              func(s *Spec) { s.Uplinks = nil },
		"not shared":             func(s *Spec) { s.Uplinks[0].Shared = false },
		"sharing is off":         func(s *Spec) { s.Sharing = false },
	} {
		s := offloading()
		change(&s)
		plain := s
		plain.Offload = nil
		if got, want := Render(s).String(), Render(plain).String(); got != want {
			t.Errorf("%s: %s", name, cmp.Diff(want, got))
		}
	}
}

// TestOffloadOrNot: with whatever kernel this runs on, sharing is in force, and the
// Status says what became of offload. Once told, nothing is tried again.
func TestOffloadOrNot(t *testing.T) {
	newWorld(t)
	d := New(Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	for range 2 {
		if err := d.Apply(offloading()); err != nil {
			t.Fatal(err)
		}
		st := d.Observe()
		want := offloading()
		if st.NoOffload != "" {
			want.Offload = nil
		}
		if st.Error != "" || st.InForce != Render(want).Fingerprint() || (st.NoOffload == "") != slices.Equal(st.Offload, []string{"lan0", "wan0"}) {
			t.Errorf("%+v\n%s", st, ruleset(t))
		}
		if drift := Drift(offloading(), st); len(drift) > 0 {
			t.Errorf("drift: %q", drift)
		}
	}
	if st := d.Observe(); st.NoOffload != "" && !strings.HasPrefix(st.NoOffload, "this kernel has no flow tables") {
		t.Errorf("why not: %s", st.NoOffload)
	}
	if tables := nstest.Run(t, "nft list tables"); strings.Contains(tables, "try") {
		t.Errorf("left: %s", tables)
	}
}

// TestTrialThatFailsOnce: only what the kernel does not know ends all tries.
func TestTrialThatFailsOnce(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, unix.ENOMEM: false, unix.ENOBUFS: false, unix.EINTR: false, unix.EBUSY: false, os.ErrDeadlineExceeded: false,
		unix.ENOENT: true, unix.EINVAL: true, unix.EOPNOTSUPP: true, unix.EAFNOSUPPORT: true,
	} {
		if err != nil { // as the library tells it
			err = fmt.Errorf("conn.Receive: %w", errors.Join(&netlink.OpError{Op: "receive", Err: err}))
		}
		if got := lacking(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestAnAbsentDeviceIsNotTheEnd: a device that vanished between looking and loading
// leaves a ruleset without offload, and the wish for it.
func TestAnAbsentDeviceIsNotTheEnd(t *testing.T) {
	newWorld(t)
	d := New(Options{})
	s := offloading()
	s.Offload = append(s.Offload, "gone0")
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	st := d.Observe()
	if st.InForce != Render(sharing()).Fingerprint() || len(st.Offload) > 0 {
		t.Errorf("%+v", st)
	}
	if drift := Drift(s, st); (st.NoOffload == "") != (len(drift) > 0) {
		t.Errorf("drift %q although %q", drift, st.NoOffload)
	}
}

// TestWithoutAccountingNoOffload: bytes that nobody counts are not given away.
func TestWithoutAccountingNoOffload(t *testing.T) {
	newWorld(t)
	d := New(Options{})
	if err := d.applyAndCount(sharing(), "/proc/sys/net/netfilter/there_is_no_such_setting"); err != nil {
		t.Errorf("without offload nothing is lost: %v", err)
	}
	err := countConnections("/proc/sys/net/netfilter/there_is_no_such_setting")
	if !errors.Is(err, errAccounting) {
		t.Errorf("%v", err)
	}
	d.cannot(err)
	apply(t, d, sharing())
	if err := d.Apply(offloading()); err != nil {
		t.Fatal(err)
	}
	st := d.Observe()
	if !strings.HasPrefix(st.NoOffload, "connections cannot be counted") || st.InForce != Render(sharing()).Fingerprint() {
		t.Errorf("%+v", st)
	}
}
