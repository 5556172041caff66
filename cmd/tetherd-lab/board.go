package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/board"
)

// boardConfig is a gateway whose status the host reaches: see vm.LANAddress.
const boardConfig = `config lan 'lan'
	option address '192.168.97.1/24'
	list port 'eth0'
`

// onlyServer keeps QEMU's own DHCP server from clients: behind that port there is one
// client and no other gateway.
const onlyServer = `table netdev board {
	chain from_host {
		type filter hook ingress device "eth0" priority 0
		udp sport 67 drop
	}
}`

const boardWelcome = `
This is a gateway: tetherd runs, with a modem on the kernel's USB bus.
  tetherd status            how it is
  less /tmp/tetherd.log     what it did (also: tail -f)
  vi /etc/tetherd.conf      a change is in force at once
Leave with exit or Ctrl-D.

`

// boardCommand makes the machine that it runs in, one of package vm, a gateway with a
// modem, and gives its console to a person.
func boardCommand(ctx context.Context) (err error) {
	// No one loads drivers here, and not every kernel has radios to simulate.
	_ = exec.Command("modprobe", "-a", "virtio_net", "mac80211_hwsim").Run()
	if out, err := exec.Command("nft", onlyServer).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	b, err := board.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Plug(); err != nil {
		return err
	}
	stop, err := startTetherd()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return consoleShell(ctx)
}

// startTetherd starts the gateway; what it returns ends it in order.
func startTetherd() (stop func() error, err error) {
	const config = "/etc/tetherd.conf"
	if err := os.WriteFile(config, []byte(boardConfig), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create("/tmp/tetherd.log")
	if err != nil {
		return nil, err
	}
	defer log.Close() // the program holds it by itself
	cmd := exec.Command("tetherd", "run", "-config", config)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(cmd.Process.Signal(unix.SIGTERM), cmd.Wait()) }, nil
}

// consoleShell runs a shell on the console until the person leaves it, in whatever
// mood.
func consoleShell(ctx context.Context) error {
	names, err := os.ReadFile("/sys/class/tty/console/active")
	f := strings.Fields(string(names))
	if err != nil || len(f) == 0 {
		return fmt.Errorf("no console: %w", err)
	}
	tty, err := os.OpenFile("/dev/"+f[len(f)-1], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer tty.Close()
	fmt.Fprint(tty, boardWelcome)
	cmd := exec.CommandContext(ctx, "sh", "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return err
	}
	return nil
}
