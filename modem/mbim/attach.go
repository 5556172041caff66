package mbim

// RoamingControl says where an attach configuration holds (Microsoft extensions).
type RoamingControl uint32

// The places, in the order in which a set must list them.
const (
	AttachHome       RoamingControl = 0
	AttachPartner    RoamingControl = 1
	AttachNonPartner RoamingControl = 2
)

// AttachConfig is the default bearer that the modem asks for when it attaches to
// LTE, for one roaming situation. Context is not used.
type AttachConfig struct {
	Roaming RoamingControl
	Source  uint32 // 0 administrator, 1 user, 2 operator, 3 modem, 4 device
	Access
}

// QueryAttachConfig asks for the attach configurations of the SIM's operator.
func QueryAttachConfig() Request {
	return query(CIDMSLTEAttachConfig, &Writer{}).extension()
}

// SetAttachConfig writes all three attach configurations: home, partner and
// non-partner. A set of fewer is refused, so read them first and change what is to
// change. The modem attaches anew when the current situation is concerned.
func SetAttachConfig(home, partner, nonPartner AttachConfig) Request {
	const overwrite, count = 0, 3
	w := (&Writer{}).U32(overwrite, count)
	for roaming, c := range []AttachConfig{home, partner, nonPartner} {
		w.Refs((&Writer{}).U32(uint32(c.IPType), uint32(roaming), c.Source).
			Text(c.APN).Text(c.User).Text(c.Password).U32(compressionNone, uint32(c.Auth)))
	}
	return set(CIDMSLTEAttachConfig, w).extension()
}

// ParseAttachConfig reads the answer to both, or the indication.
func ParseAttachConfig(info []byte) ([]AttachConfig, error) {
	r := NewReader(info)
	var list []AttachConfig
	for _, e := range r.Refs(r.U32()) {
		ipType := IPType(e.U32())
		c := AttachConfig{Roaming: RoamingControl(e.U32()), Source: e.U32()}
		c.Access = e.access(ipType)
		list = append(list, c)
	}
	return list, r.done("LTE attach configuration")
}

// access reads the tail that attach configuration and attach info share.
func (r *Reader) access(ipType IPType) Access {
	a := Access{IPType: ipType, APN: r.Text(), User: r.Text(), Password: r.Text()}
	r.U32() // compression
	a.Auth = AuthProtocol(r.U32())
	return a
}
