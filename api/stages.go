package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// StageState is how far one stage is.
type StageState string

// The states of a stage.
const (
	Done    StageState = "done"
	Waiting StageState = "waiting"
	Failed  StageState = "failed"
	Off     StageState = "off"
)

// Stage is one step on the way from the modem to a client's page.
type Stage struct {
	Name  string     `json:"name"`  // one of the names below
	State StageState `json:"state"` // how far it is
	Text  string     `json:"text"`  // what is, or what stands in the way
}

// The names of the stages, in order.
const (
	StageModem    = "modem"
	StageSIM      = "sim"
	StageNetwork  = "network"
	StageAPN      = "access-point"
	StageAddress  = "address"
	StageFirewall = "firewall"
	StageLAN      = "lan"
	StageWiFi     = "wifi" // where there is a radio
	StageGateway  = "gateway-internet"
	StageClient   = "client-internet"
)

func stages(s *control.Snapshot) []Stage {
	all := []Stage{
		modemStage(s), simStage(s), networkStage(s), apnStage(s), addressStage(s),
		firewallStage(s), lanStage(s),
	}
	if st, ok := wifiStage(s); ok {
		all = append(all, st)
	}
	all = append(all, gatewayStage(s), clientStage(s))
	broken(all, s.Doctor)
	blocker := ""
	for i := range all {
		st := &all[i]
		switch {
		case st.Name == StageFirewall || st.Name == StageLAN || st.Name == StageWiFi: // they wait for nothing
		case st.State == Waiting && blocker != "":
			st.Text = "waits for the " + blocker
		case st.State != Done && blocker == "":
			blocker = label(st.Name)
		}
	}
	return all
}

// label names a stage inside a sentence.
func label(name string) string {
	if name == StageSIM {
		return "SIM"
	}
	return strings.ReplaceAll(name, "-", " ")
}

// obstacle is the stage that stands between clients and the Internet: the first that
// failed, or else the first that is not done. A probe that is off is none, nor is
// Wi-Fi: there are wires.
func obstacle(all []Stage) (Stage, bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(st Stage) bool { return st.Name == StageWiFi })
	isProbe := func(st Stage) bool { return st.Name == StageGateway || st.Name == StageClient }
	for _, st := range all {
		if st.State == Failed {
			return st, true
		}
	}
	for _, st := range all {
		if st.State == Waiting || st.State == Off && !isProbe(st) {
			return st, true
		}
	}
	return Stage{}, false
}

// sentence says the state in one sentence: the verdict, or what stands in the way.
func sentence(s *control.Snapshot) string {
	if text, ok := verdict(s); ok && s.Config.Sharing.Enabled {
		return text
	}
	if s.Online {
		if st, ok := wifiStage(s); ok && st.State == Failed {
			return "Clients have Internet through " + through(s) + ", but not by Wi-Fi: " + st.Text + "."
		}
		return "Clients have Internet through " + through(s) + "."
	}
	if !s.Config.Sharing.Enabled {
		return "Sharing is switched off in the configuration."
	}
	if why := s.Desired.Refusal; why != "" {
		return "Clients have no Internet: " + why + "."
	}
	if st, ok := obstacle(stages(s)); ok {
		return "Clients have no Internet: " + st.Text + "."
	}
	return "Clients should have Internet through " + through(s) + ", but nothing here proves it."
}

func through(s *control.Snapshot) string {
	r := s.Observed.Modem.Registration
	name := firstOf(r.Name, r.PLMN, "the cellular network")
	if r.Technology != "" {
		name += " (" + spoken(r.Technology) + ")"
	}
	return name
}

// spoken is a technology as people write it, such as "LTE" or "5G NSA".
func spoken(technology string) string {
	return strings.ToUpper(strings.ReplaceAll(technology, "-", " "))
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func modemStage(s *control.Snapshot) Stage {
	m := s.Observed.Modem
	switch m.Phase {
	case modem.PhaseOff, "":
		if s.Config.Modem.Enabled { // the part has just begun
			return Stage{StageModem, Waiting, "the modem is being looked for"}
		}
		return Stage{StageModem, Off, "the modem is switched off in the configuration"}
	case modem.PhaseNoModem:
		return Stage{StageModem, Waiting, "no modem is found"}
	case modem.PhaseOpening, modem.PhaseReading:
		return Stage{StageModem, Waiting, "the modem is being opened"}
	case modem.PhaseUnanswered:
		return Stage{StageModem, Failed, "the modem does not answer"}
	case modem.PhaseRadioOff:
		return Stage{StageModem, Failed, "the modem's radio is blocked by a switch or its firmware"}
	}
	return Stage{StageModem, Done, fmt.Sprintf("%s on %s, interface %s", firstOf(m.Device.Model, m.Device.Driver, "modem"), m.Device.Control, m.Device.Interface)}
}

func simStage(s *control.Snapshot) Stage {
	sim := s.Observed.Modem.SIM
	switch sim.State {
	case modem.SIMReady:
		if sim.MCC == "" { // the rest is still being read
			break
		}
		return Stage{StageSIM, Done, "SIM of " + strings.TrimSpace(firstOf(sim.SPN, sim.HomeName)+" "+sim.MCC+sim.MNC)}
	case modem.SIMAbsent:
		return Stage{StageSIM, Failed, "there is no SIM in the modem"}
	case modem.SIMBad:
		return Stage{StageSIM, Failed, "the SIM cannot be read"}
	case modem.SIMPIN:
		return Stage{StageSIM, Failed, "the SIM needs its PIN" + pinNote(sim)}
	case modem.SIMPUK:
		return Stage{StageSIM, Failed, "the SIM is blocked and needs its PUK" + triesNote(sim)}
	case modem.SIMLocked:
		return Stage{StageSIM, Failed, "the modem is locked to another operator"}
	}
	return Stage{StageSIM, Waiting, "the SIM is being read"}
}

func pinNote(sim modem.SIM) string {
	if sim.PINRefused {
		return "; the configured one was refused or may not be tried" + triesNote(sim)
	}
	return triesNote(sim)
}

func triesNote(sim modem.SIM) string {
	if sim.TriesLeft < 0 {
		return ""
	}
	return fmt.Sprintf(" (tries left: %d)", sim.TriesLeft)
}

func networkStage(s *control.Snapshot) Stage {
	m := s.Observed.Modem
	r := m.Registration
	name := firstOf(strings.TrimSpace(r.Name+" "+r.PLMN), "an unnamed network")
	switch {
	case m.Phase == modem.PhaseDenied:
		return Stage{StageNetwork, Failed, refusal(r)}
	case s.Desired.Barred != "":
		return Stage{StageNetwork, Failed, s.Desired.Barred}
	case m.Phase == modem.PhaseRoaming:
		return Stage{StageNetwork, Failed, "the SIM is abroad on " + name + " and roaming is not allowed in the configuration"}
	case r.Registered():
		text := "registered with " + name
		if r.State != "home" {
			text += ", " + r.State
		}
		return Stage{StageNetwork, Done, strings.TrimSpace(text + " " + spoken(r.Technology))}
	}
	return Stage{StageNetwork, Waiting, "the modem is searching for the network"}
}

// refusal puts a denied registration into words.
func refusal(r modem.Registration) string {
	text := "the network"
	if name := strings.TrimSpace(r.Name + " " + r.PLMN); name != "" {
		text += " " + name
	}
	text += " refuses this SIM"
	if r.Cause == 0 {
		return text + " and does not say why"
	}
	return fmt.Sprintf("%s (cause %d: %s)", text, r.Cause, provision.MobilityCause(r.Cause))
}

func apnStage(s *control.Snapshot) Stage {
	_, outcome := s.APN.Rung()
	_, wished := s.APN.Bearer()
	up := s.Observed.Modem.Bearers[modem.Shared].State == modem.BearerUp
	good := outcome == provision.Carries || outcome == provision.Held
	switch {
	case up && good:
		return Stage{StageAPN, Done, s.APN.Why()}
	case good || outcome == provision.Trying || outcome == "" || !up && wished:
		return Stage{StageAPN, Waiting, s.APN.Why()}
	}
	return Stage{StageAPN, Failed, s.APN.Why()} // kept for want of a better one, or none is left
}

func addressStage(s *control.Snapshot) Stage {
	b := s.Observed.Modem.Bearers[modem.Shared]
	if b.State == modem.BearerUp && b.IPv4 == nil {
		return Stage{StageAddress, Failed, "the network gave IPv6 addresses alone, which cannot be shared yet"}
	}
	if b.State != modem.BearerUp || len(b.IPv4.Addresses) == 0 {
		return Stage{StageAddress, Waiting, "the network gave no address yet"}
	}
	text := fmt.Sprintf("%s on %s", b.IPv4.Addresses[0], b.Interface)
	if b.IPv4.MTU > 0 {
		text += fmt.Sprintf(", MTU %d", b.IPv4.MTU)
	}
	return Stage{StageAddress, Done, text}
}

func firewallStage(s *control.Snapshot) Stage {
	for _, line := range s.Failures {
		if strings.HasPrefix(line, string(plan.NAT)+":") {
			return Stage{StageFirewall, Failed, "the ruleset is not in force and nothing is forwarded: " + line}
		}
	}
	switch st := s.Observed.NAT; {
	case st.Loaded:
		return Stage{StageFirewall, Done, "ruleset in force"}
	case st.Error != "":
		return Stage{StageFirewall, Failed, "the ruleset is not in force: " + st.Error}
	}
	return Stage{StageFirewall, Waiting, "the ruleset is not in force yet"}
}

func lanStage(s *control.Snapshot) Stage {
	lan := s.Desired.LAN()
	if !lan.Address.IsValid() {
		return Stage{StageLAN, Waiting, "the clients' network is not there"}
	}
	text := fmt.Sprintf("%s on %s", lan.Address, lan.Bridge)
	switch {
	case !s.Config.DHCP.Enabled:
		return Stage{StageLAN, Done, text + ", addresses come from another server"}
	case !s.Observed.DHCP.Serving:
		return Stage{StageLAN, Waiting, "no addresses are leased on " + text}
	}
	return Stage{StageLAN, Done, text + ", " + many(leased(clientsDoc(s.Observed)), "client")}
}

// many counts things of one kind.
func many(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing
	case 1:
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func gatewayStage(s *control.Snapshot) Stage {
	p := s.Observed.Probe
	return probeStage(StageGateway, current(p.Gateway, p.InForce.Gateway.Key), s.Config.Probe.Enabled)
}

func clientStage(s *control.Snapshot) Stage {
	p := s.Observed.Probe
	return probeStage(StageClient, current(p.Client, p.InForce.Client.Key), s.Config.Probe.Enabled && s.Config.Probe.Client)
}

// current is a probe's result as far as it is about what is wished now: one about a
// former bearer proves nothing.
func current(r probe.Result, key string) probe.Result {
	if key == "" || r.Key != key {
		return probe.Result{Bytes: r.Bytes}
	}
	return r
}

func probeStage(name string, r probe.Result, wanted bool) Stage {
	switch {
	case !wanted:
		return Stage{name, Off, "nothing proves that there is Internet: the probe is switched off"}
	case r.Verdict == probe.Unknown:
		return Stage{name, Waiting, "the Internet is not proved yet"}
	case r.Verdict == probe.Online:
		return Stage{name, Done, r.Detail}
	case r.Verdict == probe.Unproven:
		return Stage{name, Off, r.Cannot}
	}
	return Stage{name, Failed, r.Detail}
}
