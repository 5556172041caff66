package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/lab/disktest"
)

// TestFactoryReset: what was learned and set is gone, and somebody's files in a wrongly
// named folder are not.
func TestFactoryReset(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"keys", "audit", "apn-memory", "pin-1", "leases", "leases-guest", "wifi.json", "documents", "entitlement", "clock", "diagnoses", "settings", "settings.faulty", "precious", "tetherd.conf"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &again{config: filepath.Join(dir, "tetherd.conf"), state: dir}
	if err := a.forget(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "precious" || left[1].Name() != "tetherd.conf" {
		t.Errorf("%v, %v", left, err)
	}
	if text, err := os.ReadFile(a.config); err != nil || len(text) > 0 {
		t.Errorf("%q, %v", text, err)
	}
	if a.state = filepath.Join(dir, "gone"); a.forget() != nil {
		t.Error("a state folder that is not there is no fault")
	}
}

// TestFactorySettings: where the first settings are known, a reset goes back to them, and a
// power cut does not go back from there.
func TestFactorySettings(t *testing.T) {
	dir := t.TempDir()
	a := &again{config: filepath.Join(t.TempDir(), "tetherd.conf"), state: dir}
	const first = "config tetherd 'main'\n\toption state_dir '/etc/tetherd'\n"
	for path, text := range map[string]string{a.config: "config wifi 'wifi'\n", filepath.Join(dir, "factory"): first} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		var err error
		if !disktest.Lasts(t, a.config, func() { err = a.forget() }) || err != nil {
			t.Fatalf("it does not last, %v", err)
		}
		if text, err := os.ReadFile(a.config); err != nil || string(text) != first {
			t.Errorf("%q, %v", text, err)
		}
	}
}

// TestResetLasts: nothing of what was learned is back after a power cut.
func TestResetLasts(t *testing.T) {
	a := &again{config: filepath.Join(t.TempDir(), "tetherd.conf"), state: t.TempDir()}
	last := filepath.Join(a.state, learned()[len(learned())-1]) // nobody reads the folder for it
	if err := os.WriteFile(last, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if lasts := disktest.Lasts(t, last, func() { err = a.forget() }); !lasts || err != nil {
		t.Errorf("it lasts: %v, %v", lasts, err)
	}
	if _, err := os.Stat(last); err == nil {
		t.Error("it is there")
	}
}

// TestResetCutShort: with what is left of a reset that did not get to its end nobody chooses
// a password and reads the former owner's settings.
func TestResetCutShort(t *testing.T) {
	dir := t.TempDir()
	a := &again{config: filepath.Join(dir, "tetherd.conf"), state: dir}
	for path, text := range map[string]string{a.config: "config modem\n\toption pin '1234'\n", filepath.Join(dir, "keys"): "{}", filepath.Join(dir, "trial"): "{}"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "documents", "stuck"), 0o700); err != nil { // which cannot be removed
		t.Fatal(err)
	}
	if a.forget() == nil {
		t.Fatal("it got to its end")
	}
	text, err := os.ReadFile(a.config)
	_, keys := os.Stat(filepath.Join(dir, "keys"))
	_, trial := os.Stat(filepath.Join(dir, "trial"))
	if err != nil || len(text) > 0 || keys != nil || trial == nil {
		t.Errorf("settings %q, %v; keys %v, trial %v", text, err, keys, trial)
	}
}

// TestEnds: a restart leaves everything in force, a reset nothing, whichever came first.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		ends  []api.End
		leave bool
	}{
		{[]api.End{api.EndRestart}, true},
		{[]api.End{api.EndReset}, false},
		{[]api.End{api.EndReset, api.EndRestart}, false},
		{[]api.End{api.EndRestart, api.EndReset}, false},
	} {
		var leave atomic.Bool
		stopped := 0
		a := &again{leave: &leave, stop: func() { stopped++ }}
		for _, e := range c.ends {
			a.end(e)
		}
		if leave.Load() != c.leave || stopped != len(c.ends) {
			t.Errorf("%v: leaves %v", c.ends, leave.Load())
		}
	}
	if err := new(again).start(); err != nil {
		t.Errorf("nobody asked: %v", err)
	}
}

// TestSignalsEnd: whoever sends a signal has the program ended, also while a verb starts it
// again; a reset is done all the same.
func TestSignalsEnd(t *testing.T) {
	for _, c := range []struct {
		why      api.End
		handOver bool
		signal   os.Signal
		leave    bool
	}{
		{"", false, unix.SIGTERM, false},
		{"", false, unix.SIGUSR2, true},
		{"", true, unix.SIGINT, true},
		{api.EndRestart, false, unix.SIGTERM, false},
		{api.EndRestart, true, unix.SIGTERM, true},
		{api.EndReset, true, unix.SIGUSR2, false},
	} {
		for _, verbFirst := range []bool{true, false} {
			var leave atomic.Bool
			dir := t.TempDir()
			a := &again{config: filepath.Join(dir, "tetherd.conf"), state: dir, handOver: c.handOver, leave: &leave, stop: func() {}}
			if err := os.WriteFile(filepath.Join(dir, "keys"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if verbFirst && c.why != "" {
				a.end(c.why)
			}
			a.signalled(c.signal)
			if !verbFirst && c.why != "" {
				a.end(c.why)
			}
			if leave.Load() != c.leave {
				t.Errorf("%+v, verb first %v: leaves everything %v", c, verbFirst, leave.Load())
			}
			if err := a.start(); err != nil { // which would have replaced this process
				t.Errorf("%+v: %v", c, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "keys")); (err == nil) != (c.why != api.EndReset) {
				t.Errorf("%+v: %v", c, err)
			}
		}
	}
}

// TestSweep: what a killed process left of its writes goes at the next start, beside the
// configuration only what is surely ours.
func TestSweep(t *testing.T) {
	cfg := config.Default()
	cfg.Main.StateDir, cfg.Main.RunDir = t.TempDir(), t.TempDir()
	etc := t.TempDir()
	for path, stays := range map[string]bool{
		filepath.Join(cfg.Main.StateDir, ".leases123456789"): false, filepath.Join(cfg.Main.RunDir, ".wlan0.conf123456789"): false,
		filepath.Join(etc, ".tetherd123456789"): false, filepath.Join(etc, ".network123456789"): true, filepath.Join(etc, "tetherd"): true,
	} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		sweep(filepath.Join(etc, "tetherd"), cfg, slog.New(slog.DiscardHandler))
		if _, err := os.Stat(path); (err == nil) != stays {
			t.Errorf("%s: %v", path, err)
		}
	}
}
