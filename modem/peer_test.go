package modem

import (
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// peer is a tiny modem that speaks MBIM at the other end of a channel.
type peer struct {
	t    testing.TB
	conn io.ReadWriteCloser

	mu       sync.Mutex
	opened   bool
	up       bool
	apn      string // as dialled
	pin      string // wanted; "" is unlocked
	tries    uint32
	registry uint32 // register state
	ipv4     string
	reject   uint32            // cause with which dials are refused; 0: they are not
	deaf     bool              // dials are not answered
	mumbles  bool              // dials are answered with half a buffer
	lingers  int               // questions until a hang-up has ended; dials are refused meanwhile
	ending   int               // of them that are left
	requests []string          // names of commands in order
	silent   map[uint32]bool   // by command of basic connect
	refuse   map[uint32]uint32 // status by command of basic connect
	bare     bool              // refusals have no buffer
}

// newPeer is a modem that lost power: it is not open and has no bearer.
func newPeer(t testing.TB) *peer {
	return &peer{t: t, tries: 3, registry: uint32(mbim.RegisterHome), ipv4: "10.64.0.2/30",
		silent: map[uint32]bool{}, refuse: map[uint32]uint32{}}
}

// serve speaks until the channel ends.
func (p *peer) serve(conn io.ReadWriteCloser) {
	p.mu.Lock()
	p.conn = conn
	p.mu.Unlock()
	var split mbim.Splitter
	var parts mbim.Assembler
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		split.Write(buf[:n], time.Now())
		for frame, ok := split.Next(); ok; frame, ok = split.Next() {
			if m, whole, err := parts.Add(frame, time.Now()); err == nil && whole {
				p.take(m)
			}
		}
	}
}

func (p *peer) send(m mbim.Message) {
	for _, frame := range m.Frames(mbim.DefaultControl) {
		_, _ = p.conn.Write(frame)
	}
}

// notify tells something unasked.
func (p *peer) notify(cid uint32, info []byte) {
	p.send(mbim.Message{Type: mbim.TypeIndicate, Service: mbim.ServiceBasicConnect, CID: cid, Info: info})
}

func (p *peer) take(m mbim.Message) {
	reply := mbim.Message{Type: m.Type | 1<<31, Transaction: m.Transaction, Service: m.Service, CID: m.CID}
	switch m.Type {
	case mbim.TypeOpen:
		p.note("OPEN")
		p.opened = true
	case mbim.TypeClose:
		p.note("CLOSE")
		p.opened, p.up = false, false
	case mbim.TypeCommand:
		name := mbim.CIDName(m.Service, m.CID)
		if !p.opened {
			p.note("refused " + name)
			reply.Type, reply.Error = mbim.TypeFunctionError, uint32(mbim.ErrorNotOpened)
			break
		}
		p.note(name)
		p.mu.Lock()
		silent, status := p.silent[m.CID], p.refuse[m.CID]
		p.mu.Unlock()
		if silent && m.Service == mbim.ServiceBasicConnect {
			return
		}
		reply.Info, reply.Status = p.answer(m)
		if status != 0 && m.Service == mbim.ServiceBasicConnect {
			reply.Status = status
			if p.bare {
				reply.Info = nil
			}
		}
		if reply.Status == unanswered {
			return
		}
	}
	p.send(reply)
}

func (p *peer) note(request string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, request)
}

func (p *peer) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// unanswered is a status that is not sent.
const unanswered = 0xFFFF

// answer is the information buffer and status of an answer, laid out as MBIM 1.0
// chapter 10 has it.
func (p *peer) answer(m mbim.Message) ([]byte, uint32) {
	w := &mbim.Writer{}
	if m.Service != mbim.ServiceBasicConnect {
		return p.answerExtra(m)
	}
	switch m.CID {
	case mbim.CIDDeviceServices:
		service := func(id mbim.UUID, cids ...uint32) *mbim.Writer {
			return (&mbim.Writer{}).UUID(id).U32(0, 0, uint32(len(cids))).U32(cids...)
		}
		w.U32(2, 0).Refs(service(mbim.ServiceMSUICC, mbim.CIDUICCReadBinary),
			service(mbim.ServiceMSExtensions, mbim.CIDMSDeviceReset))
	case mbim.CIDDeviceCaps:
		w.U32(1, 1, 1, 2, uint32(mbim.DataLTE), 0, 0, 8).Text("").Text("350000000000001").Text("FW1").Text("MODEL1")
	case mbim.CIDSubscribeList:
		w.U32(0)
	case mbim.CIDRadioState:
		w.U32(1, 1)
	case mbim.CIDSubscriberReady:
		return p.subscriber(), 0
	case mbim.CIDPIN:
		return p.takePIN(m)
	case mbim.CIDHomeProvider:
		w.Text("26201").U32(1).Text("Home").U32(1, 99, 99)
	case mbim.CIDRegisterState:
		return p.registration(), 0
	case mbim.CIDPacketService:
		w.U32(0, 2, uint32(mbim.DataLTE)).U64(50e6).U64(100e6)
	case mbim.CIDSignalState:
		w.U32(20, 99, 5, 0, 0)
	case mbim.CIDConnect:
		return p.connect(m)
	case mbim.CIDIPConfiguration:
		return p.ipConfiguration(), 0
	default:
		return nil, mbim.StatusNoDeviceSupport
	}
	return w.Encode(), 0
}

// answerExtra is a card that holds EF_SPN "Brand", EF_GID1 0A and EF_AD with an MNC
// of two digits, and refuses to read beyond the end of GID1.
func (p *peer) answerExtra(m mbim.Message) ([]byte, uint32) {
	if m.Service != mbim.ServiceMSUICC {
		return nil, mbim.StatusOK
	}
	r := mbim.NewReader(m.Info)
	r.U32()
	r.Bytes()
	path := r.Bytes()
	r.U32()
	size := r.U32()
	word := [2]uint32{0x90, 0}
	var data []byte
	switch path[len(path)-1] {
	case 0x46:
		data = append([]byte("\x01Brand"), 0xFF, 0xFF)
	case 0x3E:
		if data = []byte{0x0A}; size > 1 {
			data, word = nil, [2]uint32{0x67, 0}
		}
	case 0xAD:
		data = []byte{0, 0, 0, 2}
	}
	return (&mbim.Writer{}).U32(1, word[0], word[1]).Bytes(data).Encode(), mbim.StatusOK
}

func (p *peer) subscriber() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &mbim.Writer{}
	if p.pin != "" {
		return w.U32(6).Text("").Text("8949000000000000001").U32(0, 0).Encode()
	}
	return w.U32(1).Text("262010000000001").Text("8949000000000000001").U32(0, 0).Encode()
}

func (p *peer) takePIN(m mbim.Message) ([]byte, uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &mbim.Writer{}
	if m.Set {
		r := mbim.NewReader(m.Info)
		r.U32()
		r.U32()
		if r.Text() != p.pin {
			p.tries--
			return w.U32(2, 1, p.tries).Encode(), mbim.StatusFailure
		}
		p.pin = ""
	}
	if p.pin == "" {
		return w.U32(2, 0, 3).Encode(), 0
	}
	return w.U32(2, 1, p.tries).Encode(), 0
}

func (p *peer) registration() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return (&mbim.Writer{}).U32(0, p.registry, 1, uint32(mbim.DataLTE), 1).
		Text("26201").Text("Home").Text("").U32(0).Encode()
}

func (p *peer) connect(m mbim.Message) ([]byte, uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !m.Set {
		p.ending = max(p.ending-1, 0)
		return p.connection(0), mbim.StatusOK
	}
	r := mbim.NewReader(m.Info)
	r.U32()
	activate := r.U32() == 1
	switch {
	case activate && p.deaf:
		return nil, unanswered
	case activate && p.ending > 0:
		return nil, mbim.StatusFailure
	case activate && p.reject != 0:
		return p.connection(p.reject), mbim.StatusFailure
	}
	if p.up && !activate {
		p.ending = p.lingers
	}
	p.up = activate
	if p.up {
		p.apn = r.Text()
		if p.mumbles {
			return p.connection(0)[:8], mbim.StatusOK
		}
	}
	return p.connection(0), mbim.StatusOK
}

func (p *peer) connection(cause uint32) []byte {
	state := mbim.ActivationDeactivated
	switch {
	case p.up:
		state = mbim.ActivationActivated
	case p.ending > 0:
		state = mbim.ActivationDeactivating
	}
	return (&mbim.Writer{}).U32(0, uint32(state), 0, 1).UUID(mbim.ContextInternet).U32(cause).Encode()
}

func (p *peer) ipConfiguration() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return (&mbim.Writer{}).U32(0, 15, 0).
		Prefixes([]netip.Prefix{netip.MustParsePrefix(p.ipv4)}).Prefixes(nil).
		Addr(netip.MustParseAddr("10.64.0.1")).Addr(netip.Addr{}).
		Addrs([]netip.Addr{netip.MustParseAddr("192.0.2.53")}).Addrs(nil).
		U32(1430, 0).Encode()
}
