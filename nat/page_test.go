package nat

import (
	"strings"
	"testing"
	"time"
)

// explaining is a gateway that has a page for clients without Internet.
func explaining() Spec {
	s := sharing()
	s.Explain, s.Page = 9797, adr("192.0.2.97")
	return s
}

// TestThePageIsTheGateways: a client that asks the page's address is answered by the
// gateway, everybody else is reached as before, and nothing but port 80 is led astray.
func TestThePageIsTheGateways(t *testing.T) {
	w := newWorld(t)
	w.operator.Run(t, "ip addr add 192.0.2.97/32 dev lo")
	apply(t, New(Options{}), explaining())
	echo(t, w.operator, server+":80")
	echo(t, w.operator, "192.0.2.97:443")
	mine := echoHere(t, "192.168.8.1:9797")
	mustDial(t, w.client, server+":80")
	mustDial(t, w.client, "192.0.2.97:443")
	if len(mine) != 0 {
		t.Error("what is not for the page came to it")
	}
	mustDial(t, w.client, "192.0.2.97:80")
	select {
	case <-mine:
	case <-time.After(5 * time.Second):
		t.Error("the page was not reached")
	}
}

// TestTriesToConnectAreCounted: a repeated try counts, an answer counts once.
func TestTriesToConnectAreCounted(t *testing.T) {
	w := newWorld(t)
	d := New(Options{})
	apply(t, d, sharing())
	echo(t, w.operator, server+":80")
	mustDial(t, w.client, server+":80")
	if st := d.Observe(); st.Asked != 1 || st.Answered != 1 {
		t.Errorf("one answered try: %d asked, %d answered", st.Asked, st.Answered)
	}
	w.operator.Run(t, "nft add table ip wall", "nft add chain ip wall in { type filter hook input priority 0; policy drop; }")
	if _, err := dial(t, w.client, server+":80", 1500*time.Millisecond); !silence(err) {
		t.Fatalf("the wall lets through: %v", err)
	}
	if st := d.Observe(); st.Asked < 3 || st.Answered != 1 {
		t.Errorf("a try and its repetition without an answer: %d asked, %d answered", st.Asked, st.Answered)
	}
}

// TestThePageTakesNoPlace: where clients are limited, looking at the page takes nobody's
// place among those with Internet.
func TestThePageTakesNoPlace(t *testing.T) {
	s := explaining()
	s.Limit, s.Absence, s.NoPorts = 1, time.Minute, true
	text := Render(s).String()
	page, place := strings.Index(text, `ip daddr 192.0.2.97 accept`), strings.Index(text, "goto admission")
	if page < 0 || place < page {
		t.Errorf("the page is at %d, admission at %d in\n%s", page, place, text)
	}
}
