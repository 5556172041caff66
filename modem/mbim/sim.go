package mbim

// ReadyState says whether the SIM can be used (MBIM 10.5.2).
type ReadyState uint32

// The ready states.
const (
	ReadyNotInitialized ReadyState = 0
	ReadyInitialized    ReadyState = 1
	ReadySIMAbsent      ReadyState = 2
	ReadyBadSIM         ReadyState = 3
	ReadyFailure        ReadyState = 4
	ReadyNotActivated   ReadyState = 5
	ReadyLocked         ReadyState = 6 // PIN, PUK or a personalisation lock
	ReadyNoProfile      ReadyState = 7 // an eSIM without a profile
)

// String names the state.
func (s ReadyState) String() string {
	return enum(uint32(s), "not initialised", "initialised", "SIM absent", "bad SIM", "failure",
		"not activated", "locked", "no eSIM profile")
}

// SubscriberReady is the state of the SIM and its identity (MBIM 10.5.2). All but
// State are identifiers: never log them.
type SubscriberReady struct {
	State   ReadyState
	IMSI    string
	ICCID   string
	Info    uint32 // bit 0: the user asked for the identity to be protected
	Numbers []string
}

// QuerySubscriberReady asks for SubscriberReady.
func QuerySubscriberReady() Request { return query(CIDSubscriberReady, &Writer{}) }

// ParseSubscriberReady reads the answer to QuerySubscriberReady, or its indication.
func ParseSubscriberReady(info []byte) (SubscriberReady, error) {
	r := NewReader(info)
	s := SubscriberReady{State: ReadyState(r.U32()), IMSI: r.Text(), ICCID: r.Text(), Info: r.U32()}
	if count := r.U32(); r.fits(count, 8) {
		for range count {
			s.Numbers = append(s.Numbers, r.Text())
		}
	}
	return s, r.done("subscriber ready")
}

// PINType names a lock (MBIM 10.5.4). Types above 10 unlock the others.
type PINType uint32

// The PIN types.
const (
	PINNone            PINType = 0
	PINCustom          PINType = 1
	PIN1               PINType = 2
	PIN2               PINType = 3
	PINDeviceSIM       PINType = 4
	PINDeviceFirstSIM  PINType = 5
	PINNetwork         PINType = 6
	PINNetworkSubset   PINType = 7
	PINServiceProvider PINType = 8
	PINCorporate       PINType = 9
	PINSubsidy         PINType = 10
	PUK1               PINType = 11
	PUK2               PINType = 12
	PUKDeviceFirstSIM  PINType = 13
	PUKNetwork         PINType = 14
	PUKNetworkSubset   PINType = 15
	PUKServiceProvider PINType = 16
	PUKCorporate       PINType = 17
	PINNEV             PINType = 18 // Microsoft extensions
	PINADM             PINType = 19 // Microsoft extensions
)

// pinOperationEnter is the only PIN operation that the bring-up needs.
const pinOperationEnter uint32 = 0

// String names the type.
func (t PINType) String() string {
	return enum(uint32(t), "none", "custom", "PIN1", "PIN2", "device to SIM", "device to first SIM",
		"network", "network subset", "service provider", "corporate", "subsidy", "PUK1", "PUK2",
		"device to first SIM PUK", "network PUK", "network subset PUK", "service provider PUK",
		"corporate PUK", "NEV", "ADM")
}

// PINState is the lock that stands in the way (MBIM 10.5.4).
type PINState struct {
	Type   PINType
	Locked bool
	// Attempts is the number of tries left, -1 when unknown.
	Attempts int
}

// QueryPIN asks for PINState.
func QueryPIN() Request { return query(CIDPIN, &Writer{}) }

// EnterPIN enters a PIN of the given type. The answer is a PINState, also, and
// with the tries left, when the status says that it was refused.
func EnterPIN(kind PINType, pin string) Request {
	return set(CIDPIN, (&Writer{}).U32(uint32(kind), pinOperationEnter).Text(pin).Text(""))
}

// ParsePIN reads the answer to QueryPIN and EnterPIN.
func ParsePIN(info []byte) (PINState, error) {
	r := NewReader(info)
	s := PINState{Type: PINType(r.U32()), Locked: r.U32() != 0, Attempts: -1}
	if n := r.U32(); n <= 255 && r.Err() == nil {
		s.Attempts = int(n)
	}
	return s, r.done("PIN")
}
