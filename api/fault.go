package api

import (
	"errors"
	"net/http"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
)

// Code says what kind of fault an answer tells of.
type Code string

// The codes.
const (
	Invalid  Code = "invalid"   // an argument is wrong; Field or Faults say which
	Denied   Code = "denied"    // log in, or with another scope
	Absent   Code = "not-found" // there is no such thing
	Conflict Code = "conflict"  // somebody else has changed it meanwhile
	TooMany  Code = "too-many"  // try again later
	NotDone  Code = "failed"    // it could not be done; Message says why
)

// Fault is why something was not done. It holds no value that was given.
type Fault struct {
	Code    Code         `json:"code"`
	Message string       `json:"message"`          // in one sentence
	Field   string       `json:"field,omitempty"`  // argument that is wrong
	Faults  []FieldFault `json:"faults,omitempty"` // of a configuration
	Wait    int          `json:"wait_s,omitempty"` // seconds until it may be tried again
}

// FieldFault is one fault of a configuration.
type FieldFault struct {
	Line    int    `json:"line,omitempty"`    // of the text, from 1
	Section string `json:"section,omitempty"` // as uci addresses it
	Option  string `json:"option,omitempty"`
	Message string `json:"message"`
}

// Error is the message with its field.
func (f *Fault) Error() string {
	if f.Field != "" {
		return f.Field + " " + f.Message
	}
	return f.Message
}

// Status is the fault's HTTP status.
func (f *Fault) Status() int {
	switch f.Code {
	case Invalid:
		return http.StatusBadRequest
	case Denied:
		return http.StatusForbidden
	case Absent:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case TooMany:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable // a thing outside refuses: never our 500
}

func invalid(field, message string) *Fault {
	return &Fault{Code: Invalid, Field: field, Message: message}
}

// FaultOf turns any error into a Fault.
func FaultOf(err error) *Fault {
	var f *Fault
	var faults config.Errors
	var one config.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &faults):
		return &Fault{Code: Invalid, Message: "the settings have faults", Faults: fieldFaults(faults)}
	case errors.As(err, &one):
		return &Fault{Code: Invalid, Message: "the settings have a fault", Faults: fieldFaults(config.Errors{one})}
	case errors.Is(err, control.ErrConflict):
		return &Fault{Code: Conflict, Message: err.Error()}
	case errors.Is(err, control.ErrNoTrial):
		return &Fault{Code: Absent, Message: err.Error()}
	}
	return &Fault{Code: NotDone, Message: err.Error()}
}

func fieldFaults(in config.Errors) []FieldFault {
	out := make([]FieldFault, len(in))
	for i, e := range in {
		out[i] = FieldFault{Line: e.Line, Section: e.Section, Option: e.Option, Message: e.Message}
	}
	return out
}
