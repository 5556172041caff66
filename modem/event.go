package modem

import (
	"net/netip"
	"time"
)

// Event is something that happened, as the session takes it: the wish changed,
// devices came or went, a command was answered, the modem told something by itself,
// or a deadline passed. Only the driver and the back ends make events.
type Event struct {
	At time.Time // when it happened; the session has no other clock
	// gen is the opening of the channel that the event belongs to; ignored for
	// facts about the world outside the channel.
	gen  uint32
	fact fact // nil is a deadline that passed
}

// fact is what an Event tells. The set is closed: the types of this file.
type fact interface {
	// why is the fact as the reason of a transition, without identifiers.
	why() string
}

// Facts from outside the channel.
type (
	specChanged struct{ spec Spec }
	devicesSeen struct{ nodes []node }
)

// channelLost says that the control channel ended by itself: ENODEV, EOF or bytes
// that are no messages.
type channelLost struct{ text string }

// answered is the end of the command with that id. When err is nil, result is the
// fact that was asked for, or nil.
type answered struct {
	id     uint32
	result fact
	err    *failure
}

// The neutral facts that back ends report, as answers and by themselves.
type (
	capabilities struct {
		model, firmware string
		imei            Secret
		sessions        uint32
		attach          bool // it can be told with which access point to register
	}
	radioState struct{ hardware, software bool }
	simState   struct {
		state       simReadiness
		iccid, imsi Secret
	}
	// pinState is the lock that stands before the SIM: SIMPIN, SIMPUK, SIMLocked,
	// or SIMReady when nothing is locked. tries is -1 when unknown.
	pinState struct {
		lock  SIMState
		tries int
	}
	identity struct {
		mcc, mnc, home, spn, gid1 string
		early                     bool // the modem was not ready to tell all of it
	}
	registration struct {
		state      string // as in Registration
		plmn, name string
		cause      uint32
		technology string
		manual     bool // automatic registration is off
	}
	packetService struct {
		state      packetState
		cause      uint32
		technology string
	}
	signal      struct{ Signal }
	networkTime struct{ right time.Time } // what the network says that it is
	bearerState struct {
		session uint32
		state   contextState
		family  Family // granted; "" not told
		cause   uint32
	}
	ipConfiguration struct {
		session    uint32
		ipv4, ipv6 *IPConfig
	}
)

// Facts from our own disk.
type (
	pinRecord struct{ outcome pinOutcome }
	runRecord struct{ match bool }
	// attachRecord is what the modem had for a SIM before it was changed from here; nil: it was not.
	attachRecord struct{ config *attachConfig }
)

// simReadiness is the state of the SIM as the modem tells it.
type simReadiness uint8

const (
	simUnknown simReadiness = iota // not read yet
	simStarting
	simReady
	simAbsent
	simBad
	simLocked
)

// packetState is the state of the packet service.
type packetState uint8

const (
	packetUnknown packetState = iota
	packetDetached
	packetAttaching
	packetAttached
)

// contextState is the state of one session on the modem.
type contextState uint8

const (
	contextUnknown contextState = iota
	contextActivated
	contextActivating
	contextDeactivated
	contextDeactivating
)

// pinOutcome is what is on disk about a PIN and a SIM.
type pinOutcome uint8

const (
	pinNever   pinOutcome = iota // never sent, or accepted
	pinTried                     // sent; how it ended is not known
	pinRefused                   // sent and refused
)

// reason is why a command failed, as far as somebody branches on it.
type reason uint8

const (
	reasonRefused     reason = iota // the modem or the network said no
	reasonOffline                   // off the network, so that nothing is up and nothing was tried
	reasonTimeout                   // no answer in time
	reasonUnsupported               // the modem cannot do it
	reasonPIN                       // the SIM refused the PIN; tries tells what is left
	reasonEarly                     // the modem is busy or not ready: nothing was done
	reasonUnread                    // the modem agreed in words that cannot be read
	reasonClosed                    // the modem's end of the channel is not open any more: nothing was done
)

// failure is how a command failed. cause is a 3GPP cause, 0 when none was told;
// text is one line without identifiers.
type failure struct {
	reason reason
	cause  uint32
	tries  int // left, for reasonPIN; -1 unknown
	text   string
	card   bool // the SIM is missing, bad or locked, says the modem
}

// op is what a Command asks for.
type op uint8

const (
	opArm op = iota + 1 // deliver an empty event at Command.At; replaces the former deadline
	opOpen
	opClose
	opReset
	opReplug // write to the port's "authorized" in sysfs
	opReadCapabilities
	opReadRadio
	opRadioOn
	opReadSIM
	opReadIdentity
	opReadPIN
	opEnterPIN
	opReadRegistration
	opSetAutomatic
	opRadioOff
	opActivate
	opReadPacket
	opAttach
	opDetach
	opReadSignal
	opReadTime
	opReadBearer
	opDial
	opHangUp
	opReadIP
	opReadAttach
	opWriteAttach
	opRecallAttach // attachRecord of Command.key
	opRecordAttach // write Command.attach under Command.key, durably; nil removes it
	opRecallPIN    // pinRecord of Command.key
	opRecordPIN    // write Command.outcome under Command.key, durably; pinNever removes it
	opRecallRun    // runRecord: is the session's record of this SIM and Bearer?
	opRecordRun    // not answered
	opForgetRun    // not answered
)

var opNames = [...]string{
	opArm: "arm", opOpen: "open", opClose: "close", opReset: "reset", opReplug: "reset by the port",
	opReadCapabilities: "read capabilities", opReadRadio: "read radio state", opRadioOn: "radio on",
	opReadSIM: "read SIM", opReadIdentity: "read SIM identity", opReadPIN: "read PIN state",
	opEnterPIN: "enter PIN", opReadRegistration: "read registration",
	opSetAutomatic: "register automatically", opReadPacket: "read packet service",
	opRadioOff: "radio off", opActivate: "activate the service",
	opAttach: "attach", opDetach: "detach", opReadSignal: "read signal", opReadTime: "read network time", opReadBearer: "read bearer", opDial: "dial",
	opHangUp: "hang up", opReadIP: "read IP configuration", opRecallPIN: "recall PIN record",
	opRecordPIN: "write PIN record", opRecallRun: "recall bearer record",
	opReadAttach: "read the access point for registering", opWriteAttach: "write the access point for registering",
	opRecallAttach: "recall attach record", opRecordAttach: "write attach record",
	opRecordRun: "write bearer record", opForgetRun: "remove bearer record",
}

// String names the operation for logs.
func (o op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "unknown"
}

// ofCard says that the answer is about the SIM that was in when it was asked.
func (o op) ofCard() bool {
	switch o {
	case opReadSIM, opReadIdentity, opReadPIN, opReadRegistration, opReadPacket, opReadAttach, opRecallAttach:
		return true
	}
	return false
}

// Command is one thing for the driver to do. It carries all that is needed; whoever
// carries it out decides nothing.
type Command struct {
	At      time.Time // deadline of opArm
	op      op
	gen     uint32
	id      uint32 // repeated in the answer; 0 wants none
	timeout time.Duration
	node    node   // opOpen, opReplug
	session uint32 // of the bearer operations
	bearer  Bearer // opDial and the run record
	iccid   Secret // the run record
	imsi    Secret // opReadIdentity: what the length of the MNC is applied to
	pin     Secret // opEnterPIN
	data    Secret // opActivate
	key     string // the PIN record
	outcome pinOutcome
	attach  *attachConfig // opWriteAttach, opRecordAttach
}

func (f specChanged) why() string  { return "wish changed" }
func (f devicesSeen) why() string  { return "devices changed" }
func (f channelLost) why() string  { return "control channel lost: " + f.text }
func (f capabilities) why() string { return "capabilities read" }
func (f identity) why() string     { return "SIM identity read" }
func (f signal) why() string       { return "signal" }
func (f networkTime) why() string  { return "network time" }
func (f pinRecord) why() string    { return "PIN record read" }
func (f runRecord) why() string    { return "bearer record read" }
func (f attachConfig) why() string { return "access point for registering read" }
func (f attachRecord) why() string { return "attach record read" }

func (f answered) why() string {
	switch {
	case f.err != nil:
		return f.err.text
	case f.result != nil:
		return f.result.why()
	}
	return "done"
}

func (f radioState) why() string {
	switch {
	case !f.hardware:
		return "radio is off by hardware"
	case !f.software:
		return "radio is off"
	}
	return "radio is on"
}

func (f simState) why() string {
	return [...]string{"SIM not read", "SIM starts", "SIM is ready", "no SIM", "SIM cannot be used",
		"SIM is locked"}[min(f.state, simLocked)]
}

func (f pinState) why() string {
	switch f.lock {
	case SIMReady:
		return "SIM is unlocked"
	case SIMPIN:
		return "SIM wants its PIN"
	case SIMPUK:
		return "SIM wants its PUK"
	}
	return "SIM is bound to a network or device"
}

func (f registration) why() string { return "registration: " + f.state }

func (f packetService) why() string {
	return [...]string{"packet service unknown", "packet service detached", "packet service attaching",
		"packet service attached"}[min(f.state, packetAttached)]
}

func (f bearerState) why() string {
	return [...]string{"bearer unknown", "bearer activated", "bearer activating", "bearer deactivated",
		"bearer deactivating"}[min(f.state, contextDeactivating)]
}

func (f ipConfiguration) why() string { return "IP configuration" }

// empty reports a configuration without any address.
func (c *IPConfig) empty() bool { return c == nil || len(c.Addresses) == 0 }

// clone keeps snapshots apart from what back ends reuse.
func (c *IPConfig) clone() *IPConfig {
	if c.empty() {
		return nil
	}
	out := *c
	out.Addresses = append([]netip.Prefix(nil), c.Addresses...)
	out.DNS = append([]netip.Addr(nil), c.DNS...)
	return &out
}
