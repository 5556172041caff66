package doctor

import "slices"

// The checks, in the order in which a broken one is the verdict.
const (
	CheckModem    = "modem"        // there, and it answers
	CheckSIM      = "sim"          // readable and unlocked
	CheckNetwork  = "network"      // admits the SIM
	CheckBearer   = "access-point" // a session is granted
	CheckAddress  = "address"      // of a family that can be shared
	CheckPath     = "path"         // packets come back
	CheckNames    = "names"        // servers answer questions
	CheckValid    = "validation"   // nobody answers in the Internet's place
	CheckFirewall = "firewall"     // our rules are in force
	CheckForward  = "forwarding"   // clients' packets pass
	CheckWiFi     = "wifi"         // networks are on the air
	CheckLAN      = "lan"          // clients get addresses
	CheckClock    = "clock"        // right enough
	CheckClient   = "client"       // a client has Internet
)

// node is one check and those that it needs.
type node struct {
	name  string
	needs []string
}

// tree lists the checks; each comes after those that it needs.
func tree() []node {
	return []node{
		{CheckModem, nil},
		{CheckSIM, []string{CheckModem}},
		{CheckNetwork, []string{CheckSIM}},
		{CheckBearer, []string{CheckNetwork}},
		{CheckAddress, []string{CheckBearer}},
		{CheckPath, []string{CheckAddress}},
		{CheckNames, []string{CheckPath}},
		{CheckValid, []string{CheckNames}},
		{CheckFirewall, nil},
		{CheckForward, []string{CheckFirewall, CheckAddress}},
		{CheckWiFi, nil},
		{CheckLAN, nil},
		{CheckClock, nil},
		{CheckClient, []string{CheckValid, CheckForward, CheckWiFi, CheckLAN}},
	}
}

// depth is a check's place in the order.
func depth(check string) int {
	return slices.IndexFunc(tree(), func(n node) bool { return n.name == check })
}

// grow gives the tree as it stands with some findings: a check below a failed one was
// not evaluated, unless something is known about it all the same.
func grow(found []Finding, reached func(check string) bool) []Check {
	var out []Check
	state := map[string]State{}
	for _, n := range tree() {
		c := Check{Name: n.name, Needs: n.needs, State: OK}
		if i := slices.IndexFunc(found, func(f Finding) bool { return f.Check == n.name && f.Severity != Note }); i >= 0 {
			c.Code, c.State = found[i].Code, Failed
			if found[i].Severity == Degraded {
				c.State = Impaired
			}
		} else if blocked(n, state) || !reached(n.name) {
			c.State = NotEvaluated
		}
		state[n.name] = c.State
		out = append(out, c)
	}
	return out
}

// blocked says that a check needs one that is not there.
func blocked(n node, state map[string]State) bool {
	return slices.ContainsFunc(n.needs, func(need string) bool {
		return state[need] == Failed || state[need] == NotEvaluated
	})
}
