package ubus

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/bus"
	"github.com/tetherd/tetherd/ubus/wire"
)

// TestEveryVerb: every verb of api is a method with its arguments, and can be called:
// one that is called without its arguments says which, or answers.
func TestEveryVerb(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		b.Start(t)
		begin(t, root)
		c := dial(t, b)
		await(t, c)
		_, methods, err := c.Find("tetherd")
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, v := range api.Verbs() {
			if v.Kind == api.Stream {
				continue
			}
			want = append(want, v.UBus())
			args, _ := methods.Get(v.UBus())
			if n := len(args.(wire.Table)); n != len(v.Args) {
				t.Errorf("%s has %d arguments, want %d", v.UBus(), n, len(v.Args))
			}
			if !slices.ContainsFunc(v.Args, func(a api.Arg) bool { return a.Needed }) {
				continue
			}
			if text, err := c.Call("tetherd", v.UBus(), "{}"); err != wire.InvalidArgument || !strings.Contains(text, "is missing") {
				t.Errorf("%s: %s, %v", v.UBus(), text, err)
			}
		}
		var got []string
		for _, f := range methods {
			got = append(got, f.Name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("methods %q, want %q", got, want)
		}
	})
}

// TestSettingOverTheBus: a change goes on trial and can be taken back; a fault names its
// field.
func TestSettingOverTheBus(t *testing.T) {
	bus.Both(t, func(t *testing.T, root string, b *bus.Bus) {
		b.Start(t)
		w := begin(t, root)
		c := dial(t, b)
		await(t, c)
		if text, err := c.Call("tetherd", "config_set", `{"changes":["lan.mtu=1400"],"ubus_rpc_session":"x"}`); err != nil || !strings.Contains(text, `"trial"`) {
			t.Fatalf("%s, %v", text, err)
		}
		if mtu := w.loop.Snapshot().Config.LAN.MTU; mtu != 1400 {
			t.Errorf("the MTU is %d", mtu)
		}
		if text, err := c.Call("tetherd", "config_revert", `{}`); err != nil {
			t.Errorf("%s, %v", text, err)
		}
		if mtu := w.loop.Snapshot().Config.LAN.MTU; mtu != 0 {
			t.Errorf("the MTU is %d", mtu)
		}
		for args, want := range map[string]string{
			`{"changes":["lan.mtu=7"]}`: `"option":"mtu"`, `{"changes":"lan.mtu=1400"}`: `"field":"changes"`, `{"changes":["nonsense"]}`: `"field":"changes"`,
		} {
			if text, err := c.Call("tetherd", "config_set", args); err != wire.InvalidArgument || !strings.Contains(text, want) || !strings.Contains(text, `"code":"invalid"`) {
				t.Errorf("%s: %s, %v", args, text, err)
			}
		}
		if text, err := c.Call("tetherd", "config_revert", `{}`); err != wire.NotFound {
			t.Errorf("reverting nothing: %s, %v", text, err)
		}
	})
}

// TestCallers: root may everything; another user, whom the ACL let through, everything
// but what is root's; one who is not named may look.
func TestCallers(t *testing.T) {
	for user, scopes := range map[string][]api.Scope{
		"root": api.Scopes(), "rpc": {api.Read, api.Settings, api.SIM, api.Papers}, "": {api.Read},
	} {
		c := caller(user)
		if !c.Lenient || c.Author.Name != "ubus "+user || c.Author.Session != "" {
			t.Errorf("%q is %+v", user, c)
		}
		for _, s := range api.Scopes() {
			if c.May(s) != slices.Contains(scopes, s) {
				t.Errorf("%q may %s: %t", user, s, c.May(s))
			}
		}
	}
}

// TestArguments: numbers of any width are numbers, and a byte is what the verb takes.
func TestArguments(t *testing.T) {
	v := api.Verb{Args: []api.Arg{{Name: "n", Type: api.Integer}, {Name: "on", Type: api.Boolean}}}
	got := arguments(v, wire.Table{
		{Name: "n", Value: int8(7)}, {Name: "on", Value: int8(1)}, {Name: "short", Value: int16(-3)},
		{Name: "list", Value: wire.Array{"a", int8(0), wire.Array{}}}, {Name: "none", Value: nil},
	})
	want := map[string]any{"n": 7, "on": true, "short": -3, "list": []any{"a", false, []any{}}, "none": nil}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestTable: what is no JSON object is the field result of one; what cannot be JSON is
// an error.
func TestTable(t *testing.T) {
	if got, err := table([]int{1, 2}); err != nil || string(got.JSON()) != `{"result":[1,2]}` {
		t.Errorf("%s, %v", got.JSON(), err)
	}
	if got, err := table(func() {}); err == nil {
		t.Errorf("%v", got)
	}
}
