package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// childMain is what a process does that a test started beside itself.
func childMain(role string) {
	short := usualLimits()
	switch role {
	case "look in haste":
		short.answer = 50 * time.Millisecond
		fallthrough
	case "look":
		f := fromClient(context.Background(), short, targets()...)
		json.NewEncoder(os.Stdout).Encode(Result{Verdict: f.verdict, Detail: f.detail, Cannot: f.cannot, Bytes: f.bytes})
	case "threads":
		if err := loseThreads(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// child starts this test binary in a role, behind the words given.
func child(t *testing.T, role string, before ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := append(before, self)
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+role, "GOMAXPROCS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd
}

// TestKilledLookLeavesNothing: kill -9 in the middle, and the kernel removes the pair.
func TestKilledLookLeavesNothing(t *testing.T) {
	l := newLAN(t)
	l.noDNS.Store(true)
	events, err := rtnetlink.Dial(&netlink.Config{Groups: unix.RTMGRP_LINK})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	events.SetReadDeadline(time.Now().Add(20 * time.Second))
	cmd := child(t, "look")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.question: // by a client with a lease
	case <-time.After(10 * time.Second):
		t.Error("no question comes")
	}
	if out := ip(t, "link show master br0"); !strings.Contains(out, bridgeEnd) {
		t.Errorf("the client is not on the bridge:\n%s", out)
	}
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		t.Error("the look was over before")
	}
	awaitGone(t, events)
	nothingLeft(t)
	l.noDNS.Store(false)
	if f := fromClient(t.Context(), usualLimits(), targets()...); f.verdict != Online {
		t.Errorf("the next look: %+v", f)
	}
}

// awaitGone waits until the kernel says that the bridge's end is no more.
func awaitGone(t *testing.T, events *rtnetlink.Conn) {
	t.Helper()
	for {
		links, raw, err := events.Receive()
		if err != nil {
			t.Fatalf("the pair stays: %v", err)
		}
		for i, m := range links {
			link, ok := m.(*rtnetlink.LinkMessage)
			// The bridge tells of its ports in a family of its own.
			if ok && raw[i].Header.Type == unix.RTM_DELLINK && link.Family == unix.AF_UNSPEC && link.Attributes.Name == bridgeEnd {
				return
			}
		}
	}
}

// TestWithoutNamespaces: a process that may not make one checks what it can, and says
// what that does not prove.
func TestWithoutNamespaces(t *testing.T) {
	l := newLAN(t)
	look := func(role string) (r Result) {
		out, err := child(t, role, "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin").Output()
		if err == nil {
			err = json.Unmarshal(out, &r)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if r.Verdict != Unproven {
			t.Errorf("%+v", r)
		}
		for _, word := range []string{"network namespace: operation not permitted", "lease", "names", "NAT", "radio", "offload"} {
			if !strings.Contains(r.Cannot, word) {
				t.Errorf("cannot: %q does not name %q", r.Cannot, word)
			}
		}
		return r
	}
	r := look("look")
	if !strings.Contains(r.Detail, "weaker check") || !strings.Contains(r.Detail, "says online: http://one.example.com/204 answered as it must") {
		t.Errorf("all is well: %q", r.Detail)
	}
	if r.Bytes == 0 || l.fetched.Load() != 1 {
		t.Errorf("all is well: %d bytes, %d pages", r.Bytes, l.fetched.Load())
	}
	l.noDNS.Store(true)
	if r = look("look in haste"); !strings.Contains(r.Detail, "says no-dns: one.example.com does not resolve: "+gateway) {
		t.Errorf("no names: %q", r.Detail)
	}
	l.noDNS.Store(false)
	l.portal.Store(true)
	if r = look("look"); !strings.Contains(r.Detail, "says portal: ") {
		t.Errorf("a portal: %q", r.Detail)
	}
	ip(t, "addr flush dev br0")
	if r = look("look"); !strings.Contains(r.Detail, "br0 has no IPv4 address") {
		t.Errorf("no address: %q", r.Detail)
	}
}

// TestMainThreadIsPassedOver: with one processor the first goroutine that a main
// goroutine waits for runs on the main thread, which must not be lost.
func TestMainThreadIsPassedOver(t *testing.T) {
	if out, err := child(t, "threads").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// loseThreads loses threads to namespaces, and says when it was the wrong one or when
// one stays.
func loseThreads() error {
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	for range 20 {
		var tid int
		var inside string
		onLostThread(func() {
			tid = unix.Gettid()
			if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
				inside, err = os.Readlink("/proc/thread-self/ns/net")
			}
		})
		if err != nil {
			return err
		}
		if tid == os.Getpid() || inside == before {
			return fmt.Errorf("thread %d of process %d in %s", tid, os.Getpid(), inside)
		}
		if now, err := os.Readlink("/proc/self/ns/net"); err != nil || now != before {
			return fmt.Errorf("the process went from %s to %s: %w", before, now, err)
		}
		for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
			if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid)); os.IsNotExist(err) {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("thread %d stays", tid)
			}
		}
	}
	return nil
}
