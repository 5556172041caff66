package probe

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestJudgeIsExact: nothing but the expected status and body is the Internet.
func TestJudgeIsExact(t *testing.T) {
	filled := Target{URL: "http://a.example/", Status: 200, Body: "success\n"}
	empty := Target{URL: "http://b.example/", Status: 204}
	for _, c := range []struct {
		name   string
		target Target
		answer string
		want   Verdict
	}{
		{"as expected", filled, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess\n", Online},
		{"no length, HTTP/1.0", filled, "HTTP/1.0 200 OK\r\n\r\nsuccess\n", Online},
		{"no length, HTTP/1.1", filled, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsuccess\n", Online},
		{"header in capitals", filled, "HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 8\r\n\r\nsuccess\nmore", Online},
		{"header in small letters", filled, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsuccess\nmore", Online},
		{"no reason", filled, "HTTP/1.1 200\r\nContent-Length: 8\r\n\r\nsuccess\n", Online},
		{"bare line feeds", filled, "HTTP/1.1 200 OK\nContent-Length: 8\n\nsuccess\n", Online},
		{"chunks", filled, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsuc\r\n5;x=y\r\ncess\n\r\n0\r\n\r\n", Online},
		{"chunks and a trailer", filled, "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\nTrailer: A\r\n\r\n8\r\nsuccess\n\r\n0\r\nA: b\r\n\r\n", Online},
		{"after an interim answer", filled, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess\n", Online},
		{"after two", empty, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Online},
		{"another protocol", empty, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Portal},
		{"a line end too few", filled, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsuccess", Portal},
		{"a letter too many", filled, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsuccess\n!", Portal},
		{"a letter too many in chunks", filled, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nsuccess\n\r\n1\r\n!\r\n0\r\n\r\n", Portal},
		{"another page", filled, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<html>log in", Portal},
		{"another page, cut", filled, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<html>log in", Portal},
		{"cut", filled, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsucc", Dead},
		{"cut before the body", filled, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", Dead},
		{"whole, but announced longer", filled, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nsuccess\n", Dead},
		{"chunks without their end", filled, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nsuccess\n\r\n", Dead},
		{"chunks that are none", filled, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsuccess\n", Dead},
		{"redirected", filled, "HTTP/1.1 302 Found\r\nLocation: http://login/\r\nContent-Length: 0\r\n\r\n", Portal},
		{"not modified", filled, "HTTP/1.1 304 Not Modified\r\n\r\n", Portal},
		{"login needed", filled, "HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n", Portal},
		{"nothing", empty, "HTTP/1.1 204 No Content\r\n\r\n", Online},
		{"nothing, of length 0", empty, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Online},
		{"an empty page is no 204", empty, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Portal},
		{"a 204 announces a body", empty, "HTTP/1.1 204 No Content\r\nContent-Length: 12\r\n\r\n", Portal},
		{"a 204 brings a body", empty, "HTTP/1.1 204 No Content\r\n\r\n<html>log in", Portal},
		{"a 204 in chunks", empty, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Portal},
	} {
		p, err := readPage(strings.NewReader(c.answer), len(c.target.Body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got, detail := judge(c.target, p); got != c.want || !strings.HasPrefix(detail, c.target.URL) {
			t.Errorf("%s: judged %q (%s), want %q", c.name, got, detail, c.want)
		}
	}
}

// TestPageArrivesInPieces: how an answer is cut into packets changes nothing.
func TestPageArrivesInPieces(t *testing.T) {
	target := Target{URL: "http://a.example/", Status: 200, Body: "success\n"}
	for _, answer := range []string{
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nsuccess\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nsuccess\n",
	} {
		for name, r := range map[string]io.Reader{
			"byte by byte":       iotest.OneByteReader(strings.NewReader(answer)),
			"the end with bytes": iotest.DataErrReader(strings.NewReader(answer)),
		} {
			p, err := readPage(r, len(target.Body))
			if v, detail := judge(target, p); err != nil || v != Online {
				t.Errorf("%q %s: %v, %v", answer, name, err, detail)
			}
		}
	}
}

// TestNoPageIsNoAnswer: what is no HTTP is told in words of our own.
func TestNoPageIsNoAnswer(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{"", "the connection ended"},
		{"HTTP/1.1 200 OK\r\nContent-Le", "what came is not understood"},
		{"HTTP/1.1 200 OK\r\n", "the connection ended"},
		{"HTTP/1.1 100 Continue\r\n\r\n", "the connection ended"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "what came is not understood"},
		{"HTTP/1.1 OK\r\n\r\n", "what came is not understood"},
		{"HTTP/1.1 200 OK\r\n\x1b[2J\r\n\r\n", "what came is not understood"},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "what came is not understood"},
		{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 5000) + "\r\n", "its header is longer than 4096 bytes"},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1000) + "\r\n", "its header is longer than 4096 bytes"},
		{strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 200), "its header is longer than 4096 bytes"},
	} {
		p, err := readPage(strings.NewReader(c.answer), 8)
		if err == nil || err.Error() != c.want {
			t.Errorf("%.40q is read as %+v, %v; want %q", c.answer, p, err, c.want)
		}
	}
}

// TestPageIsReadNoFurtherThanNeeded: an endless answer costs what tells it from the
// right one.
func TestPageIsReadNoFurtherThanNeeded(t *testing.T) {
	for _, c := range []struct {
		name     string
		header   string
		expected int
		body     int   // at most
		all      int64 // at most
	}{
		{"short page", "HTTP/1.1 200 OK\r\n\r\n", 8, minBody, 3 << 10},
		{"short page of great length", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", 8, minBody, 3 << 10},
		{"long page", "HTTP/1.1 200 OK\r\n\r\n", 5000, 5001, 7 << 10},
		{"endless header", "HTTP/1.1 200 OK\r\nA: ", 8, 0, 4 << 10},
	} {
		in := &countingReader{Reader: io.MultiReader(strings.NewReader(c.header), endless{})}
		p, _ := readPage(in, c.expected)
		if len(p.body) > c.body || in.n > c.all {
			t.Errorf("%s: %d bytes of body, %d in all", c.name, len(p.body), in.n)
		}
		if v, detail := judge(Target{Status: 200, Body: strings.Repeat("a", c.expected)}, p); v == Online {
			t.Errorf("%s: %s", c.name, detail)
		}
	}
}

// TestLongPageInSmallChunks: the bound of the body leaves room for what chunks add.
func TestLongPageInSmallChunks(t *testing.T) {
	body := strings.Repeat("ten bytes\n", 200)
	answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for chunk := body; chunk != ""; chunk = chunk[20:] {
		answer += "14\r\n" + chunk[:20] + "\r\n"
	}
	p, err := readPage(strings.NewReader(answer+"0\r\n\r\n"), len(body))
	if v, detail := judge(Target{Status: 200, Body: body}, p); err != nil || v != Online {
		t.Errorf("%v, %s", err, detail)
	}
}

// endless is a body without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

type countingReader struct {
	io.Reader
	n int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

func FuzzHTTPAnswer(f *testing.F) {
	f.Add("HTTP/1.1 204 No Content\r\n\r\n", 0)
	f.Add("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 0)
	f.Add("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nhello", 5)
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 5)
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 5)
	f.Fuzz(func(t *testing.T, answer string, expected int) {
		expected = max(0, min(expected, 4096))
		in := &countingReader{Reader: strings.NewReader(answer)}
		p, err := readPage(in, expected)
		if limit := max(expected+1, minBody); len(p.body) > limit || in.n > int64(maxHeader+limit+maxFraming) {
			t.Errorf("%d bytes of body, %d in all", len(p.body), in.n)
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("foreign bytes in %q", err)
		}
		if v, _ := judge(Target{Status: 204}, p); err == nil && v == Online && (p.status != 204 || p.body != "") {
			t.Errorf("%q is taken for the Internet", answer)
		}
	})
}
