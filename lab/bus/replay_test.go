package bus

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/ubus/wire"
)

// step is one message of a captured connection.
type step struct {
	line    int
	byHand  bool // sent by the program, else by the bus daemon
	message []byte
}

// script reads one captured connection of a real ubusd and a program.
func script(t *testing.T, name string) []step {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../ubus/wire/testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	for i, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		who, digits, _ := strings.Cut(l, "> ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step{i + 1, who == "client", b})
	}
	return steps
}

// replay is the daemon under test with what it is to number next.
type replay struct {
	path string
	ids  chan uint32
}

func newReplay(t *testing.T) *replay {
	t.Helper()
	r := &replay{path: filepath.Join(t.TempDir(), "sock"), ids: make(chan uint32, 4)}
	d := New()
	d.ID = func() uint32 {
		select {
		case id := <-r.ids:
			return id
		default:
			t.Error("it numbers something that the real one did not")
			return 0
		}
	}
	if err := d.Listen(r.path, "root", "root"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return r
}

// part is one captured connection that is played again.
type part struct {
	t     *testing.T
	r     *replay
	name  string
	conn  net.Conn
	in    *bufio.Reader
	steps []step
}

// join connects as a captured program did.
func (r *replay) join(t *testing.T, name string) *part {
	t.Helper()
	p := &part{t: t, r: r, name: name, steps: script(t, name)}
	hello, err := wire.Read(bytes.NewReader(p.steps[0].message))
	if err != nil {
		t.Fatal(err)
	}
	r.ids <- hello.Peer
	if p.conn, err = net.Dial("unix", r.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	if err := p.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	p.in = bufio.NewReader(p.conn)
	p.expect()
	return p
}

// expect takes the next message of the daemon, which must be the captured one.
func (p *part) expect() {
	p.t.Helper()
	want := p.steps[0]
	m, err := wire.Read(p.in)
	if err != nil {
		p.t.Fatalf("%s line %d: %v", p.name, want.line, err)
	}
	if got := m.AppendTo(nil); want.byHand || !bytes.Equal(got, want.message) {
		p.t.Fatalf("%s line %d:\n got %x\nwant %x", p.name, want.line, got, want.message)
	}
	p.steps = p.steps[1:]
}

// act sends the next message of the program.
func (p *part) act() {
	p.t.Helper()
	m, err := wire.Read(bytes.NewReader(p.steps[0].message))
	if err != nil || !p.steps[0].byHand {
		p.t.Fatalf("%s line %d: %v", p.name, p.steps[0].line, err)
	}
	if m.Type == wire.AddObject {
		p.number()
	}
	if _, err := p.conn.Write(p.steps[0].message); err != nil {
		p.t.Fatal(err)
	}
	p.steps = p.steps[1:]
}

// number tells the daemon the numbers that the real one gave to the object.
func (p *part) number() {
	answer, err := wire.Read(bytes.NewReader(p.steps[1].message))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, id := range []wire.ID{wire.AttrObject, wire.AttrType} {
		if v, ok := answer.U32(id); ok {
			p.r.ids <- v
		}
	}
}

// play goes on until the program waits for what others do, which until says in the
// number of the last line; 0 is the end.
func (p *part) play(until int) {
	p.t.Helper()
	for len(p.steps) > 0 && (until == 0 || p.steps[0].line <= until) {
		if p.steps[0].byHand {
			p.act()
		} else {
			p.expect()
		}
	}
}

// TestSpeaksAsTheRealOne: the daemon does, to the byte, what a real ubusd did for the
// same programs: one that owns an object, and those that list, call, listen and
// subscribe.
func TestSpeaksAsTheRealOne(t *testing.T) {
	r := newReplay(t)
	owner := r.join(t, "01-object-server")
	owner.play(7)
	for _, name := range []string{"02-list", "03-list-verbose"} {
		r.join(t, name).play(0)
	}
	for _, c := range []struct {
		name        string
		asks, whole int // lines after which the program waits, and the owner has answered
	}{{"04-call-hello-extra-argument", 5, 10}, {"05-call-count", 5, 13}, {"06-call-unknown-method", 5, 15}} {
		caller := r.join(t, c.name)
		caller.play(c.asks)
		owner.play(c.whole)
		caller.play(0)
	}
	r.join(t, "07-call-unknown-object").play(0)
	listener := r.join(t, "08-listen-event")
	listener.play(6)
	r.join(t, "09-send-event").play(0)
	listener.play(0)
	r.join(t, "10-subscribe").play(0)
	owner.play(16)
	r.join(t, "12-wait-for").play(0)
	playNotices(t, r, owner)
}

// playNotices is a program that asks the owner of an object to watch its own, and then
// notifies it again and again: each notice is counted, forwarded and answered.
func playNotices(t *testing.T, r *replay, owner *part) {
	t.Helper()
	watched := r.join(t, "11-client-notify-watch")
	watched.play(8)
	owner.play(20)
	watched.play(10)
	notices := 0
	for line := 11; len(watched.steps) >= 3 && len(owner.steps) >= 2; line += 3 {
		watched.play(line + 1)
		owner.play(21 + 2*notices + 1)
		watched.play(line + 2)
		notices++
	}
	if notices < 15 {
		t.Errorf("only %d notices", notices)
	}
}
