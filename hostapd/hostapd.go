// Package hostapd is the part that puts Wi-Fi networks on the air: it renders one
// file a radio, runs one hostapd process a radio, speaks its control socket, and
// replaces the process whole when its file changes, except for what hostapd takes
// live without dropping stations.
//
// The pure side: check.go refuses what no radio could do, channel.go and fit.go turn
// a wish and a radio's capabilities into settings and say where they had to differ,
// render.go and rates.go write the file, live.go tells what can be changed without a
// restart, parse.go reads what hostapd answers, cause.go what it complains of,
// country.go knows the country of a mobile network.
// The edge: capabilities.go asks the kernel what the radios can do, process.go holds
// the child, adopt.go takes over that of a former process, ctrl.go its sockets,
// radio.go looks after one radio, driver.go after all.
package hostapd

import (
	"bytes"
	"net"
	"slices"
	"sort"
	"time"

	"github.com/tetherd/tetherd/secret"
	"github.com/tetherd/tetherd/wpa"
)

// Band is a frequency band.
type Band string

// The bands.
const (
	Band2 Band = "2.4" // GHz
	Band5 Band = "5"   // GHz
)

// Network is one SSID on one radio.
type Network struct {
	SSID     string // 1 to 32 octets of UTF-8 without control characters
	Hidden   bool   // the name is not in beacons
	Security wpa.Security
	// Passphrase is 8 to 63 printable ASCII characters or, with WPA2 alone, 64 hex
	// digits, which are the key itself.
	Passphrase secret.Text
	Bridge     string // that stations are joined to; "" none
	Isolate    bool   // stations cannot reach each other by radio
	// MaxStations bounds hostapd's station table, 1 to 2007; 0 means 2007. A station
	// beyond it is refused without a word (status 17, IEEE 802.11-2020 table 9-50), so
	// it is a safety bound, not a plan's limit.
	MaxStations int
	Guest       bool // a network for guests: isolated whatever Isolate says
}

// Radio is the wish for one radio.
type Radio struct {
	// Interface is the radio's network interface and that of the first network; the
	// others get interfaces of their own, named after it.
	Interface string
	Band      Band // "" is 2.4 GHz where the radio has it
	Channel   int  // 0 chooses by itself
	Width     int  // MHz: 20, 40, 80, 160; 0 is 20 on 2.4 GHz and up to 80 on 5 GHz
	// DFS lets the automatic choice take channels that need a radar check, for which
	// the network is silent for 1 to 10 minutes. A channel named above needs no leave.
	DFS      bool
	Networks []Network
}

// Stations are hardware addresses.
type Stations []net.HardwareAddr

// Sorted returns the addresses in order, each once.
func (s Stations) Sorted() Stations {
	out := slices.Clone(s)
	sort.Slice(out, func(i, j int) bool { return bytes.Compare(out[i], out[j]) < 0 })
	return slices.CompactFunc(out, func(a, b net.HardwareAddr) bool { return bytes.Equal(a, b) })
}

// Kick throws a station out of every network. It is an act: one ID never acts twice.
type Kick struct {
	ID  string // 1 to 64 letters, digits, '-', '_', '.' and ':'
	MAC net.HardwareAddr
	Ban time.Duration // whole seconds in which it is not let in again; 0 none
}

// Spec is the complete wish. The zero value means that no hostapd of ours runs.
type Spec struct {
	// Country is the ISO 3166-1 alpha-2 code, upper case, of where the radios are; ""
	// leaves the kernel's rules as they are. The kernel has one for all radios.
	Country string
	Radios  []Radio  // sorted by Interface, each once
	Blocked Stations // that no network lets in, sorted, at most 512
	Kicks   []Kick   // acts, oldest first, at most 64
	Cost    Cost     // what the networks tell clients about metering
}

// State is where one radio stands: what hostapd says, or else what we do.
type State string

// The states of a radio. Those from StateDisabled on are hostapd's own.
const (
	StateAbsent   State = "absent"   // there is no such interface
	StateStarting State = "starting" // hostapd was started and does not answer yet
	StateWaiting  State = "waiting"  // hostapd ended or could not start; Error says why
	StateDisabled State = "disabled"
	StateCountry  State = "country-update"
	StateACS      State = "acs" // listens for the quietest channel
	StateHTScan   State = "ht-scan"
	StateDFS      State = "dfs"   // listens for radar, see CACLeft
	StateNoIR     State = "no-ir" // may not transmit
	StateEnabled  State = "enabled"
	StateOther    State = "other" // hostapd said something that is not known here
)

// Mismatch counts handshakes of one station that looked like a wrong passphrase.
type Mismatch struct {
	MAC   net.HardwareAddr
	Count int
	Last  time.Time
}

// RadioStatus is one radio as it is.
type RadioStatus struct {
	Interface string
	State     State
	Since     time.Time // when State was entered
	Band      Band
	Channel   int // 0 unknown
	Frequency int // MHz; 0 unknown
	Width     int // MHz; 0 unknown
	// CACLeft is what is left of the radar check.
	CACLeft time.Duration
	// Why has one line for each way in which the settings differ from the wish.
	Why []string
	// Refused says why the wish could not be put on the air, so that the former
	// settings still are; "" none.
	Refused string
	Error   string // why nothing is on the air; "" none
	// Pending says that the rest is of a former wish: the present one was neither put on
	// the air nor refused yet, nor has it failed.
	Pending  bool
	Restarts uint32 // times that hostapd was started again since the first
	// Read is when its stations were last read, at most a minute ago while on the air.
	Read       time.Time
	Mismatches []Mismatch
}

// Station is one client of one network as hostapd lists it.
type Station struct {
	MAC        net.HardwareAddr
	Randomised bool   // a locally administered address (IEEE 802-2014 section 8.4)
	Interface  string // of the network
	SSID       string
	Guest      bool
	// Authorised tells a client from one that is merely on its way in: count these.
	Authorised bool
	Security   wpa.Security  // WPA2 or WPA3; "" unknown
	Protected  bool          // management frames are protected
	Signal     int           // dBm; 0 unknown
	RxRate     int           // from the station, kbit/s; 0 unknown
	TxRate     int           // to the station, kbit/s; 0 unknown
	RxBytes    uint64        // from the station
	TxBytes    uint64        // to the station
	Connected  time.Duration // since it associated
	Inactive   time.Duration
}

// Outcome is what became of one act.
type Outcome struct {
	ID    string
	Found bool // the station was there
}

// Status is what is.
type Status struct {
	Radios   []RadioStatus  // sorted by Interface
	Stations []Station      // sorted by MAC, then Interface
	Devices  []Capabilities // the radios of this machine, sorted by Interface
	Former   []string       // radios, by Interface, that were ours in a former process
	Acts     []Outcome      // of the acts that are or were in the Spec, at most 64
	Error    string         // why the radios could not be listed; "" none
	InForce  Spec           // the wish that is pursued
}
