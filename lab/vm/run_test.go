package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// machine is an image whose QEMU is a shell script: it has its port as descriptor 3
// and its command line as arguments.
func machine(t *testing.T, script string) *Image {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/qemu", "#!/bin/sh\n"+script)
	if err := os.Chmod(dir+"/qemu", 0o755); err != nil {
		t.Fatal(err)
	}
	return &Image{Arch: Arch{Name: "test", qemu: []string{dir + "/qemu"}, most: 256}, Kernel: "vmlinuz", Release: "6.1"}
}

// play runs a job for at most a minute.
func play(t *testing.T, script string) (Result, string, error) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	result, err := machine(t, script).Run(t.Context(), Job{Args: []string{"true"}, Output: &out, Limit: time.Minute})
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return result, out.String(), err
}

func TestJobEnds(t *testing.T) {
	// The machine is ended after the verdict, though it would go on.
	result, out, err := play(t, `printf 'hello\n\000exit 3 up 1.50\n' >&3; exec sleep 60`)
	if err != nil || out != "hello\n" || result.Code != 3 || result.Boot != 1500*time.Millisecond || result.Total > 30*time.Second {
		t.Errorf("%+v, %q, %v", result, out, err)
	}
}

func TestMachineVanishes(t *testing.T) {
	_, out, err := play(t, `echo 'Kernel panic - not syncing'; echo half >&3; exit 1`)
	if !errors.Is(err, errEnded) || !strings.Contains(err.Error(), "Kernel panic") || !strings.Contains(err.Error(), "exit status 1") || out != "half\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestMachineHangs(t *testing.T) {
	i := machine(t, `echo 'waiting for ever'; exec sleep 60`)
	var out bytes.Buffer
	begun := time.Now()
	_, err := i.Run(t.Context(), Job{Args: []string{"true"}, Output: &out, Limit: 300 * time.Millisecond})
	if !errors.Is(err, errLimit) || !strings.Contains(err.Error(), "waiting for ever") || time.Since(begun) > 30*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestRunIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := machine(t, `exec sleep 60`).Run(ctx, Job{Args: []string{"true"}, Output: &bytes.Buffer{}, Limit: time.Minute})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestNobodyReads(t *testing.T) {
	closed := errors.New("closed pipe")
	_, err := machine(t, `echo text >&3; exec sleep 60`).Run(t.Context(), Job{Args: []string{"true"}, Output: failing{closed}, Limit: time.Minute})
	if !errors.Is(err, closed) {
		t.Errorf("%v", err)
	}
}

func TestNoMachine(t *testing.T) {
	i := machine(t, "")
	i.Arch.qemu = []string{"/nowhere/qemu"}
	if _, err := i.Run(t.Context(), Job{Args: []string{"true"}, Limit: time.Minute}); err == nil {
		t.Error("a missing program is no error")
	}
}

// TestMachineCommand: the machine gets what the job asks for, within its bounds.
func TestMachineCommand(t *testing.T) {
	for _, c := range []struct {
		arch string
		job  Job
		want string
	}{
		{"amd64", Job{}, "-smp 1 -m 512 -accel tcg,thread=single -icount shift=2 "},
		{"mipsel", Job{}, "-m 256 -accel tcg,thread=multi -nodefaults "},
		{"amd64", Job{KVM: true}, "-m 512 -accel kvm -nodefaults "},
		{"amd64", Job{Memory: 128}, "-m 128 "},
		{"amd64", Job{}, "-append console=ttyS0 "},
		{"armhf", Job{}, "-device virtio-serial-device "},
		{"armhf", Job{}, "-append console=ttyAMA0 "},
		{"mipsel", Job{Memory: 1024}, "-smp 1 -m 256 "},
		{"armhf", Job{}, "-initrd start.cpio "},
		{"armhf", Job{}, "readonly=on,id=base,file=a,,b -device virtio-blk-device,drive=base,serial=base "},
		{"mipsel", Job{}, "readonly=on,id=job,file=job.disk -device virtio-blk-pci,drive=job,serial=job"},
		{"amd64", Job{}, "-chardev file,id=console,"},
		{"amd64", Job{Terminal: true}, "-chardev stdio,id=console,"},
		{"mipsel", Job{Forward: 8097}, ",restrict=on,ipv6=off,net=192.168.97.0/24,host=192.168.97.254,dns=192.168.97.253,hostfwd=tcp:127.0.0.1:8097-192.168.97.1:8080 -device virtio-net-pci,netdev=lan"},
		{"armhf", Job{Forward: 8097}, "-device virtio-net-device,netdev=lan"},
	} {
		arch, err := FindArch(c.arch)
		if err != nil {
			t.Fatal(err)
		}
		line := strings.Join((&Image{Arch: arch, Start: "start.cpio", Base: "a,b"}).command(c.job, "job.disk").Args, " ")
		if !strings.Contains(line, c.want) {
			t.Errorf("%s %+v: no %q in %s", c.arch, c.job, c.want, line)
		}
	}
	if _, err := FindArch("sparc"); err == nil || !strings.Contains(err.Error(), "mipsel") {
		t.Errorf("sparc: %v", err)
	}
}
