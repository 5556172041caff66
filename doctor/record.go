package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/modem"
)

// MaxRecord bounds a record, in bytes.
const MaxRecord = 4 << 20

// recordVersion is the version of the form.
const recordVersion = 1

// record is one examination as it is written down.
type record struct {
	Version int
	Case    Case
	Before  Report
	Memory  Memory // of Before
	Verdict Code   // that was given; "" none
}

// Record writes down what an examination was made from and which verdict it gave, without
// secrets or anybody's numbers, so that Replay gives the same one.
func Record(c Case, before, given Report) ([]byte, error) {
	out := record{Version: recordVersion, Case: anonymous(c), Before: before, Memory: before.Memory}
	if given.Verdict != nil {
		out.Verdict = given.Verdict.Code
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("doctor: record: %w", err)
	}
	return append(text, '\n'), nil
}

// Replay examines a record again. verdict is what was found when it was made.
func Replay(text []byte) (r Report, verdict Code, err error) {
	if len(text) > MaxRecord {
		return r, "", fmt.Errorf("doctor: record: longer than %d bytes", MaxRecord)
	}
	var in record
	if err := json.Unmarshal(text, &in); err != nil {
		return r, "", fmt.Errorf("doctor: record: %w", err)
	}
	if in.Version != recordVersion {
		return r, "", fmt.Errorf("doctor: record: version %d, want %d", in.Version, recordVersion)
	}
	if in.Case.Observed.Now.IsZero() {
		return r, "", errors.New("doctor: record: Case.Observed.Now is missing")
	}
	in.Before.Memory = in.Memory
	r, _ = Examine(in.Case, in.Before)
	return r, in.Verdict, nil
}

// anonymous takes out of a case what belongs to a person: the SIM's and the modem's
// numbers, credentials, the names and hardware addresses of clients. No rule asks for
// them.
func anonymous(c Case) Case {
	m := &c.Observed.Modem
	m.Device.IMEI, m.SIM.ICCID, m.SIM.IMSI = "", "", ""
	m.InForce, m.Attach.Done = modem.Spec{}, nil
	bearers := map[modem.Purpose]modem.BearerStatus{}
	for p, b := range m.Bearers {
		b.InForce.User, b.InForce.Password = "", ""
		bearers[p] = b
	}
	m.Bearers = bearers
	leases := c.Observed.DHCP.Leases
	c.Observed.DHCP.Leases = nil
	for _, l := range leases {
		l.MAC, l.ClientID, l.Hostname = nil, nil, ""
		c.Observed.DHCP.Leases = append(c.Observed.DHCP.Leases, l)
	}
	networks := c.Observed.DHCP.InForce.Networks
	c.Observed.DHCP.InForce.Networks = nil
	for _, n := range networks {
		n.Hosts = slices.DeleteFunc(slices.Clone(n.Hosts), func(h dhcp.Host) bool { return !h.Transient }) // that one is ours
		c.Observed.DHCP.InForce.Networks = append(c.Observed.DHCP.InForce.Networks, n)
	}
	c.Observed.Hostapd.InForce, c.Observed.Hostapd.Stations, c.Observed.Hostapd.Acts = hostapd.Spec{}, nil, nil
	radios := c.Observed.Hostapd.Radios
	c.Observed.Hostapd.Radios = nil
	for _, r := range radios {
		r.Mismatches = nil
		c.Observed.Hostapd.Radios = append(c.Observed.Hostapd.Radios, r)
	}
	devices := c.Observed.Hostapd.Devices
	c.Observed.Hostapd.Devices = nil
	for _, d := range devices {
		d.Address = nil
		c.Observed.Hostapd.Devices = append(c.Observed.Hostapd.Devices, d)
	}
	c.Observed.NAT.Slots, c.Observed.NAT.Freed = nil, nil
	c.Observed.Fetch = fetch.Status{}
	interfaces := c.Observed.Link.Interfaces
	c.Observed.Link.Interfaces = nil
	for _, i := range interfaces {
		i.MAC = nil
		c.Observed.Link.Interfaces = append(c.Observed.Link.Interfaces, i)
	}
	return c
}
