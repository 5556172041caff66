package link

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"github.com/tetherd/tetherd/lab/nstest"
	"golang.org/x/sys/unix"
)

// TestRequestsByTheByte compares requests with bytes put together by hand from
// linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h and linux/fib_rules.h, as a
// little-endian machine sends them.
func TestRequestsByTheByte(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Log("not a little-endian machine")
		return
	}
	zero := pfx("0.0.0.0/0")
	for _, tc := range []struct {
		name string
		make func() ([]byte, error)
		want string
	}{
		{
			"interface 5 up",
			func() ([]byte, error) { return linkMessage(5, true, func(*netlink.AttributeEncoder) {}) },
			"00000000 05000000 01000000 01000000",
		},
		{
			"interface 5 becomes a port of 6",
			func() ([]byte, error) {
				return portMessage(netdev{index: 5}, 6, Protocol)
			},
			"00000000 05000000 00000000 00000000 0800 0a00 06000000 0800 1b00 61000000", // master, group 97
		},
		{
			"interface 5 is a port no longer",
			func() ([]byte, error) { return portMessage(netdev{index: 5, master: 6, group: Protocol}, 0, 0) },
			"00000000 05000000 00000000 00000000 0800 0a00 00000000 0800 1b00 00000000",
		},
		{
			"interface 5 of somebody's group becomes a port of 6",
			func() ([]byte, error) { return portMessage(netdev{index: 5, group: 7}, 6, Protocol) },
			"00000000 05000000 00000000 00000000 0800 0a00 06000000",
		},
		{
			"default route of table 100 through a gateway on the link",
			func() ([]byte, error) {
				return routeMessage(4, route{dst: zero, via: adr("10.64.0.1"), table: 100})
			},
			"02000000 00 61 00 01 04000000" + // protocol 97, scope universe, unicast, RTNH_F_ONLINK
				"0800 0500 0a400001 0800 0400 04000000 0800 0f00 64000000", // gateway, interface, table
		},
		{
			"default route of main by a device",
			func() ([]byte, error) { return routeMessage(4, route{dst: zero, table: 254, metric: 700}) },
			"02000000 00 61 fd 01 00000000" + // scope link
				"0800 0400 04000000 0800 0600 bc020000 0800 0f00 fe000000", // interface, metric, table
		},
		{
			"clients have no other way out",
			func() ([]byte, error) { return encodeRule(rule{priority: ruleLANClosed, iif: "br", unreachable: true}) },
			"02000000 00000007 00000000" + // FR_ACT_UNREACHABLE
				"0800 0600 16260000 0500 1500 61000000 0700 0300 62720000", // priority, protocol, interface
		},
	} {
		got, err := tc.make()
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if want := unhex(t, tc.want); !bytes.Equal(got, want) {
			t.Errorf("%s:\n% x, want\n% x", tc.name, got, want)
		}
	}
}

func TestWhatIsNoFailure(t *testing.T) {
	wrap := func(e unix.Errno) error { return fmt.Errorf("ask: %w", e) }
	for _, e := range []unix.Errno{unix.ENODEV, unix.ENXIO} {
		if !vanished(wrap(e)) || !absent(wrap(e)) {
			t.Errorf("%v is a failure", e)
		}
	}
	for _, e := range []unix.Errno{unix.ESRCH, unix.ENOENT, unix.EADDRNOTAVAIL} {
		if vanished(wrap(e)) || !absent(wrap(e)) {
			t.Errorf("%v must be harmless to a deletion alone", e)
		}
	}
	if vanished(wrap(unix.EPERM)) || absent(wrap(unix.EINVAL)) {
		t.Error("a refusal is harmless")
	}
}

// TestErrorsNameWhatWasAttempted asks for what the kernel refuses, beside what it
// grants: the one must be told, the other done.
func TestErrorsNameWhatWasAttempted(t *testing.T) {
	gateway(t)
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	s.LANs[0].MTU, s.Uplinks[0].MTU = 1<<20, 60
	d := New(Options{})
	for range 2 {
		err := d.Apply(s)
		if err == nil || !strings.HasPrefix(err.Error(), "link: set MTU of link br-tether up mtu 1048576: ") ||
			!strings.Contains(err.Error(), "\nset MTU of link wwan0 up mtu 60: ") || strings.Count(err.Error(), "link: ") != 1 {
			t.Errorf("error: %v", err)
		}
		want := []string{"missing: link br-tether up mtu 1048576", "missing: link wwan0 up mtu 60",
			"not wanted: link br-tether up mtu 1500", "not wanted: link wwan0 up mtu 1500"}
		if d := cmp.Diff(want, Drift(s, d.Observe())); d != "" {
			t.Errorf("the rest was not done: %s", d)
		}
	}
	nstest.Run(t, "ping -c1 -w10 203.0.113.5")
}

// TestObserveBesideApply has both at work at once.
func TestObserveBesideApply(t *testing.T) {
	gateway(t)
	self := nstest.Here(t)
	var log bytes.Buffer
	d := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	apply(t, d, Spec{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		done := self.Start(func() error {
			defer wg.Done()
			for range 20 {
				if st := d.Observe(); st.Error != "" {
					return fmt.Errorf("observe: %s", st.Error)
				}
			}
			return nil
		})
		defer func() {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
	}
	for range 5 {
		apply(t, d, Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}})
		apply(t, d, Spec{})
	}
	wg.Wait()
	if n := strings.Count(log.String(), `msg="link changed" step=create item="bridge br-tether"`); n != 5 {
		t.Errorf("%d bridges made according to the log", n)
	}
}

// TestInterruptedDump: a list that was changed while it was told is read again, and is never
// taken for the whole.
func TestInterruptedDump(t *testing.T) {
	asked, broken := 0, 2
	c := nltest.Dial(func(req []netlink.Message) ([]netlink.Message, error) {
		asked++
		m := netlink.Message{Header: netlink.Header{Sequence: req[0].Header.Sequence}, Data: []byte{byte(asked)}}
		if asked <= broken {
			m.Header.Flags = netlink.DumpInterrupted
		}
		return []netlink.Message{m}, nil
	})
	defer c.Close()
	var got []byte
	each := func(b []byte) { got = append(got, b...) }
	if err := dump(c, unix.RTM_GETLINK, nil, each); err != nil || string(got) != "\x03" {
		t.Errorf("%v, %v", got, err)
	}
	asked, broken, got = 0, 100, nil
	if err := dump(c, unix.RTM_GETLINK, nil, each); err == nil || len(got) > 0 || asked > 10 {
		t.Errorf("%v, %v, asked %d times", got, err, asked)
	}
}
