package config

import (
	"slices"
	"strings"
	"testing"
)

// TestViewIsComplete: every option is shown, and what is shown can be written again.
func TestViewIsComplete(t *testing.T) {
	for name, c := range map[string]*Config{"default": Default(), "full": full(), "a device with a name": named()} {
		var text strings.Builder
		for _, s := range c.View(true) {
			text.WriteString("config " + s.Type)
			if !strings.HasPrefix(s.Address, "@") {
				text.WriteString(" '" + s.Address + "'")
			}
			text.WriteString("\n")
			for _, o := range s.Options {
				word := "option"
				if o.List {
					word = "list"
				}
				for _, v := range o.Values {
					text.Write(quote([]byte(word+" "+o.Name+" "), v))
					text.WriteString("\n")
				}
			}
		}
		if d := diff(c, mustParse(t, text.String())); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

// TestViewCanBeEdited: what is shown can be changed at the address that is shown, and
// nothing else changes with it, also of sections that hold without being written.
func TestViewCanBeEdited(t *testing.T) {
	for name, c := range map[string]*Config{"default": Default(), "full": full(), "a device with a name": named()} {
		text := c.UCI()
		if name == "default" {
			text = nil
		}
		for _, s := range c.View(true) {
			for _, o := range s.Options {
				edited, err := Edit(text, []Change{{Section: s.Address, Option: o.Name, Values: o.Values}})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if d := diff(c, mustParse(t, string(edited))); d != "" {
					t.Errorf("%s: %s.%s:\n%s", name, s.Address, o.Name, d)
				}
			}
		}
	}
	edited, err := Edit(nil, []Change{{Section: "@target[2]"}, {Section: "@target[0]"}, {Section: "@target[0]", Option: "status", Values: []string{"204"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := mustParse(t, string(edited)).Probe.Targets; len(got) != 1 || got[0].Status != 204 || got[0].URL != Default().Probe.Targets[1].URL {
		t.Errorf("the targets are %+v", got)
	}
	if _, err := Edit(nil, []Change{{Section: "@target[3]", Option: "status", Values: []string{"204"}}}); err == nil {
		t.Error("there is no fourth")
	}
}

// TestViewHides: a secret is not shown unless it is asked for, only that it is there.
func TestViewHides(t *testing.T) {
	c := full()
	hidden := 0
	for _, s := range c.View(false) {
		for _, o := range s.Options {
			if !o.Secret {
				continue
			}
			if o.Set {
				hidden++
			}
			if len(o.Values) > 0 {
				t.Errorf("%s.%s is %q", s.Address, o.Name, o.Values)
			}
		}
	}
	if hidden < 2 {
		t.Errorf("only %d secrets are known", hidden)
	}
	for _, s := range Default().View(false) {
		for _, o := range s.Options {
			if o.Set {
				t.Errorf("%s.%s is told to be set", s.Address, o.Name)
			}
			if s.Type != "target" && !o.Default {
				t.Errorf("%s.%s is not told to be the default", s.Address, o.Name)
			}
		}
	}
}

// TestViewAddresses: each address finds its section.
func TestViewAddresses(t *testing.T) {
	c := full()
	text := c.UCI()
	for _, s := range c.View(true) {
		for _, o := range s.Options {
			next, err := Edit(text, []Change{{Section: s.Address, Option: o.Name, Values: o.Values}})
			if err != nil {
				t.Fatalf("%s.%s: %v", s.Address, o.Name, err)
			}
			if got := mustParse(t, string(next)); got.Revision() != c.Revision() {
				t.Errorf("%s.%s: writing what it is changes it:\n%s", s.Address, o.Name, diff(c, got))
			}
		}
	}
}

// TestRevision: comments and order do not matter, values do.
func TestRevision(t *testing.T) {
	a := mustParse(t, "config lan\n\toption mtu '1400'\nconfig modem\n\toption roaming 1\n").Revision()
	b := mustParse(t, "# c\nconfig modem\n\toption roaming yes\nconfig lan x\n\toption mtu 1400 # d\n").Revision()
	c := mustParse(t, "config lan\n\toption mtu '1401'\nconfig modem\n\toption roaming 1\n").Revision()
	if a != b || a == c || len(a) != 12 {
		t.Errorf("%s, %s, %s", a, b, c)
	}
}

// TestSecretsAreMarked: whatever is called as secrets are is one.
func TestSecretsAreMarked(t *testing.T) {
	marked := 0
	for _, s := range full().View(false) {
		for _, o := range s.Options {
			if slices.Contains([]string{"pin", "password", "passphrase", "secret", "token"}, o.Name) {
				if marked++; !o.Secret {
					t.Errorf("%s.%s is shown", s.Type, o.Name)
				}
			}
		}
	}
	if marked < 3 {
		t.Errorf("only %d were found", marked)
	}
}
