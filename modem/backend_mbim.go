package modem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// Waits for what is nice to have.
const (
	timeoutResume = 2 * time.Second // for a modem that may be open already
	timeoutExtra  = 3 * time.Second // for one optional question
)

// mbimBackend speaks MBIM. Its commands may run concurrently.
type mbimBackend struct {
	conn     *mbim.Conn
	services mbim.DeviceServices
	log      *slog.Logger
}

// openMBIM makes the handshake on an open control node, which it owns from then on.
// With resume it first asks as if the channel were open, because OPEN on an open
// channel may end the bearers that a former process left.
func openMBIM(ctx context.Context, rw io.ReadWriteCloser, descriptors []byte, resume bool, log *slog.Logger) (*mbimBackend, error) {
	control, _ := rw.(syscall.Conn)
	conn := mbim.NewConn(rw, mbim.Options{
		MaxControl: mbim.MaxControl(control, descriptors), Outstanding: maxSlots + 2, Log: log,
	})
	b := &mbimBackend{conn: conn, log: log}
	if resume && b.alive(ctx) {
		return b, nil
	}
	if err := conn.Open(ctx); err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx), false))
	}
	return b, nil
}

// alive reports whether the modem takes commands without an OPEN.
func (b *mbimBackend) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, timeoutResume)
	defer cancel()
	reply, err := b.conn.Do(ctx, mbim.QueryDeviceCaps())
	return err == nil && reply.Refusal() == nil
}

func (b *mbimBackend) close(ctx context.Context, graceful bool) error {
	return b.conn.Close(ctx, graceful)
}

func (b *mbimBackend) notices(tell func(fact)) error {
	for m := range b.conn.Indications() {
		f, err := translate(m)
		switch {
		case err != nil:
			b.log.Warn("modem indication", "command", mbim.CIDName(m.Service, m.CID), "err", err)
		case f != nil:
			tell(f)
		}
	}
	return b.conn.Err()
}

func (b *mbimBackend) do(ctx context.Context, c Command) (fact, *failure) {
	switch c.op {
	case opReadCapabilities:
		return b.capabilities(ctx)
	case opReadIdentity:
		return b.identity(ctx, c.imsi)
	case opReset:
		if !b.services.Has(mbim.ServiceMSExtensions, mbim.CIDMSDeviceReset) {
			return nil, &failure{reason: reasonUnsupported, tries: -1, text: "the modem cannot be reset by command"}
		}
		return b.ask(ctx, mbim.SetDeviceReset())
	case opReadTime:
		if !b.services.Has(mbim.ServiceMSVoice, mbim.CIDVoiceNITZ) {
			return nil, &failure{reason: reasonUnsupported, tries: -1, text: "the modem does not tell the network's time"}
		}
		return b.ask(ctx, mbim.QueryNetworkTime())
	case opEnterPIN:
		return b.enterPIN(ctx, c.pin)
	case opActivate:
		return b.activate(ctx, c.data)
	case opHangUp:
		return b.hangUp(ctx, c.session)
	case opReadBearer:
		return b.readBearer(ctx, c.session)
	case opWriteAttach:
		return b.ask(ctx, attachRequest(c.attach))
	case opDial:
		return b.ask(ctx, mbim.SetConnect(c.session, access(c.bearer)))
	}
	r, ok := simpleRequest(c)
	if !ok {
		return nil, &failure{reason: reasonUnsupported, tries: -1, text: c.op.String() + ": not a command of MBIM"}
	}
	return b.ask(ctx, r)
}

// simpleRequest is the request of commands that are one request whose answer has
// the form of its indication.
func simpleRequest(c Command) (mbim.Request, bool) {
	switch c.op {
	case opReadRadio:
		return mbim.QueryRadioState(), true
	case opRadioOn:
		return mbim.SetRadioState(true), true
	case opRadioOff:
		return mbim.SetRadioState(false), true
	case opReadSIM:
		return mbim.QuerySubscriberReady(), true
	case opReadPIN:
		return mbim.QueryPIN(), true
	case opReadRegistration:
		return mbim.QueryRegisterState(), true
	case opSetAutomatic:
		return mbim.SetRegisterAutomatic(0), true
	case opReadPacket:
		return mbim.QueryPacketService(), true
	case opAttach, opDetach:
		return mbim.SetPacketService(c.op == opAttach), true
	case opReadSignal:
		return mbim.QuerySignalState(), true
	case opReadAttach:
		return mbim.QueryAttachConfig(), true
	case opReadIP:
		return mbim.QueryIPConfiguration(c.session), true
	}
	return mbim.Request{}, false
}

// ask does one request. A refusal's buffer is read too: it holds the cause, and a
// few modems refuse what they then do, or what they then tell.
func (b *mbimBackend) ask(ctx context.Context, r mbim.Request) (fact, *failure) {
	m, err := b.conn.Do(ctx, r)
	if err != nil {
		return nil, explain(ctx, err)
	}
	var f fact
	if len(m.Info) > 0 {
		if f, err = translate(m); err != nil {
			f = nil
		}
	}
	if refusal := m.Refusal(); refusal != nil {
		out := explain(ctx, refusal)
		out.cause = cmp.Or(causeOf(f), out.cause)
		if state, ok := f.(bearerState); ok && state.state == contextActivated {
			return f, nil
		}
		if sim := refusedSIM(r, f, m.Status); sim.state != simUnknown {
			return sim, nil
		}
		return nil, out
	}
	if err != nil {
		return nil, &failure{reason: reasonUnread, tries: -1, text: err.Error()}
	}
	return f, nil
}

// refusedSIM is the state of the SIM that a refusal to tell it says, by its buffer or else by
// its status; simUnknown none.
func refusedSIM(r mbim.Request, f fact, status uint32) simState {
	sim, _ := f.(simState)
	if r.Service != mbim.ServiceBasicConnect || r.CID != mbim.CIDSubscriberReady || sim.state > simStarting {
		return sim
	}
	sim.state = cmp.Or(cardTrouble(status), sim.state)
	return sim
}

// cardTrouble is the state of the SIM that a status means; simUnknown none.
func cardTrouble(status uint32) simReadiness {
	switch status {
	case mbim.StatusSIMNotInserted:
		return simAbsent
	case mbim.StatusBadSIM:
		return simBad
	case mbim.StatusPINRequired:
		return simLocked
	}
	return simUnknown
}

// causeOf is the 3GPP cause that a fact carries.
func causeOf(f fact) uint32 {
	switch f := f.(type) {
	case registration:
		return f.cause
	case packetService:
		return f.cause
	case bearerState:
		return f.cause
	}
	return 0
}

// explain makes a failure of an error.
func explain(ctx context.Context, err error) *failure {
	f := &failure{reason: reasonRefused, tries: -1, text: err.Error()}
	var status *mbim.StatusError
	var broken *mbim.ProtocolError
	var path *fs.PathError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		f.reason = reasonTimeout
	case errors.As(err, &status) && (status.Status == mbim.StatusNoDeviceSupport ||
		status.Status == mbim.StatusInvalidDeviceOperation):
		f.reason = reasonUnsupported
	case status != nil && (status.Status == mbim.StatusBusy || status.Status == mbim.StatusNotInitialized):
		f.reason = reasonEarly
	case status != nil:
		f.cause = statusCause(status.Status)
		f.card = cardTrouble(status.Status) != simUnknown
		if offline(status.Status) {
			f.reason = reasonOffline
		}
	case errors.As(err, &broken) && broken.Type == mbim.TypeFunctionError && broken.Code == mbim.ErrorNotOpened:
		f.reason = reasonClosed
	case errors.As(err, &path):
		f.text = fmt.Sprintf("open %s: %v", path.Path, path.Err)
	case ctx.Err() != nil:
		f.reason = reasonTimeout
	}
	return f
}

// statusCause is the cause (3GPP TS 24.008, 10.5.6.6) that a status of MBIM means for a
// dial; 0 none.
func statusCause(status uint32) uint32 {
	switch status {
	case mbim.StatusInvalidAccessString:
		return 27
	case mbim.StatusInvalidUserPassword:
		return 29
	case mbim.StatusMaxActivatedContexts:
		return causeTooMany
	}
	return 0
}

// offline says that a status comes from a modem that is off the network.
func offline(status uint32) bool {
	switch status {
	case mbim.StatusNotRegistered, mbim.StatusPacketServiceDetached, mbim.StatusRadioPowerOff,
		mbim.StatusSIMNotInserted:
		return true
	}
	return false
}

// capabilities asks what the modem offers and can do, and to be told of changes.
func (b *mbimBackend) capabilities(ctx context.Context) (fact, *failure) {
	b.readServices(ctx)
	m, err := b.conn.Do(ctx, mbim.QueryDeviceCaps())
	if err == nil {
		err = m.Refusal()
	}
	if err != nil {
		return nil, explain(ctx, err)
	}
	caps, err := mbim.ParseDeviceCaps(m.Info)
	if err != nil {
		return nil, explain(ctx, err)
	}
	b.subscribe(ctx)
	return capabilities{model: caps.Hardware, firmware: caps.Firmware, imei: Secret(caps.DeviceID),
		sessions: caps.MaxSessions, attach: b.services.Has(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachConfig)}, nil
}

// readServices learns what is offered, and agrees on the version of Microsoft's
// extensions, whose query must be the next command.
func (b *mbimBackend) readServices(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeoutExtra)
	defer cancel()
	m, err := b.conn.Do(ctx, mbim.QueryDeviceServices())
	if err == nil {
		err = m.Refusal()
	}
	if err == nil {
		b.services, err = mbim.ParseDeviceServices(m.Info)
	}
	if err != nil {
		b.log.Info("modem services not told", "err", err)
		return
	}
	if b.services.Has(mbim.ServiceMSExtensions, mbim.CIDMSVersion) {
		if _, err := b.conn.Do(ctx, mbim.QueryVersion(mbim.Version{MBIM: 0x0100, Extended: 0x0200})); err != nil {
			b.log.Info("modem version not told", "err", err)
		}
	}
}

// subscribe asks for the indications that translate understands.
func (b *mbimBackend) subscribe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeoutExtra)
	defer cancel()
	list := []mbim.Subscription{{Service: mbim.ServiceBasicConnect, CIDs: indicated()}}
	if b.services.Has(mbim.ServiceMSVoice, mbim.CIDVoiceNITZ) {
		list = append(list, mbim.Subscription{Service: mbim.ServiceMSVoice, CIDs: []uint32{mbim.CIDVoiceNITZ}})
	}
	m, err := b.conn.Do(ctx, mbim.SetSubscribeList(list))
	if err == nil {
		err = m.Refusal()
	}
	if err != nil {
		b.log.Info("modem indications not agreed on", "err", err)
	}
}

// indicated lists the commands of basic connect whose indications are wanted.
func indicated() []uint32 {
	return []uint32{mbim.CIDSubscriberReady, mbim.CIDRadioState, mbim.CIDRegisterState,
		mbim.CIDPacketService, mbim.CIDSignalState, mbim.CIDConnect, mbim.CIDIPConfiguration}
}

// enterPIN enters PIN1. The buffer of a refusal tells the tries left.
func (b *mbimBackend) enterPIN(ctx context.Context, pin Secret) (fact, *failure) {
	m, err := b.conn.Do(ctx, mbim.EnterPIN(mbim.PIN1, string(pin)))
	if err != nil {
		return nil, explain(ctx, err)
	}
	state, parsed := mbim.ParsePIN(m.Info)
	refusal := m.Refusal()
	if refusal == nil {
		if parsed == nil && state.Locked && state.Type == mbim.PIN1 {
			return nil, &failure{reason: reasonRefused, tries: -1, text: "the SIM took the PIN and stays locked"}
		}
		return nil, nil
	}
	f := explain(ctx, refusal)
	wrong := []uint32{mbim.StatusFailure, mbim.StatusPINRequired, mbim.StatusInvalidParameters, mbim.StatusOperationNotAllowed}
	if !slices.Contains(wrong, m.Status) {
		return nil, f
	}
	f.reason, f.text = reasonPIN, "the SIM refused the PIN"
	switch {
	case parsed != nil:
	case state.Type == mbim.PUK1:
		f.tries = 0
	default:
		f.tries = state.Attempts
	}
	return nil, f
}

// activate hands over the operator's data. The network's refusal comes as a number beside
// a status of success.
func (b *mbimBackend) activate(ctx context.Context, data Secret) (fact, *failure) {
	m, err := b.conn.Do(ctx, mbim.SetServiceActivation([]byte(data)))
	if err == nil {
		err = m.Refusal()
	}
	if err != nil {
		return nil, explain(ctx, err)
	}
	if cause, err := mbim.ParseServiceActivation(m.Info); err == nil && cause != 0 {
		return nil, &failure{reason: reasonRefused, cause: cause, tries: -1, text: fmt.Sprintf("the network refused the activation (%d)", cause)}
	}
	return nil, nil
}

// hangUp deactivates a session; that there is none to deactivate is success. The answer may
// say that it goes on.
func (b *mbimBackend) hangUp(ctx context.Context, session uint32) (fact, *failure) {
	m, err := b.conn.Do(ctx, mbim.SetDisconnect(session))
	if err == nil && m.Status != mbim.StatusContextNotActivated {
		err = m.Refusal()
	}
	if err != nil {
		return nil, explain(ctx, err)
	}
	if f, err := translate(m); err == nil && m.Status == mbim.StatusOK {
		return f, nil
	}
	return nil, nil
}

// readBearer asks for a session; that there is no context is an answer too.
func (b *mbimBackend) readBearer(ctx context.Context, session uint32) (fact, *failure) {
	m, err := b.conn.Do(ctx, mbim.QueryConnect(session))
	if err != nil {
		return nil, explain(ctx, err)
	}
	if m.Status == mbim.StatusContextNotActivated {
		return bearerState{session: session, state: contextDeactivated}, nil
	}
	if refusal := m.Refusal(); refusal != nil {
		return nil, explain(ctx, refusal)
	}
	f, err := translate(m)
	if err != nil {
		return nil, explain(ctx, err)
	}
	return f, nil
}

// access is a bearer in MBIM's words.
func access(b Bearer) mbim.Access {
	a := mbim.Access{APN: b.APN, User: b.User, Password: string(b.Password), Context: mbim.ContextInternet}
	switch b.Auth {
	case AuthPAP:
		a.Auth = mbim.AuthPAP
	case AuthCHAP:
		a.Auth = mbim.AuthCHAP
	case authMSCHAP:
		a.Auth = mbim.AuthMSCHAPv2
	}
	switch b.Family {
	case IPv4:
		a.IPType = mbim.IPv4
	case IPv6:
		a.IPType = mbim.IPv6
	case IPv4v6:
		a.IPType = mbim.IPv4v6
	case ipv4And6:
		a.IPType = mbim.IPv4And6
	}
	return a
}

// Words for what a modem may have and nobody wishes.
const (
	ipv4And6   Family = "ipv4+ipv6" // two contexts
	authMSCHAP Auth   = "mschapv2"
)

// attachRequest writes what the modem registers with.
func attachRequest(c *attachConfig) mbim.Request {
	var all [len(c)]mbim.AttachConfig
	for i := range c {
		all[i] = mbim.AttachConfig{Source: c[i].Source, Access: access(c[i].Bearer)}
	}
	return mbim.SetAttachConfig(all[mbim.AttachHome], all[mbim.AttachPartner], all[mbim.AttachNonPartner])
}
