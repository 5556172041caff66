package bus

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/ubus/wire"
)

func dial(t *testing.T, path string) *Caller {
	t.Helper()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestWrongRequests: what cannot be done has the outcome that a real ubusd gives.
func TestWrongRequests(t *testing.T) {
	Both(t, func(t *testing.T, _ string, b *Bus) {
		b.Start(t)
		stop, err := Object(b.Path, "theirs", "a")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		c := dial(t, b.Path)
		theirs, _, err := c.Find("theirs")
		if err != nil {
			t.Fatal(err)
		}
		own, err := c.object()
		if err != nil {
			t.Fatal(err)
		}
		object, target := func(id uint32) wire.Attr { return wire.U32(wire.AttrObject, id) }, func(id uint32) wire.Attr { return wire.U32(wire.AttrTarget, id) }
		call, event := wire.Text(wire.AttrMethod, "a"), func(name string, args wire.Table) []wire.Attr {
			return []wire.Attr{wire.U32(wire.AttrObject, wire.EventObject), wire.Text(wire.AttrMethod, name), args.Attr(wire.AttrData)}
		}
		for name, r := range map[string]struct {
			typ   wire.Type
			attrs []wire.Attr
			want  wire.Code
		}{
			"an unknown type":              {99, nil, wire.InvalidCommand},
			"an object that is taken":      {wire.AddObject, []wire.Attr{wire.Text(wire.AttrPath, "theirs")}, wire.InvalidArgument},
			"removal of none":              {wire.RemoveObject, []wire.Attr{object(77)}, wire.NotFound},
			"removal of another's":         {wire.RemoveObject, []wire.Attr{object(theirs)}, wire.PermissionDenied},
			"a call of none":               {wire.Invoke, []wire.Attr{object(77), call}, wire.NotFound},
			"a notice for another":         {wire.Notify, []wire.Attr{object(theirs), call}, wire.PermissionDenied},
			"a notice for none":            {wire.Notify, []wire.Attr{object(77), call}, wire.NotFound},
			"listening to none":            {wire.Subscribe, []wire.Attr{object(own), target(77)}, wire.NotFound},
			"listening to oneself":         {wire.Subscribe, []wire.Attr{object(own), target(own)}, wire.InvalidArgument},
			"listening as another":         {wire.Subscribe, []wire.Attr{object(theirs), target(own)}, wire.InvalidArgument},
			"no longer, without beginning": {wire.Unsubscribe, []wire.Attr{object(own), target(theirs)}, wire.NotFound},
			"an unknown call for events":   {wire.Invoke, event("fly", nil), wire.InvalidCommand},
			"an event without a name":      {wire.Invoke, event("send", wire.Table{{Name: "data", Value: wire.Table{}}}), wire.InvalidArgument},
			"an event without data":        {wire.Invoke, event("send", wire.Table{{Name: "id", Value: "a"}}), wire.InvalidArgument},
			"an event of the bus":          {wire.Invoke, event("send", wire.Table{{Name: "id", Value: "ubus.x"}, {Name: "data", Value: wire.Table{}}}), wire.PermissionDenied},
			"events for none":              {wire.Invoke, event("register", wire.Table{{Name: "object", Value: int32(7777)}, {Name: "pattern", Value: "*"}}), wire.NotFound},
			"events for another":           {wire.Invoke, event("register", wire.Table{{Name: "object", Value: int32(theirs)}, {Name: "pattern", Value: "*"}}), wire.PermissionDenied},
			"events without a pattern":     {wire.Invoke, event("register", wire.Table{{Name: "object", Value: int32(own)}}), wire.InvalidArgument},
		} {
			if data, err := c.ask(wire.Message{Type: r.typ, Attrs: r.attrs}); err != r.want {
				t.Errorf("%s: %v, %v, want %v", name, data, err, r.want)
			}
		}
	})
}

// TestLife: an object can be found by the start of its name, its going is told, and a
// caller whose object goes gets no answer from it any more.
func TestLife(t *testing.T) {
	Both(t, func(t *testing.T, _ string, b *Bus) {
		b.Start(t)
		c := dial(t, b.Path)
		if err := c.Listen("ubus.object.*"); err != nil {
			t.Fatal(err)
		}
		stop, err := Object(b.Path, "one.two", "a")
		if err != nil {
			t.Fatal(err)
		}
		if name, says, err := c.Next(); name != "ubus.object.add" || !strings.Contains(says, `"path":"one.two"`) || err != nil {
			t.Errorf("%s %s, %v", name, says, err)
		}
		if id, methods, err := c.Find("one.*"); id == 0 || len(methods) != 1 || err != nil {
			t.Errorf("%d %v, %v", id, methods, err)
		}
		if text, err := c.Call("one.two", "a", `{"x":1}`); text != "" || err != nil {
			t.Errorf("%s, %v", text, err)
		}
		stop()
		if name, _, err := c.Next(); name != "ubus.object.remove" || err != nil {
			t.Errorf("%s, %v", name, err)
		}
		if _, _, err := c.Find("one.*"); err != wire.NotFound {
			t.Errorf("it is still there: %v", err)
		}
	})
}

// TestRules: what a file of rules gives to a user or a group, and nothing else.
func TestRules(t *testing.T) {
	rules, err := ReadACL(t.TempDir())
	if err != nil || len(rules) != 0 {
		t.Fatalf("%v, %v", rules, err)
	}
	d := New()
	d.ACL = []Rule{
		{User: "u", Access: map[string]struct{ Methods []string }{"a.*": {[]string{"x"}}, "b": {[]string{"*"}}}, Publish: []string{"mine"}},
		{Group: "g", Listen: []string{"e.*"}, Send: []string{"e.one"}, Subscribe: []string{"b"}},
	}
	for _, c := range []struct {
		user, group  string
		what         right
		name, method string
		want         bool
	}{
		{"root", "root", publish, "any", "", true}, {"u", "", access, "a.b", "x", true}, {"u", "", access, "a.b", "y", false},
		{"u", "", access, "b", "y", true}, {"u", "", access, "c", "x", false}, {"u", "", publish, "mine", "", true},
		{"u", "", publish, "mine2", "", false}, {"v", "g", listen, "e.x", "", true}, {"v", "g", send, "e.x", "", false},
		{"v", "g", send, "e.one", "", true}, {"v", "g", subscribe, "b", "", true}, {"v", "h", subscribe, "b", "", false},
		{"v", "h", access, "", "x", true},
	} {
		if got := d.may(&client{user: c.user, group: c.group}, c.what, c.name, c.method); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

// TestSlowClient: one that does not read is cut off, and holds up nobody.
func TestSlowClient(t *testing.T) {
	d := New()
	path := filepath.Join(t.TempDir(), "sock")
	if err := d.Listen(path, "root", "root"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	slow, quick := dial(t, path), dial(t, path)
	if err := slow.Listen("*"); err != nil {
		t.Fatal(err)
	}
	event := wire.Table{{Name: "id", Value: "noise"}, {Name: "data", Value: wire.Table{{Name: "a", Value: strings.Repeat("x", 1000)}}}}
	for range 2 * waiting {
		if _, err := quick.ask(wire.Message{Type: wire.Invoke, Peer: wire.EventObject, Attrs: []wire.Attr{
			wire.U32(wire.AttrObject, wire.EventObject), wire.Text(wire.AttrMethod, "send"), event.Attr(wire.AttrData),
		}}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		if _, err := wire.Read(slow.in); err != nil {
			return // cut off, after what it was sent
		}
	}
}
