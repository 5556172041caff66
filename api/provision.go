package api

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// Provisioning is what operators' documents say and what became of them. Credentials
// and subscriber identifiers have no field in it.
type Provisioning struct {
	Documents []OperatorDocument `json:"documents"`             // kept, or on trial, for whichever SIM
	Sharing   Sharing            `json:"sharing"`               // whether clients may use cellular data
	Limit     int                `json:"limit,omitempty"`       // devices with Internet at a time; absent: as many as come
	Conflicts []Reason           `json:"conflicts,omitempty"`   // where owner and operator want different things, and who prevails
	Buying    bool               `json:"buying,omitempty"`      // clients are sent where a plan is bought
	Buyable   bool               `json:"buyable,omitempty"`     // they can be
	Refresh   bool               `json:"refreshable,omitempty"` // there is a server to ask
	Trial     *DocumentTrial     `json:"trial,omitempty"`       // under way
	Outcome   *TrialOutcome      `json:"outcome,omitempty"`     // of the last trial
}

// OperatorDocument is one document.
type OperatorDocument struct {
	InForce   bool      `json:"in_force"`                // it is for the SIM in the modem
	Operator  string    `json:"operator"`                // identifier
	Name      string    `json:"name,omitempty"`          // of the operator
	Form      string    `json:"form"`                    // "carriercontrol" or "json"
	Serial    uint64    `json:"serial,omitempty"`        // of the edition
	Signed    bool      `json:"signed"`                  // by a pinned key, which was checked when it was applied
	Origin    string    `json:"origin"`                  // "owner" or "pulled"
	Applied   time.Time `json:"applied"`                 // when
	Support   string    `json:"support_phone,omitempty"` // to call
	Account   string    `json:"account_url,omitempty"`   // page with plan and usage
	Plans     []string  `json:"plans,omitempty"`         // names
	WLANs     []string  `json:"wlans,omitempty"`         // names of the operator's Wi-Fi networks, for later use
	Messages  int       `json:"messages,omitempty"`      // rules that recognise messages, for later use
	Activate  string    `json:"activation,omitempty"`    // what is done after a plan was bought, and how far it has got
	Refreshed string    `json:"refresh,omitempty"`       // what its server said last
	Logo      string    `json:"logo,omitempty"`          // picture as a data: URL; not in the status
	Items     []Item    `json:"items,omitempty"`         // what became of each element; not in the status
}

// Item is what became of one element of a document.
type Item struct {
	Path  string `json:"path"`          // of the element
	State string `json:"state"`         // "applied", "unchanged", "stored", "not-enforceable" or "refused"
	Why   string `json:"why,omitempty"` // in one clause
}

// Sharing is whether clients may use cellular data.
type Sharing struct {
	Rule    string `json:"rule"`          // "always", "never" or "check"
	Allowed bool   `json:"allowed"`       // now
	Why     string `json:"why,omitempty"` // in one clause
}

// DocumentTrial is a document that is in force and not yet kept.
type DocumentTrial struct {
	ID    string    `json:"id"`    // of the trial
	By    string    `json:"by"`    // who wanted it
	Began time.Time `json:"began"` // when
	Until time.Time `json:"until"` // when it is undone at the latest
	// Attended says that it is kept when its author confirms it or comes back; else when
	// clients have Internet.
	Attended bool  `json:"attended"`
	SettleMS int64 `json:"settle_ms"` // a connection that is made sooner does not show that somebody is back
}

// TrialOutcome is how a trial ended.
type TrialOutcome struct {
	ID   string    `json:"id,omitempty"` // of the trial; absent: it did not begin
	Kept bool      `json:"kept"`         // the change stays
	Why  string    `json:"why"`          // in one clause
	At   time.Time `json:"at"`           // when
}

// Verdict is what would become, or became, of a document.
type Verdict struct {
	Refused bool   `json:"refused"`         // nothing of it may be applied
	Trial   string `json:"trial,omitempty"` // id, when it is in force on trial
	Items   []Item `json:"items"`           // what becomes of each element
}

// RenderProvisioning turns a Snapshot into what is told of operators' documents.
func RenderProvisioning(s *control.Snapshot) Provisioning {
	d := s.Documents
	p := Provisioning{Documents: []OperatorDocument{}, Sharing: sharingOf(d.Policy.Sharing), Limit: d.Policy.MaxClients, Buying: d.Buying}
	for i, e := range d.List {
		o := operatorDocument(e)
		if o.InForce = i == d.InForce; o.InForce {
			o.Refreshed = refreshed(d)
			if a := e.Document.Activation; a != nil {
				o.Activate = d.Activity.Text(*a)
			}
		}
		p.Documents = append(p.Documents, o)
	}
	p.Buyable, p.Refresh = len(d.Policy.Contexts[modem.Purchase]) > 0, s.AsksServers()
	p.Conflicts = reasonsDoc(plan.Conflicts(s.Config, d.Policy))
	if t := d.Trial; t != nil {
		p.Trial = &DocumentTrial{ID: t.ID, By: t.By.Name, Began: t.Began, Until: t.Until, Attended: t.By.Session != "", SettleMS: control.TrialSettle.Milliseconds()}
	}
	if o := d.Outcome; o != nil {
		p.Outcome = &TrialOutcome{ID: o.ID, Kept: o.Kept, Why: o.Why, At: o.At}
	}
	return p
}

// provisionDoc is the same in short, for the status: nil without documents.
func provisionDoc(s *control.Snapshot) *Provisioning {
	if len(s.Documents.List) == 0 && s.Documents.Outcome == nil {
		return nil
	}
	p := RenderProvisioning(s)
	for i := range p.Documents {
		p.Documents[i].Items, p.Documents[i].Logo = nil, ""
	}
	return &p
}

// public is what everybody on the LAN may know of the document in force: whose it is, how
// to reach them, and what they allow.
func (p *Provisioning) public() *Provisioning {
	if p == nil {
		return nil
	}
	out := &Provisioning{Sharing: p.Sharing, Limit: p.Limit, Buying: p.Buying}
	for _, d := range p.Documents {
		if d.InForce {
			out.Documents = append(out.Documents, OperatorDocument{InForce: true, Name: d.Name, Support: d.Support, Account: d.Account})
		}
	}
	return out
}

func sharingOf(e provision.Entitlement) Sharing {
	s := Sharing{Rule: string(e.Rule), Allowed: e.Allowed(), Why: e.Why}
	if s.Rule == "" {
		s.Rule = "always"
	}
	if !s.Allowed {
		s.Why = e.Reason()
	}
	return s
}

func refreshed(d control.Documents) string {
	f := d.Fetched
	switch {
	case f.At.IsZero():
		return ""
	case f.Error != "":
		return f.Error
	}
	return "asked on " + f.At.UTC().Format(time.RFC3339)
}

func operatorDocument(e control.Edition) OperatorDocument {
	d := e.Document
	o := OperatorDocument{
		Operator: d.Operator.ID, Name: d.Operator.Name, Form: string(d.Form), Serial: d.Serial, Signed: e.Signature != nil,
		Origin: string(e.Origin), Applied: e.At, Support: d.Operator.SupportPhone, Account: d.Operator.AccountURL,
		Messages: len(d.Messages), Logo: picture(d.Operator.Logo), Items: items(e.Report),
	}
	for _, p := range d.Plans {
		o.Plans = append(o.Plans, p.Name)
	}
	if d.WLAN != nil {
		for _, w := range *d.WLAN {
			o.WLANs = append(o.WLANs, w.Name)
		}
	}
	if d.Activation != nil {
		o.Activate = d.Activation.Method
	}
	return o
}

// picture is a logo as a data: URL (RFC 2397), if it is a PNG (its section 11.2.2) or a BMP
// and small when it is unpacked too; else "".
func picture(b []byte) string {
	const most = 256 // pixels
	kind, wide, high := "", uint32(0), uint32(0)
	switch {
	case len(b) >= 24 && string(b[:8]) == "\x89PNG\r\n\x1a\n" && string(b[12:16]) == "IHDR":
		kind, wide, high = "png", binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	case len(b) >= 26 && string(b[:2]) == "BM" && binary.LittleEndian.Uint32(b[14:]) >= 40: // its header has 32 bits for each
		kind, wide, high = "bmp", binary.LittleEndian.Uint32(b[18:]), binary.LittleEndian.Uint32(b[22:])
		if top := -int32(high); top > 0 {
			high = uint32(top) // the lines stand from the top down
		}
	}
	if kind == "" || wide-1 >= most || high-1 >= most {
		return ""
	}
	return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(b)
}

func items(report document.Report) []Item {
	out := []Item{}
	for _, i := range report {
		out = append(out, Item{Path: i.Path, State: string(i.State), Why: i.Why})
	}
	return out
}

// provisionShow, and what follows, are the verbs of operators' documents.
func (s *Server) provisionShow(Call) (any, error) { return RenderProvisioning(s.Loop.Snapshot()), nil }

func (s *Server) provisionCheck(c Call) (any, error) {
	return JudgedBy(s.Loop.Snapshot(), c.offer()), nil
}

// offer is the document that an owner brings.
func (c Call) offer() document.Offer {
	o := document.Offer{Raw: []byte(c.text("text")), Origin: document.ByOwner}
	if signature := c.text("signature"); signature != "" {
		o.Signature = []byte(signature)
	}
	return o
}

// JudgedBy is what a gateway in this state would say of a document.
func JudgedBy(s *control.Snapshot, o document.Offer) Verdict {
	report := s.Judge(o)
	return Verdict{Refused: report.Refused(), Items: items(report)}
}

// provisionApply puts a document into force on trial.
func (s *Server) provisionApply(c Call) (any, error) {
	answer := make(chan control.ProvideAnswer, 1)
	if err := s.Loop.Send(control.Provide{Offer: c.offer(), By: c.By.Author, Answer: answer}); err != nil {
		return nil, &Fault{Code: TooMany, Message: err.Error(), Wait: 1}
	}
	select {
	case a := <-answer:
		return Verdict{Refused: a.Report.Refused(), Trial: a.Trial, Items: items(a.Report)}, a.Err
	case <-s.Loop.Done():
		return nil, &Fault{Code: NotDone, Message: "tetherd is ending"}
	}
}

func (s *Server) provisionRevert(c Call) (any, error) {
	return s.provisioned(func(to chan<- error) control.Intent {
		return control.TakeBack{ID: c.text("id"), By: c.By.Author, Answer: to}
	})
}

func (s *Server) provisionConfirm(c Call) (any, error) {
	return s.provisioned(func(to chan<- error) control.Intent {
		return control.ConfirmDocument{ID: c.text("id"), Answer: to}
	})
}

func (s *Server) provisionRefresh(Call) (any, error) {
	return s.provisioned(func(to chan<- error) control.Intent { return control.RefreshDocument{Answer: to} })
}

func (s *Server) provisionBuy(c Call) (any, error) {
	return s.provisioned(func(to chan<- error) control.Intent { return control.Buy{On: c.flag("on"), Answer: to} })
}

// provisioned hands on an Intent and tells what is after it.
func (s *Server) provisioned(intent func(chan<- error) control.Intent) (any, error) {
	if err := s.ask(intent); err != nil {
		return nil, err
	}
	return RenderProvisioning(s.Loop.Snapshot()), nil
}

// AskProvisioning uses one of the verbs "show", "confirm", "revert", "refresh" and "buy" of a
// gateway on a local socket.
func AskProvisioning(ctx context.Context, socket, verb string, args map[string]any) (Provisioning, error) {
	var p Provisioning
	answer, err := Use(ctx, socket, "provision "+verb, args)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(answer, &p); err != nil {
		return p, fmt.Errorf("api: read the answer: %w", err)
	}
	return p, nil
}

// OfferDocument asks a gateway on a local socket to "check" or "apply" a document.
func OfferDocument(ctx context.Context, socket, verb string, o document.Offer) (Verdict, error) {
	var v Verdict
	args := map[string]any{"text": string(o.Raw)}
	if o.Signature != nil {
		args["signature"] = base64.StdEncoding.EncodeToString(o.Signature)
	}
	answer, err := Use(ctx, socket, "provision "+verb, args)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(answer, &v); err != nil {
		return v, fmt.Errorf("api: read the answer: %w", err)
	}
	return v, nil
}

// AwaitTrial asks again until a document's trial has ended, and returns how.
func AwaitTrial(ctx context.Context, socket, id string) (TrialOutcome, error) {
	for {
		p, err := AskProvisioning(ctx, socket, "show", nil)
		if err != nil {
			return TrialOutcome{}, err
		}
		if o := p.Outcome; o != nil && o.ID == id {
			return *o, nil
		}
		select {
		case <-ctx.Done():
			return TrialOutcome{}, errors.New("api: the trial has not ended")
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// Text renders the verdict for a person.
func (v Verdict) Text() string {
	var b strings.Builder
	writeItems(&b, "", v.Items)
	if v.Refused {
		fmt.Fprintln(&b, "The document is refused: nothing of it is applied.")
	}
	return b.String()
}

// writeItems writes elements a line each, refused ones first.
func writeItems(w io.Writer, indent string, list []Item) {
	list = slices.Clone(list)
	refused := func(i int) bool { return list[i].State == string(document.Refused) }
	sort.SliceStable(list, func(i, j int) bool { return refused(i) && !refused(j) })
	for _, i := range list {
		fmt.Fprintf(w, "%s%-15s %s", indent, i.State, i.Path)
		if i.Why != "" {
			fmt.Fprintf(w, ": %s", i.Why)
		}
		fmt.Fprintln(w)
	}
}

// Text renders operators' documents for a person.
func (p Provisioning) Text() string {
	var b strings.Builder
	if len(p.Documents) == 0 {
		fmt.Fprintln(&b, "There is no operator's document.")
	}
	for _, d := range p.Documents {
		d.write(&b)
	}
	if p.Sharing.Allowed {
		fmt.Fprintf(&b, "sharing: allowed (%s)\n", p.Sharing.Rule)
	} else {
		fmt.Fprintf(&b, "sharing: not allowed: %s\n", p.Sharing.Why)
	}
	if p.Limit > 0 {
		fmt.Fprintf(&b, "devices with Internet at a time: %d\n", p.Limit)
	}
	if p.Buying {
		fmt.Fprintln(&b, "clients are sent where a plan is bought")
	}
	for _, c := range p.Conflicts {
		fmt.Fprintf(&b, "%s %s: %s\n", c.What, c.Value, c.Why)
	}
	if p.Trial != nil {
		fmt.Fprintf(&b, "on trial until %s\n", p.Trial.Until.Format(time.TimeOnly))
	}
	if o := p.Outcome; o != nil {
		fmt.Fprintf(&b, "last trial: %s\n", o.Text())
	}
	return b.String()
}

// Text says in one line how a trial ended.
func (o TrialOutcome) Text() string {
	if o.Kept {
		return "kept: " + o.Why
	}
	return "not kept: " + o.Why
}

func (d OperatorDocument) write(b io.Writer) {
	signed, force := "not signed", "for another SIM"
	if d.Signed {
		signed = "signed"
	}
	if d.InForce {
		force = "in force"
	}
	fmt.Fprintf(b, "%s %s: %s, serial %d, %s, by %s, %s\n", d.Operator, d.Name, force, d.Serial, signed, d.Origin, d.Applied.UTC().Format(time.DateOnly))
	for _, line := range []struct{ what, text string }{
		{"support", d.Support}, {"account", d.Account}, {"plans", strings.Join(d.Plans, ", ")}, {"Wi-Fi networks", strings.Join(d.WLANs, ", ")},
		{"after buying", d.Activate}, {"server", d.Refreshed},
	} {
		if line.text != "" {
			fmt.Fprintf(b, "  %s: %s\n", line.what, line.text)
		}
	}
	writeItems(b, "  ", d.Items)
}
