package api

import (
	_ "embed"
	"net/http"
)

// openAPIText describes the HTTP interface. A test renders it from the table of verbs
// and the types of their answers, and holds it against real answers.
//
//go:embed openapi.json
var openAPIText []byte

func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIText) // the client went away
}
