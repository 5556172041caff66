package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/qr"
	"github.com/tetherd/tetherd/wpa"
)

// Access is how to join the Wi-Fi networks. It holds their passphrases and is given to
// who may change settings; it is no part of the document.
type Access struct {
	Networks []Key  `json:"networks"`      // each once, however many radios carry it
	Why      string `json:"why,omitempty"` // why there is none
}

// Key is how to join one network.
type Key struct {
	SSID       string       `json:"ssid"`             // its name
	Passphrase string       `json:"passphrase"`       // of 8 to 63 characters, or a key of 64 hex digits
	Security   wpa.Security `json:"security"`         // "wpa2", "wpa2-wpa3" or "wpa3"
	Hidden     bool         `json:"hidden,omitempty"` // the name is not announced
	Guest      bool         `json:"guest,omitempty"`  // apart from the LAN
	QR         string       `json:"qr"`               // text of a QR code from which phones join
	Code       string       `json:"code,omitempty"`   // that code: rows of modules, '1' is dark; absent when the text is too long
}

// access lists the wished networks.
func access(s *control.Snapshot) Access {
	a := Access{Networks: []Key{}}
	for _, r := range s.Desired.Hostapd.Radios {
		for _, n := range r.Networks {
			if k := keyOf(n); !slices.Contains(a.Networks, k) {
				a.Networks = append(a.Networks, k)
			}
		}
	}
	if len(a.Networks) == 0 {
		st, _ := wifiStage(s)
		a.Why = firstOf(st.Text, "there is no Wi-Fi radio")
	}
	return a
}

func keyOf(n hostapd.Network) Key {
	security := n.Security
	if security == "" {
		security = wpa.WPA2WPA3
	}
	k := Key{
		SSID: n.SSID, Passphrase: string(n.Passphrase), Security: security, Hidden: n.Hidden, Guest: n.Guest,
		QR: wpa.QR(n.SSID, n.Passphrase, n.Hidden),
	}
	if code, err := qr.Encode(k.QR); err == nil {
		k.Code = code.String()
	}
	return k
}

func (s *Server) wifi(c Call) (any, error) {
	if c.By.Masked {
		return nil, &Fault{Code: Denied, Message: "passphrases are root's on a bus"}
	}
	return access(s.Loop.Snapshot()), nil
}

// AskAccess asks the gateway on a local socket how to join its networks.
func AskAccess(ctx context.Context, socket string) (Access, error) {
	var a Access
	answer, err := Use(ctx, socket, "wifi", nil)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return a, fmt.Errorf("api: read how to join: %w", err)
	}
	return a, nil
}

// Text is for a person at a terminal.
func (a Access) Text() string {
	if len(a.Networks) == 0 {
		return "No network is on the air: " + a.Why + ".\n"
	}
	var b strings.Builder
	for i, k := range a.Networks {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s%s\n  passphrase  %s\n  security    %s\n  QR text     %s\n", k.SSID, k.notes(), k.Passphrase, k.Security, k.QR)
		if code, err := qr.Encode(k.QR); err == nil {
			b.WriteString(code.Terminal())
		}
	}
	return b.String()
}

// notes are what is special about a network, in brackets.
func (k Key) notes() string {
	var notes []string
	if k.Guest {
		notes = append(notes, "for guests")
	}
	if k.Hidden {
		notes = append(notes, "not announced")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}
