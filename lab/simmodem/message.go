package simmodem

import (
	"errors"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// Status codes of answers (MBIM 9.4.5).
const (
	statusOK                  = 0
	statusBusy                = 1
	statusFailure             = 2
	statusSIMNotInserted      = 3
	statusBadSIM              = 4
	statusPINRequired         = 5
	statusPINDisabled         = 6
	statusNotRegistered       = 7
	statusNoSupport           = 9
	statusProviderNotVisible  = 10
	statusDetached            = 12
	statusMaxContexts         = 13
	statusNotActivated        = 16
	statusServiceNotActivated = 17
	statusInvalidAPN          = 18
	statusInvalidPassword     = 19
	statusRadioOff            = 20
	statusInvalidParameters   = 21
	statusNotAllowed          = 28
	statusInvalidOperation    = 34
)

// answer is what a command ends in. The buffer may come with any status.
type answer struct {
	status uint32
	info   *mbim.Writer
}

// ok is a good answer.
func ok(info *mbim.Writer) answer { return answer{info: info} }

// failed is an answer without a buffer.
func failed(status uint32) answer { return answer{status: status} }

// handler carries out one command; nil where the operation does not exist.
type handler struct {
	cid        uint32
	query, set func(*mbim.Reader) answer
}

// service is what the modem offers under one UUID.
type service struct {
	id       mbim.UUID
	handlers []handler
}

// services is everything the modem offers.
func (m *Modem) services() []service {
	list := []service{
		{mbim.ServiceBasicConnect, m.basicConnect()},
		{mbim.ServiceMSExtensions, m.extensions()},
		{mbim.ServiceMSUICC, m.uicc()},
	}
	if m.device.TellsTime {
		list = append(list, service{mbim.ServiceMSVoice, []handler{{mbim.CIDVoiceNITZ, m.queryNetworkTime, nil}}})
	}
	return list
}

// find looks a command up.
func (m *Modem) find(id mbim.UUID, cid uint32) (handler, bool) {
	for _, s := range m.services() {
		for _, h := range s.handlers {
			if s.id == id && h.cid == cid {
				return h, true
			}
		}
	}
	return handler{}, false
}

// message handles one whole message of the host.
func (m *Modem) message(message mbim.Message) {
	if m.faults.silent(time.Now()) {
		m.counts.swallowed.Add(1)
		return
	}
	switch message.Type {
	case mbim.TypeOpen:
		m.openFunction(message)
	case mbim.TypeClose:
		m.closeFunction(message)
	case mbim.TypeCommand:
		m.command(message)
	case mbim.TypeHostError:
		m.counts.faulty.Add(1)
	default:
		m.functionError(message.Transaction, mbim.ErrorUnknown)
	}
	m.settle()
	m.flush()
}

// openFunction opens the function. When it is open already this synchronises anew:
// contexts stay up, everything that belongs to the former conversation is dropped.
func (m *Modem) openFunction(message mbim.Message) {
	m.counts.opens.Add(1)
	if message.MaxControl < mbim.MinControl {
		m.send(mbim.Message{Type: mbim.TypeOpenDone, Transaction: message.Transaction, Status: statusInvalidParameters})
		return
	}
	m.drain()
	m.open, m.limit, m.version, m.subscribed = true, min(message.MaxControl, mbim.MaxMessage), 0x0100, nil
	m.event(Event{Kind: "open"})
	m.send(mbim.Message{Type: mbim.TypeOpenDone, Transaction: message.Transaction})
}

// drain forgets what the host has not read yet.
func (m *Modem) drain() {
	m.indications = nil
	for m.host != nil {
		select {
		case <-m.host.out:
		default:
			return
		}
	}
}

// closeFunction closes the function and with it all contexts (MBIM 9.3.2).
func (m *Modem) closeFunction(message mbim.Message) {
	m.counts.closes.Add(1)
	m.shut()
	m.send(mbim.Message{Type: mbim.TypeCloseDone, Transaction: message.Transaction})
}

// shut ends all contexts and takes no command any more.
func (m *Modem) shut() {
	for _, s := range m.sessions {
		m.end(s)
	}
	m.open = false
	m.indications = nil
	m.event(Event{Kind: "close"})
}

// command carries out one command and answers it.
func (m *Modem) command(message mbim.Message) {
	if !m.open {
		m.functionError(message.Transaction, mbim.ErrorNotOpened)
		return
	}
	m.counts.commands.Add(1)
	m.event(Event{Kind: "command", Detail: mbim.CIDName(message.Service, message.CID)})
	a := m.perform(message)
	done := mbim.Message{
		Type: mbim.TypeCommandDone, Transaction: m.faults.transaction(message.Transaction),
		Service: message.Service, CID: message.CID, Status: a.status,
	}
	if a.info != nil {
		done.Info = a.info.Encode()
	}
	m.send(done)
}

// perform finds and runs the handler. Every handler reads all its fields before it
// changes anything, and so a malformed buffer changes nothing.
func (m *Modem) perform(message mbim.Message) answer {
	h, found := m.find(message.Service, message.CID)
	if !found {
		return failed(statusNoSupport)
	}
	run := h.query
	if message.Set {
		run = h.set
	}
	if run == nil {
		return failed(statusInvalidOperation)
	}
	m.payload = message.Info
	reader := mbim.NewReader(message.Info)
	a := run(reader)
	if reader.Err() != nil {
		m.counts.faulty.Add(1)
		return failed(statusInvalidParameters)
	}
	return a
}

// protocolError answers a breach of the framing.
func (m *Modem) protocolError(err error) {
	m.counts.faulty.Add(1)
	var breach *mbim.ProtocolError
	if errors.As(err, &breach) && !m.faults.quiet(time.Now()) {
		m.functionError(breach.Transaction, breach.Code)
	}
}

func (m *Modem) functionError(transaction uint32, code mbim.ErrorCode) {
	m.send(mbim.Message{Type: mbim.TypeFunctionError, Transaction: transaction, Error: uint32(code)})
}

// subscription names one kind of indication.
type subscription struct {
	service mbim.UUID
	cid     uint32
}

// indication waits to be sent.
type indication struct {
	subscription
	info *mbim.Writer
}

// indicate queues an indication that follows the answer in hand. Until the host
// subscribes, the events of Basic Connect are told and no others.
func (m *Modem) indicate(service mbim.UUID, cid uint32, info *mbim.Writer) {
	s := subscription{service, cid}
	wanted := service == mbim.ServiceBasicConnect
	if m.subscribed != nil {
		wanted = m.subscribed[s]
	}
	if m.open && wanted && !m.device.TellsNothing {
		m.indications = append(m.indications, indication{s, info})
	}
}

// flush sends the indications, unless a fault silences the modem.
func (m *Modem) flush() {
	waiting := m.indications
	m.indications = nil
	if m.faults.quiet(time.Now()) {
		return
	}
	for _, i := range waiting {
		m.send(mbim.Message{Type: mbim.TypeIndicate, Service: i.service, CID: i.cid, Info: i.info.Encode()})
	}
}
