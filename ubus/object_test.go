package ubus

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/lab/bus"
	"github.com/tetherd/tetherd/ubus/wire"
)

// TestStatus: a program on the bus gets the document, also when its caller is one that
// adds arguments of its own, as uhttpd does.
func TestStatus(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		b.Start(t)
		begin(t, root)
		c := dial(t, b)
		await(t, c)
		for _, args := range []string{`{}`, `{"ubus_rpc_session":"00000000000000000000000000000000","later":[1,{"a":2}]}`} {
			text, err := c.Call("tetherd", "status", args)
			if err != nil {
				t.Fatal(err)
			}
			var d api.Document
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if d.Version != api.Version || d.Process.Version != "v9.9.9" || len(d.Stages) < 9 || d.Sentence == "" {
				t.Errorf("it is %+v", d)
			}
		}
	})
}

// TestUnknownMethod: the outcome is that of the bus, and the object goes on.
func TestUnknownMethod(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		b.Start(t)
		begin(t, root)
		c := dial(t, b)
		await(t, c)
		if text, err := c.Call("tetherd", "fly", "{}"); err != wire.MethodNotFound {
			t.Errorf("%q, %v", text, err)
		}
		if _, err := c.Call("tetherd", "clients", "{}"); err != nil {
			t.Error(err)
		}
	})
}

// TestSignals: who subscribes is told when the sentence changes; an event says that
// clients have Internet, or lost it; without subscribers only the event is sent.
func TestSignals(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		b.Start(t)
		w := begin(t, root)
		c := dial(t, b)
		await(t, c)
		if err := c.Listen("tetherd.*"); err != nil {
			t.Fatal(err)
		}
		w.net.become(true)
		expectSignal(t, c, "tetherd.state", `"online":true`)
		if err := c.Subscribe("tetherd"); err != nil {
			t.Fatal(err)
		}
		w.net.become(false)
		seen := map[string]bool{}
		for !seen["tetherd.state"] || !seen["status"] {
			name, says := nextSignal(t, c)
			seen[name] = seen[name] || strings.Contains(says, `"online":false`)
		}
		if err := c.Unsubscribe("tetherd"); err != nil {
			t.Fatal(err)
		}
		w.net.become(true)
		expectSignal(t, c, "tetherd.state", `"online":true`)
	})
}

// nextSignal skips what the bus itself tells.
func nextSignal(t *testing.T, c *bus.Caller) (name, says string) {
	t.Helper()
	for {
		name, says, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, "ubus.") {
			return name, says
		}
	}
}

func expectSignal(t *testing.T, c *bus.Caller, name, says string) {
	t.Helper()
	if got, text := nextSignal(t, c); got != name || !strings.Contains(text, says) {
		t.Errorf("%s says %s, want %s with %s", got, text, name, says)
	}
}

// TestBusRestarts: the object is there again after the bus daemon was killed, and is
// there when it comes late.
func TestBusRestarts(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		w := begin(t, root) // there is no bus yet
		for range 2 {
			b.Start(t)
			c := dial(t, b)
			await(t, c)
			if _, err := c.Call("tetherd", "status", "{}"); err != nil {
				t.Fatal(err)
			}
			b.Stop()
		}
		log := w.log.String()
		if n := strings.Count(log, "object is on the bus"); n != 2 {
			t.Errorf("%d times on the bus:\n%s", n, log)
		}
		if strings.Contains(log, "level=WARN msg=\"not on the bus\" err=\"ubus: dial") {
			t.Errorf("a missing bus is no complaint:\n%s", log)
		}
	})
}

// TestOff: the configuration takes the object off the bus and puts it there again.
func TestOff(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		b.Start(t)
		w := begin(t, root)
		c := dial(t, b)
		await(t, c)
		if err := c.Listen("ubus.object.remove"); err != nil {
			t.Fatal(err)
		}
		w.reload(t, func(c *config.Config) { c.API.Ubus = "off" })
		for {
			name, says, err := c.Next()
			if err != nil {
				t.Fatal(err)
			}
			if name == "ubus.object.remove" && strings.Contains(says, "tetherd") {
				break
			}
		}
		w.reload(t, func(c *config.Config) { c.API.Ubus = "auto" })
		await(t, c)
	})
}
