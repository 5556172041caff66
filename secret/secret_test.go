package secret

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestNoWayOfPrintingTells: neither verbs nor structs around it nor the log show the
// value.
func TestNoWayOfPrintingTells(t *testing.T) {
	const value = "sesame-4711"
	around := struct {
		Name string
		Key  Text
		More []Text
	}{"n", value, []Text{value}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, x := range []any{Text(value), around, &around, []any{Text(value)}} {
			if got := fmt.Sprintf(verb, x); strings.Contains(got, value) || !strings.Contains(got, "***") {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "key", Text(value))
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "key", Text(value))
	if got := log.String(); strings.Contains(got, value) || strings.Count(got, "***") != 2 {
		t.Errorf("the log holds %s", got)
	}
}

// TestNothingIsNoSecret: that there is none may be seen.
func TestNothingIsNoSecret(t *testing.T) {
	if got := fmt.Sprintf("%v%s%#v", Text(""), Text(""), Text("")); got != "" {
		t.Errorf("printed as %q", got)
	}
}
