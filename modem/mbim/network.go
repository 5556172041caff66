package mbim

// DataClass is a set of radio technologies (MBIM 10.5.1.1.5, Microsoft extensions).
type DataClass uint32

// The data classes.
const (
	DataGPRS   DataClass = 1 << 0
	DataEDGE   DataClass = 1 << 1
	DataUMTS   DataClass = 1 << 2
	DataHSDPA  DataClass = 1 << 3
	DataHSUPA  DataClass = 1 << 4
	DataLTE    DataClass = 1 << 5
	Data5GNSA  DataClass = 1 << 6
	Data5GSA   DataClass = 1 << 7
	DataCustom DataClass = 1 << 31
)

// Best names the fastest class in the set, such as "lte"; "" for none.
func (c DataClass) Best() string {
	const cdma = 0x3F << 16
	switch {
	case c&Data5GSA != 0:
		return "5g-sa"
	case c&Data5GNSA != 0:
		return "5g-nsa"
	case c&DataLTE != 0:
		return "lte"
	case c&(DataHSDPA|DataHSUPA) != 0:
		return "hspa"
	case c&DataUMTS != 0:
		return "umts"
	case c&DataEDGE != 0:
		return "edge"
	case c&DataGPRS != 0:
		return "gprs"
	case c&cdma != 0:
		return "cdma"
	case c&DataCustom != 0:
		return "custom"
	}
	return ""
}

// RadioState is both switches of the radio, which is on when both are (MBIM 10.5.3).
type RadioState struct {
	Hardware bool // false: blocked by a pin or a regulatory lock, which software cannot change
	Software bool
}

// QueryRadioState asks for RadioState.
func QueryRadioState() Request { return query(CIDRadioState, &Writer{}) }

// SetRadioState sets the software switch.
func SetRadioState(on bool) Request {
	var state uint32
	if on {
		state = 1
	}
	return set(CIDRadioState, (&Writer{}).U32(state))
}

// ParseRadioState reads the answer to both, or the indication.
func ParseRadioState(info []byte) (RadioState, error) {
	r := NewReader(info)
	return RadioState{Hardware: r.U32() == 1, Software: r.U32() == 1}, r.done("radio state")
}

// SetServiceActivation hands an operator's data to the modem, which activates the
// subscription with them (MBIM 10.5.14).
func SetServiceActivation(data []byte) Request {
	return Request{Service: ServiceBasicConnect, CID: CIDServiceActivation, Set: true, Info: data}
}

// ParseServiceActivation reads the answer: the network's error (3GPP TS 24.008), 0 none.
func ParseServiceActivation(info []byte) (nwError uint32, err error) {
	r := NewReader(info)
	return r.U32(), r.done("service activation")
}

// Provider is one network operator (MBIM 10.5.6).
type Provider struct {
	PLMN          string // MCC and MNC digits
	State         uint32 // bit 0 home, 1 forbidden, 2 preferred, 3 visible, 4 registered, 5 preferred multicarrier
	Name          string
	CellularClass uint32
	RSSI          uint32 // code 0..31, 99 unknown
	ErrorRate     uint32
}

func (r *Reader) provider() Provider {
	return Provider{PLMN: r.Text(), State: r.U32(), Name: r.Text(),
		CellularClass: r.U32(), RSSI: r.U32(), ErrorRate: r.U32()}
}

// QueryHomeProvider asks for the SIM's own operator.
func QueryHomeProvider() Request { return query(CIDHomeProvider, &Writer{}) }

// ParseHomeProvider reads the answer to QueryHomeProvider.
func ParseHomeProvider(info []byte) (Provider, error) {
	r := NewReader(info)
	return r.provider(), r.done("home provider")
}

// RegisterState says where registration stands (MBIM 10.5.9).
type RegisterState uint32

// The register states.
const (
	RegisterUnknown      RegisterState = 0
	RegisterDeregistered RegisterState = 1
	RegisterSearching    RegisterState = 2
	RegisterHome         RegisterState = 3
	RegisterRoaming      RegisterState = 4
	RegisterPartner      RegisterState = 5 // roaming at a preferred partner
	RegisterDenied       RegisterState = 6
)

// String names the state.
func (s RegisterState) String() string {
	return enum(uint32(s), "unknown", "deregistered", "searching", "home", "roaming", "partner", "denied")
}

// The register modes (MBIM 10.5.9.1.4), and one more than the register actions.
const (
	RegisterModeUnknown   uint32 = 0
	RegisterModeAutomatic uint32 = 1
	RegisterModeManual    uint32 = 2
)

// Registration is the answer to QueryRegisterState.
type Registration struct {
	NwError       uint32 // 3GPP TS 24.008 / 24.301 mobility cause; 0 none
	State         RegisterState
	Mode          uint32 // RegisterModeAutomatic or RegisterModeManual
	Available     DataClass
	CellularClass uint32
	PLMN          string // MCC and MNC digits
	Provider      string // name
	RoamingText   string
	Flags         uint32    // bit 0 manual selection not available, bit 1 attaches by itself
	Preferred     DataClass // Microsoft extensions 2.0, else 0
}

// QueryRegisterState asks for Registration.
func QueryRegisterState() Request { return query(CIDRegisterState, &Writer{}) }

// SetRegisterAutomatic lets the modem choose the network; classes 0 leaves the
// technologies to it, too.
func SetRegisterAutomatic(classes DataClass) Request {
	return set(CIDRegisterState, (&Writer{}).Text("").U32(0, uint32(classes)))
}

// ParseRegistration reads the answer to these, or the indication.
func ParseRegistration(info []byte) (Registration, error) {
	r := NewReader(info)
	s := Registration{
		NwError:       r.U32(),
		State:         RegisterState(r.U32()),
		Mode:          r.U32(),
		Available:     DataClass(r.U32()),
		CellularClass: r.U32(),
		PLMN:          r.Text(),
		Provider:      r.Text(),
		RoamingText:   r.Text(),
		Flags:         r.U32(),
	}
	if r.More(4) {
		s.Preferred = DataClass(r.U32())
	}
	return s, r.done("register state")
}

// PacketState says whether the modem is attached to the packet domain (MBIM 10.5.10).
type PacketState uint32

// The packet service states.
const (
	PacketUnknown   PacketState = 0
	PacketAttaching PacketState = 1
	PacketAttached  PacketState = 2
	PacketDetaching PacketState = 3
	PacketDetached  PacketState = 4
)

// String names the state.
func (s PacketState) String() string {
	return enum(uint32(s), "unknown", "attaching", "attached", "detaching", "detached")
}

// PacketService is the answer to QueryPacketService.
type PacketService struct {
	NwError        uint32 // 3GPP TS 24.008 / 24.301 mobility cause; 0 none
	State          PacketState
	DataClass      DataClass // highest available
	Uplink         uint64    // bit/s
	Downlink       uint64    // bit/s
	FrequencyRange uint32    // Microsoft extensions 2.0: bit 0 FR1, bit 1 FR2; else 0
}

// QueryPacketService asks for PacketService.
func QueryPacketService() Request { return query(CIDPacketService, &Writer{}) }

// SetPacketService attaches or detaches.
func SetPacketService(attach bool) Request {
	var action uint32 = 1
	if attach {
		action = 0
	}
	return set(CIDPacketService, (&Writer{}).U32(action))
}

// ParsePacketService reads the answer to both, or the indication.
func ParsePacketService(info []byte) (PacketService, error) {
	r := NewReader(info)
	s := PacketService{NwError: r.U32(), State: PacketState(r.U32()), DataClass: DataClass(r.U32()),
		Uplink: r.U64(), Downlink: r.U64()}
	if r.More(4) {
		s.FrequencyRange = r.U32()
	}
	return s, r.done("packet service")
}
