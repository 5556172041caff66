package api

import (
	_ "embed"
	"html"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/doctor"
)

// pageForm is the page that a client without Internet is shown.
//
//go:embed page.html
var pageForm string

// pageScript has the page look again by itself.
//
//go:embed page.js
var pageScript string

// How long a client is left alone.
const (
	leaveAlone = 24 * time.Hour   // it wants to hear no more of this
	letThrough = 10 * time.Minute // it looks at the operator's own page
)

// Untold says that a client has no Internet and is to be told why when it asks for a
// connectivity check. It is asked by the name server.
func (s *Server) Untold(client netip.Addr) bool {
	return explainer{s.Loop.Snapshot, &s.told}.untold(client)
}

// explainer tells clients why they have no Internet.
type explainer struct {
	now  func() *control.Snapshot
	told *told
}

func (e explainer) untold(client netip.Addr) bool {
	want, lacks := e.now().Lacks(client)
	return lacks && !e.told.alone(client, want, time.Now())
}

// ServeHTTP answers the requests that the name server and the firewall lead here: connectivity
// checks are sent to the page, and the page is shown. What is for anybody else is told why
// there is nothing, when its client is refused, and is else cut off as if nobody were there.
// It sets no cookies and serves no verbs: what costs money or changes anything needs the
// owner's sign-in elsewhere.
func (e explainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	snap := e.now()
	at := snap.Desired.NAT.Page.String()
	if err != nil {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	v := visit{told: e.told, snap: snap, client: client.Addr().Unmap(), lang: language(r.Header.Get("Accept-Language"))}
	v.want, v.lacks = snap.Lacks(v.client)
	others := r.Host != at && !slices.Contains(dns.CheckHosts(), strings.ToLower(r.Host))
	if others && !v.refused() {
		panic(http.ErrAbortHandler)
	}
	harden(w.Header())
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close")
	switch {
	case others:
		v.plain(w)
	case r.Host != at:
		v.check(w, r, at)
	case r.Method == http.MethodPost && r.URL.Path == "/later" && v.lacks:
		e.told.leave(v.client, v.want, time.Now(), leaveAlone)
		v.show(w, v.word("page.quiet"), false)
	case r.URL.Path == "/operator" && v.walled(): // the script leads there by itself
		e.told.leave(v.client, v.want, time.Now(), letThrough)
		v.show(w, anchor(` class="first away"`, snap.Observed.Probe.Gateway.Target, v.word("page.operator")), false)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "there is only a page here", http.StatusMethodNotAllowed)
	case r.URL.Path == "/page.js":
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = io.WriteString(w, pageScript) // the client went away
	default:
		v.reason(w)
	}
}

// visit is one request of one client.
type visit struct {
	told   *told
	snap   *control.Snapshot
	client netip.Addr
	lang   string
	want   control.Want
	lacks  bool
}

// check answers a connectivity check: who is to be told is sent to the page; whose
// answer came too late, because it has Internet by now or wants to hear nothing, asks
// again.
func (v visit) check(w http.ResponseWriter, r *http.Request, at string) {
	if !v.lacks || v.told.alone(v.client, v.want, time.Now()) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Refresh", "2") // a browser asks on, until it asks for the name anew
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	http.Redirect(w, r, "http://"+at+"/", http.StatusFound)
}

// refused says that the client itself may not have Internet.
func (v visit) refused() bool { return v.lacks && v.want.Verdict == nil }

// plain answers a request for somebody else's page: an error that no program takes for that
// page, and that says to people and in logs what is the matter.
func (v visit) plain(w http.ResponseWriter) {
	w.Header().Set("Content-Language", v.lang)
	http.Error(w, v.denied(), http.StatusServiceUnavailable)
}

// denied is the sentence that says why the client is refused.
func (v visit) denied() string {
	why := doctor.Phrase(v.lang, v.want.Key, v.want.Args)
	return doctor.Phrase(v.lang, "page.refused", []doctor.Value{{Name: "why", Value: why}})
}

// walled says that the operator answers in the Internet's place.
func (v visit) walled() bool { return v.want.Key == "RC18" }

// reason shows why the client has no Internet and what can be done.
func (v visit) reason(w http.ResponseWriter) {
	if !v.lacks {
		v.show(w, v.word("page.close"), false)
		return
	}
	body := ""
	if f := v.want.Verdict; f != nil {
		body = paragraph(doctor.Sentence(v.lang, *f))
	} else {
		body = paragraph(v.denied())
	}
	if strings.HasPrefix(v.want.Key, "refused.limit") {
		body += paragraph(v.word("page.place"))
	}
	v.show(w, body+v.offers()+paragraph(v.word("page.waits")), true)
}

// offers are what the client can do.
func (v visit) offers() string {
	out := ""
	if v.walled() {
		out += anchor(` class="first"`, "/operator", v.word("page.operator"))
	}
	out += anchor("", "/", v.word("page.again"))
	if port := v.snap.Config.API.Port; port != 0 && v.owners() {
		out += anchor("", "http://"+netip.AddrPortFrom(v.snap.Desired.LAN().Address.Addr(), port).String()+"/", v.word("page.owner")) + paragraph(v.word("page.costs"))
	}
	return out + `<form method="post" action="/later"><button>` + html.EscapeString(v.word("page.later")) + "</button></form>\n"
}

// owners says that the owner could do something about it, and that the client is in the
// network in which the owner's page is.
func (v visit) owners() bool {
	here := v.snap.Desired.LAN().Address.Masked().Contains(v.client)
	return here && (v.want.Verdict == nil || v.want.Verdict.Advice)
}

func (v visit) word(key string) string { return doctor.Phrase(v.lang, key, nil) }

// show writes the page: body is HTML or, without an element, text; again says that it is to
// look again by itself.
func (v visit) show(w http.ResponseWriter, body string, again bool) {
	title := v.word("page.title")
	if !v.lacks {
		title = v.word("page.well")
	}
	if !strings.HasPrefix(body, "<") {
		body = paragraph(body)
	}
	looks := ""
	if again {
		looks = ` data-again="yes"`
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.lang)
	_, _ = strings.NewReplacer("{lang}", v.lang, "{again}", looks, "{title}", html.EscapeString(title), "{body}", body).WriteString(w, pageForm) // the client went away
}

func paragraph(text string) string { return "<p>" + html.EscapeString(text) + "</p>\n" }

func anchor(attributes, to, text string) string {
	return `<a` + attributes + ` href="` + html.EscapeString(to) + `">` + html.EscapeString(text) + "</a>\n"
}

// maxLanguages bounds what is read of a list of languages.
const maxLanguages = 16

// language chooses the first language of a list (RFC 9110, section 12.5.4) in which the
// page can be shown: people's devices list them in the order of preference.
func language(list string) string {
	have := doctor.Languages()
	for i, tag := range strings.SplitN(list, ",", maxLanguages+1) {
		tag, quality, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), ";")
		primary, _, _ := strings.Cut(strings.TrimSpace(tag), "-")
		if i < maxLanguages && slices.Contains(have, primary) && strings.TrimSpace(quality) != "q=0" {
			return primary
		}
	}
	return have[0]
}
