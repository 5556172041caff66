package document

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Key is a pinned public key (Ed25519, RFC 8032).
type Key [ed25519.PublicKeySize]byte

// ParseKey reads a public key in base64.
func ParseKey(text string) (Key, error) {
	var k Key
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data) != len(k) {
		return k, errors.New("must be an Ed25519 public key: 32 bytes in base64")
	}
	copy(k[:], data)
	return k, nil
}

// ParseSignature reads a detached signature: its 64 bytes, or those in base64.
func ParseSignature(file []byte) ([]byte, error) {
	if len(file) == ed25519.SignatureSize {
		return file, nil
	}
	data, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(file)))
	if len(file) > 256 || err != nil || len(data) != ed25519.SignatureSize {
		return nil, errors.New("the signature is no Ed25519 signature: 64 bytes, or those in base64")
	}
	return data, nil
}

// Origin is how a document came.
type Origin string

// The origins.
const (
	ByOwner Origin = "owner"  // applied by who may change everything
	Pulled  Origin = "pulled" // fetched from the document's refresh address
)

// Offer is a document as it came.
type Offer struct {
	Raw       []byte
	Signature []byte // file of a detached signature; nil none
	Origin    Origin
}

// Trust is what an offer is judged by.
type Trust struct {
	Keys []Key
	Card Card // SIM and device at hand
	// Former is the document of the same operator that is in force, or for a document
	// that is pulled the one whose address it came from; nil none.
	Former *Document
}

// Judge reads an offer and says whether it may be applied: by its signature, its
// serial, and whom it is bound to. When the report says that it is refused, the
// document is nil.
func Judge(o Offer, t Trust) (*Document, Report) {
	d, report := Read(o.Raw)
	if d == nil {
		return nil, report
	}
	for _, why := range []string{t.signature(o, d), t.serial(o, d), t.operator(o, d), d.Mismatch(t.Card)} {
		if why != "" {
			report.refuse("/", why)
		}
	}
	if report.Refused() {
		return nil, report
	}
	d.otherSIMs(report, t.Card)
	return d, report
}

// otherSIMs says of the entries for other SIMs that they are stored.
func (d *Document) otherSIMs(report Report, c Card) {
	_, at, ok := d.Entry(c)
	if !ok || d.Form != JSON || !c.Known() {
		return
	}
	mine := fmt.Sprintf("/sims/%d/", at)
	for n, i := range report {
		if strings.HasPrefix(i.Path, "/sims/") && !strings.HasPrefix(i.Path, mine) && i.State == Applied {
			report[n].State, report[n].Why = Stored, "for other SIMs than the one in the modem"
		}
	}
}

// signature judges who made a document. Only the owner may apply an unsigned one, and
// a signature that is there must be right for the owner too.
func (t Trust) signature(o Offer, d *Document) string {
	if o.Signature == nil {
		switch {
		case o.Origin == ByOwner:
			return ""
		case d.Signed:
			return "the document is not signed by a pinned key: an XML signature is recognised and not verified"
		}
		return "the document is not signed"
	}
	signature, err := ParseSignature(o.Signature)
	if err != nil {
		return err.Error()
	}
	for _, k := range t.Keys {
		if ed25519.Verify(k[:], o.Raw, signature) {
			return ""
		}
	}
	return fmt.Sprintf("the signature is by none of the %d pinned keys, or the document was changed after it", len(t.Keys))
}

// serial refuses replays. Who asks again and gets the very bytes that are in force has
// nothing to judge.
func (t Trust) serial(o Offer, d *Document) string {
	switch {
	case d.Serial == 0 && o.Origin != ByOwner:
		return "the document has no serial, so that an old one could not be told from a new one"
	case t.Former == nil || t.Former.Operator.ID != d.Operator.ID:
		return ""
	case o.Origin == ByOwner && t.Former.Bound != d.Bound: // it does not replace that one
		return ""
	case d.Serial < t.Former.Serial:
		return fmt.Sprintf("the document is older (serial %d) than the one in force (serial %d)", d.Serial, t.Former.Serial)
	case d.Serial == t.Former.Serial && o.Origin != ByOwner:
		return fmt.Sprintf("the document has the serial of the one in force (%d) and is another", d.Serial)
	}
	return ""
}

// operator refuses that what is pulled for one operator is another's.
func (t Trust) operator(o Offer, d *Document) string {
	if o.Origin != ByOwner && t.Former != nil && t.Former.Operator.ID != d.Operator.ID {
		return "the document is of another operator than the one in force"
	}
	return ""
}
