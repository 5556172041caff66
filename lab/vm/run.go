package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Result tells how a job went that came to its end.
type Result struct {
	Code  int           // exit status of the job
	Boot  time.Duration // from the kernel's start to the job's
	Total time.Duration // life of the machine
}

// errEnded and errLimit tell why a job did not come to its end.
var (
	errEnded = errors.New("the machine ended before the job")
	errLimit = errors.New("the job did not end in time")
)

// Run boots a machine, runs the job in it and ends it. A job that fails is no error:
// its status is in the result. The error of a machine that panics, vanishes or
// exceeds the limit holds the console's end.
func (i *Image) Run(ctx context.Context, job Job) (Result, error) {
	dir, err := os.MkdirTemp("", "tetherd-vm-")
	if err != nil {
		return Result{}, fmt.Errorf("vm: %w", err)
	}
	defer os.RemoveAll(dir)
	disk := filepath.Join(dir, "job.squashfs")
	if err := writeDisk(disk, job.fill); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, job.Limit, fmt.Errorf("%w: %v", errLimit, job.Limit))
	defer cancel()
	return i.boot(ctx, job, disk)
}

// boot starts QEMU and follows it to the verdict.
func (i *Image) boot(ctx context.Context, job Job, disk string) (Result, error) {
	port, theirs, err := socketPair()
	if err != nil {
		return Result{}, err
	}
	defer port.Close()
	defer theirs.Close()
	begun := time.Now()
	console := new(tail)
	cmd := i.command(job, disk)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdout, cmd.Stderr = console, console
	if job.Terminal {
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	}
	ended, err := startBound(cmd)
	if err != nil {
		return Result{}, fmt.Errorf("vm: start the machine: %w", err)
	}
	theirs.Close() // so that the port ends with the machine
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()

	v, err := (&splitter{out: job.Output}).copy(port)
	if v != nil || err != nil {
		cmd.Process.Kill() // it has nothing more to say
	}
	<-ended
	switch {
	case err != nil:
		return Result{}, err
	case v != nil:
		return Result{v.code, v.boot, time.Since(begun)}, nil
	}
	why := cmp.Or(context.Cause(ctx), errEnded)
	return Result{}, fmt.Errorf("vm: %w (%s, %v, %s); the end of its console:\n%s", why, i.Arch.Name, cmd.ProcessState, i.Release, console)
}

// counting is an emulated processor of 250 million instructions a second, much like a small
// router's: the machine's clocks count what it has done, four nanoseconds each, and go on
// with the host's while it idles. So a host that is busy with something else makes it slow
// and lets no time-out in it run out: stations, hostapd and kernel would blame each other.
var counting = []string{"-accel", "tcg,thread=single", "-icount", "shift=2", "-rtc", "clock=vm"}

// parameters are the kernel's: little on the console, and an end when it panics. Two
// save what emulation is slow at: waiting for every processor when a namespace ends, and
// hiding from attacks that nobody mounts here. The last two keep it from complaining that
// a processor stood still, where it is the host's and the host was busy.
const parameters = "quiet loglevel=4 panic=-1 rcupdate.rcu_expedited=1 mitigations=off nosoftlockup rcupdate.rcu_cpu_stall_suppress=1"

// command is the machine's command line. Descriptor 3 is the job's port.
func (i *Image) command(job Job, disk string) *exec.Cmd {
	memory := cmp.Or(job.Memory, 512)
	if i.Arch.most > 0 {
		memory = min(memory, i.Arch.most)
	}
	processor := counting
	switch {
	case job.KVM:
		processor = []string{"-accel", "kvm"}
	case i.Arch.hostClock:
		processor = []string{"-accel", "tcg,thread=multi"}
	}
	line := append(i.Arch.qemu[:len(i.Arch.qemu):len(i.Arch.qemu)], "-smp", "1", "-m", strconv.Itoa(memory))
	line = append(append(line, processor...),
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-kernel", i.Kernel, "-initrd", i.Start,
		"-append", "console="+i.Arch.tty+" "+parameters+i.Arch.params,
		"-chardev", job.console(), "-serial", "chardev:console",
		// Programs wait for chance, of which an emulated machine has none of its own.
		"-object", "rng-random,id=chance,filename=/dev/urandom", "-device", i.Arch.device("rng")+",rng=chance",
		"-device", i.Arch.device("serial"), "-chardev", "socket,id=job,fd=3", "-device", "virtserialport,chardev=job,name=lab.job",
	)
	line = append(append(line, i.Arch.disk("base", i.Base)...), i.Arch.disk("job", disk)...)
	if job.Forward != 0 {
		line = append(line, "-netdev", job.network(), "-device", i.Arch.device("net")+",netdev=lan"+i.Arch.card)
	}
	return exec.Command(line[0], line[1:]...)
}

func (j Job) console() string {
	if j.Terminal {
		return "stdio,id=console,signal=off"
	}
	return "file,id=console,path=/dev/fd/1"
}

// network is a LAN with this machine as the only client, and no way on.
func (j Job) network() string {
	return fmt.Sprintf("user,id=lan,restrict=on,ipv6=off,net=192.168.97.0/24,host=192.168.97.254,dns=192.168.97.253,hostfwd=tcp:127.0.0.1:%d-%s", j.Forward, LANAddress)
}

// socketPair makes a stream with one end for this process and one to inherit.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("vm: socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "port"), os.NewFile(uintptr(fds[1]), "machine's port")
	defer ours.Close() // the connection has a descriptor of its own
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("vm: socket pair: %w", err), theirs.Close())
	}
	return conn, theirs, nil
}

// startBound starts a process that the kernel ends with this one, however this one
// ends. That is bound to the thread, so one thread stays with the process. The channel is
// closed when it has ended.
func startBound(cmd *exec.Cmd) (<-chan struct{}, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(ended)
	}()
	return ended, <-started
}

// TestFiles are the files that a test binary of the package in folder pkg expects
// around it: the package's own files and its testdata. They keep their places below
// root, the module's folder, and stand below /src in the guest.
func TestFiles(root, pkg string) (files []File, dir string, err error) {
	below, err := filepath.Rel(root, pkg)
	if err != nil || strings.HasPrefix(below, "..") {
		return nil, "", fmt.Errorf("vm: %s is not below %s", pkg, root)
	}
	dir = filepath.Join("/src", below)
	entries, err := os.ReadDir(pkg)
	if err != nil {
		return nil, "", fmt.Errorf("vm: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() || e.Name() == "testdata" {
			files = append(files, File{filepath.Join(pkg, e.Name()), filepath.Join(dir, e.Name())})
		}
	}
	return files, dir, nil
}
