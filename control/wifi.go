package control

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/secret"
	"github.com/tetherd/tetherd/wpa"
)

// ownFile is the form of the file in the state folder with what the device calls its
// networks by itself. Its owner alone may read it.
type ownFile struct {
	SSID       string `json:"ssid"`
	Passphrase string `json:"passphrase"`
	Guest      string `json:"guest_passphrase"`
}

// ownStore keeps what the device calls its networks by itself: made once, when a radio
// is there for the first time, so that no two devices share a passphrase.
type ownStore struct {
	path string
	own  wpa.Own
	due  time.Time // when to write; zero when the file is up to date
}

// openOwn reads the file. One that is damaged is put aside: its owner may still read it.
func openOwn(dir string, log *slog.Logger) ownStore {
	s, err := readOwn(dir)
	if err == nil {
		return s
	}
	log.Warn("the device's own Wi-Fi name and passphrase cannot be read, new ones will be made", "err", err)
	if err := os.Rename(s.path, s.path+".damaged"); err != nil {
		log.Warn("the file cannot be put aside", "err", err)
	}
	return s
}

func readOwn(dir string) (ownStore, error) {
	s := ownStore{path: filepath.Join(dir, "wifi.json")}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.own, err = parseOwn(text)
	return s, err
}

// parseOwn reads what encodeOwn wrote. Its errors repeat nothing of it.
func parseOwn(text []byte) (wpa.Own, error) {
	var f ownFile
	if json.Unmarshal(text, &f) != nil {
		return wpa.Own{}, errors.New("it is not in its form")
	}
	if err := wpa.CheckSSID(f.SSID); err != nil {
		return wpa.Own{}, fmt.Errorf("ssid: %w", err)
	}
	if err := wpa.CheckPassphrase(secret.Text(f.Passphrase), wpa.WPA3); err != nil {
		return wpa.Own{}, fmt.Errorf("passphrase: %w", err)
	}
	if err := wpa.CheckPassphrase(secret.Text(f.Guest), wpa.WPA3); err != nil {
		return wpa.Own{}, fmt.Errorf("guest_passphrase: %w", err)
	}
	return wpa.Own{SSID: f.SSID, Passphrase: secret.Text(f.Passphrase), Guest: secret.Text(f.Guest)}, nil
}

func encodeOwn(own wpa.Own) ([]byte, error) {
	return json.Marshal(ownFile{SSID: own.SSID, Passphrase: string(own.Passphrase), Guest: string(own.Guest)})
}

// make makes a name and passphrases.
func (s *ownStore) make(now time.Time, log *slog.Logger) {
	own, err := wpa.MakeOwn(rand.Reader)
	if err != nil {
		log.Error("no Wi-Fi passphrase could be made", "err", err)
		return
	}
	s.own, s.due = own, now
	log.Info("the device's own Wi-Fi network was made", "ssid", own.SSID)
}

// flush writes the file when it is due and returns when it will be.
func (s *ownStore) flush(now time.Time, log *slog.Logger) time.Time {
	if s.due.IsZero() || now.Before(s.due) {
		return s.due
	}
	text, err := encodeOwn(s.own)
	if err == nil {
		err = writeFile(s.path, text)
	}
	if s.due = (time.Time{}); err != nil {
		log.Error("the device's own Wi-Fi passphrase cannot be kept, after a restart there will be another", "err", err)
		s.due = now.Add(flushRetry)
	}
	return s.due
}

// foldWiFi makes a name and passphrases when they are needed for the first time, and
// follows the mobile network's country.
func (l *Loop) foldWiFi(obs plan.Observed) time.Time {
	s := &l.state
	if s.own.own == (wpa.Own{}) && plan.NeedsOwn(s.inputs.Config, obs) {
		s.own.make(obs.Now, l.log)
	}
	s.inputs.WiFi = s.own.own
	s.inputs.Country = plan.Country(s.inputs.Country, obs.Modem)
	return s.own.flush(obs.Now, l.log)
}
