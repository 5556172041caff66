package modem

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tetherd/tetherd/save"
)

// portPause is how long a port is without its device: enough for firmware to see it.
const portPause = time.Second

// maxPort bounds the note about a port, in bytes.
const maxPort = 4096

func (s store) portPath() string { return filepath.Join(s.run, "port") }

// recordPort notes that a port is about to let go of its device.
func (s store) recordPort(port string) error {
	if err := os.MkdirAll(s.run, 0o700); err != nil {
		return fmt.Errorf("modem: note about the port: %w", err)
	}
	if err := save.File(s.portPath(), []byte(port)); err != nil {
		return fmt.Errorf("modem: note about the port: %w", err)
	}
	return nil
}

// restorePort gives the device that the note tells of back to its port, as far as it lies
// below root, and removes the note; nothing without one.
func (s store) restorePort(root string) error {
	port := string(readBounded(s.portPath(), maxPort))
	if port == "" {
		return nil
	}
	if !strings.HasPrefix(filepath.Clean(port), filepath.Join(root, "sys")+"/") || filepath.Base(port) != "authorized" {
		return errors.Join(errors.New("modem: the note about the port names no port"), os.Remove(s.portPath()))
	}
	if err := authorize(port, true); err != nil {
		return err // the next process tries again
	}
	return os.Remove(s.portPath())
}

// authorize writes to a port's file in sysfs; that it is gone is no error.
func authorize(port string, on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	f, err := os.OpenFile(port, os.O_WRONLY|os.O_TRUNC, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("modem: port: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("modem: port: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
