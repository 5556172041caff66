package plan

// Repairs are what a diagnosis asks to be done differently. Each is a plain wish: a
// counter that has grown asks for the deed once, everything else holds until it is
// taken back. The zero value repairs nothing.
type Repairs struct {
	Redial    uint32 `json:"redial,omitempty"`     // counts: the shared bearer is hung up and dialled again
	Reattach  uint32 `json:"reattach,omitempty"`   // counts: and the modem detaches from packet service between
	Radio     uint32 `json:"radio,omitempty"`      // counts: or has its radio switched off and on
	Reset     uint32 `json:"reset,omitempty"`      // counts: or is reset
	MTU       int    `json:"mtu,omitempty"`        // bytes that the path carries at most; 0 unbounded
	DirectDNS bool   `json:"direct_dns,omitempty"` // clients are told the network's DNS servers, not ours
	Attach    int    `json:"attach,omitempty"`     // which of Inputs.Attach.Tries the modem registers with, from 1 on; 0 none
	Garden    bool   `json:"garden,omitempty"`     // the operator's own hosts may have private addresses: its page is all there is
}

// Dials counts everything after which the shared bearer is dialled again.
func (r Repairs) Dials() uint32 { return r.Redial + r.Reattach + r.Radio + r.Reset }
