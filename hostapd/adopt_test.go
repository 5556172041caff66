package hostapd

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// left is a network that a process put on the air and left there.
func left(t *testing.T, spec Spec) (b *bench, pid int) {
	b = newBench(t, "")
	b.opt.Leave = func() bool { return true }
	b.start().apply(spec)
	b.until("the network", on)
	pid = b.pid()
	b.finish()
	if syscall.Kill(pid, 0) != nil {
		t.Fatal("hostapd ended though it was to be left")
	}
	return b, pid
}

// next is the driver of the next process.
func next(t *testing.T, former *bench) *bench {
	b := newBench(t, "")
	b.opt.RunDir, b.dir = former.dir, former.dir
	return b
}

func gone(t *testing.T, pid int) {
	t.Helper()
	await(t, "the end of the former hostapd", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func TestNextProcessKeepsTheNetwork(t *testing.T) {
	t.Parallel()
	was := one()
	was.Blocked, was.Cost = []net.HardwareAddr{mac(1)}, Cost{Level: CostFixed, Roaming: true}
	former, pid := left(t, was)
	b := next(t, former).start()
	is := one() // what the mobile network says is not known yet
	is.Blocked = []net.HardwareAddr{mac(2)}
	b.apply(is)
	b.until("the network", on)
	if st := b.Observe(); !slices.Equal(st.Former, []string{"wlan0"}) {
		t.Errorf("the radio was not ours: %q", st.Former)
	}
	if b.pid() != pid || b.radio().Restarts != 0 {
		t.Errorf("another hostapd runs: %d, was %d", b.pid(), pid)
	}
	await(t, "the deny list", func() bool {
		denied := b.said("DENY_ACL SHOW")
		return strings.Contains(denied, mac(2).String()) && !strings.Contains(denied, mac(1).String())
	})
	// It is looked after like one of its own.
	syscall.Kill(pid, syscall.SIGKILL)
	b.until("the restart", func(r RadioStatus) bool { return on(r) && r.Restarts == 1 })
	b.finish()
	if b.pid() != 0 {
		t.Error("hostapd was left though nobody said so")
	}
}

func TestNextProcessWishesOtherwise(t *testing.T) {
	t.Parallel()
	former, pid := left(t, one())
	b := next(t, former).start()
	other := one()
	other.Radios[0].Networks[0].SSID = "Other"
	b.apply(other)
	b.until("the network", on)
	if b.pid() == pid {
		t.Error("the former network is still on the air")
	}
	gone(t, pid)
}

func TestWhatNobodyWishesIsEnded(t *testing.T) {
	t.Parallel()
	former, pid := left(t, one())
	b := next(t, former).start()
	b.apply(Spec{})
	b.finish()
	gone(t, pid)
	if list := leftovers(filepath.Join(former.dir, "hostapd")); len(list) != 0 {
		t.Errorf("notes of %q are left", list)
	}
}

// A process that is killed while it changes a hostapd leaves no note of that.
func TestUnfinishedChangeThatNobodyWishesIsEnded(t *testing.T) {
	t.Parallel()
	former, pid := left(t, one())
	os.Remove(pidPath(filepath.Join(former.dir, "hostapd"), "wlan0"))
	b := next(t, former).start()
	b.apply(Spec{})
	if st := b.Observe(); !slices.Equal(st.Former, []string{"wlan0"}) {
		t.Errorf("the radio was not ours: %q", st.Former)
	}
	b.finish()
	gone(t, pid)
}

// Who ends in order says nothing of a radio to whoever comes next: it may be another's by then.
func TestRadioIsNotOursForEver(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	b.finish()
	files, _ := filepath.Glob(filepath.Join(b.dir, "hostapd", "wlan0*"))
	if st := next(t, b).Observe(); len(st.Former) != 0 || len(files) != 0 {
		t.Errorf("former %q, files %q", st.Former, files)
	}
}

// Both are killed, as when memory runs out: the kernel goes on transmitting for hostapd.
func TestWhatADeadHostapdLeftIsEnded(t *testing.T) {
	t.Parallel()
	for name, wish := range map[string]Spec{"wished": one(), "not wished": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			former, pid := left(t, one())
			syscall.Kill(pid, syscall.SIGKILL)
			gone(t, pid)
			b := next(t, former).start()
			b.apply(wish)
			if len(wish.Radios) > 0 {
				b.until("the network", on)
			}
			b.finish()
			if got := b.released(); !slices.Equal(got, []string{"wlan0"}) {
				t.Errorf("released %q", got)
			}
		})
	}
}

// A note that names a process of somebody else is not believed.
func TestForeignProcessIsNotFound(t *testing.T) {
	t.Parallel()
	path := pidPath(t.TempDir(), "wlan0")
	self := strconv.Itoa(os.Getpid())
	born, err := birth(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		self + " " + born + "\n": true, self + " 1\n": false, self + "\n": false, "": false, "x y\n": false, "-1 1\n": false, "1 1\n": false,
		"4194305 " + born + "\n": false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := findProcess(path); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
}

func TestCostIsReadBack(t *testing.T) {
	for _, l := range []CostLevel{CostUnknown, CostUnrestricted, CostFixed, CostVariable} {
		for flags := range 16 {
			c := Cost{Level: l, OverLimit: flags&1 != 0, Congested: flags&2 != 0, Roaming: flags&4 != 0, Approaching: flags&8 != 0}
			if l == CostUnknown {
				c = Cost{}
			}
			if got := parseElement(c.Element()); got != c {
				t.Errorf("%q is %+v, was %+v", c.Element(), got, c)
			}
		}
	}
	for _, e := range []string{"dd", "zz", "dd080050f21107000000", "dd080050f21102000f00ff", "dd080050f211020000f0"} {
		if got := parseElement(e); got != (Cost{}) {
			t.Errorf("%q is %+v", e, got)
		}
	}
}

// A child goes on when the process that started it is killed, though nobody hears any
// longer what it says.
func TestChildOutlivesItsParent(t *testing.T) {
	t.Parallel()
	if count := os.Getenv("HOSTAPD_TEST_COUNT"); count != "" {
		p, err := startProcess("sh", "-c", `n=0; while :; do n=$((n+1)); echo $n; echo "$$ $n" >`+count+`.new; mv `+count+`.new `+count+`; sleep 0.01; done`)
		if err != nil {
			t.Fatal(err)
		}
		<-p.done
		return
	}
	count := filepath.Join(t.TempDir(), "count")
	read := func() (pid, n int) {
		text, _ := os.ReadFile(count)
		if f := strings.Fields(string(text)); len(f) == 2 {
			pid, _ = strconv.Atoi(f[0])
			n, _ = strconv.Atoi(f[1])
		}
		return pid, n
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestChildOutlivesItsParent$")
	parent.Env = append(os.Environ(), "HOSTAPD_TEST_COUNT="+count)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the child", func() bool { _, n := read(); return n > 0 })
	pid, _ := read()
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	parent.Process.Kill()
	parent.Wait()
	_, before := read()
	await(t, "the child to go on", func() bool { _, n := read(); return n > before+10 })
}

func TestDamagedNotesOfBansAreNotKept(t *testing.T) {
	set := Setting{Dir: t.TempDir(), Radio: Radio{Interface: "wlan0", Networks: []Network{home()}}, Capabilities: made(t, "g"), Tune: Tune{Band: Band2, Channel: 6}}
	if err := writeFiles(set); err != nil {
		t.Fatal(err)
	}
	if _, ok := standing(set); !ok {
		t.Error("its own files are not recognised")
	}
	if err := os.WriteFile(set.denyPath(), []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if former, ok := standing(set); ok {
		t.Errorf("%+v", former.Denied)
	}
}

// What a killed process left of its writes tells a passphrase, and goes.
func TestUnfinishedWritesAreCleared(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	left := filepath.Join(b.dir, "hostapd", ".wlan0.psk123456789")
	if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.start().apply(one())
	b.until("the network", on)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}
