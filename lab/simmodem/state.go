package simmodem

import "time"

// Device is what the modem says of itself, and how it is built.
type Device struct {
	Manufacturer string // USB string
	Model        string
	Firmware     string
	IMEI         string
	MaxSessions  uint32 // sessions at once; 0 is 8
	MaxControl   int    // largest control message in bytes; 0 is 4096
	DataClasses  DataClass
	// MBIMEx is the highest version of the Microsoft extensions that the modem
	// accepts, BCD: 0 and 0x0100 are version 1, 0x0200 is version 2.
	MBIMEx uint16
	// BareErrors makes a refused connect answer without an information buffer, as
	// some firmware does: the host then does not learn the cause.
	BareErrors bool
	// TellsTime: the modem tells the network's time, which is Ahead of the machine's.
	TellsTime bool
	Ahead     time.Duration
	// TellsNothing: it indicates nothing by itself, whatever it agreed to.
	TellsNothing bool
	// NoReset: the host cannot reset the modem by command, only by its port.
	NoReset bool
	// AttachAPN is the access point with which it registers until it is told another one.
	AttachAPN string
	// NoAttach: it cannot be told one.
	NoAttach bool
	// ResetTime is how long the modem is away when the host resets it; 0 is 2 s.
	ResetTime time.Duration
}

// withDefaults fills what was left out.
func (d Device) withDefaults() Device {
	if d.MaxSessions == 0 {
		d.MaxSessions = 8
	}
	if d.MaxControl == 0 {
		d.MaxControl = 4096
	}
	if d.ResetTime == 0 {
		d.ResetTime = 2 * time.Second
	}
	if d.DataClasses == 0 {
		d.DataClasses = DataGPRS | DataEDGE | DataUMTS | DataHSDPA | DataHSUPA | DataLTE
	}
	return d
}

// SIM is a SIM card. The zero value is no card at all.
type SIM struct {
	ICCID    string // digits; readable without the PIN; "" means absent
	IMSI     string // digits
	HomePLMN string // MCC and MNC: 5 digits for a two-digit MNC, 6 for a three-digit one
	HomeName string // name of the home network as the modem tells it
	SPN      string // EF_SPN; "" leaves the file out
	GID1     string // EF_GID1 in hex; "" leaves the file out
	Number   string // own telephone number; "" none
	// Activation is the operator's data with which the network activates the subscription:
	// others are refused with cause 33. "" takes any.
	Activation string
	PIN        PIN
}

// PIN is the state of the card's PIN1.
type PIN struct {
	Enabled  bool
	Code     string
	Tries    uint32 // tries left; 0 with PUKTries above 0 asks for the PUK
	PUK      string
	PUKTries uint32 // 0 with Tries 0: the card is dead
}

// Tries that a fresh card has, and has again after a right entry.
const (
	pinTries = 3
	pukTries = 10
)

// RegisterState is the state of network registration (MBIM 10.5.9).
type RegisterState uint32

// The registration states.
const (
	Deregistered RegisterState = 1
	Searching    RegisterState = 2
	Home         RegisterState = 3
	Roaming      RegisterState = 4
	Partner      RegisterState = 5
	Denied       RegisterState = 6
)

// DataClass is a set of radio technologies (MBIM 10.5.1, and MBIMEx 2.0).
type DataClass uint32

// The technologies.
const (
	DataGPRS  DataClass = 1 << 0
	DataEDGE  DataClass = 1 << 1
	DataUMTS  DataClass = 1 << 2
	DataHSDPA DataClass = 1 << 3
	DataHSUPA DataClass = 1 << 4
	DataLTE   DataClass = 1 << 5
	Data5GNSA DataClass = 1 << 6
	Data5GSA  DataClass = 1 << 7
)

// Network is the radio network around the modem. What the modem reports depends on
// the SIM, the radio switches and the core too.
type Network struct {
	State     RegisterState // 0 is Searching: no network is in reach
	Cause     Cause         // why State is Denied
	PLMN      string        // serving network, MCC and MNC digits
	Name      string
	DataClass DataClass // technologies in use; 0 is LTE
}

// registered tells whether the modem may ask for service.
func (n Network) registered() bool {
	return n.State == Home || n.State == Roaming || n.State == Partner
}

// Signal is what the modem measures; the zero value is unknown.
type Signal struct {
	RSSI   int  // dBm, -113 to -51; 0 unknown
	RSRP   int  // dBm, -156 to -31; 0 unknown; told from MBIMEx version 2 on
	SNR    int  // tenths of a dB, valid when HasSNR
	HasSNR bool // tells 0 dB from unknown
}

// Codes for what a signal report does not know (MBIM 10.5.11, MBIMEx 2.0).
const (
	unknownRSSI = 99
	unknownRSRP = 127
	unknownSNR  = 128
)

// rssiCode is the coding of TS 27.007 +CSQ: 2 dB a step from -113 dBm.
func (s Signal) rssiCode() uint32 {
	if s.RSSI == 0 {
		return unknownRSSI
	}
	return uint32(min(max((s.RSSI+113)/2, 0), 31))
}

// rsrpCode is the coding of MBIMEx 2.0: code n is below -156+n dBm.
func (s Signal) rsrpCode() uint32 {
	if s.RSRP == 0 {
		return unknownRSRP
	}
	return uint32(min(max(s.RSRP+157, 0), 126))
}

// snrCode is the coding of MBIMEx 2.0: code n is below -23+n/2 dB.
func (s Signal) snrCode() uint32 {
	if !s.HasSNR {
		return unknownSNR
	}
	return uint32(min(max((s.SNR+235)/5, 0), 127))
}
