package simmodem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Slot is a place in a machine that a modem can be plugged into.
type Slot struct {
	Root      string // folder that stands for / : sys and dev are made below it
	Netns     int    // descriptor of the machine's network namespace
	Port      string // USB port, such as "1-1" or "1-1.2"; "" is 1-1
	Node      string // control node; "" is cdc-wdm0
	Interface string // network interface; "" is wwan0
	// PTY makes the control node a link to a pseudo-terminal, otherwise it is a
	// SOCK_SEQPACKET socket.
	PTY bool
}

func (s Slot) withDefaults() Slot {
	if s.Port == "" {
		s.Port = "1-1"
	}
	if s.Node == "" {
		s.Node = "cdc-wdm0"
	}
	if s.Interface == "" {
		s.Interface = "wwan0"
	}
	return s
}

// Plug is a modem in a slot. Its methods are safe for concurrent use.
type Plug struct {
	modem *Modem
	tree  tree

	mu      sync.Mutex
	in      bool
	closed  bool
	control io.Closer
	port    io.Closer // watches the port's "authorized"
}

// Plug powers the modem on in a slot: sysfs entries, control node and network
// interface appear, and then the uevents that tell of them.
func (m *Modem) Plug(slot Slot) (*Plug, error) {
	p := &Plug{modem: m, tree: newTree(slot.withDefaults())}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.insert(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.onReset = func() { p.Reset(m.device.ResetTime) }
	m.mu.Unlock()
	return p, nil
}

// Node is the path of the control node.
func (p *Plug) Node() string { return filepath.Join(p.tree.root, "dev", p.tree.slot.Node) }

// Device is the path of the USB device in sysfs.
func (p *Plug) Device() string { return p.tree.root + p.tree.usb }

// Unplug takes the modem out for good: it loses power, everything that Plug made
// vanishes, and uevents tell of it.
func (p *Plug) Unplug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return errors.Join(p.withdraw(true), p.tree.remove(true))
}

// Reset makes the modem vanish for d and come back in the same slot, as after a
// crash of its firmware. It returns at once; Unplug ends it.
func (p *Plug) Reset(d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !p.in {
		return nil
	}
	err := p.withdraw(true)
	p.comeBack(d)
	return err
}

// comeBack inserts the modem again after d.
func (p *Plug) comeBack(d time.Duration) {
	time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed || p.in {
			return
		}
		if err := p.insert(); err != nil {
			p.modem.log.Error("modem does not come back", "error", err)
		}
	})
}

// insert makes everything appear.
func (p *Plug) insert() error {
	if err := p.appear(); err != nil {
		return errors.Join(err, p.vanish(true))
	}
	p.in = true
	return sendUevents(p.tree.slot.Netns, p.events("add"))
}

func (p *Plug) appear() error {
	devices, err := p.openTUNs()
	if err != nil {
		return err
	}
	p.modem.update(p.modem.powerOn)
	for id, device := range devices {
		p.modem.AttachSession(uint32(id), device)
	}
	if err := p.tree.build(p.modem.device); err != nil {
		return err
	}
	if p.port, err = p.watchPort(); err != nil {
		return err
	}
	p.control, err = p.makeNode()
	return err
}

// openTUNs makes an interface a session: the first has the slot's name, session N that
// name with .N behind it, as the VLANs that a kernel has for sessions are called here.
func (p *Plug) openTUNs() (devices []*os.File, err error) {
	for id := range min(p.modem.device.MaxSessions, maxTUN) {
		name := p.tree.slot.Interface
		if id > 0 {
			name = fmt.Sprintf("%s.%d", name, id)
		}
		device, err := OpenTUN(p.tree.slot.Netns, name)
		if err != nil {
			for _, d := range devices {
				err = errors.Join(err, d.Close())
			}
			return nil, err
		}
		devices = append(devices, device)
	}
	return devices, nil
}

// makeNode makes the control node.
func (p *Plug) makeNode() (io.Closer, error) {
	if !p.tree.slot.PTY {
		return p.modem.Listen(p.Node())
	}
	path, closer, err := p.modem.OpenPTY()
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(path, p.Node()); err != nil {
		return nil, errors.Join(fmt.Errorf("simmodem: control node: %w", err), closer.Close())
	}
	return closer, nil
}

// withdraw makes everything vanish, or all but what a device without authorization keeps.
func (p *Plug) withdraw(gone bool) error {
	if !p.in {
		return nil
	}
	p.in = false
	events := p.events("remove")
	slices.Reverse(events)
	return errors.Join(p.vanish(gone), sendUevents(p.tree.slot.Netns, events))
}

// vanish undoes as much of appear as was done.
func (p *Plug) vanish(gone bool) error {
	var errs []error
	if p.port != nil && gone {
		errs = append(errs, p.port.Close())
		p.port = nil
	}
	if p.control != nil {
		errs = append(errs, p.control.Close())
		p.control = nil
	}
	if err := os.Remove(p.Node()); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	p.modem.Detach()
	p.modem.update(func() {
		p.modem.powerOff()
		p.modem.event(Event{Kind: "reset", Detail: "power lost"})
	})
	return errors.Join(append(errs, p.tree.remove(gone))...)
}

// events tell of everything, in the order of appearing.
func (p *Plug) events(action string) []uevent {
	t := p.tree
	below := func(path string) string { return path[len("/sys"):] }
	usbInterface := func(path, class string) uevent {
		return uevent{action, below(path), "usb", []string{"DEVTYPE=usb_interface", "DRIVER=cdc_mbim", "INTERFACE=" + class}}
	}
	return []uevent{
		{action, below(t.usb), "usb", []string{"DEVTYPE=usb_device", "PRODUCT=1d6b/104/100", "TYPE=239/2/1"}},
		usbInterface(t.control(), "2/14/0"),
		usbInterface(t.data(), "10/0/2"),
		{action, below(t.node()), "usbmisc", []string{"MAJOR=180", "MINOR=176", "DEVNAME=" + t.slot.Node}},
		{action, below(t.netdev()), "net", []string{"DEVTYPE=wwan", "INTERFACE=" + t.slot.Interface}},
	}
}
