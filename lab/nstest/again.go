package nstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Variables of the environment that tell a test binary that it was executed again.
// Its fuzz workers inherit them, and so stay with it.
const (
	markMain  = "TETHERD_TEST_INSIDE"
	markAlone = "TETHERD_TEST_ALONE"
)

// Main runs a package's tests in a network namespace, with nothing but loopback,
// and a mount namespace of their own: the binary executes itself there with the
// same arguments, and exits as that does. It is all that a TestMain does.
func Main(m *testing.M) {
	if os.Getenv(markMain) != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "loopback: %v: %s", err, out)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // see again
	cmd := again(context.Background(), markMain+"=1", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "tests in namespaces of their own need root:", err)
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// Alone reports whether the test runs in network, mount and PID namespaces of its
// own. If not it has the binary execute the test there, beside others that are
// parallel, and passes the verdict on: the test has only to return.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(markAlone) == t.Name() {
		Run(t, "mount -t proc proc /proc", "ip link set lo up")
		return true
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	runtime.LockOSThread() // see again
	defer runtime.UnlockOSThread()
	cmd := again(ctx, markAlone+"="+t.Name(), "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID // what the test leaves running ends with it
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// again is this binary in new namespaces, whose mounts nobody else sees. It is killed
// when the thread that started it ends, which must therefore be a locked one.
func again(ctx context.Context, mark string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	return cmd
}
