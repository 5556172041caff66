package hostapd

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/save"
)

// A hostapd that outlived the process that started it is known by a file with its
// process id and start time, which together name no other process. What it was told is
// what stands in its files: while that is not so there is no such note.

func pidPath(dir, radio string) string { return filepath.Join(dir, radio+".pid") }

// leftovers lists the radios that a former process did not take off the air in order: a
// hostapd that it was just about to change has files and no note.
func leftovers(dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "*.conf")) // the pattern is right
	var out []string
	for _, p := range paths {
		out = append(out, strings.TrimSuffix(filepath.Base(p), ".conf"))
	}
	return out
}

// note writes the file by which the next process knows p.
func (p *process) note(path string) error {
	born, err := birth(p.pid)
	if err != nil {
		return err
	}
	return save.File(path, fmt.Appendf(nil, "%d %s\n", p.pid, born))
}

// birth is the start time of a process in clock ticks since the boot (proc(5), stat).
func birth(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field is a name in parentheses, which may hold anything.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 20 {
		return "", fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	return f[19], nil
}

// findProcess returns the process that note wrote of, if it is alive and the kernel
// lets us watch it (pidfd_open(2), Linux 5.3).
func findProcess(path string) (*process, bool) {
	text, err := os.ReadFile(path)
	f := strings.Fields(string(text))
	if err != nil || len(f) != 2 {
		return nil, false
	}
	pid, err := strconv.Atoi(f[0])
	if err != nil || pid < 2 {
		return nil, false
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, false
	}
	_ = unix.SetNonblock(fd, true) // for the poller; PIDFD_NONBLOCK is younger
	handle := os.NewFile(uintptr(fd), "pidfd")
	born, err := birth(pid)
	known, ended := err == nil && born == f[1], hasEnded(uintptr(fd))
	if known && ended {
		reap(pid)
	}
	if !known || ended {
		handle.Close()
		return nil, false
	}
	conn, err := handle.SyscallConn()
	if err != nil {
		handle.Close()
		return nil, false
	}
	p := &process{pid: pid, end: "it ended", done: make(chan struct{})}
	p.signal = func(s unix.Signal) error {
		var failed error
		err := conn.Control(func(fd uintptr) { failed = unix.PidfdSendSignal(int(fd), s, nil, 0) })
		return cmp.Or(err, failed)
	}
	go func() {
		defer close(p.done)
		defer handle.Close()
		conn.Read(hasEnded)
		reap(pid)
	}()
	return p, true
}

// reap lets go of a process that has ended: one of ours that was replaced in place is its
// parent.
func reap(pid int) {
	var status unix.WaitStatus
	unix.Wait4(pid, &status, unix.WNOHANG, nil)
}

// hasEnded says that the process behind a pidfd is gone: it becomes readable.
func hasEnded(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

// adopt takes over the hostapd of a former process, if it can become what is wished
// without dropping stations; nil otherwise.
func (w *radio) adopt(ctx context.Context, set Setting, index int) *session {
	former, ok := standing(set)
	if !ok {
		return nil
	}
	commands, ok := live(former, set)
	if !ok {
		return nil
	}
	p, ok := findProcess(pidPath(set.Dir, w.name))
	if !ok {
		return nil
	}
	s := newSession(ctx, w, former, p, index)
	if !s.answers(adoptLimit) || s.apply(set, commands) != nil {
		s.close()
		return nil
	}
	w.log.Info("hostapd: kept what a former process had put on the air")
	return s
}

// adoptLimit is how long one network of a busy hostapd may take to answer before it is
// rather started anew.
const adoptLimit = 2 * time.Second

// standing is the setting that the files on disk were rendered from, if that is set
// except for what the state of the mobile network and bans change all the time.
func standing(set Setting) (Setting, bool) {
	config, err := os.ReadFile(set.configPath())
	if err != nil {
		return Setting{}, false
	}
	former := set
	former.Cost = Cost{}
	for line := range strings.Lines(string(config)) {
		if element, ok := strings.CutPrefix(line, "vendor_elements="); ok {
			former.Cost = parseElement(strings.TrimSpace(element))
		}
	}
	if former.Denied, err = readDenied(set.denyPath()); err != nil {
		return Setting{}, false
	}
	for path, want := range Render(former) {
		if is, err := os.ReadFile(path); err != nil || string(is) != want {
			return Setting{}, false
		}
	}
	return former, true
}

func readDenied(path string) (list []net.HardwareAddr, err error) {
	text, err := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		mac, err := net.ParseMAC(strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		list = append(list, mac)
	}
	return list, err
}

// parseElement is the Cost whose Element is given; the zero value when there is none.
func parseElement(element string) Cost {
	b, err := hex.DecodeString(element)
	if err != nil || len(b) != 10 {
		return Cost{}
	}
	for _, l := range []CostLevel{CostUnrestricted, CostFixed, CostVariable} {
		c := Cost{Level: l, OverLimit: b[8]&1 != 0, Congested: b[8]&2 != 0, Roaming: b[8]&4 != 0, Approaching: b[8]&8 != 0}
		if c.Element() == element {
			return c
		}
	}
	return Cost{}
}

// evict ends a hostapd that a former process of ours left on a radio, and takes off the air
// what one left there that ended without taking leave: its note lies there still. One that
// nothing ends is told by false.
func (d *Driver) evict(ctx context.Context, radio string) bool {
	note := pidPath(d.dir(), radio)
	p, ok := findProcess(note)
	if ok && p.stop(stopGrace) {
		return true
	}
	if !ok {
		terminate(ctx, d.dir(), radio)
	}
	if _, err := os.Stat(note); err == nil {
		d.release(radio)
	}
	return !ok || p.ended()
}

// release takes off the air what nobody looks after any more, and out of its bridge, as
// hostapd does at its end.
func (d *Driver) release(radio string) {
	for i := range maxNetworks {
		if err := d.hw.release(bssName(radio, i)); err != nil {
			d.opt.Log.Warn("hostapd: interface not set down", "interface", bssName(radio, i), "error", err)
		}
	}
}

// terminate ends a hostapd by its control socket.
func terminate(ctx context.Context, dir, radio string) {
	c := newCtrl(filepath.Join(dir, "ctrl"), bssName(radio, 0))
	defer c.close()
	if c.tell("TERMINATE") != nil {
		return
	}
	for limit := time.Now().Add(stopGrace); time.Now().Before(limit); {
		if _, err := c.within(pingLimit, "PING"); err != nil || !pause(ctx, 20*time.Millisecond) {
			return
		}
	}
}
