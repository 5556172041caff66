package lab

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/tetherd/tetherd/lab/operator"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// maxClients bounds the clients of a scenario.
const maxClients = 32

// readOperator reads the section "operator".
func (s *Scenario) readOperator(first int, data []byte) (faults []error) {
	list, faults := statements(first, data)
	for _, st := range list {
		if err := s.operatorStatement(st); err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", st.line, err))
		}
	}
	return faults
}

func (s *Scenario) operatorStatement(st statement) (err error) {
	args := st.words[1:]
	switch st.words[0] {
	case "network":
		s.Network, err = parseNetwork(args)
	case "sim":
		if len(args) != 1 {
			return fmt.Errorf("a SIM needs one name")
		}
		var sim simmodem.SIM
		err = each(st.inner, func(w []string) error { return simAttribute(&sim, w) })
		s.SIMs[args[0]] = sim
	case "insert":
		if len(args) != 1 {
			return fmt.Errorf("insert needs the name of a SIM")
		}
		s.SIM = args[0]
	case "attach":
		s.Attach, err = parseAttach(args)
	case "clients":
		s.Clients, err = number(args, maxClients)
	case "modem":
		err = each(st.inner, s.modemAttribute)
	case "apn":
		if len(args) != 1 {
			return fmt.Errorf("an access point needs one name")
		}
		var apn operator.APN
		err = each(st.inner, func(w []string) error { return apnAttribute(&apn, w) })
		s.APNs[args[0]] = apn
	default:
		return fmt.Errorf("there is no statement %q", st.words[0])
	}
	return err
}

// each hands the indented lines to one reader.
func each(inner []statement, read func(words []string) error) error {
	for _, st := range inner {
		if err := read(st.words); err != nil {
			return fmt.Errorf("line %d: %s: %w", st.line, st.words[0], err)
		}
	}
	return nil
}

// parseNetwork reads PLMN 'NAME' [STATE [CAUSE]].
func parseNetwork(args []string) (simmodem.Network, error) {
	if len(args) < 2 || !digits(args[0], 5, 6) {
		return simmodem.Network{}, fmt.Errorf("a network needs its MCC and MNC and a name")
	}
	n := simmodem.Network{PLMN: args[0], Name: args[1], State: simmodem.Home}
	return n, parseRegistration(&n, args[2:])
}

// registrations are the states of registration, as tetherd names them too.
var registrations = map[string]simmodem.RegisterState{
	"home": simmodem.Home, "roaming": simmodem.Roaming, "partner": simmodem.Partner,
	"searching": simmodem.Searching, "denied": simmodem.Denied,
}

// parseRegistration reads [STATE [CAUSE]] into a network.
func parseRegistration(n *simmodem.Network, args []string) error {
	if len(args) == 0 {
		return nil
	}
	state, ok := registrations[args[0]]
	if !ok {
		return fmt.Errorf("there is no registration state %q", args[0])
	}
	n.State, n.Cause = state, 0
	if len(args) > 1 {
		cause, err := number(args[1:], 255)
		n.Cause = simmodem.Cause(cause)
		return err
	}
	return nil
}

// parseAttach reads NAME CAUSE, or any.
func parseAttach(args []string) (a operator.Attach, err error) {
	if len(args) == 1 && args[0] == "any" {
		return a, nil
	}
	if len(args) != 2 {
		return a, fmt.Errorf("an access point and a cause are needed, or any")
	}
	cause, err := number(args[1:], 255)
	return operator.Attach{APN: args[0], Cause: simmodem.Cause(cause)}, err
}

func simAttribute(sim *simmodem.SIM, w []string) error {
	if len(w) < 2 {
		return fmt.Errorf("a value is missing")
	}
	switch w[0] {
	case "iccid":
		sim.ICCID = w[1]
	case "imsi":
		sim.IMSI = w[1]
	case "home":
		sim.HomePLMN = w[1]
	case "name":
		sim.HomeName = w[1]
	case "spn":
		sim.SPN = w[1]
	case "gid1":
		sim.GID1 = w[1]
	case "activation":
		sim.Activation = w[1]
	case "pin":
		sim.PIN = simmodem.PIN{Enabled: true, Code: w[1], Tries: 3, PUK: "12345678", PUKTries: 10}
		if len(w) > 2 {
			tries, err := number(w[2:], 3)
			sim.PIN.Tries = uint32(tries)
			return err
		}
	default:
		return fmt.Errorf("a SIM has no such attribute")
	}
	return nil
}

func (s *Scenario) modemAttribute(w []string) (err error) {
	switch {
	case w[0] == "tells-time":
		s.Device.TellsTime = true
		if len(w) > 1 {
			s.Device.Ahead, err = time.ParseDuration(w[1])
		}
	case w[0] == "attach-apn" && len(w) == 2:
		s.Device.AttachAPN = w[1]
	case w[0] == "no-attach":
		s.Device.NoAttach = true
	case w[0] == "no-reset":
		s.Device.NoReset = true
	case w[0] == "absent":
		s.Absent = true
	case w[0] == "radio" && len(w) == 2 && w[1] == "off":
		s.RadioOff = true
	case w[0] == "model" && len(w) == 2:
		s.Device.Model = w[1]
	case w[0] == "firmware" && len(w) == 2:
		s.Device.Firmware = w[1]
	case w[0] == "sessions":
		var n int
		n, err = number(w[1:], 255)
		s.Device.MaxSessions = uint32(n)
	default:
		return fmt.Errorf("a modem has no such attribute")
	}
	return err
}

func apnAttribute(a *operator.APN, w []string) (err error) {
	switch w[0] {
	case "family":
		var f operator.APN
		f, err = choice(w[1:], map[string]operator.APN{"ipv4": {}, "ipv6": {NoIPv4: true, IPv6: true}, "ipv4v6": {IPv6: true}})
		a.NoIPv4, a.IPv6 = f.NoIPv4, f.IPv6
	case "auth":
		a.Auth, err = choice(w[1:], map[string]simmodem.Auth{"pap": simmodem.AuthPAP, "chap": simmodem.AuthCHAP})
	case "user":
		if len(w) != 3 {
			return fmt.Errorf("name and password are needed")
		}
		a.User, a.Password = w[1], w[2]
	case "refuse":
		var n int
		n, err = number(w[1:], 255)
		a.Refuse = simmodem.Cause(n)
	case "mtu":
		a.MTU, err = number(w[1:], 9000)
	case "pool":
		if len(w) != 2 {
			return fmt.Errorf("a prefix is needed")
		}
		a.Pool4, err = netip.ParsePrefix(w[1])
	case "no-partial":
		a.NoPartial = true
	case "gateway":
		a.Gateway = true
	case "dns":
		if len(w) != 2 {
			return fmt.Errorf("an address is needed")
		}
		var server netip.Addr
		server, err = netip.ParseAddr(w[1])
		a.DNS = append(a.DNS, server)
	case "no-dns":
		a.NoDNS = true
	case "walled":
		a.Garden = true
		if len(w) == 3 && w[1] == "but" {
			a.Passes = w[2]
		} else if len(w) == 2 && w[1] == "login" {
			a.Login = true
		} else if len(w) > 1 {
			return fmt.Errorf("a wall has no %q", w[1])
		}
	case "mute":
		a.Mute = true
	case "hole":
		a.Hole, err = number(w[1:], 9000)
	default:
		return fmt.Errorf("an access point has no such attribute")
	}
	return err
}

func choice[T any](args []string, known map[string]T) (T, error) {
	var none T
	if len(args) != 1 {
		return none, fmt.Errorf("one value is needed")
	}
	v, ok := known[args[0]]
	if !ok {
		return none, fmt.Errorf("there is no %q", args[0])
	}
	return v, nil
}

// number reads one number from 0 to limit.
func number(args []string, limit int) (int, error) {
	if len(args) != 1 {
		return 0, fmt.Errorf("one number is needed")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 || n > limit {
		return 0, fmt.Errorf("%q is not a number from 0 to %d", args[0], limit)
	}
	return n, nil
}

func digits(s string, least, most int) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}
