package bus

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Rule is one file of /usr/share/acl.d: what a user or a group may.
type Rule struct {
	User, Group string
	Access      map[string]struct{ Methods []string }
	Publish     []string
	Subscribe   []string
	Listen      []string
	Send        []string
}

// ReadACL reads the files of a folder, as ubusd reads /usr/share/acl.d.
func ReadACL(folder string) ([]Rule, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var rules []Rule
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("bus: %w", err)
		}
		var r Rule
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("bus: %s: %w", f, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// right is one kind of thing that a user may.
type right int

const (
	access right = iota
	publish
	subscribe
	listen
	send
)

// may tells whether a client has a right to an object or event, and with access to its
// method. Root has all rights, everybody has those to what has no name.
func (d *Daemon) may(c *client, what right, name, method string) bool {
	if c.user == "root" || name == "" {
		return true
	}
	return slices.ContainsFunc(d.ACL, func(r Rule) bool {
		return (r.User == c.user || r.Group == c.group) && r.allows(what, name, method)
	})
}

func (r Rule) allows(what right, name, method string) bool {
	if what == access {
		for glob, a := range r.Access {
			if matches(glob, name) && (slices.Contains(a.Methods, method) || slices.Contains(a.Methods, "*")) {
				return true
			}
		}
		return false
	}
	globs := map[right][]string{publish: r.Publish, subscribe: r.Subscribe, listen: r.Listen, send: r.Send}[what]
	return slices.ContainsFunc(globs, func(g string) bool { return matches(g, name) })
}
