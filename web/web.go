// Package web is the page: files that a browser loads from the gateway and nothing
// else. They use the same verbs as every other caller, over HTTP.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed static
var files embed.FS

// types are those of the page's files. The machine's own table is not asked: small
// systems have none.
func types() map[string]string {
	return map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".json": "application/json", ".svg": "image/svg+xml",
	}
}

// file is one of the page's.
type file struct {
	path   string // in files, which hold it plain
	kind   string // Content-Type
	tag    string // ETag, of the text
	packed []byte // as gzip
}

// load packs them all. What is embedded can be read.
func load() map[string]file {
	all, types := map[string]file{}, types()
	_ = fs.WalkDir(files, "static", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		sum := sha256.Sum256(text)
		all[strings.TrimPrefix(name, "static/")] = file{name, types[path.Ext(name)], `W/"` + hex.EncodeToString(sum[:8]) + `"`, pack(text)}
		return err
	})
	return all
}

// pack compresses a text, as small as can be: it is done once and sent often.
func pack(text []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(text) // a Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// Handler serves the page's files, packed for who takes that. They are packed when the
// first browser comes, which keeps some 50 kB of memory from then on: a page that was
// packed before the build would be one more file to renew with every change of a word.
func Handler() http.Handler {
	all := sync.OnceValue(load)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if name == "" {
			name = "index.html"
		}
		if f, ok := all()[name]; ok {
			f.serve(w, r)
		} else {
			http.NotFound(w, r)
		}
	})
}

// serve sends a file, or says that the browser has it still.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", f.kind)
	head.Set("Cache-Control", "no-cache") // another version may be served at once
	head.Set("ETag", f.tag)
	head.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	text := f.packed
	if unpacks(r) {
		head.Set("Content-Encoding", "gzip")
	} else {
		text, _ = files.ReadFile(f.path)
	}
	_, _ = w.Write(text) // the client went away
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
