package control

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// maxDocuments bounds how many operators' documents are kept, one an operator and
// subscriber.
const maxDocuments = 4

// Edition is one operator's document as it was applied. Treat it as immutable. Raw holds
// credentials and is for the disk alone.
type Edition struct {
	Raw       []byte
	Signature []byte `json:",omitempty"` // file of the detached signature; nil none
	Origin    document.Origin
	At        time.Time // when it was applied
	Asked     time.Time `json:",omitzero"`  // when its server had nothing else to give last
	Tag       string    `json:",omitempty"` // validator under which its server knows it

	Document *document.Document `json:"-"`
	Report   document.Report    `json:"-"`

	sum string // digest, once it was made
}

// same says that an edition is of the same operator, for the same subscriber and device.
func (e Edition) same(d *document.Document) bool {
	return e.Document.Operator.ID == d.Operator.ID && e.Document.Bound == d.Bound
}

// since is from when on its server has not been asked.
func (e Edition) since() time.Time {
	if e.Asked.IsZero() {
		return e.At
	}
	return e.Asked // the later event, whatever the clocks said
}

// digest names the exact bytes.
func (e Edition) digest() string {
	if e.sum != "" {
		return e.sum
	}
	return sum(e.Raw)
}

// sum names some bytes without telling them.
func sum(raw []byte) string {
	hash := sha256.Sum256(raw)
	return hex.EncodeToString(hash[:16])
}

// shelf is the file of documents: what is in force, what was before, and what is on
// trial. It is replaced whole, so that a power cut leaves one or the other.
type shelf struct {
	Version int
	Kept    []Edition
	Former  []Edition `json:",omitempty"` // that Kept has replaced
	Trial   []Edition `json:",omitempty"` // that would replace Kept
	OnTrial bool      `json:",omitempty"`

	Activity provision.Activity // of one of them
	Buys     purchase           `json:",omitzero"`
	Spurned  string             `json:",omitempty"` // digest of what is not to be fetched again
}

// purchase says that clients are sent where a plan is bought.
type purchase struct {
	On bool
	By string // subscriber who buys; "" whoever is in first
}

const shelfVersion = 1

// documents keeps operators' documents in a file that only its owner may read.
type documents struct {
	path    string
	kept    []Edition
	former  []Edition
	trial   *documentTrial
	outcome *Outcome
	// spurned is the digest of what was fetched and did harm, or was taken back.
	spurned string
	looked  look         // at what was fetched last
	fetched fetch.Result // its server's last answer, without what it holds
	rest    time.Time    // it could not be tried: not again before
	course
	noted   course // as the file has it
	consent consent
	answers consentFile  // of which consent is the present one
	judged  modem.Secret // ICCID of the SIM for which the one in force was chosen last
	told    string       // digest and entry of the document in force, as it was logged last
}

// course is what is under way by a list of documents.
type course struct {
	buys     purchase
	activity provision.Activity // of one of them
}

// documentTrial is a list of documents that is in force and not yet kept.
type documentTrial struct {
	Trial
	next []Edition
	sim  string // subscriber whose Internet it is judged by; "" whoever is in first
	back bool   // to the documents of before, from those that are kept
	// former is the course of the documents that it replaces, and of the next process: what the
	// trial's own do to the course ends with it, what people do is done to both (documents.each).
	former course
}

// openDocuments reads the file. What cannot be read is put aside and logged, as is what
// was on trial when its process ended.
func openDocuments(dir string, log *slog.Logger) documents {
	d := documents{path: filepath.Join(dir, "documents"), answers: openConsent(dir, log)}
	text, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return d
	}
	var s shelf
	if err == nil {
		s, err = readShelf(text)
	}
	if err != nil {
		log.Warn("operators' documents are damaged and were put aside", "err", err)
		if err := os.Rename(d.path, d.path+".damaged"); err != nil {
			log.Warn("operators' documents cannot be put aside", "err", err)
		}
		return d
	}
	d.kept, d.former, d.spurned = s.Kept, s.Former, s.Spurned
	d.course = course{s.Buys, s.Activity.Resumed()}
	d.noted = d.course
	if s.OnTrial {
		d.outcome = &Outcome{Why: "the program ended before it was kept", At: time.Now()}
		log.Info("document trial of the former process", "kept", false)
		if err := d.write(); err != nil {
			log.Error("operators' documents cannot be written", "err", err)
		}
	}
	return d
}

// readShelf reads the file's text. Documents were judged when they were applied; here
// they must only be readable still.
func readShelf(text []byte) (shelf, error) {
	var s shelf
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("control: documents: %w", err)
	}
	if s.Version != shelfVersion || len(s.Kept) > maxDocuments || len(s.Former) > maxDocuments {
		return s, errors.New("control: documents: the file is of another version, or too long")
	}
	for _, list := range [][]Edition{s.Kept, s.Former} {
		for i := range list {
			if !list[i].read() {
				return s, errors.New("control: documents: one of them cannot be read")
			}
		}
	}
	return s, nil
}

// read parses the raw bytes.
func (e *Edition) read() bool {
	e.Document, e.Report = document.Read(e.Raw)
	e.sum = e.digest()
	return e.Document != nil
}

func (d *documents) write() error {
	d.noted = d.lasting() // what cannot be written is not tried again by itself
	s := shelf{Version: shelfVersion, Kept: d.kept, Former: d.former, Activity: d.noted.activity, Buys: d.noted.buys, Spurned: d.spurned}
	if d.trial != nil {
		s.OnTrial, s.Trial = true, d.trial.next
	}
	text, err := json.Marshal(s)
	if err == nil {
		err = writeDurably(d.path, text)
	}
	if err != nil {
		return fmt.Errorf("control: write the documents: %w", err)
	}
	return nil
}

// lasting is the course that goes on unless a trial is kept.
func (d *documents) lasting() course {
	if d.trial != nil {
		return d.trial.former
	}
	return d.course
}

// each changes the course, and during a trial the one that it may come back to as well, which
// has the list of documents that are kept.
func (d *documents) each(change func(*course, []Edition)) {
	change(&d.course, d.list())
	if d.trial != nil {
		change(&d.trial.former, d.kept)
	}
}

// list are the documents in force.
func (d *documents) list() []Edition {
	if d.trial != nil {
		return d.trial.next
	}
	return d.kept
}

// with is the list with a new edition, which replaces the one of the same operator; at
// most maxDocuments, the newest.
func with(list []Edition, e Edition) []Edition {
	next := slices.DeleteFunc(slices.Clone(list), func(old Edition) bool { return old.same(e.Document) })
	next = append(next, e)
	return next[max(0, len(next)-maxDocuments):]
}

// without is what is kept but for the edition that asked its server for the next one, which
// is to replace it whomever it is bound to.
func (d *documents) without(asker int, origin document.Origin) []Edition {
	if origin != document.Pulled || asker < 0 {
		return d.kept
	}
	return slices.Delete(slices.Clone(d.kept), asker, asker+1)
}

// choose returns the document for a card, and its place in the list; nil when none is.
func choose(list []Edition, card document.Card) (*provision.InForce, int) {
	var docs []*document.Document
	for _, e := range list {
		docs = append(docs, e.Document)
	}
	at := document.Choose(docs, card)
	if at < 0 {
		return nil, -1
	}
	entry, _, _ := docs[at].Entry(card)
	return &provision.InForce{Document: docs[at], Entry: entry, At: list[at].since(), Tag: list[at].Tag}, at
}

// compared finds what a new document of an origin is compared with.
func compared(list []Edition, card document.Card, d *document.Document, origin document.Origin) *Edition {
	if origin != document.ByOwner {
		if _, at := choose(list, card); at >= 0 {
			return &list[at]
		}
		return nil
	}
	for i := range list {
		if d != nil && list[i].same(d) {
			return &list[i]
		}
	}
	return nil
}

// judge reads an offer and judges it against what is in force.
func judge(o document.Offer, list []Edition, keys []string, card document.Card) (*document.Document, document.Report) {
	d, _ := document.Read(o.Raw)
	t := document.Trust{Card: card}
	for _, text := range keys {
		if k, err := document.ParseKey(text); err == nil { // the configuration has checked them
			t.Keys = append(t.Keys, k)
		}
	}
	before := compared(list, card, d, o.Origin)
	if before != nil {
		t.Former = before.Document
	}
	next, report := document.Judge(o, t)
	if before != nil {
		report = report.After(before.Report)
	}
	return next, report
}

// subscriber names the SIM in the modem, without telling it; "" while it is not known.
func subscriber(m modem.Status) string {
	card := cardOf(m)
	if card.ICCID != "" { // what else there is may be told later
		card.IMSI = ""
	}
	return provision.Key(nil, provision.Identity{ICCID: card.ICCID, IMSI: card.IMSI})
}

// cardOf is the card in the modem; the zero value while it has not told everything that it is
// going to tell.
func cardOf(m modem.Status) document.Card {
	if !identified(m) || m.SIM.Early {
		return document.Card{}
	}
	return provision.CardOf(m.SIM, m.Device)
}
