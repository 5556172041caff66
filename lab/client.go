package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
)

// leaseScript is what udhcpc calls with the lease in its environment. It keeps an
// address that has not changed, so that connections live on.
const leaseScript = `#!/bin/sh
case "$1" in bound|renew) ;; *) exit 0 ;; esac
ip -4 -o addr show dev "$interface" | while read -r _ _ _ a _; do
	[ "$a" = "$ip/$mask" ] || ip addr del "$a" dev "$interface"
done
ip addr replace "$ip/$mask" dev "$interface"
[ -z "$mtu" ] || ip link set dev "$interface" mtu "$mtu"
ip route replace default via "${router%% *}" dev "$interface"
for d in $dns; do echo "nameserver $d"; done >"$TETHERD_LAB_RESOLV"
echo "$ip"
`

// enter gives a command a resolv.conf of its own in its own mount namespace.
const enter = `mount --make-rprivate / && mount --bind "$0" /etc/resolv.conf && exec "$@"`

// client is one device on the LAN.
type client struct {
	name  string
	ns    *netns.NS
	spawn spawner
	dir   string
	load  *download
}

// download is a long transfer in the background.
type download struct {
	cmd    *exec.Cmd
	path   string
	ended  chan struct{}
	stderr bytes.Buffer
}

func newClient(name string, ns *netns.NS, spawn spawner, dir string) (*client, error) {
	c := &client{name: name, ns: ns, spawn: spawn, dir: filepath.Join(dir, name)}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	err := os.WriteFile(c.resolv(), nil, 0o644)
	return c, errors.Join(err, os.WriteFile(c.script(), []byte(leaseScript), 0o755))
}

func (c *client) resolv() string { return filepath.Join(c.dir, "resolv.conf") }
func (c *client) script() string { return filepath.Join(c.dir, "udhcpc.sh") }

// command prepares a command in the client's namespaces.
func (c *client) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", enter, c.resolv(), name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	cmd.Env = append(os.Environ(), "TETHERD_LAB_RESOLV="+c.resolv())
	return cmd
}

// run runs a command and returns what it printed.
func (c *client) run(ctx context.Context, name string, args ...string) (string, error) {
	var out, complaints bytes.Buffer
	cmd := c.command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := c.spawn.start(c.ns, cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s in %s: %w: %s", name, c.name, err, strings.TrimSpace(complaints.String()+out.String()))
	}
	return out.String(), nil
}

// lease gets or renews a lease and returns the address.
func (c *client) lease(ctx context.Context) (string, error) {
	out, err := c.run(ctx, "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "10", "-T", "1", "-O", "mtu", "-s", c.script(), "-x", "hostname:"+c.name)
	return strings.TrimSpace(out), err
}

// fetch loads a page.
func (c *client) fetch(ctx context.Context, url string) (string, error) {
	return c.run(ctx, "curl", "-sS", "--fail", "--max-time", "10", url)
}

// startDownload begins a long transfer. Its rate is bounded by the server, so that it
// lasts, flows evenly and does not fill the disk.
func (c *client) startDownload(ctx context.Context) error {
	if c.load != nil {
		return errors.New("a download runs already")
	}
	d := &download{path: filepath.Join(c.dir, "download"), ended: make(chan struct{})}
	d.cmd = c.command(ctx, "curl", "-sS", "--fail", "--no-buffer", "-o", d.path, "http://www.example.com/download?bytes=100000000&rate=200000")
	d.cmd.Stderr = &d.stderr
	if err := c.spawn.start(c.ns, d.cmd); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	go func() {
		_ = d.cmd.Wait() // whoever waits for ended says that it broke
		close(d.ended)
	}()
	c.load = d
	_, err := c.downloading(ctx)
	return err
}

// downloading waits until more has arrived.
func (c *client) downloading(ctx context.Context) (string, error) {
	const limit, look = 5 * time.Second, 20 * time.Millisecond
	d := c.load
	if d == nil {
		return "", errors.New("no download was begun")
	}
	begun := time.Now()
	first := size(d.path)
	for now := first; ; now = size(d.path) {
		if now > first {
			return fmt.Sprintf("%d kB so far", now/1000), nil
		}
		select {
		case <-d.ended:
			return "", fmt.Errorf("the download broke: %s", strings.TrimSpace(d.stderr.String()))
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(look):
		}
		if time.Since(begun) > limit {
			return "", fmt.Errorf("the download stands still at %d bytes for %v", now, limit)
		}
	}
}

// stalled waits until nothing more of the download arrives, or it has broken.
func (c *client) stalled(ctx context.Context) (string, error) {
	const still, look = 2 * time.Second, 50 * time.Millisecond
	d := c.load
	if d == nil {
		return "", errors.New("no download was begun")
	}
	begun := time.Now()
	grew, last := begun, size(d.path)
	for time.Since(grew) < still {
		select {
		case <-d.ended:
			return fmt.Sprintf("broken at %d kB", size(d.path)/1000), nil
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(look):
		}
		if now := size(d.path); now > last {
			grew, last = time.Now(), now
		}
		if time.Since(begun) > expectLimit {
			return "", fmt.Errorf("the download goes on, at %d kB", last/1000)
		}
	}
	return fmt.Sprintf("stands still at %d kB", last/1000), nil
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// close ends what runs in the client.
func (c *client) close() {
	if c.load != nil {
		_ = c.load.cmd.Process.Kill() // it may have ended by itself
		<-c.load.ended
	}
	_ = c.ns.Close()
}
