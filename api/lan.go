package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/control"
)

// cookie keeps a session's key. Nothing but the page's own requests carries it.
const cookie = "tetherd"

// LAN is the handler on the LAN: every verb, for callers with a token or a session that
// may use it; logging in and out; events; metrics; and the page.
func (s *Server) LAN() http.Handler {
	mux := http.NewServeMux()
	for _, v := range Verbs() {
		h := func(w http.ResponseWriter, r *http.Request, by Caller) { s.use(w, r, v, by) }
		if v.Kind == Stream {
			h = s.events
		}
		mux.HandleFunc(v.Method()+" "+v.Path(), s.known(h))
	}
	mux.HandleFunc("GET /v1/session", s.known(s.session))
	mux.HandleFunc("POST /v1/login", s.known(s.login))
	mux.HandleFunc("POST /v1/logout", s.known(s.logout))
	mux.HandleFunc("GET /v1/openapi.json", s.openAPI)
	mux.HandleFunc("GET /metrics", s.known(s.metrics))
	mux.HandleFunc("GET /v1/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, &Fault{Code: Absent, Message: "there is no such verb, or it is used with POST"})
	})
	if s.Page != nil {
		mux.Handle("GET /", s.Page)
	}
	return s.guarded(mux)
}

// guarded lets through what comes from the LAN and is meant for us, and keeps other
// sites' pages from using or framing ours.
func (s *Server) guarded(h http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		snap := s.Loop.Snapshot()
		harden(w.Header())
		if awaited(snap.OnTrial()) {
			w.Header().Set("Connection", "close") // the next request is by another
		}
		switch {
		case !onLAN(r.RemoteAddr, snap):
			refuse(w, &Fault{Code: Denied, Message: "this is served to the LAN alone"})
		case !ours(r.Host, snap):
			http.Error(w, "use the gateway's address or its name", http.StatusMisdirectedRequest)
		case cross.Check(r) != nil:
			refuse(w, &Fault{Code: Denied, Message: "another site's page may not do this"})
		case r.Method == "POST" && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
			refuse(w, invalid("Content-Type", "must be application/json"))
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// harden sets what a browser is to refuse.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// onLAN says that a peer has an address of the LAN. The firewall has said so already:
// this holds while it is being changed, too.
func onLAN(peer string, snap *control.Snapshot) bool {
	at, err := netip.ParseAddrPort(peer)
	return err == nil && snap.Desired.LAN().Address.Masked().Contains(at.Addr().Unmap())
}

// ours says that a Host header is an address or our own name, so that no foreign page
// can read us by rebinding its name to our address.
func ours(host string, snap *control.Snapshot) bool {
	if literal(host) {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "tetherd" || host == "tetherd."+snap.Config.DHCP.Domain
}

// literal says that a Host header is an address, with a port or without.
func literal(host string) bool {
	if _, err := netip.ParseAddrPort(host); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// awaited says that somebody is to come back whose change is on trial: by a new connection,
// which nobody gets who is not reached.
func awaited(t *control.Trial) bool { return t != nil && t.By.Session != "" && !t.Back }

// known finds out who asks.
func (s *Server) known(h func(http.ResponseWriter, *http.Request, Caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, err := s.caller(r, s.sessions.use)
		if err != nil {
			refuse(w, FaultOf(err))
			return
		}
		s.back(r, by.Author.Session, "")
		h(w, r, by)
	}
}

// caller is who holds the token or the session of a request, or else the public. session
// says whether a key is of a session.
func (s *Server) caller(r *http.Request, session func(string, time.Time) bool) (Caller, error) {
	by := Caller{From: from(r).String()}
	by.Author.Name = "public"
	if s.Keys == nil {
		return by, nil
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		name, scopes, ok := s.Keys.Token(token)
		if !ok {
			return by, &Fault{Code: Denied, Message: "the token is not known"}
		}
		by.Author.Name, by.Scopes = "token "+name, scopes
		return by, nil
	}
	if c, err := r.Cookie(cookie); err == nil && session(c.Value, time.Now()) {
		by.Author, by.Scopes = control.Author{Name: "page", Session: c.Value, From: by.From}, []Scope{Admin}
	}
	return by, nil
}

// back tells the loop that somebody whose change is on trial was seen again: by a new
// request, for what goes on being sent to him he need not receive. anew is the session that
// he has got by it, if any.
func (s *Server) back(r *http.Request, session, anew string) {
	if t := s.Loop.Snapshot().OnTrial(); t != nil && t.Of(session) && (awaited(t) || anew != "") {
		_ = s.Loop.Send(control.Seen{Session: session, Made: accepted(r), Anew: anew}) // a loop that is behind hears of the next request
	}
}

// local says that the caller is on the machine itself.
func (c Caller) local() bool { return c.From == "" }

func from(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // guarded has parsed it
	return at.Addr().Unmap()
}

// SessionDoc is what the page must know before it shows anything.
type SessionDoc struct {
	Fresh  bool    `json:"fresh"`  // no password was chosen yet
	In     bool    `json:"in"`     // somebody is logged in
	Scopes []Scope `json:"scopes"` // what the caller may
}

func (s *Server) session(w http.ResponseWriter, _ *http.Request, by Caller) {
	scopes := by.Scopes
	if slices.Contains(scopes, Admin) {
		scopes = Scopes()
	}
	write(w, http.StatusOK, SessionDoc{
		Fresh: s.Keys != nil && s.Keys.Fresh(), In: by.Author.Session != "", Scopes: append([]Scope{}, scopes...),
	})
}

// login begins a session for who knows the password.
func (s *Server) login(w http.ResponseWriter, r *http.Request, by Caller) {
	args, err := arguments(w, r, Caller{})
	if err == nil {
		password, _ := args["password"].(string)
		err = s.prove(by, password, "password")
	}
	if err != nil {
		refuse(w, FaultOf(err))
		return
	}
	key := s.sessions.begin(time.Now())
	// Who logs in is the author of a change when he comes from where he was, or when the page
	// has moved, whose former session may not come along.
	if t := s.Loop.Snapshot().OnTrial(); t != nil && (t.Moved || t.By.From == by.From) {
		s.back(r, t.By.Session, key)
	}
	s.Log.Info("somebody logged in", "from", by.From)
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	write(w, http.StatusOK, Nothing{})
}

// prove checks a password against guessing.
func (s *Server) prove(by Caller, password, field string) error {
	if s.Keys == nil {
		return &Fault{Code: Denied, Message: "nobody may log in here"}
	}
	if s.Keys.Fresh() {
		return &Fault{Code: Denied, Message: "no password was chosen yet"}
	}
	source, _ := netip.ParseAddr(by.From) // none is a source, too
	wait, ok := s.guard.enter(source, time.Now())
	if !ok {
		return &Fault{Code: TooMany, Message: "too many wrong passwords, try again later", Wait: int(wait/time.Second) + 1}
	}
	right := s.Keys.Check(password)
	s.guard.leave(source, time.Now(), right)
	if !right {
		s.Log.Warn("a wrong password", "from", by.From)
		return &Fault{Code: Denied, Field: field, Message: "is wrong"}
	}
	return nil
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, by Caller) {
	s.sessions.end(by.Author.Session, false)
	http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
	write(w, http.StatusOK, Nothing{})
}

// firstStart says that the verb is open although nobody is logged in: the password is
// chosen by who comes first.
func (s *Server) firstStart(v Verb) bool {
	return v.Name == "password" && s.Keys != nil && s.Keys.Fresh()
}
