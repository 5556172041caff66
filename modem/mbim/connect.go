package mbim

import "net/netip"

// IPType is the wish for address families of a context (MBIM 10.5.12.1.3).
type IPType uint32

// The IP types.
const (
	IPDefault IPType = 0
	IPv4      IPType = 1
	IPv6      IPType = 2
	IPv4v6    IPType = 3 // one context of both families
	IPv4And6  IPType = 4 // two contexts
)

// String names the type.
func (t IPType) String() string {
	return enum(uint32(t), "default", "ipv4", "ipv6", "ipv4v6", "ipv4-and-ipv6")
}

// AuthProtocol is how a context authenticates (MBIM 10.5.12.1.5).
type AuthProtocol uint32

// The authentication protocols.
const (
	AuthNone     AuthProtocol = 0
	AuthPAP      AuthProtocol = 1
	AuthCHAP     AuthProtocol = 2
	AuthMSCHAPv2 AuthProtocol = 3
)

// ActivationState says whether a session is up (MBIM 10.5.12).
type ActivationState uint32

// The activation states.
const (
	ActivationUnknown      ActivationState = 0
	ActivationActivated    ActivationState = 1
	ActivationActivating   ActivationState = 2
	ActivationDeactivated  ActivationState = 3
	ActivationDeactivating ActivationState = 4
)

// String names the state.
func (s ActivationState) String() string {
	return enum(uint32(s), "unknown", "activated", "activating", "deactivated", "deactivating")
}

// Access is what a context is opened with. User and Password are secret.
type Access struct {
	APN      string // "" lets the network choose
	User     string
	Password string
	Auth     AuthProtocol
	IPType   IPType
	Context  UUID // such as ContextInternet
}

// Connection is the state of one session (MBIM 10.5.12).
type Connection struct {
	Session uint32
	State   ActivationState
	IPType  IPType // as granted; some modems repeat the wish
	Context UUID
	// NwError is a 3GPP TS 24.008 session cause; 50 and 51 with State activated
	// mean that one family was granted of two.
	NwError uint32
}

// QueryConnect asks for the Connection of a session. The query has the form of the
// answer, of which only the session counts; that of other hosts, with which modems
// are tested, names the context type too.
func QueryConnect(session uint32) Request {
	return query(CIDConnect, (&Writer{}).U32(session).Zero(12).UUID(ContextInternet).Zero(4))
}

// SetConnect activates a session. It may take 3 minutes to be answered.
func SetConnect(session uint32, a Access) Request {
	return set(CIDConnect, connect(session, 1, a))
}

// SetDisconnect deactivates a session.
func SetDisconnect(session uint32) Request {
	return set(CIDConnect, connect(session, 0, Access{Context: ContextInternet}))
}

func connect(session, command uint32, a Access) *Writer {
	return (&Writer{}).U32(session, command).Text(a.APN).Text(a.User).Text(a.Password).
		U32(compressionNone, uint32(a.Auth), uint32(a.IPType)).UUID(a.Context)
}

// compressionNone is the only compression in use on today's networks.
const compressionNone uint32 = 0

// ParseConnection reads the answer to these, or the indication.
func ParseConnection(info []byte) (Connection, error) {
	r := NewReader(info)
	c := Connection{Session: r.U32(), State: ActivationState(r.U32())}
	r.U32() // voice call state
	c.IPType, c.Context, c.NwError = IPType(r.U32()), r.UUID(), r.U32()
	return c, r.done("connect")
}

// Available says which parts of an IP configuration the modem knows; what it does
// not is to be had by DHCP or router advertisements (MBIM 10.5.20).
type Available uint32

// The parts of an IP configuration.
const (
	AvailableAddress Available = 1 << 0
	AvailableGateway Available = 1 << 1
	AvailableDNS     Available = 1 << 2
	AvailableMTU     Available = 1 << 3
)

// IPFamily is one family of an IP configuration.
type IPFamily struct {
	Available Available
	Addresses []netip.Prefix
	Gateway   netip.Addr // invalid when absent
	DNS       []netip.Addr
	MTU       uint32 // bytes; 0 when not told
}

// IPConfiguration is what the network gave a session (MBIM 10.5.20).
type IPConfiguration struct {
	Session uint32
	IPv4    IPFamily
	IPv6    IPFamily
}

// QueryIPConfiguration asks for the IPConfiguration of a session.
func QueryIPConfiguration(session uint32) Request {
	return query(CIDIPConfiguration, (&Writer{}).U32(session).Zero(56))
}

// ParseIPConfiguration reads the answer to QueryIPConfiguration, or the indication.
// It gives the values that are there, also where Available does not announce them.
func ParseIPConfiguration(info []byte) (IPConfiguration, error) {
	r := NewReader(info)
	c := IPConfiguration{Session: r.U32()}
	c.IPv4.Available, c.IPv6.Available = Available(r.U32()), Available(r.U32())
	c.IPv4.Addresses, c.IPv6.Addresses = r.Prefixes4(), r.Prefixes6()
	c.IPv4.Gateway, c.IPv6.Gateway = r.Addr4(), r.Addr6()
	c.IPv4.DNS, c.IPv6.DNS = r.Addrs4(), r.Addrs6()
	c.IPv4.MTU, c.IPv6.MTU = r.U32(), r.U32()
	return c, r.done("IP configuration")
}
