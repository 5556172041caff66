package vm

import (
	"fmt"
	"slices"
	"strings"
)

// Arch is a machine to boot, named as Debian names its architecture.
type Arch struct {
	Name   string   // "amd64", "armhf", "mipsel"
	GoEnv  []string // environment that makes go build for it
	kernel string   // package that depends on the newest kernel
	qemu   []string // program, machine and processor
	bus    string   // module of the bus that virtual devices sit on
	tty    string   // console, as the kernel calls it
	params string   // further kernel parameters
	card   string   // further options of the network card
	most   int      // MiB that the machine can have; 0: no bound that matters
	// hostClock says that its clocks go with the host's, also while the host is busy.
	hostClock bool
}

// arches are the machines, the fastest first.
var arches = []Arch{
	{
		Name: "amd64", GoEnv: []string{"GOARCH=amd64"}, kernel: "linux-image-amd64",
		qemu: []string{"qemu-system-x86_64", "-M", "pc"},
		bus:  "virtio_pci", tty: "ttyS0",
	},
	{
		Name: "armhf", GoEnv: []string{"GOARCH=arm", "GOARM=7"}, kernel: "linux-image-armmp",
		qemu: []string{"qemu-system-arm", "-M", "virt", "-cpu", "max"},
		bus:  "virtio_mmio", tty: "ttyAMA0",
	},
	{
		Name: "mipsel", GoEnv: []string{"GOARCH=mipsle", "GOMIPS=softfloat"}, kernel: "linux-image-4kc-malta",
		qemu: []string{"qemu-system-mipsel", "-M", "malta", "-cpu", "24Kf"},
		bus:  "virtio_pci", tty: "ttyS0", most: 256,
		// A short timer may be missed under emulation: the idle processor then sleeps
		// until its counter has gone round, 27 s. Regular ticks leave it more room.
		params: " highres=off nohz=off",
		// A timer that is due is set again for the same instant, for ever where time goes on
		// by nothing but what the processor does.
		hostClock: true,
		// The board has four slots with an interrupt, and this one for its own card.
		card: ",addr=0xb",
	},
}

// FindArch finds a machine by its Debian name.
func FindArch(name string) (Arch, error) {
	i := slices.IndexFunc(arches, func(a Arch) bool { return a.Name == name })
	if i < 0 {
		return Arch{}, fmt.Errorf("vm: there is no architecture %q, only %s", name, strings.Join(Names(), ", "))
	}
	return arches[i], nil
}

// Names are the Debian names of all machines.
func Names() []string {
	var names []string
	for _, a := range arches {
		names = append(names, a.Name)
	}
	return names
}

// device is QEMU's name of a virtual device of this kind on the machine's bus.
func (a Arch) device(kind string) string {
	if a.bus == "virtio_mmio" {
		return "virtio-" + kind + "-device"
	}
	return "virtio-" + kind + "-pci"
}

// disk is a disk that is only read. Buses differ in their order: the guest finds it by
// name.
func (a Arch) disk(name, file string) []string {
	return []string{"-drive", "if=none,format=raw,readonly=on,id=" + name + ",file=" + strings.ReplaceAll(file, ",", ",,"),
		"-device", a.device("blk") + ",drive=" + name + ",serial=" + name}
}
