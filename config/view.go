package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Section is one section of a Config with all its options, for those who show it.
type Section struct {
	Type    string   `json:"type"`    // such as "lan"
	Address string   `json:"address"` // as Change.Section takes it
	Options []Option `json:"options"` // in the order of the reference
}

// Option is one option and what holds.
type Option struct {
	Name    string   `json:"name"`
	List    bool     `json:"list,omitempty"`    // takes several values
	Secret  bool     `json:"secret,omitempty"`  // its values are shown to its owner alone
	Default bool     `json:"default,omitempty"` // holds without being written
	Values  []string `json:"values"`            // none when it is empty, or hidden
	Set     bool     `json:"set,omitempty"`     // a hidden value is there
}

// View returns what holds, section by section. Secrets are left out unless they are
// asked for.
func (c *Config) View(secrets bool) []Section {
	var out []Section
	fresh := Default()
	for _, k := range kinds() {
		for i := range k.count(c) {
			s := Section{Type: k.kind, Address: k.address(c, i)}
			for _, f := range k.fields(c, i) {
				s.Options = append(s.Options, f.view(secrets))
			}
			if k.max == 1 {
				for j, f := range k.fields(fresh, 0) {
					s.Options[j].Default = slices.Equal(given(f), given(k.fields(c, i)[j]))
				}
			}
			out = append(out, s)
		}
	}
	return out
}

func (f field) view(secrets bool) Option {
	o := Option{Name: f.name, List: f.list, Secret: f.secret, Values: given(f)}
	if f.secret && !secrets {
		o.Set, o.Values = len(o.Values) > 0, []string{}
	}
	return o
}

// given are the values of a field, none for an option that is empty.
func given(f field) []string {
	values := f.get()
	if !f.list && len(values) == 1 && values[0] == "" || values == nil {
		return []string{}
	}
	return values
}

// address is how Edit finds section i of the kind.
func (k kind) address(c *Config, i int) string {
	name := k.name
	if k.label != nil {
		name = *k.label(c, i)
	}
	if name != "" {
		return name
	}
	return fmt.Sprintf("@%s[%d]", k.kind, i)
}

// Revision names what a Config says: two texts that say the same have the same one.
func (c *Config) Revision() string {
	sum := sha256.Sum256(c.UCI())
	return hex.EncodeToString(sum[:6])
}
