// Package usbip plugs a simulated modem into the kernel it runs under: a USB device
// that the kernel's own cdc_mbim driver binds, with /dev/cdc-wdm0 and wwan0. The
// kernel's virtual host controller (vhci_hcd) takes USB requests over a socket; no
// tool, no network and no other machine is involved.
//
//	kernel: cdc_mbim ── vhci_hcd ── socket pair ── port (port.go): requests by endpoint
//	                                                 │
//	   endpoint 0: descriptors and MBIM commands (control.go) ── modem.Serve
//	   endpoint 1 in: "a response is available"               ┘
//	   bulk in and out: blocks of IP packets (ntb.go) ────────── modem.Attach
//
// Sources: Documentation/usb/usbip_protocol.rst of Linux for the socket, USB 2.0
// chapter 9, CDC NCM 1.0 for the blocks, MBIM 1.0 chapters 6 to 8 for the rest.
package usbip

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// controller is where the kernel's virtual host controller is told what to attach.
const controller = "/sys/devices/platform/vhci_hcd.0"

// freeLimit is how long a port may take to forget the device before.
const freeLimit = 5 * time.Second

// Options describe the USB side of a modem.
type Options struct {
	Device simmodem.Device // what the modem was made with: its names and largest message
	Port   int             // of the controller, 0 to 7
}

// Plugged is a modem in a USB port.
type Plugged struct {
	port  *port
	modem *simmodem.Modem
	done  sync.WaitGroup
}

// Plug puts a modem into a port. What the kernel makes of it appears in the network
// namespace that the machine booted with, within a second or so. The modem's state is
// left as it is; a modem that was just made is one that was just powered on.
func Plug(m *simmodem.Modem, o Options) (*Plugged, error) {
	conn, err := attach(o.Port)
	if err != nil {
		return nil, fmt.Errorf("usbip: %w", err)
	}
	p := &Plugged{port: newPort(conn, o.Device), modem: m}
	for id, session := range p.port.packets {
		m.AttachSession(uint32(id), session)
	}
	p.done.Go(func() { m.Serve(p.port.messages) })
	p.done.Go(p.port.run)
	return p, nil
}

// Unplug pulls the modem out. The kernel notices at once and removes what it had made.
func (p *Plugged) Unplug() {
	p.port.close()
	p.modem.Detach()
	p.done.Wait()
}

// attach gives the kernel one end of a socket pair and returns the other.
func attach(number int) (net.Conn, error) {
	if err := waitFree(number); err != nil {
		return nil, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket pair: %w", err)
	}
	defer unix.Close(fds[1]) // the kernel holds it by itself
	ours := os.NewFile(uintptr(fds[0]), "usb")
	defer ours.Close() // the connection has a descriptor of its own
	const device, highSpeed = 1<<16 | 2, 3
	line := fmt.Sprintf("%d %d %d %d", number, fds[1], device, highSpeed)
	if err := os.WriteFile(controller+"/attach", []byte(line), 0); err != nil {
		return nil, fmt.Errorf("attach to port %d: %w", number, err)
	}
	return net.FileConn(ours)
}

// waitFree waits until the kernel has cleaned up after a device that was in the port.
// Nothing tells when: its state can only be read again.
func waitFree(number int) error {
	const look = 20 * time.Millisecond
	for begun := time.Now(); ; time.Sleep(look) {
		text, err := os.ReadFile(controller + "/status")
		if err != nil {
			return fmt.Errorf("virtual host controller: %w", err)
		}
		free, err := portFree(string(text), number)
		if err != nil || free {
			return err
		}
		if time.Since(begun) > freeLimit {
			return fmt.Errorf("port %d is still in use after %v", number, freeLimit)
		}
	}
}

// portFree reads the controller's table: hub, port, state and more a line.
func portFree(table string, number int) (bool, error) {
	const unused = "004"
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) > 2 && f[0] == "hs" && f[1] == fmt.Sprintf("%04d", number) {
			return f[2] == unused, nil
		}
	}
	return false, errors.New("the controller has no such port")
}
