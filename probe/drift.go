package probe

import (
	"fmt"
	"net"
	"slices"
)

// Drift tells in which ways what is probed differs from what is wished, a line each.
func Drift(s Spec, st Status) []string {
	var lines []string
	compare := func(what string, same bool, want, have any) {
		if !same {
			lines = append(lines, fmt.Sprintf("%s: %v, wanted %v", what, have, want))
		}
	}
	have := st.InForce
	g, c := have.Gateway, have.Client
	compare("targets", slices.Equal(s.Targets, have.Targets), s.Targets, have.Targets)
	compare("operator's targets", slices.Equal(s.Operator, have.Operator), s.Operator, have.Operator)
	compare("gateway's key", s.Gateway.Key == g.Key, s.Gateway.Key, g.Key)
	compare("gateway's interface", s.Gateway.Interface == g.Interface, s.Gateway.Interface, g.Interface)
	compare("gateway's mark", s.Gateway.Mark == g.Mark, s.Gateway.Mark, g.Mark)
	compare("gateway's DNS servers", slices.Equal(s.Gateway.Servers, g.Servers), s.Gateway.Servers, g.Servers)
	compare("gateway's literal addresses", slices.Equal(s.Gateway.Literals, g.Literals), s.Gateway.Literals, g.Literals)
	compare("client's key", s.Client.Key == c.Key, s.Client.Key, c.Key)
	compare("client's bridge", s.Client.Bridge == c.Bridge, s.Client.Bridge, c.Bridge)
	compare("client's address", s.Client.MAC == c.MAC, net.HardwareAddr(s.Client.MAC[:]), net.HardwareAddr(c.MAC[:]))
	compare("doubts", s.Again == have.Again, s.Again, have.Again)
	compare("changes", s.Anew == have.Anew, s.Anew, have.Anew)
	compare("budget", s.Budget == have.Budget, s.Budget, have.Budget)
	compare("interval", s.Interval == have.Interval, s.Interval, have.Interval)
	return lines
}

// clone copies what the caller may change later.
func clone(s Spec) Spec {
	s.Targets, s.Operator = slices.Clone(s.Targets), slices.Clone(s.Operator)
	s.Gateway.Servers, s.Gateway.Literals = slices.Clone(s.Gateway.Servers), slices.Clone(s.Gateway.Literals)
	return s
}
