package nat

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
)

// String is the ruleset in nft's language, as `nft -f` reads it into a namespace
// that has no such table.
func (rs Ruleset) String() string {
	if len(rs.chains) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", Table)
	for _, c := range rs.counters {
		fmt.Fprintf(&b, "\tcounter %s {\n\t}\n\n", c)
	}
	for _, s := range rs.sets {
		fmt.Fprintf(&b, "\tset %s {\n\t\ttype %s\n\t\tsize %d\n", s.name, s.key.Name, s.size)
		if !s.fixed {
			fmt.Fprintf(&b, "\t\tflags dynamic,timeout\n\t\ttimeout %ds\n", int64(s.timeout/time.Second))
		}
		if len(s.elements) > 0 {
			fmt.Fprintf(&b, "\t\telements = { %s }\n", macs(s.elements))
		}
		b.WriteString("\t}\n\n")
	}
	if len(rs.short) > 0 {
		fmt.Fprintf(&b, "\tflowtable %s {\n\t\thook ingress priority 0\n\t\tdevices = { %s }\n\t\tcounter\n\t}\n\n",
			flowTable, quoted(rs.short))
	}
	for i, c := range rs.chains {
		if i > 0 {
			b.WriteByte('\n')
		}
		c.print(&b)
	}
	b.WriteString("}\n")
	return b.String()
}

func macs(list []nftables.SetElement) string {
	var out []string
	for _, e := range list {
		out = append(out, net.HardwareAddr(e.Key).String())
	}
	return strings.Join(out, ", ")
}

func quoted(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, strconv.Quote(n))
	}
	return strings.Join(out, ", ")
}

func (c chain) print(b *strings.Builder) {
	fmt.Fprintf(b, "\tchain %s {\n", c.name)
	if c.kind != "" {
		fmt.Fprintf(b, "\t\ttype %s hook %s priority %d; policy accept;\n", c.kind, hookWord(c.hook.hook), c.priority)
	}
	for _, r := range c.rules {
		b.WriteString("\t\t")
		for _, s := range r.terms {
			b.WriteString(s.text + " ")
		}
		fmt.Fprintf(b, "comment %q\n", r.comment)
	}
	b.WriteString("\t}\n")
}

func hookWord(h nftables.ChainHook) string {
	switch h {
	case *nftables.ChainHookPrerouting:
		return "prerouting"
	case *nftables.ChainHookInput:
		return "input"
	case *nftables.ChainHookForward:
		return "forward"
	default:
		return "postrouting"
	}
}
