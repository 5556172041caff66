package document

import (
	"fmt"
	"slices"
	"strings"
)

// rule is what an element may be. Rules are immutable tables.
type rule struct {
	space, name string
	as          State // gives an item in the report; "" its children do, or nobody
	note        string
	least, most int // how often; most 0 is once
	attrs       []attribute
	text        check  // nil: no text
	raw         bool   // white space of the text counts
	kids        []rule // in this order
	any         bool   // in any order
	choice      bool   // exactly one of the children
	foreign     bool   // elements of other name spaces may follow
	opaque      bool   // whatever is in it is taken
	free        bool   // attributes are not looked at
	inside      *rule  // with opaque: elements of this name are checked wherever they are
	need        need   // what the children must be together; nil nothing
}

// need judges the children of an element together; "" when they are right.
type need func(*node) string

// attribute is one that an element may have.
type attribute struct {
	name     string
	required bool
	check    check
}

// grammar checks a tree and reports.
type grammar struct{ report *Report }

// element checks one element whose name is right already.
func (g grammar) element(n *node, r *rule) {
	before := len(*g.report)
	g.attributes(n, r)
	g.content(n, r)
	switch {
	case r.opaque:
		if r.inside != nil {
			g.search(n, r.inside)
		}
	case r.any:
		g.unordered(n, r)
	default:
		g.ordered(n, r)
	}
	if r.need != nil {
		if why := r.need(n); why != "" {
			g.report.refuse(n.path, why)
		}
	}
	if r.as != "" && !(*g.report)[before:].Refused() {
		g.report.add(Item{Path: n.path, State: r.as, Why: r.note, digest: n.digest()})
	}
}

func (g grammar) attributes(n *node, r *rule) {
	if r.free || r.opaque {
		return
	}
	for _, a := range n.attrs {
		i := slices.IndexFunc(r.attrs, func(known attribute) bool { return a.Name.Space == "" && known.name == a.Name.Local })
		switch {
		case i >= 0:
			if err := r.attrs[i].check(collapse(a.Value)); err != nil {
				g.report.refuse(n.path+"/@"+a.Name.Local, err.Error())
			}
		case a.Name.Space == "":
			g.report.refuse(n.path+"/@"+a.Name.Local, "there is no such attribute")
		default:
			g.report.add(Item{Path: n.path + "/@" + a.Name.Local, State: NotEnforceable, Why: "an attribute of another name space"})
		}
	}
	for _, known := range r.attrs {
		if known.required && n.attr(known.name, "\x00") == "\x00" {
			g.report.refuse(n.path+"/@"+known.name, "is missing")
		}
	}
}

func (g grammar) content(n *node, r *rule) {
	if r.opaque {
		return
	}
	if r.text == nil {
		if strings.TrimSpace(n.text) != "" {
			g.report.refuse(n.path, "no text may stand here")
		}
		return
	}
	if err := r.text(n.value(r.raw)); err != nil {
		g.report.refuse(n.path, err.Error())
	}
}

// value is the text of an element.
func (n *node) value(raw bool) string {
	if raw {
		return n.text
	}
	return collapse(n.text)
}

// ordered consumes the children rule by rule.
func (g grammar) ordered(n *node, r *rule) {
	at := 0
	for i := range r.kids {
		k, count := &r.kids[i], 0
		for at < len(n.kids) && count < max(k.most, 1) && k.names(n.kids[at]) {
			g.element(n.kids[at], k)
			at, count = at+1, count+1
		}
		if count < k.least {
			g.report.refuse(n.path+"/"+k.name, "is missing, or stands at the wrong place")
		}
		if r.choice && count > 0 {
			break
		}
	}
	for ; at < len(n.kids); at++ {
		g.left(n.kids[at], r)
	}
}

// names says that the rule is for this element.
func (r *rule) names(n *node) bool { return r.name == n.name && r.space == n.space }

// left tells of an element that no rule consumed.
func (g grammar) left(n *node, r *rule) {
	known := func(like func(k rule) bool) bool { return slices.ContainsFunc(r.kids, like) }
	switch {
	case known(func(k rule) bool { return k.names(n) && r.choice }):
		g.report.refuse(n.path, "there may be one of these only")
	case known(func(k rule) bool { return k.names(n) }):
		g.report.refuse(n.path, "stands at the wrong place or too often: the order of elements is fixed")
	case known(func(k rule) bool { return k.name == n.name }):
		g.report.refuse(n.path, "has the wrong name space")
	case r.foreign && n.space != r.space:
		g.report.add(Item{Path: n.path, State: NotEnforceable, Why: "an extension that is not known", digest: n.digest()})
	default:
		g.report.refuse(n.path, "is not known here")
	}
}

// unordered checks children of which each may stand once, anywhere.
func (g grammar) unordered(n *node, r *rule) {
	seen := map[string]bool{}
	for _, kid := range n.kids {
		i := slices.IndexFunc(r.kids, func(k rule) bool { return k.names(kid) })
		switch {
		case i < 0:
			g.left(kid, r)
		case seen[kid.name]:
			g.report.refuse(kid.path, "is there twice")
		default:
			seen[kid.name] = true
			g.element(kid, &r.kids[i])
		}
	}
}

// search checks the elements of a rule's name wherever they are.
func (g grammar) search(n *node, r *rule) {
	for _, kid := range n.kids {
		if r.names(kid) {
			g.element(kid, r)
			continue
		}
		g.search(kid, r)
	}
}

// oneOf demands at least one of some children.
func oneOf(names ...string) need {
	return func(n *node) string {
		for _, name := range names {
			if n.child(name).there() {
				return ""
			}
		}
		return fmt.Sprintf("needs %s", strings.Join(names, " or "))
	}
}
