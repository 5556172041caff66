package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// autoBits is the prefix length of a subnet that is picked by itself.
const autoBits = 24

// check judges what depends on more than one option. What was refused already is
// left out, so that one mistake is told once.
func (d *decoder) check() {
	d.checkPorts()
	d.checkPool()
	d.checkHosts()
	d.checkWiFi()
}

// complain adds a fault to the place of an option, of its section, or of the file,
// whichever was given.
func (d *decoder) complain(p place, message string) {
	at, ok := d.spots[p]
	if !ok {
		at = d.spots[place{p.kind, p.index, ""}]
	}
	if at.section == "" {
		at.section = p.kind
	}
	d.fault(at, p.option, message)
}

func (d *decoder) checkPorts() {
	if slices.Contains(d.config.LAN.Ports, d.config.LAN.Bridge) {
		d.complain(place{"lan", 0, "port"}, "the bridge cannot be a port of itself")
	}
}

// checkPool sees to it that the pool fits the subnet.
func (d *decoder) checkPool() {
	pool, bits := d.config.DHCP, autoBits
	if lan := d.config.LAN.Address; lan.IsValid() {
		bits = lan.Bits()
	}
	last, hosts := pool.Start+pool.Limit-1, 1<<(32-bits)-2
	if !pool.Enabled || last <= hosts || d.bad("lan", "address") || d.bad("dhcp", "start") || d.bad("dhcp", "limit") {
		return
	}
	option := "limit"
	if pool.Start > hosts {
		option = "start"
	}
	d.complain(place{"dhcp", 0, option},
		fmt.Sprintf("the pool of hosts %d to %d does not fit the LAN's /%d with hosts 1 to %d", pool.Start, last, bits, hosts))
}

// checkHosts sees to it that reservations are in the subnet and never the same.
func (d *decoder) checkHosts() {
	first := map[string]int{}
	double := func(i int, option, value string) {
		if value == "" {
			return
		}
		key := option + " " + value
		if other, ok := first[key]; ok {
			line := d.spots[place{"host", other, option}].line
			d.complain(place{"host", i, option}, fmt.Sprintf("is the same as in line %d", line))
			return
		}
		first[key] = i
	}
	for i, h := range d.config.Hosts {
		double(i, "name", h.Name)
		double(i, "mac", h.MAC.String())
		if !h.Addr.IsValid() && h.Name == "" && h.MAC != nil && !d.spots[place{"host", i, "ip"}].bad {
			d.complain(place{"host", i, "ip"}, "the option is missing, and so is the name")
		}
		if h.Addr.IsValid() {
			double(i, "ip", h.Addr.String())
			d.checkReservation(i, h.Addr)
		}
	}
}

func (d *decoder) checkReservation(i int, addr netip.Addr) {
	lan := d.config.LAN.Address
	at := place{"host", i, "ip"}
	switch {
	case lan.IsValid() && addr == lan.Addr():
		d.complain(at, "is the gateway's own address")
	case lan.IsValid() && !isHost(lan, addr):
		d.complain(at, "is not a host address of the LAN's subnet")
	case !lan.IsValid() && !d.bad("lan", "address"):
		d.complain(at, "needs a LAN with a fixed subnet: set option 'address' of section 'lan'")
	}
}

// bad tells whether an option was refused already.
func (d *decoder) bad(kind, option string) bool {
	return d.spots[place{kind, 0, option}].bad
}
