package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/lab/nstest"
)

// TestMain keeps the disks that a test mounts to itself.
func TestMain(m *testing.M) { nstest.Main(m) }

const household = `A gateway whose power fails.

-- operator --
network 26201 'Lab Mobile'
sim lab
    iccid 8949020000012345678
    imsi 262010000012345
    home 26201
insert lab
apn internet.telekom
-- story --
start
`

// TestPowerCut cuts the power in the middle of writes of the configuration, as often as
// POWERCUTS says: the program is killed, and what had reached its disk by then is all that
// the next one finds.
func TestPowerCut(t *testing.T) {
	cuts, err := strconv.Atoi(os.Getenv("POWERCUTS"))
	if err != nil {
		cuts = 5
	}
	d := newDisk(t)
	tetherd := program(t)
	t.Setenv("TMPDIR", d.mount)
	p := &powered{T: t, disk: d, world: layOut(t, tetherd, household), aim: 20 * time.Millisecond}
	d.sync(t) // what the owner has had for long is on the disk
	found := map[string]int{}
	for n := range cuts {
		found[stages[n%len(stages)]+" "+p.cut(n)]++
	}
	t.Logf("after %d cuts: %v", cuts, found)
	if cuts >= 50 && (found["confirm old"] == 0 || found["confirm new"] == 0) {
		t.Errorf("the cuts came always early, or always late: %v", found)
	}
}

// powered is a gateway on a disk.
type powered struct {
	*testing.T
	disk  *disk
	world *World
	took  time.Duration // a confirmation, the last time
	aim   time.Duration // bounds the delay of the next cut of one: half after a late cut, double after an early one
}

// stages are where the power is cut: while the change is put on trial, while it is
// confirmed, and right after that was answered.
var stages = []string{"set", "confirm", "answered"}

// cut starts the gateway, changes something, cuts the power, and says what the disk holds
// then: the "old" configuration or the "new" one.
func (p *powered) cut(n int) string {
	stage, delay := stages[n%len(stages)], rand.N(2*max(p.took, 6*time.Millisecond))
	if stage == "confirm" {
		delay = rand.N(p.aim)
	}
	before := p.boot()
	domain := fmt.Sprintf("d%d", n)
	set := func() (any, error) {
		return p.use("config set", map[string]any{"changes": []string{"dhcp.domain=" + domain}})
	}
	confirm := func() (any, error) { return p.use("config confirm", nil) }
	confirmed := false
	switch stage {
	case "set":
		go set()
	default:
		if _, err := set(); err != nil {
			p.Fatal(err)
		}
		if stage == "confirm" {
			go confirm()
			break
		}
		began := time.Now()
		if _, err := confirm(); err != nil {
			p.Fatal(err)
		}
		p.took = time.Since(began)
		confirmed, delay = true, 0
	}
	<-time.After(delay)
	p.unsynced(n)
	if err := p.world.daemon.end(unix.SIGKILL); err != nil {
		p.Fatal(err)
	}
	after := p.disk.cut(p.T, n)
	found := p.judge(n, stage, delay, after, before, domain, confirmed)
	switch {
	case stage != "confirm":
	case found == "new":
		p.aim = max(p.aim/2, time.Millisecond/4)
	default:
		p.aim = min(p.aim*2, time.Second)
	}
	return found
}

// boot starts the gateway and returns its domain.
func (p *powered) boot() string {
	p.Helper()
	if err := p.world.daemon.start(); err != nil {
		p.Fatal(err)
	}
	if _, err := p.world.daemon.await(p.Context(), 15*time.Second, func(d api.Document) bool { return d.LAN.Address != "" }); err != nil {
		p.Fatal(err)
	}
	return p.domain(p.world.dir)
}

// use uses a verb of the gateway, which may be gone before it answers.
func (p *powered) use(verb string, args map[string]any) (any, error) {
	return api.Use(context.Background(), p.world.daemon.socket(), verb, args)
}

// domain is an option of the configuration that a folder holds, which must be whole.
func (p *powered) domain(dir string) string {
	p.Helper()
	cfg, err := config.Load(filepath.Join(dir, "tetherd.conf"))
	if err != nil {
		p.Fatalf("the configuration is broken: %v", err)
	}
	return cfg.DHCP.Domain
}

// unsynced writes a file that nobody asked to be on the disk.
func (p *powered) unsynced(n int) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.disk.mount, fmt.Sprint("unsynced", n)), []byte("lost"), 0o600); err != nil {
		p.Fatal(err)
	}
}

// judge looks at what the disk held when the power was cut, and lays it before the next
// process.
func (p *powered) judge(n int, stage string, delay time.Duration, after, before, domain string, confirmed bool) string {
	p.Helper()
	if text, err := os.ReadFile(filepath.Join(after, fmt.Sprint("unsynced", n))); err == nil && len(text) > 0 {
		p.Errorf("cut %d: what was not synced is on the disk: this is no power cut", n)
	}
	dir, err := filepath.Rel(p.disk.mount, p.world.dir)
	if err != nil {
		p.Fatal(err)
	}
	dir = filepath.Join(after, dir)
	got := p.domain(dir)
	p.Logf("cut %d: %v after %s: %s, was %s, wanted %s", n, delay, stage, got, before, domain)
	if got != before && got != domain || confirmed && got != domain {
		p.Errorf("cut %d, %v after %s: the domain is %s, was %s, wanted %s", n, delay, stage, got, before, domain)
	}
	for _, name := range []string{"tetherd.conf", "state"} {
		live := filepath.Join(p.world.dir, name)
		if err := os.RemoveAll(live); err != nil {
			p.Fatal(err)
		}
		if out, err := exec.Command("cp", "-a", filepath.Join(dir, name), live).CombinedOutput(); err != nil && name != "state" {
			p.Fatalf("%v: %s", err, out)
		}
	}
	p.disk.detach(p.T, after)
	p.disk.sync(p.T)
	if got == domain {
		return "new"
	}
	return "old"
}

// disk is a file system whose blocks are in a file, which holds only what has reached the
// disk.
type disk struct {
	image, mount, copies string
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	dir := t.TempDir()
	d := &disk{image: filepath.Join(dir, "image"), mount: filepath.Join(dir, "mount"), copies: dir}
	if err := errors.Join(os.Mkdir(d.mount, 0o755), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, 32<<20)); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-F", d.image)
	run(t, "mount", "-o", "loop", d.image, d.mount)
	t.Cleanup(func() { run(t, "umount", "-l", d.mount) })
	return d
}

// sync brings everything to the disk.
func (d *disk) sync(t *testing.T) {
	t.Helper()
	run(t, "sync", "-f", d.mount)
}

// cut mounts what the disk holds now, and returns where. The copy is taken again until
// nothing was written meanwhile.
func (d *disk) cut(t *testing.T, n int) string {
	t.Helper()
	image, at := filepath.Join(d.copies, fmt.Sprint("cut", n)), filepath.Join(d.copies, fmt.Sprint("after", n))
	first, err := os.ReadFile(d.image)
	for again := 0; err == nil && again < 10; again++ {
		var second []byte
		if second, err = os.ReadFile(d.image); string(first) == string(second) {
			break
		}
		first = second
	}
	if err := errors.Join(err, os.WriteFile(image, first, 0o600), os.Mkdir(at, 0o755)); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "loop", image, at)
	return at
}

// detach forgets a copy.
func (d *disk) detach(t *testing.T, at string) {
	t.Helper()
	run(t, "umount", at)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}
