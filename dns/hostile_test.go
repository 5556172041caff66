package dns

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	codec "github.com/miekg/dns"
)

// hexFiles reads the packets of a folder. Their first line says "# want" and what must
// come of them; the file name says what is wrong with them.
func hexFiles(t testing.TB, folder string, each func(name, want string, packet []byte)) {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.hex"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(string(text), "\n")
		want, ok := strings.CutPrefix(head, "# want ")
		if !ok {
			t.Fatalf("%s: first line %q", file, head)
		}
		var digits strings.Builder
		for line := range strings.Lines(body) {
			line, _, _ = strings.Cut(line, "#")
			digits.WriteString(strings.Join(strings.Fields(line), ""))
		}
		packet, err := hex.DecodeString(digits.String())
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		each(strings.TrimSuffix(filepath.Base(file), ".hex"), want, packet)
	}
}

func TestHostileQuestions(t *testing.T) {
	hexFiles(t, "query", func(name, want string, packet []byte) {
		got := "drop"
		if fault := new(query).parse(packet); fault != drop {
			got = fmt.Sprint(fault)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	})
}

// Whatever comes, a client gets nothing or one well-formed answer with its id.
func TestHostileQuestionsGetProperAnswers(t *testing.T) {
	hexFiles(t, "query", func(name, want string, packet []byte) {
		d := newDesk(t, uplink())
		reply, _ := d.e.serve(nil, d.now, packet, new(query), &path{})
		if want == "drop" || want == "0" {
			if reply != nil {
				t.Errorf("%s: %x", name, reply)
			}
			return
		}
		m := new(codec.Msg)
		if err := m.Unpack(reply); err != nil {
			t.Fatalf("%s: %x: %v", name, reply, err)
		}
		if m.Id != 0x1234 || !m.Response || fmt.Sprint(m.Rcode) != want {
			t.Errorf("%s: %v", name, m)
		}
	})
}

// www is the key of www.example.com A.
const www = "\x03www\x07example\x03com\x00\x00\x01\x00"

var kinds = map[kind]string{
	ignored: "ignored", good: "good", truncated: "truncated", plain: "plain", bad: "bad", rebinding: "rebinding",
}

func TestHostileAnswers(t *testing.T) {
	hexFiles(t, "answer", func(name, want string, packet []byte) {
		v := judge(packet, []byte(www), 0x1234, true, false)
		got := kinds[v.kind]
		switch v.kind {
		case good:
			got += fmt.Sprint(" ", v.life)
		case bad:
			got += fmt.Sprint(" ", v.rcode)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	})
}

func TestPassedOnAnswerHoldsNoMoreThanClientsUse(t *testing.T) {
	hexFiles(t, "answer", func(name, _ string, packet []byte) {
		v := judge(packet, []byte(www), 0x1234, true, false)
		if v.kind != good {
			return
		}
		m := new(codec.Msg)
		if err := m.Unpack(v.wire); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(m.Extra) != 0 || m.AuthenticatedData || m.Authoritative || m.Truncated {
			t.Errorf("%s: %v", name, m)
		}
	})
}

func TestSignaturesPassOnlyToThoseWhoAskForThem(t *testing.T) {
	m := new(codec.Msg).SetQuestion("www.example.com.", codec.TypeA)
	m.Id, m.Response = 0x1234, true
	for _, line := range []string{
		"www.example.com. 60 IN A 203.0.113.7",
		"www.example.com. 60 IN RRSIG A 8 3 60 20300101000000 20200101000000 1 example.com. AAAA",
	} {
		rr, err := codec.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	m.Ns = []codec.RR{&codec.NSEC{Hdr: codec.RR_Header{Name: "example.com.", Rrtype: codec.TypeNSEC, Class: 1, Ttl: 60}, NextDomain: "a.example.com."}}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for bits, authority := range map[byte]int{0: 0, flagDO: 1} {
		key := []byte(www)
		key[len(key)-1] = bits
		out := new(codec.Msg)
		if err := out.Unpack(judge(b, key, 0x1234, true, false).wire); err != nil || len(out.Ns) != authority {
			t.Errorf("DO %x: %v, %v", bits, err, out)
		}
	}
}

func FuzzQuery(f *testing.F) {
	hexFiles(f, "query", func(_, _ string, packet []byte) { f.Add(packet) })
	f.Fuzz(func(t *testing.T, packet []byte) {
		d := newDesk(t, uplink())
		var q query
		reply, later := d.e.serve(nil, d.now, packet, &q, &path{})
		if reply == nil {
			if later {
				checkQuestion(t, d.sent[0].packet)
			}
			return
		}
		checkReply(t, packet, reply, q.size)
	})
}

// checkQuestion asks a foreign parser for its opinion of what goes to a server.
func checkQuestion(t *testing.T, packet []byte) {
	m := new(codec.Msg)
	if err := m.Unpack(packet); err != nil || len(m.Question) != 1 || m.IsEdns0() == nil {
		t.Fatalf("%x: %v", packet, err)
	}
}

// checkReply does so for what goes to a client.
func checkReply(t *testing.T, packet, reply []byte, limit int) {
	m := new(codec.Msg)
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("%x: %v", reply, err)
	}
	if len(reply) > limit || !m.Response || string(reply[:2]) != string(packet[:2]) {
		t.Fatalf("%d bytes of %d: %v", len(reply), limit, m)
	}
}

func FuzzAnswer(f *testing.F) {
	hexFiles(f, "answer", func(_, _ string, packet []byte) { f.Add(packet) })
	question := append([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"), www[:len(www)-1]...)
	question = append(question, 0, 1)
	f.Fuzz(func(t *testing.T, packet []byte) {
		v := judge(packet, []byte(www), 0x1234, true, false)
		if v.kind != good {
			return
		}
		var q query
		if fault := q.parse(question); fault != 0 {
			t.Fatal(fault)
		}
		for _, limit := range []int{minUDP, maxUDP, maxTCP} {
			reply := q.reply(nil, v.wire, v.life/2, limit)
			checkReply(t, question, reply, limit)
		}
		m := new(codec.Msg)
		if m.Unpack(v.wire) != nil || hasPrivate(m.Answer) || v.life > maxTTL {
			t.Fatalf("%x, %d s", v.wire, v.life)
		}
	})
}
