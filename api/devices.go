package api

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/hostapd"
)

// mac reads the hardware address of a call.
func (c Call) mac() (net.HardwareAddr, error) {
	const size = 6
	mac, err := net.ParseMAC(c.text("mac"))
	if err != nil || len(mac) != size {
		return nil, invalid("mac", "must be a hardware address, such as 02:00:5e:10:00:01")
	}
	return mac, nil
}

// act is the name of an act, which the same name does not make another.
func (c Call) act() (string, error) {
	id := cmp.Or(c.text("id"), rand.Text()[:10])
	if !hostapd.ActID(id) {
		return "", invalid("id", "must be of letters, digits, '-', '_', '.' and ':'")
	}
	return id, nil
}

// onDevice is the device that an act is for, and the act's name.
func (c Call) onDevice() (mac net.HardwareAddr, id string, err error) {
	if mac, err = c.mac(); err == nil {
		id, err = c.act()
	}
	return mac, id, err
}

// kick disconnects a device that is on Wi-Fi, for a while if so asked. The status tells
// what became of it.
func (s *Server) kick(c Call) (any, error) {
	mac, id, err := c.onDevice()
	if err != nil {
		return nil, err
	}
	kick := control.Kick{ID: id, MAC: mac, Ban: time.Duration(c.number("ban")) * time.Second}
	if stationOf(mac, s.Loop.Snapshot().Observed.Hostapd.Stations) == nil {
		return nil, &Fault{Code: Absent, Field: "mac", Message: "is of no device on Wi-Fi"}
	}
	return Nothing{}, s.ask(func(a chan<- error) control.Intent { kick.Answer = a; return kick })
}

func (s *Server) block(c Call) (any, error) {
	mac, err := c.mac()
	if err != nil {
		return nil, err
	}
	snap := s.Loop.Snapshot()
	if blockedAt(snap, mac) >= 0 {
		return nil, &Fault{Code: Conflict, Field: "mac", Message: "is blocked already"}
	}
	return s.change(c, snap, []config.Change{set("block", "mac", mac)})
}

func (s *Server) unblock(c Call) (any, error) {
	mac, err := c.mac()
	if err != nil {
		return nil, err
	}
	snap := s.Loop.Snapshot()
	i := blockedAt(snap, mac)
	if i < 0 {
		return nil, &Fault{Code: Absent, Field: "mac", Message: "is not blocked"}
	}
	return s.change(c, snap, []config.Change{{Section: fmt.Sprintf("@block[%d]", i)}})
}

// blockedAt is the place of a device among the sections that block; -1 none.
func blockedAt(snap *control.Snapshot, mac net.HardwareAddr) int {
	return slices.IndexFunc(snap.Config.Blocks, func(b config.Block) bool { return slices.Equal(b.MAC, mac) })
}
