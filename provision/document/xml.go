package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a document, in either form.
const (
	MaxBytes   = 256 << 10 // of the whole document
	maxDepth   = 24
	maxNodes   = 4096 // elements, or values
	maxAttrs   = 24   // of one element
	maxNameLen = 128
)

// node is one element. Its text is what stands directly in it.
type node struct {
	space, name string
	attrs       []xml.Attr
	kids        []*node
	text        string
	path        string
	raw         []byte // as it came
}

// fault is an error with the path of the element that it is about.
type fault struct{ path, why string }

func (f fault) Error() string { return f.path + ": " + f.why }

// xmlReader builds the tree.
type xmlReader struct {
	raw   []byte
	dec   *xml.Decoder
	open  []*node
	texts []*strings.Builder
	root  *node
	count int
	alien bool // the encoding is another than UTF-8
}

// readXML reads one root element within the bounds. Document types, entities of one's
// own, processing instructions and encodings other than UTF-8 are refused.
func readXML(raw []byte) (*node, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	r := &xmlReader{raw: raw, dec: xml.NewDecoder(bytes.NewReader(raw))}
	r.dec.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		r.alien = true
		return nil, errors.New("only UTF-8 is read")
	}
	for {
		at := r.dec.InputOffset()
		token, err := r.dec.Token()
		switch {
		case errors.Is(err, io.EOF) && r.root != nil && len(r.open) == 0:
			return r.root, nil
		case errors.Is(err, io.EOF):
			return nil, r.fail("the document ends too early")
		case r.alien:
			return nil, r.fail("only UTF-8 is read")
		case err != nil:
			return nil, r.fail("line " + r.line(at) + ": this is no well-formed XML")
		}
		if err := r.token(token, at); err != nil {
			return nil, err
		}
	}
}

func (r *xmlReader) line(at int64) string {
	return fmt.Sprint(1 + bytes.Count(r.raw[:min(int(at), len(r.raw))], []byte("\n")))
}

func (r *xmlReader) fail(why string) error {
	path := "/"
	if n := len(r.open); n > 0 {
		path = r.open[n-1].path
	}
	return fault{path, why}
}

func (r *xmlReader) token(token xml.Token, at int64) error {
	switch t := token.(type) {
	case xml.Directive:
		return r.fail("a document type is refused")
	case xml.ProcInst:
		if t.Target != "xml" || r.root != nil {
			return r.fail("a processing instruction is refused")
		}
	case xml.CharData:
		return r.chars(t)
	case xml.StartElement:
		return r.start(t, at)
	case xml.EndElement:
		r.end()
	}
	return nil
}

func (r *xmlReader) chars(text []byte) error {
	if len(r.open) > 0 {
		r.texts[len(r.texts)-1].Write(text)
		return nil
	}
	if len(bytes.TrimSpace(text)) > 0 {
		return r.fail("there is text outside of the root element")
	}
	return nil
}

func (r *xmlReader) start(t xml.StartElement, at int64) error {
	r.count++
	switch {
	case r.root != nil && len(r.open) == 0:
		return r.fail("there is a second root element")
	case len(r.open) >= maxDepth:
		return r.fail(fmt.Sprintf("elements are nested deeper than %d", maxDepth))
	case r.count > maxNodes:
		return r.fail(fmt.Sprintf("there are more than %d elements", maxNodes))
	case len(t.Attr) > maxAttrs:
		return r.fail(fmt.Sprintf("an element has more than %d attributes", maxAttrs))
	case len(t.Name.Local) > maxNameLen || len(t.Name.Space) > 4*maxNameLen:
		return r.fail("a name is too long")
	}
	n := &node{space: t.Name.Space, name: t.Name.Local, raw: r.raw[at:]}
	if err := n.take(t.Attr); err != nil {
		return r.fail(err.Error())
	}
	if len(r.open) == 0 {
		r.root, n.path = n, "/"+n.name
	} else {
		r.open[len(r.open)-1].adopt(n)
	}
	r.open, r.texts = append(r.open, n), append(r.texts, new(strings.Builder))
	return nil
}

// take keeps the attributes, without name spaces, each once.
func (n *node) take(attrs []xml.Attr) error {
	seen := make(map[xml.Name]bool, len(attrs))
	for _, a := range attrs {
		if seen[a.Name] {
			return fmt.Errorf("the element %s has an attribute twice", n.name)
		}
		seen[a.Name] = true
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			n.attrs = append(n.attrs, a)
		}
	}
	return nil
}

// adopt gives a child its path: repeated names are numbered from 1.
func (n *node) adopt(kid *node) {
	same := 0
	for _, k := range n.kids {
		if k.name == kid.name {
			same++
		}
	}
	kid.path = n.path + "/" + kid.name
	if same > 0 {
		kid.path += fmt.Sprintf("[%d]", same+1)
	}
	n.kids = append(n.kids, kid)
}

func (r *xmlReader) end() {
	last := len(r.open) - 1
	n := r.open[last]
	n.text = r.texts[last].String()
	n.raw = n.raw[:len(n.raw)-(len(r.raw)-int(r.dec.InputOffset()))]
	r.open, r.texts = r.open[:last], r.texts[:last]
}

// child is the first child of a name; an empty node when there is none, so that a way
// may be walked blindly.
func (n *node) child(way ...string) *node {
	for _, name := range way {
		next := &node{}
		for _, k := range n.kids {
			if k.name == name {
				next = k
				break
			}
		}
		n = next
	}
	return n
}

// there says that the element is in the document.
func (n *node) there() bool { return n.name != "" }

// all are the children of a name.
func (n *node) all(name string) []*node {
	var list []*node
	for _, k := range n.kids {
		if k.name == name {
			list = append(list, k)
		}
	}
	return list
}

// attr is the value of an attribute, or otherwise.
func (n *node) attr(name, otherwise string) string {
	for _, a := range n.attrs {
		if a.Name.Local == name && a.Name.Space == "" {
			return collapse(a.Value)
		}
	}
	return otherwise
}

// digest tells contents apart, whatever the order of attributes or the layout.
func (n *node) digest() uint64 {
	parts := []string{n.space, n.name, strings.TrimSpace(n.text)}
	for _, a := range n.attrs {
		parts = append(parts, a.Name.Local+"="+a.Value)
	}
	for _, k := range n.kids {
		parts = append(parts, fmt.Sprint(k.digest()))
	}
	return digest(parts...)
}
