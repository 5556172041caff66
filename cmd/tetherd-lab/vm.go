package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/lab/vm"
)

var errVMUsage = errors.New("usage: tetherd-lab vm build [-arch ARCH] | vm table | vm shell [-arch ARCH] [-port PORT] -tetherd FILE -lab FILE | vm exec [-arch ARCH] [flags] PROGRAM [ARGUMENT…]; -h lists the flags")

// Limits of a machine's life.
const (
	vmLimit    = 5 * time.Minute  // of a program that has no limit of its own
	bootMargin = 90 * time.Second // what a test's own limit does not cover
)

// jobStatus is the exit status of a job that failed in the machine.
type jobStatus int

func (s jobStatus) Error() string { return fmt.Sprintf("the job ended with status %d", int(s)) }

// vmFlags are what the vm verbs are told.
type vmFlags struct {
	arch, cache string
	memory      int
	limit       time.Duration
	with        []vm.File
	env         []string
	times, kvm  bool

	// Of the shell: the local port that leads to the status, and programs for the guest.
	port         uint
	tetherd, lab string
}

// vmCommand boots machines: build prepares an image, exec runs a test binary in it
// for go test -exec, table shows what exec measured, shell leaves a person in one.
func vmCommand(ctx context.Context, args []string) error {
	if len(args) == 0 || !slices.Contains([]string{"build", "exec", "table", "shell"}, args[0]) {
		return errVMUsage
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	f, rest, err := parseVM(root, args)
	if err != nil {
		return err
	}
	if args[0] == "table" {
		text, err := vm.Table(f.cache)
		fmt.Print(text)
		return err
	}
	arch, err := vm.FindArch(f.arch)
	if err != nil {
		return fmt.Errorf("%w: %w", errVMUsage, err)
	}
	image, err := vm.Prepare(arch, f.cache, os.Stderr)
	if err != nil {
		return err
	}
	switch args[0] {
	case "exec":
		return vmExec(ctx, image, root, f, rest)
	case "shell":
		return vmShell(ctx, image, f)
	}
	fmt.Printf("%s: kernel %s, disk %s\n", arch.Name, image.Release, image.Base)
	return nil
}

// parseVM reads the flags behind a verb.
func parseVM(root string, args []string) (vmFlags, []string, error) {
	var f vmFlags
	fs := flag.NewFlagSet("vm "+args[0], flag.ContinueOnError)
	fs.StringVar(&f.arch, "arch", "amd64", "machine: "+strings.Join(vm.Names(), ", "))
	fs.StringVar(&f.cache, "cache", filepath.Join(root, ".cache", "vm"), "`folder` for packages and images")
	fs.IntVar(&f.memory, "m", 0, "memory in `MiB` (exec)")
	fs.DurationVar(&f.limit, "limit", 0, "longest life of the machine, if less than the test's own limit allows (exec)")
	fs.BoolVar(&f.kvm, "kvm", false, "use the processor's own virtualisation (exec)")
	fs.BoolVar(&f.times, "times", false, "tell how long booting and the job took (exec)")
	fs.UintVar(&f.port, "port", 8097, "local `port` that leads to the gateway's status (shell)")
	fs.StringVar(&f.tetherd, "tetherd", "", "`program` for the machine's architecture (shell)")
	fs.StringVar(&f.lab, "lab", "", "tetherd-lab, a `program` for the machine's architecture (shell)")
	fs.Func("env", "set a variable in the machine, `KEY=VALUE` (exec)", func(s string) error {
		f.env = append(f.env, s)
		return nil
	})
	fs.Func("with", "copy into the machine, `FILE:PLACE`; FILE is below the module's folder (exec)", func(s string) error {
		host, guest, ok := strings.Cut(s, ":")
		if !ok {
			return errors.New("want FILE:PLACE")
		}
		if !filepath.IsAbs(host) {
			host = filepath.Join(root, host)
		}
		f.with = append(f.with, vm.File{Host: host, Guest: guest})
		return nil
	})
	if err := fs.Parse(args[1:]); err != nil {
		return f, nil, fmt.Errorf("%w: %w", errVMUsage, err)
	}
	return f, fs.Args(), nil
}

// vmExec runs a program, usually a test binary, as go test would: in the working
// folder, which is that of its package.
func vmExec(ctx context.Context, image *vm.Image, root string, f vmFlags, args []string) error {
	if len(args) == 0 {
		return errVMUsage
	}
	pkg, err := os.Getwd()
	if err != nil {
		return err
	}
	files, dir, err := vm.TestFiles(root, pkg)
	if err != nil {
		return err
	}
	const program = "/job/test"
	files = append(append(files, vm.File{Host: args[0], Guest: program}), f.with...)
	figures := vm.Figures{}
	result, err := image.Run(ctx, vm.Job{
		Args: append([]string{program}, args[1:]...), Dir: dir, Env: f.env, Files: files,
		Output: figures.Watch(os.Stdout), Memory: f.memory, KVM: f.kvm, Limit: lifeLimit(f.limit, args),
	})
	if err != nil {
		return err
	}
	if f.times {
		err = tellTimes(image, f, result, figures)
	}
	if result.Code != 0 {
		return jobStatus(result.Code)
	}
	return err
}

// tellTimes says how long a machine took, and keeps for the table what it was measured
// by when its tests passed.
func tellTimes(image *vm.Image, f vmFlags, result vm.Result, figures vm.Figures) error {
	whole := result.Total.Round(10 * time.Millisecond)
	fmt.Fprintf(os.Stderr, "vm: %s booted in %v, lived %v\n", image.Arch.Name, result.Boot, whole)
	if len(figures) == 0 || result.Code != 0 {
		return nil
	}
	figures["kernel"], figures["boot"], figures["whole"] = image.Release, result.Boot.String(), whole.String()
	figures["memory"] = fmt.Sprintf("%d MiB", f.memory)
	var err error
	figures["image"], err = vm.MiB(image.Base)
	for _, w := range f.with {
		if w.Guest == "/usr/bin/tetherd" {
			size, sizeErr := vm.MiB(w.Host)
			figures["tetherd"], err = size, errors.Join(err, sizeErr)
		}
	}
	return errors.Join(err, figures.Save(f.cache, image.Arch.Name))
}

// vmShell boots a board whose console is this terminal, until the person leaves it.
func vmShell(ctx context.Context, image *vm.Image, f vmFlags) error {
	if f.tetherd == "" || f.lab == "" || f.port == 0 || f.port > 65535 {
		return errVMUsage
	}
	fmt.Printf("vm: %s boots; its status will be at http://127.0.0.1:%d/\r\n", image.Arch.Name, f.port)
	const day = 24 * time.Hour
	result, err := image.Run(ctx, vm.Job{
		Args:   []string{"/usr/bin/tetherd-lab", "board"},
		Files:  []vm.File{{Host: f.tetherd, Guest: "/usr/bin/tetherd"}, {Host: f.lab, Guest: "/usr/bin/tetherd-lab"}},
		Output: os.Stderr, Memory: f.memory, KVM: f.kvm, Limit: cmp.Or(f.limit, day),
		Terminal: true, Forward: uint16(f.port),
	})
	if err == nil && result.Code != 0 {
		return jobStatus(result.Code)
	}
	return err
}

// lifeLimit makes the machine's limit fit the test's own, which go test passes on: the
// test shall end itself first and tell where it hangs. It goes by the machine's clock, and
// this one by the host's, which may be ahead when the host is busy.
func lifeLimit(limit time.Duration, args []string) time.Duration {
	for _, a := range args {
		if text, ok := strings.CutPrefix(a, "-test.timeout="); ok {
			if d, err := time.ParseDuration(text); err == nil && d > 0 {
				return min(cmp.Or(limit, d+bootMargin), d+bootMargin)
			}
		}
	}
	return cmp.Or(limit, vmLimit)
}

// moduleRoot is the folder of go.mod above the working folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in this folder or above it")
		}
		dir = parent
	}
}
