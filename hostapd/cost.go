package hostapd

import "fmt"

// CostLevel is how a client's traffic is paid for.
type CostLevel string

// The levels of the network cost element. The zero value sends no element.
const (
	CostUnknown      CostLevel = ""
	CostUnrestricted CostLevel = "unrestricted"
	CostFixed        CostLevel = "fixed"    // a plan with a limit
	CostVariable     CostLevel = "variable" // paid by volume
)

// Cost is the metered hint in beacons (Microsoft, Network Cost Information Element).
type Cost struct {
	Level       CostLevel
	OverLimit   bool
	Congested   bool
	Roaming     bool
	Approaching bool // the limit is near
}

func (l CostLevel) octet() byte {
	switch l {
	case CostUnrestricted:
		return 1
	case CostFixed:
		return 2
	case CostVariable:
		return 4
	default:
		return 0
	}
}

// Element returns the vendor element in hex as hostapd takes it; "" when no level is
// known: element 221, length 8, OUI 00-50-F2, type 0x11, level, 0, flags, 0.
func (c Cost) Element() string {
	if c.Level.octet() == 0 {
		return ""
	}
	var flags byte
	for i, set := range []bool{c.OverLimit, c.Congested, c.Roaming, c.Approaching} {
		if set {
			flags |= 1 << i
		}
	}
	return fmt.Sprintf("dd080050f211%02x00%02x00", c.Level.octet(), flags)
}
