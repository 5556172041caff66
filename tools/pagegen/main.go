// Command pagegen packs the files of the page, for package web to embed and send.
//
//	pagegen [-from DIR] [-to DIR]
//
// Each file of the one folder stands in the other one as gzip (RFC 1952), under its name
// with .gz behind; what else was there is removed.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	from := flag.String("from", "web/static", "`folder` of the page's files")
	to := flag.String("to", "web/packed", "`folder` to write the packed ones to")
	flag.Parse()
	if err := packAll(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "pagegen:", err)
		os.Exit(1)
	}
}

// packAll packs one folder into another.
func packAll(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		out := filepath.Join(to, name+".gz")
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return err
		}
		packed, err := pack(text)
		if err != nil {
			return err
		}
		return os.WriteFile(out, packed, 0o644)
	})
}

// pack packs one text, always into the same bytes.
func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
