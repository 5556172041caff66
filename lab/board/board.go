// Package board makes a machine of its own (package vm) a board with a modem: behind
// the USB bus of its kernel there is a simulated modem, behind that a simulated
// operator. It takes the machine's devices and namespace for its own.
package board

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/lab/operator"
	"github.com/tetherd/tetherd/lab/simmodem"
	"github.com/tetherd/tetherd/lab/usbip"
)

// Device is what the modem says of itself.
func Device() simmodem.Device {
	return simmodem.Device{Manufacturer: "Lab", Model: "Simulated LTE modem", Firmware: "1.0", IMEI: "490154203237518"}
}

// Board is the operator, and the modem while it is plugged in.
type Board struct {
	ns       *netns.NS
	operator *operator.Operator
	modem    *simmodem.Modem
	plugged  *usbip.Plugged
}

// New loads the drivers and makes an operator in a namespace of its own.
func New() (*Board, error) {
	if out, err := exec.Command("modprobe", "-a", "vhci_hcd", "cdc_mbim").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("board: load drivers: %w: %s", err, out)
	}
	ns, err := netns.New()
	if err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	o, err := operator.New(operator.Options{Netns: ns.FD(), APNs: map[string]operator.APN{
		"internet.telekom": {IPv6: true, MTU: 1430},
		"tether.example":   {Pool4: netip.MustParsePrefix("10.65.0.0/16"), MTU: 1400},
	}})
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return &Board{ns: ns, operator: o}, nil
}

// Plug plugs a modem in that was just powered on.
func (b *Board) Plug() error {
	b.modem = simmodem.New(simmodem.Options{
		Device: Device(), Core: b.operator, Signal: simmodem.Signal{RSSI: -71},
		SIM:     simmodem.SIM{ICCID: "8949020000012345678", IMSI: "262010000012345", HomePLMN: "26201", HomeName: "Lab Mobile"},
		Network: simmodem.Network{State: simmodem.Home, PLMN: "26201", Name: "Lab Mobile"},
	})
	var err error
	b.plugged, err = usbip.Plug(b.modem, usbip.Options{Device: Device()})
	return err
}

// Now is the time by the network's servers, whatever sets the machine's clock.
func (b *Board) Now() time.Time { return b.operator.Now() }

// Roam has the modem that is plugged in register with a network abroad.
func (b *Board) Roam() {
	b.modem.SetNetwork(simmodem.Network{State: simmodem.Roaming, PLMN: "20810", Name: "Ailleurs"})
}

// Unplug pulls the modem out, if it is in.
func (b *Board) Unplug() error {
	if b.plugged == nil {
		return nil
	}
	b.plugged.Unplug()
	b.plugged = nil
	return b.modem.Close()
}

// Close takes everything away.
func (b *Board) Close() error {
	return errors.Join(b.Unplug(), b.operator.Close(), b.ns.Close())
}
