package api

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/wpa"
)

// WiFi is what is on the air.
type WiFi struct {
	Country string   `json:"country,omitempty"` // whose rules are wished; absent leaves the kernel's alone
	Radios  []Radio  `json:"radios,omitempty"`  // that are used, by interface
	Blocked []string `json:"blocked,omitempty"` // clients that have no Internet and that no Wi-Fi network lets in; never in the public document
	Kicks   []Kicked `json:"kicks,omitempty"`   // what became of the last acts "kick"; never in the public document
}

// Kicked is an act that threw a station out.
type Kicked struct {
	ID    string `json:"id"`    // as given to the act, or made
	Found bool   `json:"found"` // the station was there
}

// Radio is one radio and the networks that it carries.
type Radio struct {
	Interface string        `json:"interface"`                  // such as "wlan0"
	State     string        `json:"state"`                      // "enabled" is on the air; else such as "starting", "acs", "dfs", "waiting" or "absent"
	Band      string        `json:"band_ghz,omitempty"`         // "2.4" or "5"
	Channel   int           `json:"channel,omitempty"`          // number
	Frequency int           `json:"frequency_mhz,omitempty"`    // centre of the first 20 MHz
	Width     int           `json:"width_mhz,omitempty"`        // 20, 40, 80 or 160
	RadarMS   int64         `json:"radar_check_ms,omitempty"`   // what is left of the radar check
	Networks  []Network     `json:"networks"`                   // wished
	Why       []string      `json:"why,omitempty"`              // in what it differs from the wish
	Refused   string        `json:"refused,omitempty"`          // why the wish cannot be, while the former settings are on the air
	Error     string        `json:"error,omitempty"`            // why nothing is on the air
	Restarts  uint32        `json:"restarts,omitempty"`         // times that hostapd was started again
	Wrong     []WrongAccess `json:"wrong_passphrase,omitempty"` // probably; never in the public document
}

// Network is one name on the air.
type Network struct {
	Interface string       `json:"interface"`        // such as "wlan0_1"
	SSID      string       `json:"ssid"`             // its name
	Security  wpa.Security `json:"security"`         // "wpa2", "wpa2-wpa3" or "wpa3"
	Hidden    bool         `json:"hidden,omitempty"` // the name is not announced
	Guest     bool         `json:"guest,omitempty"`  // apart from the LAN
	Stations  int          `json:"stations"`         // clients that were let in
}

// WrongAccess is a device that probably tried a wrong passphrase.
type WrongAccess struct {
	MAC   string    `json:"mac"`   // hardware address
	Count int       `json:"count"` // times
	Last  time.Time `json:"last"`  // the last time
}

// Station is how a client is connected by Wi-Fi.
type Station struct {
	Interface   string `json:"interface"`            // of the network
	SSID        string `json:"ssid"`                 // name of the network
	Guest       bool   `json:"guest,omitempty"`      // of a network for guests
	Authorised  bool   `json:"authorised"`           // let in; else on its way
	Randomised  bool   `json:"randomised,omitempty"` // the hardware address is made up, another one may come tomorrow
	Security    string `json:"security,omitempty"`   // "wpa2" or "wpa3"
	Protected   bool   `json:"protected,omitempty"`  // management frames are
	Signal      int    `json:"signal_dbm,omitempty"` // strength here, negative
	RxRate      int    `json:"rx_kbit,omitempty"`    // from the client, kbit/s
	TxRate      int    `json:"tx_kbit,omitempty"`    // to the client, kbit/s
	RxBytes     uint64 `json:"rx_bytes"`             // by radio from the client, since it connected
	TxBytes     uint64 `json:"tx_bytes"`             // by radio to the client, since it connected
	ConnectedMS int64  `json:"connected_ms"`         // how long
	InactiveMS  int64  `json:"inactive_ms"`          // since it last sent something
}

func wifiDoc(s *control.Snapshot) WiFi {
	want := s.Desired.Hostapd
	d := WiFi{Country: want.Country}
	for _, r := range want.Radios {
		d.Radios = append(d.Radios, radioDoc(r, s.Observed.Hostapd))
	}
	for _, m := range s.Desired.NAT.Blocked {
		d.Blocked = append(d.Blocked, m.String())
	}
	for _, k := range s.Observed.Hostapd.Acts {
		d.Kicks = append(d.Kicks, Kicked(k))
	}
	return d
}

func radioDoc(r hostapd.Radio, obs hostapd.Status) Radio {
	st := radioStatus(r.Interface, obs)
	d := Radio{
		Interface: r.Interface, State: string(st.State), Band: string(st.Band), Channel: st.Channel, Frequency: st.Frequency, Width: st.Width,
		RadarMS: st.CACLeft.Milliseconds(), Why: st.Why, Refused: st.Refused, Error: st.Error, Restarts: st.Restarts,
	}
	names := r.Interfaces()
	for i, n := range r.Networks {
		d.Networks = append(d.Networks, Network{
			Interface: names[i], SSID: n.SSID, Security: cmp.Or(n.Security, wpa.WPA2WPA3), Hidden: n.Hidden, Guest: n.Guest,
			Stations: authorised(obs.Stations, names[i]),
		})
	}
	for _, m := range st.Mismatches {
		d.Wrong = append(d.Wrong, WrongAccess{MAC: m.MAC.String(), Count: m.Count, Last: m.Last})
	}
	return d
}

// radioStatus is a radio as hostapd reports it; one that it does not report yet is
// starting.
func radioStatus(name string, obs hostapd.Status) hostapd.RadioStatus {
	i := slices.IndexFunc(obs.Radios, func(r hostapd.RadioStatus) bool { return r.Interface == name })
	if i < 0 {
		return hostapd.RadioStatus{Interface: name, State: hostapd.StateStarting}
	}
	st := obs.Radios[i]
	st.State = cmp.Or(st.State, hostapd.StateStarting)
	return st
}

// authorised counts the clients that are in a network.
func authorised(list []hostapd.Station, name string) (n int) {
	for i := range list {
		if st := &list[i]; st.Authorised && st.Interface == name && stationOf(st.MAC, list) == st {
			n++
		}
	}
	return n
}

// stationOf finds a client among the stations. One that moved between networks may be
// listed at its former one for a while: where it was heard last it is.
func stationOf(mac net.HardwareAddr, list []hostapd.Station) (best *hostapd.Station) {
	for i := range list {
		st := &list[i]
		if bytes.Equal(st.MAC, mac) && (best == nil || st.Authorised && (!best.Authorised || st.Inactive < best.Inactive)) {
			best = st
		}
	}
	return best
}

// stationDoc tells how a client is connected.
func stationDoc(mac net.HardwareAddr, list []hostapd.Station) *Station {
	best := stationOf(mac, list)
	if best == nil {
		return nil
	}
	return &Station{
		Interface: best.Interface, SSID: best.SSID, Guest: best.Guest, Authorised: best.Authorised, Randomised: best.Randomised,
		Security: string(best.Security), Protected: best.Protected, Signal: best.Signal, RxRate: best.RxRate, TxRate: best.TxRate,
		RxBytes: best.RxBytes, TxBytes: best.TxBytes, ConnectedMS: best.Connected.Milliseconds(), InactiveMS: best.Inactive.Milliseconds(),
	}
}

// addStations tells of each client how it is connected, and of those by Wi-Fi that have
// no lease.
func addStations(clients []Client, list []hostapd.Station) []Client {
	for i := range clients {
		mac, _ := net.ParseMAC(clients[i].MAC) // we wrote it
		clients[i].WiFi = stationDoc(mac, list)
	}
	for _, st := range list {
		mac := st.MAC.String()
		if !slices.ContainsFunc(clients, func(c Client) bool { return c.MAC == mac }) {
			clients = append(clients, Client{MAC: mac, WiFi: stationDoc(st.MAC, list)})
		}
	}
	return clients
}

// leased counts the devices that have an address, or several: one as a guest, one at home.
func leased(clients []Client) int {
	all := map[string]bool{}
	for _, c := range clients {
		if c.Address != "" {
			all[c.MAC] = true
		}
	}
	return len(all)
}

// wifiStage is whether clients can connect by Wi-Fi; false where that is nobody's
// concern, because there is no radio and none is configured.
func wifiStage(s *control.Snapshot) (Stage, bool) {
	want, obs := s.Desired.Hostapd, s.Observed.Hostapd
	switch {
	case len(want.Radios) > 0:
		return radiosStage(want, obs), true
	case obs.Error != "":
		return Stage{StageWiFi, Failed, "the radios cannot be listed: " + obs.Error}, true
	case len(obs.Devices) == 0:
		return Stage{}, false
	case !s.Config.WiFi.Enabled:
		return Stage{StageWiFi, Off, "Wi-Fi is switched off in the configuration"}, true
	}
	for _, r := range s.Desired.Why {
		if r.What == "wifi radio" {
			return Stage{StageWiFi, Off, r.Value + ": " + r.Why}, true
		}
	}
	return Stage{StageWiFi, Off, "no radio here can be an access point, or none is to be used"}, true
}

// radiosStage is done with one radio on the air, and says what the others lack.
func radiosStage(want hostapd.Spec, obs hostapd.Status) Stage {
	st := Stage{Name: StageWiFi, State: Failed}
	var texts []string
	for _, r := range want.Radios {
		state, text := radioText(r, radioStatus(r.Interface, obs))
		texts = append(texts, text)
		if state == Done || state == Waiting && st.State == Failed {
			st.State = state
		}
	}
	st.Text = strings.Join(texts, "; ")
	if st.State == Done {
		in := map[string]bool{}
		for _, x := range obs.Stations {
			if x.Authorised {
				in[x.MAC.String()] = true
			}
		}
		st.Text += "; " + many(len(in), "station")
	}
	return st
}

// radioText says where one radio stands.
func radioText(r hostapd.Radio, st hostapd.RadioStatus) (StageState, string) {
	switch st.State {
	case hostapd.StateEnabled:
		text := fmt.Sprintf("%s on channel %d (%s GHz)", ssids(r), st.Channel, st.Band)
		if st.Refused != "" {
			text += ", with the former settings: " + st.Refused
		}
		return Done, text
	case hostapd.StateDFS:
		return Waiting, fmt.Sprintf("%s listens for radar before it may transmit, %v left", r.Interface, st.CACLeft)
	case hostapd.StateACS, hostapd.StateHTScan:
		return Waiting, r.Interface + " looks for the quietest channel"
	case hostapd.StateStarting, hostapd.StateCountry:
		return Waiting, r.Interface + " is being started"
	}
	return Failed, r.Interface + " is not on the air: " + firstOf(st.Error, "it is in state "+string(st.State))
}

// ssids lists the names of a radio's networks.
func ssids(r hostapd.Radio) string {
	var names []string
	for _, n := range r.Networks {
		names = append(names, "'"+n.SSID+"'")
	}
	return strings.Join(names, ", ")
}

// wifiProblems are what radios complain of.
func wifiProblems(want hostapd.Spec, obs hostapd.Status) []string {
	var out []string
	for _, r := range want.Radios {
		st := radioStatus(r.Interface, obs)
		if state, text := radioText(r, st); state == Failed {
			out = append(out, text)
		}
		if st.Refused != "" {
			out = append(out, r.Interface+" keeps the former settings: "+st.Refused)
		}
	}
	return out
}

// text is a radio in one line.
func (r Radio) text() string {
	text := fmt.Sprintf("%-15s %s", r.Interface, r.State)
	if r.Channel != 0 && r.State == string(hostapd.StateEnabled) {
		text += fmt.Sprintf(" channel %d, %d MHz wide", r.Channel, r.Width)
	}
	for _, n := range r.Networks {
		text += fmt.Sprintf(", '%s' (%s, %s)", n.SSID, n.Security, many(n.Stations, "station"))
	}
	for _, why := range r.Why {
		text += "\n    " + why
	}
	return text
}

// text is how a client is connected, in a few words.
func (s Station) text() string {
	text := fmt.Sprintf("'%s' %d dBm", s.SSID, s.Signal)
	if !s.Authorised {
		return text + ", not let in yet"
	}
	return text
}
