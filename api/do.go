package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/control"
)

// Caller is who uses a verb.
type Caller struct {
	Author control.Author
	Scopes []Scope // what he may; Admin is everything
	From   string  // address, for the audit log; "" the machine itself
	// Masked hides secrets, whatever the scopes, and the choice of the first password.
	Masked bool
	// Lenient drops arguments that are not known, as callers of ubus expect.
	Lenient bool
}

// Root is a caller on the machine itself who may do everything.
func Root(name string) Caller {
	return Caller{Author: control.Author{Name: name}, Scopes: []Scope{Admin}}
}

// May says whether the caller has a scope.
func (c Caller) May(s Scope) bool {
	return s == Public || slices.Contains(c.Scopes, s) || slices.Contains(c.Scopes, Admin)
}

// Find returns the verb of a name.
func Find(name string) (Verb, bool) {
	all := Verbs()
	i := slices.IndexFunc(all, func(v Verb) bool { return v.Name == name })
	if i < 0 {
		return Verb{}, false
	}
	return all[i], true
}

// Do uses a verb. Arguments are strings, numbers (json.Number, int, int32, int64),
// bools and lists of strings ([]any, []string). The answer is for encoding/json; an
// error is always a *Fault.
func (s *Server) Do(ctx context.Context, name string, args map[string]any, by Caller) (any, error) {
	v, ok := Find(name)
	if !ok || v.run == nil {
		return nil, &Fault{Code: Absent, Message: "there is no verb " + printable(name)}
	}
	if !by.May(v.Scope) && (by.Masked || !s.firstStart(v)) {
		return nil, &Fault{Code: Denied, Message: fmt.Sprintf("%s needs the scope %s", v.Name, v.Scope)}
	}
	taken, err := v.take(args, by.Lenient)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, FaultOf(err)
	}
	answer, err := v.run(s, Call{By: by, args: taken})
	s.audit(v, by, taken, err)
	if err != nil {
		return nil, FaultOf(err)
	}
	return answer, nil
}

// ask hands the loop an Intent and waits for its answer, which always comes while the
// loop runs.
func (s *Server) ask(intent func(answer chan<- error) control.Intent) error {
	answer := make(chan error, 1)
	if err := s.Loop.Send(intent(answer)); err != nil {
		return &Fault{Code: TooMany, Message: err.Error(), Wait: 1}
	}
	select {
	case err := <-answer:
		return err
	case <-s.Loop.Done():
		return &Fault{Code: NotDone, Message: "tetherd is ending"}
	}
}

// words splits a verb's name.
func (v Verb) words() []string { return strings.Fields(v.Name) }
