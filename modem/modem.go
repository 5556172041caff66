// Package modem is the part that owns a cellular modem: it finds it, brings the
// SIM and the radio to service, and keeps one data bearer a purpose in the wished
// state.
//
// Discovery (discover.go) walks sysfs and listens to kernel uevents below root
// folders given as parameters. The session (session.go) is the one explicit state
// machine of the project: Next(State, Event) (State, []Command) is total and pure,
// timers are events, attempts and back-off live in the State. A back end
// (backend_mbim.go) turns Commands into wire traffic and answers into Events; it
// decides nothing. Subpackages hold the wire codecs.
package modem

import (
	"net/netip"
	"time"

	"github.com/tetherd/tetherd/secret"
)

// Secret is a subscriber identifier or credential: it prints and logs masked.
type Secret = secret.Text

// Purpose names what a bearer is for. Bearers are a map by purpose.
type Purpose string

// The purposes of a bearer.
const (
	Own      Purpose = "own"      // the gateway's own traffic
	Shared   Purpose = "shared"   // clients' traffic and what is done on their behalf
	Purchase Purpose = "purchase" // buying a plan at the operator's page
)

// Family is a PDP type: which address families a bearer asks for.
type Family string

// The PDP types (3GPP TS 27.007, +CGDCONT).
const (
	IPv4v6 Family = "ipv4v6"
	IPv4   Family = "ipv4"
	IPv6   Family = "ipv6"
)

// Auth is the authentication protocol of a bearer.
type Auth string

// The authentication protocols of a PDP context.
const (
	AuthNone Auth = "none"
	AuthPAP  Auth = "pap"
	AuthCHAP Auth = "chap"
)

// Bearer is the wish for one data bearer. Two bearers are the same exactly when
// all fields are equal; a changed field means disconnect and connect again.
type Bearer struct {
	APN      string // access point name; "" lets the network assign one
	User     string
	Password Secret
	Auth     Auth // "" is AuthNone
	Family   Family
	Attempt  uint32 // a repair: counting up asks for a redial of the same profile
}

// Mend counts repairs of the modem itself: a counter that has grown asks for the deed once,
// of a modem that is open. All bearers are hung up for it and dialled again afterwards.
type Mend struct {
	Detach uint32 // detach from packet service and attach again
	Reset  uint32 // reset by command, or else by the USB port
}

// Attach is the wish for the access point with which the modem registers (the default bearer
// of LTE, 3GPP TS 23.401). The zero value leaves the modem's own alone.
type Attach struct {
	Card    Secret // ICCID of the SIM for which it is; "" none
	Set     bool   // false: what the modem had before it was changed from here is put back
	Profile Bearer // APN "" lets the network choose; Attempt is not used
}

// Spec is the complete wish for the modem. The zero value means off: whatever
// session is up is closed and no device is opened.
type Spec struct {
	Enabled  bool
	Device   string // "" takes the first modem found; else a sysfs path, USB path such as "1-1.2", or control node name
	PIN      Secret // "" when none is known
	PINTyped uint32 // counts the PINs that a person typed, this one last, who may use the second try once; 0 none
	Roaming  bool   // data while roaming is allowed
	Bearers  map[Purpose]Bearer
	Mend     Mend
	// Sessions are those in which a former process left its bearers, by purpose: a purpose
	// gets the same one again, so that its bearer can be adopted and what others still route
	// there never leaves by that of another purpose.
	Sessions map[Purpose]uint32
	// Reregister counts: when it grows the modem hangs up, leaves the network (its radio is
	// switched off) and registers again.
	Reregister uint32
	Service    Service
	Attach     Attach
}

// Service is an act: an operator's data for the modem, with which it activates what the
// subscriber bought (MBIM 10.5.14). Another ID is another act; 0 is none.
type Service struct {
	ID   uint32
	Data Secret // bytes as they are, at most 8 KiB
}

// Phase is where the session stands, from nothing to registered and attached.
// Bearers have a state of their own.
type Phase string

// The phases in the order in which a session passes them.
const (
	PhaseOff        Phase = "off"         // Spec.Enabled is false
	PhaseNoModem    Phase = "no-modem"    // nothing found (or not the wished device)
	PhaseOpening    Phase = "opening"     // control channel is being opened
	PhaseReading    Phase = "reading"     // services, capabilities
	PhaseRadio      Phase = "radio"       // radio is being switched on
	PhaseRadioOff   Phase = "radio-off"   // radio is blocked by hardware
	PhaseSIM        Phase = "sim"         // waiting for the SIM to be ready
	PhaseNoSIM      Phase = "no-sim"      // no SIM, or one that cannot be read
	PhasePIN        Phase = "pin"         // PIN, PUK or a lock is needed from a person
	PhaseRegister   Phase = "registering" // searching for the network
	PhaseDenied     Phase = "denied"      // registration was rejected; Cause says why
	PhaseRoaming    Phase = "roaming"     // registered abroad and Spec.Roaming is false
	PhaseAttach     Phase = "attaching"   // packet service
	PhaseReady      Phase = "ready"       // bearers may be dialled
	PhaseMending    Phase = "mending"     // being detached, switched off or reset, as Spec.Mend asks, or told Spec.Attach
	PhaseUnanswered Phase = "unanswered"  // the modem does not answer; a reset is due
)

// Device is what discovery and the capabilities query found.
type Device struct {
	Path      string // sysfs path of the device that owns the control node
	Control   string // path of the control node, such as /dev/cdc-wdm0
	Holder    string // another program that has the control node open, such as "mbim-proxy (process 731)"; "" none is seen
	Interface string // network interface, such as wwan0
	Driver    string // kernel driver, such as cdc_mbim
	Model     string // hardware info as the modem tells it
	Firmware  string
	IMEI      Secret
	Sessions  uint32 // how many sessions the modem can hold at once; 0 unknown
}

// SIMState says what stands between us and a readable SIM.
type SIMState string

// The states of a SIM.
const (
	SIMUnknown SIMState = ""
	SIMReady   SIMState = "ready"
	SIMAbsent  SIMState = "absent"
	SIMBad     SIMState = "bad" // or it does not start
	SIMPIN     SIMState = "pin"
	SIMPUK     SIMState = "puk"
	SIMLocked  SIMState = "locked" // network or device personalisation
)

// SIM is the identity read from the SIM and the state of its PIN.
type SIM struct {
	State    SIMState
	ICCID    Secret
	IMSI     Secret
	MCC, MNC string // home PLMN; the MNC keeps its 2 or 3 digits, and is "" when nobody tells how many
	HomeName string // home provider name as the modem tells it
	SPN      string // service provider name (EF_SPN); "" when unreadable
	GID1     string // group identifier 1 in upper-case hex (EF_GID1)
	// Early says that the modem was not ready to tell all of it and will be asked again
	// within a minute. One that never tells is not asked for ever.
	Early bool
	// TriesLeft is the number of PIN (or PUK) tries left, -1 when unknown.
	TriesLeft int
	// PINRefused says that the PIN in the Spec was refused before for this SIM,
	// or may not be entered with the tries left, so that it will not be entered.
	PINRefused bool
	// PINTaken says that the PIN in the Spec opened this SIM in this process.
	PINTaken bool
	Read     bool // all that the SIM tells was read
}

// Registration is the network side.
type Registration struct {
	State      string // "", "deregistered", "searching", "home", "roaming", "partner", "denied"
	PLMN       string // MCC and MNC digits of the serving network
	Name       string
	Cause      uint32 // 3GPP TS 24.008/24.301 mobility cause of the last reject; 0 none
	Technology string // highest data class in use, such as "lte" or "5g-nsa"
	Attached   bool   // packet service
}

// Registered says that a network has taken the modem.
func (r Registration) Registered() bool { return r.State == "home" || r.Roams() }

// Roams says that the network is not the SIM's own: a foreign one, or a partner's.
func (r Registration) Roams() bool { return r.State == "roaming" || r.State == "partner" }

// Signal is the last signal report. Fields are 0 when unknown, dBm and dB are
// otherwise negative or, for SNR, tenths of a dB with Known set.
type Signal struct {
	RSSI int // dBm
	RSRP int // dBm
	SNR  int // tenths of a dB; valid when HasSNR
	// HasSNR tells a reported 0 from none.
	HasSNR bool
}

// NetworkTime is one moment by two clocks: as the network told it, which is right but for
// the width of time zones, and by the machine's. The zero value is none.
type NetworkTime struct{ Right, At time.Time }

// IPConfig is what the network gave one bearer in one family.
type IPConfig struct {
	Addresses []netip.Prefix
	Gateway   netip.Addr // invalid when absent: use a device route
	DNS       []netip.Addr
	MTU       int // bytes; 0 when not told
}

// BearerState is where one bearer stands.
type BearerState string

// The states of a bearer.
const (
	BearerUnasked    BearerState = "" // the modem was not asked yet: a former process's may be up
	BearerDown       BearerState = "down"
	BearerConnecting BearerState = "connecting"
	BearerUp         BearerState = "up"
	BearerFailed     BearerState = "failed" // the last try was refused; Cause and Status say why
)

// BearerStatus is one bearer as it is.
type BearerStatus struct {
	State   BearerState
	InForce Bearer // the profile that is up or was tried last
	Session uint32 // session id on the modem
	// Interface carries this bearer's packets: the modem's own for session 0, else a VLAN
	// with the session's number on it, which somebody has to make.
	Interface string
	Parent    string    // what that VLAN stands on; "" it is none
	IPv4      *IPConfig // nil when the family was not granted
	IPv6      *IPConfig
	Cause     uint32    // 3GPP TS 24.008 session cause of the last failure or of the loss; 0 none
	Error     string    // other reason of the last failure, one line; "" none
	Since     time.Time // when State was entered
	Adopted   bool      // taken over from a former process
	Drops     uint32    // times the network took this bearer down since the process started
}

// Served is how the act Service ended.
type Served struct {
	ID    uint32 // of the last one that was carried out; 0 none
	Error string // why the modem or the network did not take it; "" they did
}

// AttachStatus is what became of the wish for an access point to register with.
type AttachStatus struct {
	Can   bool    // the modem can be told one
	Done  *Attach // wish that was carried out last, or given up; nil none
	Same  bool    // nothing had to be changed for it
	Error string  // why it was given up; "" it was not
}

// Transition is one line of the session's bounded log.
type Transition struct {
	At   time.Time
	From Phase
	To   Phase
	Why  string // the event, without identifiers
}

// Status is what is, as the modem told it last.
type Status struct {
	Phase        Phase
	Since        time.Time
	Device       Device
	RadioOn      bool
	SIM          SIM
	Registration Registration
	Signal       Signal
	Time         NetworkTime // what the network told last
	Bearers      map[Purpose]BearerStatus
	Log          []Transition // oldest first, at most 64
	Error        string       // what the session complains of now; "" none
	Served       Served
	Attach       AttachStatus
	InForce      Spec // the wish that the session pursues
}
