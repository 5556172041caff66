package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/nat"
)

// TestRefusedAnswer: whatever page is asked for, the answer is the reason, in a status
// that no program takes for its page.
func TestRefusedAnswer(t *testing.T) {
	for refusal, says := range map[string]string{
		"": "This device has Internet. Load the page again.", "sharing is off": "This device has no Internet: sharing is off.",
	} {
		s := snapshot(t)
		s.Desired.Refusal = refusal
		r := httptest.NewRequest(http.MethodPost, "http://www.example.com/some/path?q=1", strings.NewReader("body"))
		r.RemoteAddr = "192.168.97.5:4000"
		w := httptest.NewRecorder()
		refusedPage(func() *control.Snapshot { return s }).ServeHTTP(w, r)
		body, err := io.ReadAll(w.Result().Body)
		if err != nil || w.Code != http.StatusNetworkAuthenticationRequired || strings.TrimSpace(string(body)) != says || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %d, %q, %v", refusal, w.Code, body, err)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "nonsense"
	w := httptest.NewRecorder()
	if refusedPage(nil).ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("without an address: %d", w.Code)
	}
}

// TestRefusedAddr: there is a listener only where the firewall leads somebody to it.
func TestRefusedAddr(t *testing.T) {
	lan := netip.MustParsePrefix("192.168.97.1/24")
	for _, c := range []struct {
		n    nat.Spec
		lan  netip.Prefix
		want string
	}{
		{nat.Spec{Sharing: true, Explain: 9797}, lan, "invalid AddrPort"},
		{nat.Spec{Sharing: true, Limit: 5, Explain: 9797}, lan, "192.168.97.1:9797"},
		{nat.Spec{Explain: 9797}, lan, "192.168.97.1:9797"},
		{nat.Spec{Explain: 9797}, netip.Prefix{}, "invalid AddrPort"},
		{nat.Spec{}, lan, "invalid AddrPort"},
	} {
		s := &control.Snapshot{}
		s.Desired.NAT, s.Desired.Link.LANs = c.n, []link.LAN{{Address: c.lan}, {Address: c.lan}}
		for network := range maxNetworks {
			if got := refusedAddr(s, network); got.String() != c.want {
				t.Errorf("%+v: %v", c.n, got)
			}
		}
		if got := refusedAddr(s, maxNetworks); got.IsValid() {
			t.Errorf("%+v: %v where no network is", c.n, got)
		}
	}
}
