package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/bus"
)

// TestOnTheBus: the command is on the bus below its root, answers there as it does on
// its own socket, and is gone when it ends.
func TestOnTheBus(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		if err := os.MkdirAll(filepath.Join(root, "sys"), 0o755); err != nil {
			t.Fatal(err)
		}
		b.Start(t)
		c, err := bus.Dial(b.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Listen("ubus.object.*"); err != nil {
			t.Fatal(err)
		}
		path, socket := settings(t, "")
		g := start(t, path, socket, root)
		if name, says, err := c.Next(); err != nil || name != "ubus.object.add" {
			t.Fatalf("%s %s, %v", name, says, err)
		}
		text, err := c.Call("tetherd", "status", "{}")
		if err != nil {
			t.Fatal(err)
		}
		var d api.Document
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.Process.PID != g.cmd.Process.Pid {
			t.Errorf("process %d answers, %v", d.Process.PID, err)
		}
		g.end(t, syscall.SIGTERM)
		if name, says, err := c.Next(); err != nil || name != "ubus.object.remove" {
			t.Errorf("%s %s, %v", name, says, err)
		}
	})
}
