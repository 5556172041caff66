package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/save"
)

// lastSettings is the file of the state folder with the last configuration that had no
// faults: a gateway that starts with a faulty one goes on with it.
const lastSettings = "settings"

// begin returns the configuration to start with: that of the owner's file, or, when that has
// faults, the last one without, else the first one of this machine. It is nil when there
// is none. Faults are those of the owner's file, which holds file.
func begin(path string) (cfg *config.Config, text, file []byte, faults error) {
	if cfg, file, faults = config.Read(path); faults == nil {
		return cfg, file, file, nil
	}
	states := []string{config.StateDir(file)}
	if file == nil { // it tells no folder: OpenWrt's is /etc/tetherd, with the file in /etc/config
		states = append(states, filepath.Join(filepath.Dir(filepath.Dir(path)), "tetherd"))
	}
	for _, state := range states {
		for _, name := range []string{lastSettings, factory} {
			if cfg, text, err := config.Read(filepath.Join(state, name)); err == nil {
				return cfg, text, file, faults
			}
		}
	}
	return nil, nil, file, faults
}

// tell says, where it is so, that the owner's file has faults.
func tell(loop *control.Loop, file []byte, faults error, log *slog.Logger) {
	if faults != nil {
		log.Error("the configuration has faults, and the former one is used", "err", faults)
		_ = loop.Send(control.BadConfig{Text: faults.Error(), File: file}) // nobody has sent anything yet
	}
}

// remember keeps a configuration without faults, unless it is kept already.
func remember(cfg *config.Config, text []byte, log *slog.Logger) {
	path := filepath.Join(cfg.Main.StateDir, lastSettings)
	if kept, err := os.ReadFile(path); err == nil && bytes.Equal(kept, text) {
		return
	}
	err := os.MkdirAll(cfg.Main.StateDir, 0o700)
	if err == nil {
		err = save.File(path, text)
	}
	if err != nil {
		log.Warn("the configuration cannot be kept for the case that its file has faults", "err", err)
	}
}
