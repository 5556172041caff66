package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestBeginWithoutAFile: a file that is gone cannot name the state folder, and OpenWrt's is
// found all the same; one with faults names its own, or the default one.
func TestBeginWithoutAFile(t *testing.T) {
	etc := t.TempDir()
	path := filepath.Join(etc, "config", "tetherd")
	for _, name := range []string{"config", "tetherd"} {
		if err := os.Mkdir(filepath.Join(etc, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{factory, lastSettings} {
		if err := os.WriteFile(filepath.Join(etc, "tetherd", name), []byte("config lan\n\toption bridge 'br-"+name+"'\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if cfg, _, _, faults := begin(path); !errors.Is(faults, fs.ErrNotExist) || cfg == nil || cfg.LAN.Bridge != "br-"+name {
			t.Errorf("%s: %v, %v", name, cfg, faults)
		}
	}
	if err := os.WriteFile(path, []byte(faulty), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, _, _, faults := begin(path); cfg != nil || faults == nil {
		t.Errorf("with another folder: %v, %v", cfg, faults)
	}
}
