package modem

import (
	"math"
	"net/netip"
	"slices"

	"github.com/tetherd/tetherd/modem/mbim"
)

// translate makes a fact of an answer's or indication's buffer; nil when it holds
// none that the session knows.
func translate(m mbim.Message) (fact, error) {
	if m.Service == mbim.ServiceMSVoice && m.CID == mbim.CIDVoiceNITZ {
		right, err := mbim.ParseNetworkTime(m.Info)
		return networkTime{right}, err
	}
	if m.Service == mbim.ServiceMSExtensions && m.CID == mbim.CIDMSLTEAttachConfig {
		list, err := mbim.ParseAttachConfig(m.Info)
		return attachOf(list), err
	}
	if m.Service != mbim.ServiceBasicConnect {
		return nil, nil
	}
	switch m.CID {
	case mbim.CIDRadioState:
		r, err := mbim.ParseRadioState(m.Info)
		return radioState{hardware: r.Hardware, software: r.Software}, err
	case mbim.CIDSubscriberReady:
		s, err := mbim.ParseSubscriberReady(m.Info)
		return simState{state: readiness(s.State), iccid: Secret(s.ICCID), imsi: Secret(s.IMSI)}, err
	case mbim.CIDPIN:
		p, err := mbim.ParsePIN(m.Info)
		return pinState{lock: lock(p), tries: p.Attempts}, err
	case mbim.CIDRegisterState:
		r, err := mbim.ParseRegistration(m.Info)
		return registered(r), err
	case mbim.CIDPacketService:
		p, err := mbim.ParsePacketService(m.Info)
		return packetService{state: packet(p.State), cause: p.NwError, technology: p.DataClass.Best()}, err
	case mbim.CIDSignalState:
		s, err := mbim.ParseSignalState(m.Info)
		return signal{strength(s)}, err
	case mbim.CIDConnect:
		c, err := mbim.ParseConnection(m.Info)
		return connection(c), err
	case mbim.CIDIPConfiguration:
		c, err := mbim.ParseIPConfiguration(m.Info)
		return ipConfiguration{session: c.Session, ipv4: ipConfig(c.IPv4), ipv6: ipConfig(c.IPv6)}, err
	}
	return nil, nil
}

func readiness(s mbim.ReadyState) simReadiness {
	switch s {
	case mbim.ReadyNotInitialized:
		return simStarting
	case mbim.ReadyInitialized:
		return simReady
	case mbim.ReadySIMAbsent, mbim.ReadyNoProfile:
		return simAbsent
	case mbim.ReadyLocked:
		return simLocked
	}
	return simBad
}

// lock says what stands before the SIM. PIN2 guards settings, not the SIM.
func lock(p mbim.PINState) SIMState {
	switch {
	case !p.Locked, p.Type == mbim.PINNone, p.Type == mbim.PIN2, p.Type == mbim.PUK2:
		return SIMReady
	case p.Type == mbim.PIN1:
		return SIMPIN
	case p.Type == mbim.PUK1:
		return SIMPUK
	}
	return SIMLocked
}

func registered(r mbim.Registration) registration {
	out := registration{plmn: r.PLMN, name: r.Provider, cause: r.NwError,
		technology: r.Available.Best(), manual: r.Mode == mbim.RegisterModeManual}
	switch r.State {
	case mbim.RegisterDeregistered:
		out.state = "deregistered"
	case mbim.RegisterSearching:
		out.state = "searching"
	case mbim.RegisterHome:
		out.state = "home"
	case mbim.RegisterRoaming:
		out.state = "roaming"
	case mbim.RegisterPartner:
		out.state = "partner"
	case mbim.RegisterDenied:
		out.state = "denied"
	}
	return out
}

// attachOf takes what a modem registers with; what it does not tell is empty.
func attachOf(list []mbim.AttachConfig) (c attachConfig) {
	for _, e := range list {
		if e.Roaming >= mbim.RoamingControl(len(c)) {
			continue
		}
		p := &c[e.Roaming]
		p.APN, p.User, p.Password, p.Source = e.APN, e.User, Secret(e.Password), e.Source
		if words := [...]Family{"", IPv4, IPv6, IPv4v6, ipv4And6}; e.IPType < mbim.IPType(len(words)) {
			p.Family = words[e.IPType]
		}
		if words := [...]Auth{AuthNone, AuthPAP, AuthCHAP, authMSCHAP}; e.Auth < mbim.AuthProtocol(len(words)) {
			p.Auth = words[e.Auth]
		}
	}
	return c
}

func packet(s mbim.PacketState) packetState {
	switch s {
	case mbim.PacketAttaching:
		return packetAttaching
	case mbim.PacketAttached:
		return packetAttached
	case mbim.PacketDetaching, mbim.PacketDetached:
		return packetDetached
	}
	return packetUnknown
}

// strength takes what the last cell tells: the modem lists the fastest technology last,
// which is the one in use.
func strength(s mbim.SignalState) Signal {
	var out Signal
	out.RSSI, _ = mbim.RSSIdBm(s.RSSI)
	for _, c := range s.Cells {
		if rsrp, ok := mbim.RSRPdBm(c.RSRP); ok {
			out.RSRP = rsrp
		}
		if snr, ok := mbim.SNRTenths(c.SNR); ok {
			out.SNR, out.HasSNR = snr, true
		}
	}
	return out
}

// Session causes (3GPP TS 24.008): of a regular end, of too many contexts, and those by which a
// network grants one family of two.
const (
	causeTooMany  = 65
	causeRegular  = 36
	causeIPv4Only = 50
	causeIPv6Only = 51
)

func connection(c mbim.Connection) bearerState {
	out := bearerState{session: c.Session, cause: c.NwError}
	switch c.State {
	case mbim.ActivationActivated:
		out.state = contextActivated
	case mbim.ActivationActivating:
		out.state = contextActivating
	case mbim.ActivationDeactivated:
		out.state = contextDeactivated
	case mbim.ActivationDeactivating:
		out.state = contextDeactivating
	}
	switch { // some modems repeat the wish as IP type, so the cause goes first
	case c.NwError == causeIPv4Only, c.NwError != causeIPv6Only && c.IPType == mbim.IPv4:
		out.family = IPv4
	case c.NwError == causeIPv6Only, c.IPType == mbim.IPv6:
		out.family = IPv6
	case c.IPType == mbim.IPv4v6, c.IPType == mbim.IPv4And6:
		out.family = IPv4v6
	}
	return out
}

// ipConfig takes what can be true: what else a modem may tell would be taken for a
// network that everything collides with, or be waited for in vain.
func ipConfig(f mbim.IPFamily) *IPConfig {
	hosts := slices.DeleteFunc(slices.Clone(f.Addresses), func(p netip.Prefix) bool { return p.Bits() <= 0 || !isHost(p.Addr()) })
	if len(hosts) == 0 {
		return nil
	}
	c := &IPConfig{Addresses: hosts, MTU: int(min(f.MTU, math.MaxUint16))}
	if isHost(f.Gateway) {
		c.Gateway = f.Gateway
	}
	for _, a := range f.DNS {
		if isHost(a) {
			c.DNS = append(c.DNS, a)
		}
	}
	return c
}

// isHost says that an address can be a host's.
func isHost(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
