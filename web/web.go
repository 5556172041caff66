// Package web is the page: files that a browser loads from the gateway and nothing
// else. They use the same verbs as every other caller, over HTTP.
package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

// The page is packed before the build, which spares the program its unpacked size and a
// small machine the work: after a change of static/, "make page".
//
//go:generate go run ../tools/pagegen -from static -to packed
//go:embed packed
var files embed.FS

// types are those of the page's files. The machine's own table is not asked: small
// systems have none.
func types() map[string]string {
	return map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".json": "application/json", ".svg": "image/svg+xml",
	}
}

// Handler serves the page's files, packed for who takes that, and under lang/ the list of
// the languages that have a file there.
func Handler() http.Handler {
	types := types()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		switch name {
		case "":
			name = "index.html"
		case "lang":
			w.Header().Set("Content-Type", types[".json"])
			w.Header().Set("Cache-Control", "no-cache")
			_ = json.NewEncoder(w).Encode(Languages()) // the client went away
			return
		}
		packed, err := files.ReadFile("packed/" + name + ".gz")
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", types[path.Ext(name)])
		serve(w, r, packed)
	})
}

// Languages are those that the page speaks, each a file in static/lang/.
func Languages() []string {
	var out []string
	list, _ := files.ReadDir("packed/lang") // embedded, so it can be read
	for _, e := range list {
		out = append(out, strings.TrimSuffix(e.Name(), ".json.gz"))
	}
	return out
}

// serve sends a file, or says that the browser has it still.
func serve(w http.ResponseWriter, r *http.Request, packed []byte) {
	tag := fmt.Sprintf(`W/"%x"`, packed[len(packed)-8:]) // checksum and length of the text
	head := w.Header()
	head.Set("Cache-Control", "no-cache") // another version may be served at once
	head.Set("ETag", tag)
	head.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if unpacks(r) {
		head.Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed) // the client went away
		return
	}
	if text, err := gzip.NewReader(bytes.NewReader(packed)); err == nil {
		_, _ = io.Copy(w, text)
	}
}

// unpacks says whether who asks takes gzip (RFC 9110, 12.5.3).
func unpacks(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return weight == "" || strings.Trim(weight, "q=0.") != ""
		}
	}
	return false
}
