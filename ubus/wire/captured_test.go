package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// captured reads the bytes of a real ubusd and its programs: each file of testdata is
// one connection, one message a line, in hexadecimal, after who sent it.
func captured(t testing.TB, visit func(name string, line int, frame []byte)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != 12 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			_, digits, _ := strings.Cut(l, "> ")
			frame, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatalf("%s line %d: %v", file, i+1, err)
			}
			visit(filepath.Base(file), i+1, frame)
		}
	}
}

// frame is one message of a capture.
func frame(t testing.TB, file string, line int) Message {
	t.Helper()
	var found []byte
	captured(t, func(name string, n int, frame []byte) {
		if name == file && n == line {
			found = frame
		}
	})
	m, err := Read(bytes.NewReader(found))
	if err != nil {
		t.Fatalf("%s line %d: %v", file, line, err)
	}
	return m
}

// again takes a message apart down to its values and puts it together again.
func again(t testing.TB, m Message) Message {
	t.Helper()
	for i, a := range m.Attrs {
		switch a.ID {
		case AttrData, AttrSignature:
			table, err := ParseTable(a.Data)
			if err != nil {
				t.Fatal(err)
			}
			m.Attrs[i].Data = table.AppendTo(nil)
		case AttrSubscribers:
			inner, err := ParseAttrs(a.Data)
			if err != nil {
				t.Fatal(err)
			}
			m.Attrs[i].Data = AppendAttrs(nil, inner)
		case AttrPath, AttrMethod, AttrUser, AttrGroup:
			m.Attrs[i] = Text(a.ID, m.Text(a.ID))
		case AttrActive, AttrNoReply:
			m.Attrs[i] = Flag(a.ID, m.Flag(a.ID))
		default:
			v, ok := m.U32(a.ID)
			if !ok {
				t.Fatalf("attribute %d is no number", a.ID)
			}
			m.Attrs[i] = U32(a.ID, v)
		}
	}
	return m
}

// TestCapturedBytes: every message of a real bus is read, down to the last value, and
// written back to the byte.
func TestCapturedBytes(t *testing.T) {
	messages := 0
	captured(t, func(name string, line int, frame []byte) {
		messages++
		in := bytes.NewReader(frame)
		m, err := Read(in)
		if err != nil || in.Len() > 0 {
			t.Fatalf("%s line %d: %v, %d bytes left", name, line, err, in.Len())
		}
		m = again(t, m)
		if got := m.AppendTo(nil); !bytes.Equal(got, frame) || m.Len() != len(frame)-frameHead {
			t.Errorf("%s line %d:\n got %x\nwant %x", name, line, got, frame)
		}
	})
	if messages < 180 {
		t.Errorf("only %d messages", messages)
	}
}

// TestCapturedMeaning: what the programs were told to do is what is read.
func TestCapturedMeaning(t *testing.T) {
	same := func(what string, got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	table := func(m Message, id ID) Table {
		v, err := m.Table(id)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	same("hello", frame(t, "02-list.txt", 1), Message{Type: Hello, Peer: 0x30d3aa3f})
	add := frame(t, "01-object-server.txt", 2)
	same("path", add.Text(AttrPath), "test")
	same("signatures", table(add, AttrSignature), Signatures([]Signature{
		{"hello", []Argument{{"id", KindInt32}, {"msg", KindString}}},
		{"watch", []Argument{{"id", KindInt32}, {"counter", KindInt32}}},
		{"count", []Argument{{"to", KindInt32}, {"string", KindString}}},
	}))
	call := frame(t, "01-object-server.txt", 8)
	same("call", call.Type, Invoke)
	same("method", call.Text(AttrMethod), "hello")
	same("user", call.Text(AttrUser)+":"+call.Text(AttrGroup), "root:root")
	same("arguments", table(call, AttrData), Table{{"id", int32(42)}, {"msg", "hi there"}, {"extra", int8(1)}})
	same("unknown method", frame(t, "06-call-unknown-method.txt", 6).Code(), MethodNotFound)
	same("unknown object", frame(t, "07-call-unknown-object.txt", 3).Code(), NotFound)
	same("subscribed", frame(t, "01-object-server.txt", 16).Flag(AttrActive), true)
	event := table(frame(t, "09-send-event.txt", 2), AttrData)
	same("event", string(event.JSON()),
		`{"id":"tetherd.event","data":{"a":1,"b":true,"c":"text","d":[1,2],"e":{"f":"g"},"g":5000000000,"h":1.5}}`)
	back, err := FromJSON(event.JSON())
	same("event from JSON", back, event)
	same("error", err, nil)
	_, err = Read(bytes.NewReader(nil))
	same("end", errors.Is(err, io.EOF), true)
}
