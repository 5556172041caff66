package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Ruleset is the whole content of our table as data.
type Ruleset struct {
	chains   []chain // always the same ones, so that a reload replaces rules alone
	sets     []set
	counters []string
	short    []string              // devices of the flow table, sorted; none: no flow table
	slots    []nftables.SetElement // that a new set of slots begins with
}

type chain struct {
	hook
	rules []rule
}

// hook is a chain's definition; without a kind it is not a base chain.
type hook struct {
	name     string
	kind     nftables.ChainType
	hook     nftables.ChainHook
	priority nftables.ChainPriority
}

type rule struct {
	terms   []term
	comment string // why it is there, at most maxComment bytes
}

func (r rule) exprs() []expr.Any {
	var out []expr.Any
	for _, t := range r.terms {
		out = append(out, t.exprs...)
	}
	return out
}

// maxComment is the longest comment that nft takes (NFTNL_UDATA_COMMENT_MAXLEN).
const maxComment = 127

// set is the definition of a set of client addresses with a counter each.
type set struct {
	name    string
	key     nftables.SetDatatype
	timeout time.Duration
	size    uint32
	fixed   bool // its elements are ours to add and take away, and do not expire
	// elements are all that it ever holds, where its name says which.
	elements []nftables.SetElement
}

// The sets. Their elements outlive every rewrite of the rules. More clients than
// maxClients are carried but not counted; a client that was silent for a day is
// forgotten.
const (
	setUp      = "client_up"
	setDown    = "client_down"
	maxClients = 1024
	forget     = 24 * time.Hour
)

// The chains that are jumped to.
const (
	inputLAN    = "input_lan"
	inputUplink = "input_uplink"
	forwardOut  = "forward_out"
	forwardIn   = "forward_in"
	shareOut    = "share_out"
	shareIn     = "share_in"
)

func why(comment string, t ...term) rule { return rule{t, comment} }

// Render turns a Spec into the table's content. The zero Spec gives the empty
// Ruleset, which stands for no table.
//
// Packets that neither enter nor leave by an interface of ours match nothing here.
// Without uplinks, or with Sharing off, it is closed: it may be loaded before
// forwarding is switched on, and stays right while interfaces come and go, because
// no rule needs its interface to exist.
func Render(s Spec) Ruleset {
	if !s.Enabled {
		return Ruleset{}
	}
	in, out, counters := counting(s)
	sets := append([]set{clients(setUp), clients(setDown)}, limitSets(s)...)
	if len(s.Blocked) > 0 {
		sets = append(sets, blockedSet(s))
	}
	return Ruleset{
		chains: append([]chain{
			{base("count_in", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityMangle), in},
			{base("input", nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter), input(s)},
			{hook{name: inputLAN}, fromLAN(s)},
			{hook{name: inputUplink}, fromUplink()},
			{base("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter), forward(s)},
			{hook{name: forwardOut}, leave(s)},
			{hook{name: shareOut}, outward(s)},
			{hook{name: forwardIn}, arrive(s)},
			{hook{name: shareIn}, inward(s)},
			{base("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource), translate(s)},
			// Last, when a connection's first packet is known to be translated.
			{base("count_out", nftables.ChainTypeFilter, nftables.ChainHookPostrouting, nftables.ChainPriorityConntrackHelper), out},
		}, limitChains(s)...),
		sets:     sets,
		counters: counters,
		short:    shortWay(s),
	}
}

func base(name string, kind nftables.ChainType, h *nftables.ChainHook, p *nftables.ChainPriority) hook {
	return hook{name, kind, *h, *p}
}

func clients(name string) set {
	return set{name: name, key: nftables.TypeIPAddr, timeout: forget, size: maxClients}
}

// shared lists the ways out that clients may take now.
func shared(s Spec) []string {
	var out []string
	for _, u := range s.Uplinks {
		if s.Sharing && len(s.LANs) > 0 && u.Shared {
			out = append(out, u.Interface)
		}
	}
	return out
}

// subnets lists the IPv4 prefixes of all LANs.
func subnets(s Spec) []netip.Prefix {
	var out []netip.Prefix
	for _, l := range s.LANs {
		out = append(out, l.subnets()...)
	}
	return out
}

// subnets lists the LAN's IPv4 prefixes; IPv6 is not shared yet.
func (l LAN) subnets() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range l.Subnets {
		if p.IsValid() && p.Addr().Is4() {
			out = append(out, p.Masked())
		}
	}
	return out
}

// The counters of an uplink, named by direction and interface.
const (
	counterIn  = "in-"
	counterOut = "out-"
)

// The counters of clients' tries to connect, each repeated one included, and of those
// that were answered.
const (
	counterAsked    = "asked"
	counterAnswered = "answered"
)

// noteAddresses follows, in the comment of the rule that counts what an uplink brings,
// the counter's name, and is followed by the addresses that are in force: a later
// process finds there which ones have gone.
const noteAddresses = " counts what comes to "

func counting(s Spec) (in, out []rule, counters []string) {
	for _, u := range s.Uplinks {
		in = append(append(in, uncounted(s, iif(u.Interface), translated())...),
			why(note(u), iif(u.Interface), count(counterName(counterIn, u.Interface))))
		out = append(append(out, uncounted(s, oif(u.Interface), translated())...),
			why("bytes that the uplink takes", oif(u.Interface), count(counterName(counterOut, u.Interface))))
		counters = append(counters, counterName(counterIn, u.Interface), counterName(counterOut, u.Interface))
	}
	if len(shared(s)) > 0 {
		counters = append(counters, counterAsked, counterAnswered)
	}
	slices.Sort(counters)
	return in, out, counters
}

// note lists as many addresses as a comment holds: at least one of each family.
func note(u Uplink) string {
	c, sep := counterName(counterIn, u.Interface)+noteAddresses, ""
	for _, a := range u.Addresses {
		if len(c)+len(sep)+len(a.String()) > maxComment {
			break
		}
		c, sep = c+sep+a.String(), " "
	}
	return c
}

// addressesIn is the inverse of note; none when the comment is not a note.
func addressesIn(comment string) (dev string, addrs []netip.Addr) {
	name, list, _ := strings.Cut(comment, noteAddresses)
	dev, ok := counterDevice(counterIn, name)
	if !ok {
		return "", nil
	}
	for f := range strings.FieldsSeq(list) {
		if a, err := netip.ParseAddr(f); err == nil {
			addrs = append(addrs, a)
		}
	}
	return dev, addrs
}

func input(s Spec) []rule {
	var r []rule
	for _, l := range s.LANs {
		r = append(r, why("what clients may ask of the gateway", iif(l.Bridge), goTo(inputLAN)))
	}
	for _, u := range s.Uplinks {
		r = append(r, why("what the world may ask of the gateway", iif(u.Interface), goTo(inputUplink)))
	}
	return r
}

func fromLAN(s Spec) []rule {
	r := []rule{
		why("answers to the gateway, and errors about its packets", known(), accept()),
		why("part of no connection", invalid(), drop()),
	}
	r = append(r, apart(s)...)
	r = append(r,
		why("DHCP, also from clients without an address", udp(67), accept()),
		why("DNS", udp(53), accept()),
		why("DNS, long answers", tcp(53), accept()),
		why("clients may see that the gateway lives", ping4(), accept()),
		why("clients may see that the gateway lives", ping6(), accept()),
		why("router and neighbour discovery: IPv6 does not work without", discovery(), accept()))
	for _, l := range s.LANs {
		if l.APIPort != 0 {
			r = append(r, why("status page", iif(l.Bridge), tcp(l.APIPort), accept()))
		}
		for _, port := range l.Open {
			r = append(r, why("opened by the owner", iif(l.Bridge), tcp(port), accept()))
		}
	}
	if s.Explain != 0 {
		r = append(r, why("why a client has no Internet", tcp(s.Explain), accept()))
	}
	return append(r, why("nothing else on the gateway is for clients; they are told at once", refuse()))
}

// apart keeps clients from what the gateway has at its address in another LAN.
func apart(s Spec) []rule {
	var r []rule
	for _, l := range s.LANs {
		for _, other := range s.LANs {
			for _, p := range other.subnets() {
				if other.Bridge != l.Bridge {
					r = append(r, why("the gateway's address in another network is not for these clients", iif(l.Bridge), daddr(p), refuse()))
				}
			}
		}
	}
	return r
}

func fromUplink() []rule {
	return []rule{
		why("answers to the gateway, and errors about its packets, path MTU among them", known(), accept()),
		why("part of no connection", invalid(), drop()),
		why("router and neighbour discovery: IPv6 does not work without", discovery(), accept()),
		why("the gateway is closed to the world", drop()),
	}
}

func forward(s Spec) []rule {
	var r []rule
	for _, l := range s.LANs {
		if l.Apart {
			r = append(r, why("its clients are kept apart, and do not meet by way of the gateway", iif(l.Bridge), oif(l.Bridge), drop()))
			continue
		}
		r = append(r, why("among clients: bridged frames, where the kernel shows them here", iif(l.Bridge), oif(l.Bridge), accept()))
	}
	for _, l := range s.LANs {
		r = append(r, why("clients' packets", iif(l.Bridge), goTo(forwardOut)))
	}
	for _, l := range s.LANs {
		r = append(r, why("packets to clients", oif(l.Bridge), goTo(forwardIn)))
	}
	for _, u := range s.Uplinks {
		r = append(r,
			why("an uplink serves the LAN and the gateway alone", iif(u.Interface), drop()),
			why("an uplink serves the LAN and the gateway alone", oif(u.Interface), drop()))
	}
	return r
}

func leave(s Spec) []rule {
	r := []rule{why("IPv6 is not shared yet", ipv6(), drop())}
	for _, l := range s.LANs {
		for _, p := range l.subnets() {
			r = append(r, why("source is the LAN's", iif(l.Bridge), saddr(p), goTo(shareOut)))
		}
	}
	return append(r, why("forged source address; an answer would go to somebody else", drop()))
}

func outward(s Spec) []rule {
	r := append(ifBlocked(s, "blocked by the owner; the client is told at once", refuse()), unadmitted(s)...)
	r = append(r, []rule{
		why("part of no connection: it would leave with a private address", invalid(), drop()),
		why("protocol 0 is nobody's, and its connections could not be ended", transport("ip", 0), drop()),
		why("segments must fit the uplink", clamp()),
	}...)
	for _, u := range shared(s) {
		r = append(append(r, why("tries to connect", oif(u), asks(), count(counterAsked))), take(s, oif(u))...)
		r = append(r,
			why("bytes that each client sends", oif(u), tally(setUp, "ip saddr", offsetSource)),
			why("sharing", oif(u), accept()))
	}
	return append(r, why("not shared, or no other way out; clients are told at once", refuse()))
}

func arrive(s Spec) []rule {
	r := []rule{why("IPv6 is not shared yet", ipv6(), drop())}
	for _, u := range shared(s) {
		r = append(r, why("answers to clients, and errors about their packets", iif(u), known(), goTo(shareIn)))
	}
	return append(r, why("nobody reaches clients from outside", drop()))
}

func inward(s Spec) []rule {
	r := []rule{why("segments must fit the uplink", clamp())}
	for _, u := range s.Uplinks {
		if u.MTU > 0 {
			r = append(r, why("segments must fit the uplink, also where main has no route by it", iif(u.Interface), clampTo(u.MTU)))
		}
	}
	if len(shared(s)) > 0 {
		r = append(r, why("tries to connect that are answered", answers(), count(counterAnswered)))
	}
	r = append(r, take(s)...)
	for _, p := range subnets(s) {
		r = append(r, why("bytes that each client receives", daddr(p), tally(setDown, "ip daddr", offsetDestination)))
	}
	return append(r, why("sharing", accept()))
}

func translate(s Spec) []rule {
	var r []rule
	for _, u := range shared(s) {
		for _, p := range subnets(s) {
			r = append(r, why("clients leave with the uplink's address", oif(u), saddr(p), masquerade()))
		}
	}
	return r
}

// counterName makes a name that nft can read back from any interface name: other
// characters become a slash, which no interface name holds, and two hex digits.
func counterName(direction, dev string) string {
	var b strings.Builder
	b.WriteString(direction)
	for _, c := range []byte(dev) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "/%02x", c)
		}
	}
	return b.String()
}

// counterDevice is the inverse of counterName.
func counterDevice(direction, name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, direction)
	if !ok {
		return "", false
	}
	var dev []byte
	for rest != "" {
		c, n := rest[0], 1
		if c == '/' {
			v, err := strconv.ParseUint(rest[1:min(3, len(rest))], 16, 8)
			if err != nil || len(rest) < 3 {
				return "", false
			}
			c, n = byte(v), 3
		}
		dev, rest = append(dev, c), rest[n:]
	}
	return string(dev), true
}
