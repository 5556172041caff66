// Package web is the page: files that a browser loads from the gateway and nothing
// else. They use the same verbs as every other caller, over HTTP.
package web

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed static
var files embed.FS

// Handler serves the page's files.
func Handler() http.Handler {
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the name is above
	}
	return http.FileServerFS(static)
}
