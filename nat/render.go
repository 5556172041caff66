package nat

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The sets that count. Their elements outlive every rewrite of the rules.
const (
	setClientUp   = "client_up"
	setClientDown = "client_down"
	setUplinkUp   = "uplink_up"
	setUplinkDown = "uplink_down"
)

// Bounds of the sets: a set that is full counts no newcomers and lets them pass.
const (
	maxClients = 1024
	maxUplinks = 16
	forget     = 24 * time.Hour // a client that was silent for so long
)

// Ruleset is the whole table as data.
type Ruleset struct {
	sets   []set
	chains []chain
}

// set counts bytes by key.
type set struct {
	name    string
	key     nftables.SetDatatype
	size    uint32
	timeout time.Duration // 0 none
}

// chain is a chain with its rules. One without a hook is never entered.
type chain struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	hookName string
	priority *nftables.ChainPriority
	prioName string
	rules    []rule
}

func (c *chain) add(comment string, terms ...term) {
	c.rules = append(c.rules, rule{terms, comment})
}

// Render gives the table for a Spec. Rules of chains whose policy is accept name our
// interfaces only: what others do on this machine is not ours to judge.
func Render(s Spec) Ruleset {
	r := Ruleset{
		sets: []set{
			{setClientUp, nftables.TypeIPAddr, maxClients, forget},
			{setClientDown, nftables.TypeIPAddr, maxClients, forget},
			{setUplinkUp, nftables.TypeIFName, maxUplinks, 0},
			{setUplinkDown, nftables.TypeIFName, maxUplinks, 0},
		},
		chains: []chain{countIn(s), countOut(s), guardInput(s), guardForward(s), hideClients(s)},
	}
	// The fingerprint of the text travels in the table itself: whoever reads the
	// table back knows which rules were meant.
	about := chain{name: "about"}
	about.add("ruleset "+r.digest(), accept())
	r.chains = append([]chain{about}, r.chains...)
	return r
}

func countIn(s Spec) chain {
	c := chain{name: "count_in", kind: nftables.ChainTypeFilter, hook: nftables.ChainHookPrerouting, hookName: "prerouting",
		priority: nftables.ChainPriorityRaw, prioName: "raw"}
	for _, u := range s.Uplinks {
		c.add("bytes into the uplink", iif(u.Interface), countInterface(setUplinkDown, "iifname", expr.MetaKeyIIFNAME))
	}
	return c
}

func countOut(s Spec) chain {
	c := chain{name: "count_out", kind: nftables.ChainTypeFilter, hook: nftables.ChainHookPostrouting, hookName: "postrouting",
		priority: nftables.ChainPriorityMangle, prioName: "mangle"}
	for _, u := range s.Uplinks {
		c.add("bytes out of the uplink", oif(u.Interface), countInterface(setUplinkUp, "oifname", expr.MetaKeyOIFNAME))
	}
	return c
}

// guardInput guards the gateway itself.
func guardInput(s Spec) chain {
	c := chain{name: "input", kind: nftables.ChainTypeFilter, hook: nftables.ChainHookInput, hookName: "input",
		priority: nftables.ChainPriorityFilter, prioName: "filter"}
	lan := iif(s.LAN)
	c.add("answers to what the gateway asked", lan, known(), accept())
	c.add("clients ask for leases", lan, udp(67), accept())
	c.add("clients ask for names", lan, udp(53), accept())
	c.add("clients ask for names over TCP", lan, tcp(53), accept())
	c.add("clients may test the way to the gateway", lan, protocol("icmp", unix.IPPROTO_ICMP), accept())
	c.add("neighbours must be found", lan, protocol("ipv6-icmp", unix.IPPROTO_ICMPV6), accept())
	if s.APIPort != 0 {
		c.add("clients may read the status", lan, tcp(s.APIPort), accept())
	}
	c.add("nothing else of the gateway is for clients", lan, reject())
	for _, u := range s.Uplinks {
		c.add("answers to what the gateway asked", iif(u.Interface), known(), accept())
		c.add("the gateway is closed to the network", iif(u.Interface), drop())
	}
	return c
}

// guardForward guards clients and what they may reach.
func guardForward(s Spec) chain {
	c := chain{name: "forward", kind: nftables.ChainTypeFilter, hook: nftables.ChainHookForward, hookName: "forward",
		priority: nftables.ChainPriorityFilter, prioName: "filter"}
	for _, u := range s.Uplinks {
		c.add("large packets must fit on the way out", oif(u.Interface), clamp())
		c.add("large packets must fit on the way in", iif(u.Interface), clamp())
	}
	for _, p := range s.Subnets {
		c.add("bytes of each client", iif(s.LAN), saddr(p), countAddress(setClientUp, "ip saddr", offsetSource))
		c.add("bytes to each client", oif(s.LAN), daddr(p), countAddress(setClientDown, "ip daddr", offsetDestination))
	}
	c.add("packets of no connection would leave unmasked", iif(s.LAN), invalid(), drop())
	for _, u := range s.Uplinks {
		if s.Sharing && u.Shared {
			c.share(s, u)
		}
	}
	c.add("clients have no other way out", iif(s.LAN), reject())
	c.add("nobody else reaches clients", oif(s.LAN), drop())
	for _, u := range s.Uplinks {
		c.add("nothing else comes in by the uplink", iif(u.Interface), drop())
		c.add("nobody else leaves by the uplink", oif(u.Interface), drop())
	}
	return c
}

// share opens one uplink to clients. Only the LAN's own addresses may leave.
func (c *chain) share(s Spec, u Uplink) {
	for _, p := range s.Subnets {
		c.add("clients reach the Internet", iif(s.LAN), oif(u.Interface), saddr(p), accept())
	}
	c.add("answers reach clients", iif(u.Interface), oif(s.LAN), known(), accept())
}

// leaveAs begins the comment of a masquerading rule; the uplink's addresses follow, so
// that the next load knows which connections have lost theirs.
const leaveAs = "clients leave as "

func hideClients(s Spec) chain {
	c := chain{name: "masquerade", kind: nftables.ChainTypeNAT, hook: nftables.ChainHookPostrouting, hookName: "postrouting",
		priority: nftables.ChainPriorityNATSource, prioName: "srcnat"}
	for _, u := range s.Uplinks {
		for _, p := range s.Subnets {
			c.add(leaveAs+joinAddrs(u.Addresses), oif(u.Interface), saddr(p), masquerade())
		}
	}
	return c
}

// maxAddrs bounds the addresses in a comment: a comment holds 127 bytes.
const maxAddrs = 6

func joinAddrs(addrs []netip.Addr) string {
	var texts []string
	for _, a := range addrs {
		if a.Is4() && len(texts) < maxAddrs {
			texts = append(texts, a.String())
		}
	}
	return strings.Join(texts, " ")
}

// String gives the table as nft text, which nft loads and lists in the same form.
func (r Ruleset) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", Table)
	for _, s := range r.sets {
		fmt.Fprintf(&b, "%s\n", s)
	}
	for i, c := range r.chains {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(c.String())
	}
	b.WriteString("}\n")
	return b.String()
}

func (s set) String() string {
	text := fmt.Sprintf("\tset %s {\n\t\ttype %s\n\t\tsize %d\n", s.name, s.key.Name, s.size)
	if s.timeout == 0 {
		return text + "\t\tflags dynamic\n\t}\n"
	}
	return text + fmt.Sprintf("\t\tflags dynamic,timeout\n\t\ttimeout %dd\n\t}\n", s.timeout/(24*time.Hour))
}

func (c chain) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\tchain %s {\n", c.name)
	if c.hook != nil {
		fmt.Fprintf(&b, "\t\ttype %s hook %s priority %s; policy accept;\n", c.kind, c.hookName, c.prioName)
	}
	for _, r := range c.rules {
		fmt.Fprintf(&b, "\t\t%s\n", r)
	}
	return b.String() + "\t}\n"
}

// digest is a short hash of the text.
func (r Ruleset) digest() string {
	sum := sha256.Sum256([]byte(r.String()))
	return hex.EncodeToString(sum[:8])
}

// Fingerprint identifies the table by what can be read back from the kernel: chains
// and the comments of their rules in order, among them the digest of the text.
func (r Ruleset) Fingerprint() string {
	var f fingerprint
	for _, c := range r.chains {
		for _, rule := range c.rules {
			f.add(c.name, rule.comment)
		}
	}
	return f.String()
}

// fingerprint collects chains and comments.
type fingerprint struct{ lines strings.Builder }

func (f *fingerprint) add(chain, comment string) { fmt.Fprintf(&f.lines, "%s: %s\n", chain, comment) }

func (f *fingerprint) String() string {
	sum := sha256.Sum256([]byte(f.lines.String()))
	return hex.EncodeToString(sum[:8])
}

// kernelSet is the set as the library loads it.
func (s set) kernelSet(t *nftables.Table) *nftables.Set {
	return &nftables.Set{
		Table: t, Name: s.name, KeyType: s.key, Size: s.size, Dynamic: true,
		HasTimeout: s.timeout > 0, Timeout: s.timeout, KeyByteOrder: binaryutil.BigEndian,
	}
}
