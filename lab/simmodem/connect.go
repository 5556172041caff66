package simmodem

import (
	"net/netip"
	"sync/atomic"

	"github.com/tetherd/tetherd/modem/mbim"
)

// session is one bearer on the modem's side; it is the core's Terminal.
type session struct {
	modem   *Modem
	id      uint32
	kind    mbim.UUID // context type
	request Request
	bearer  Bearer
	cause   Cause                 // that came with the grant
	grant   atomic.Pointer[Grant] // never changed in place
	ended   atomic.Bool
}

// Activation states (MBIM 10.5.12).
const (
	activated   = 1
	deactivated = 3
)

// queryConnect answers the state of one session.
func (m *Modem) queryConnect(r *mbim.Reader) answer {
	id := r.U32()
	if id >= m.device.MaxSessions {
		return failed(statusInvalidParameters)
	}
	if s := m.sessions[id]; s != nil {
		return ok(s.connectInfo())
	}
	return ok(connectInfo(id, deactivated, IPDefault, mbim.ContextNone, CauseNone))
}

// connectInfo is MBIM_CONNECT_INFO (10.5.12).
func connectInfo(id, state uint32, ip IPType, kind mbim.UUID, cause Cause) *mbim.Writer {
	return new(mbim.Writer).U32(id, state, 0, uint32(ip)).UUID(kind).U32(uint32(cause))
}

func (s *session) connectInfo() *mbim.Writer {
	return connectInfo(s.id, activated, s.grant.Load().ipType(), s.kind, s.cause)
}

// setConnect carries out MBIM_SET_CONNECT (10.5.12).
func (m *Modem) setConnect(r *mbim.Reader) answer {
	const deactivate, activate = 0, 1
	id, command := r.U32(), r.U32()
	request := Request{APN: r.Text(), User: r.Text(), Password: r.Text()}
	compression := r.U32()
	request.Auth, request.IPType = Auth(r.U32()), IPType(r.U32())
	kind := r.UUID()
	if r.Err() != nil || command > activate || compression > 1 ||
		request.Auth > AuthMSCHAPv2 || request.IPType > IPv4AndIPv6 || len(request.APN) > 100 {
		return failed(statusInvalidParameters)
	}
	if command == deactivate {
		return m.deactivate(id, kind)
	}
	if id >= m.device.MaxSessions {
		return failed(statusMaxContexts)
	}
	return m.activate(id, kind, request)
}

func (m *Modem) deactivate(id uint32, kind mbim.UUID) answer {
	s := m.sessions[id]
	if s == nil {
		return failed(statusNotActivated)
	}
	if m.faults.busy > 0 {
		m.faults.busy--
		return failed(statusBusy)
	}
	m.end(s)
	m.event(Event{Kind: "disconnect", Session: id})
	return ok(connectInfo(id, deactivated, IPDefault, kind, CauseNone))
}

func (m *Modem) activate(id uint32, kind mbim.UUID, request Request) answer {
	if status := m.radioStatus(); status != statusOK {
		return failed(status)
	}
	if v := m.view(); !v.network.registered() {
		return failed(statusNotRegistered)
	} else if !v.attached {
		return failed(statusDetached)
	}
	if s := m.sessions[id]; s != nil {
		if s.request == request {
			return ok(s.connectInfo())
		}
		return failed(statusMaxContexts)
	}
	s := &session{modem: m, id: id, kind: kind, request: request}
	s.bearer, s.cause = m.core.Connect(m.subscriber(), request, s)
	if s.bearer == nil {
		return m.refused(id, kind, request, s.cause)
	}
	grant := s.bearer.Grant().Clone()
	s.grant.Store(&grant)
	m.sessions[id] = s
	m.publish()
	m.event(Event{Kind: "connect", Detail: request.APN, Session: id, Cause: s.cause})
	m.indicate(mbim.ServiceBasicConnect, mbim.CIDIPConfiguration, s.ipConfiguration())
	return ok(s.connectInfo())
}

// refused answers a connect that the core refused: a status, and a buffer with the
// cause all the same.
func (m *Modem) refused(id uint32, kind mbim.UUID, request Request, cause Cause) answer {
	m.event(Event{Kind: "refused", Detail: request.APN, Session: id, Cause: cause})
	status := uint32(statusFailure)
	switch cause {
	case CauseUnknownAPN:
		status = statusInvalidAPN
	case CauseAuthentication:
		status = statusInvalidPassword
	case CauseNotSubscribed:
		status = statusServiceNotActivated
	}
	if m.device.BareErrors {
		return failed(status)
	}
	return answer{status, connectInfo(id, deactivated, request.IPType, kind, cause)}
}

// end takes a session down without a word to the host.
func (m *Modem) end(s *session) {
	s.ended.Store(true)
	delete(m.sessions, s.id)
	m.publish()
	s.bearer.Close()
}

// lose takes a session down and tells the host.
func (m *Modem) lose(s *session, cause Cause) {
	m.end(s)
	m.event(Event{Kind: "dropped", Session: s.id, Cause: cause})
	m.indicate(mbim.ServiceBasicConnect, mbim.CIDConnect, connectInfo(s.id, deactivated, IPDefault, s.kind, cause))
}

// regrant gives a session another configuration and tells the host.
func (m *Modem) regrant(s *session, g Grant) {
	s.grant.Store(&g)
	m.event(Event{Kind: "changed", Session: s.id})
	m.indicate(mbim.ServiceBasicConnect, mbim.CIDIPConfiguration, s.ipConfiguration())
}

// Drop is the core's: the network has ended the bearer.
func (s *session) Drop(cause Cause) {
	s.modem.update(func() {
		if s.modem.sessions[s.id] == s {
			s.modem.lose(s, cause)
		}
	})
}

// Change is the core's: the network has changed the configuration.
func (s *session) Change(g Grant) {
	s.modem.update(func() {
		if s.modem.sessions[s.id] == s {
			s.modem.regrant(s, g.Clone())
		}
	})
}

// queryIPConfiguration answers for one session that is up.
func (m *Modem) queryIPConfiguration(r *mbim.Reader) answer {
	id := r.U32()
	if r.Err() != nil || id >= m.device.MaxSessions {
		return failed(statusInvalidParameters)
	}
	s := m.sessions[id]
	if s == nil {
		return failed(statusNotActivated)
	}
	return ok(s.ipConfiguration())
}

// ipConfiguration is MBIM_IP_CONFIGURATION_INFO (10.5.15).
func (s *session) ipConfiguration() *mbim.Writer {
	g := s.grant.Load()
	v4, v6 := g.IPv4.orEmpty(), g.IPv6.orEmpty()
	info := new(mbim.Writer).U32(s.id, v4.available(), v6.available())
	info.Prefixes(v4.prefixes()).Prefixes(v6.prefixes())
	info.Addr(v4.Gateway).Addr(v6.Gateway).Addrs(v4.DNS).Addrs(v6.DNS)
	return info.U32(uint32(v4.MTU), uint32(v6.MTU))
}

func (c *Config) orEmpty() *Config {
	if c == nil {
		return &Config{}
	}
	return c
}

// available is the flags of what a family has been given.
func (c *Config) available() uint32 {
	const address, gateway, dns, mtu = 1 << 0, 1 << 1, 1 << 2, 1 << 3
	return address*flag(c.Address.IsValid()) | gateway*flag(c.Gateway.IsValid()) |
		dns*flag(len(c.DNS) > 0) | mtu*flag(c.MTU > 0)
}

func (c *Config) prefixes() []netip.Prefix {
	if !c.Address.IsValid() {
		return nil
	}
	return []netip.Prefix{c.Address}
}
