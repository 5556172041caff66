package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// maxConfig bounds the text of a configuration, in bytes; config has the same bound.
const maxConfig = 256 << 10

// Bounds of a request's body, in bytes: of one who may not change anything, and of one
// who may bring a whole configuration, in which JSON escapes every line break.
const (
	smallBody = 4 << 10
	largeBody = 2*maxConfig + smallBody
)

// Local is the handler of the local socket, whose caller may do everything. Every verb
// has its path; GET /v1/status with ?follow=1 gives one document a line, a new one with
// every turn.
func (s *Server) Local() http.Handler {
	mux := http.NewServeMux()
	root := Root("socket")
	for _, v := range Verbs() {
		if v.run == nil {
			continue
		}
		h := func(w http.ResponseWriter, r *http.Request) { s.use(w, r, v, root) }
		mux.HandleFunc("POST "+v.Path(), h)
		if v.Method() == "GET" {
			mux.HandleFunc("GET "+v.Path(), h)
		}
	}
	all := mux.ServeHTTP
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" && r.URL.Path == "/v1/status" && r.URL.Query().Get("follow") == "1" {
			s.follow(w, r)
			return
		}
		all(w, r)
	})
}

// use serves one use of a verb: arguments from the body, or of a GET from the address.
func (s *Server) use(w http.ResponseWriter, r *http.Request, v Verb, by Caller) {
	args, err := arguments(w, r, by)
	if err == nil {
		var answer any
		if answer, err = s.Do(r.Context(), v.Name, args, by); err == nil {
			write(w, http.StatusOK, answer)
			return
		}
	}
	refuse(w, FaultOf(err))
}

// arguments reads the arguments of a request, none of an empty body.
func arguments(w http.ResponseWriter, r *http.Request, by Caller) (map[string]any, error) {
	args := map[string]any{}
	if r.Method == "GET" {
		for name, values := range r.URL.Query() {
			args[name] = values[0]
		}
		return args, nil
	}
	limit := int64(smallBody)
	if by.May(Settings) || by.May(Papers) || by.May(Read) {
		limit = largeBody
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	dec.UseNumber()
	err := dec.Decode(&args)
	if errors.Is(err, io.EOF) {
		return args, nil
	}
	if err == nil && dec.More() {
		err = errors.New("more than one value")
	}
	if err != nil {
		return nil, &Fault{Code: Invalid, Message: "the body must be one JSON object of arguments, of at most " + Bytes(uint64(limit))}
	}
	return args, nil
}

// write answers with JSON. A peer's time to take it begins now: on a small machine a password
// that was hashed on a large one takes longer to check than a peer has.
func write(w http.ResponseWriter, status int, answer any) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(peerPatience)) // the connection is gone
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client went away
}

// refuse answers with a fault.
func refuse(w http.ResponseWriter, f *Fault) {
	write(w, f.Status(), struct {
		Error *Fault `json:"error"`
	}{f})
}
