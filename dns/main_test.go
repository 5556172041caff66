package dns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestMain runs the tests in a network namespace of their own, where loopback is all
// there is and port 53 is free.
func TestMain(m *testing.M) {
	const inside = "DNS_TEST_NAMESPACE"
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/bin/sh", append([]string{"-ec", `ip link set lo up; exec "$0" "$@"`}, os.Args...)...)
	cmd.Args[3] = "/proc/self/exe"
	if exe, err := os.Executable(); err == nil {
		cmd.Args[3] = exe
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "own namespace:", err)
		os.Exit(1)
	}
}
