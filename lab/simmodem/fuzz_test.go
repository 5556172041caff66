package simmodem

import (
	"io"
	"testing"

	"github.com/tetherd/tetherd/modem/mbim"
)

// hostileHost feeds bytes to the modem and throws away what it answers.
type hostileHost struct {
	data  []byte
	taken chan struct{}
}

func (h *hostileHost) Read(p []byte) (int, error) {
	if len(h.data) == 0 {
		close(h.taken)
		return 0, io.EOF
	}
	n := copy(p, h.data)
	h.data = h.data[n:]
	return n, nil
}

func (h *hostileHost) Write(p []byte) (int, error) { return len(p), nil }
func (h *hostileHost) Close() error                { return nil }

func FuzzHostileHost(f *testing.F) {
	open := mbim.Message{Type: mbim.TypeOpen, MaxControl: 4096}.Frames(4096)[0]
	seed := func(service mbim.UUID, cid uint32, set bool, info []byte) {
		m := mbim.Message{Type: mbim.TypeCommand, Transaction: 2, Service: service, CID: cid, Set: set, Info: info}
		var data []byte
		for _, frame := range m.Frames(96) {
			data = append(data, frame...)
		}
		f.Add(data)
	}
	basic, extensions := mbim.ServiceBasicConnect, mbim.ServiceMSExtensions
	for cid := uint32(1); cid < 25; cid++ {
		seed(basic, cid, false, make([]byte, 60))
		seed(basic, cid, true, make([]byte, 60))
	}
	seed(basic, mbim.CIDConnect, true, new(mbim.Writer).U32(0, 1).Text("internet").Text("u").Text("p").U32(0, 2, 3).UUID(mbim.ContextInternet).Encode())
	seed(basic, mbim.CIDPIN, true, new(mbim.Writer).U32(2, 0).Text("1234").Text("").Encode())
	seed(basic, mbim.CIDSubscribeList, true, new(mbim.Writer).U32(1).Refs(new(mbim.Writer).UUID(basic).U32(1, 12)).Encode())
	element := new(mbim.Writer).U32(3, 0, 1).Text("a").Text("").Text("").U32(0, 0)
	seed(extensions, mbim.CIDMSLTEAttachConfig, true, new(mbim.Writer).U32(0, 3).Refs(element, element, element).Encode())
	seed(extensions, mbim.CIDMSVersion, false, []byte{0, 1, 0, 3})
	seed(mbim.ServiceMSUICC, mbim.CIDUICCReadBinary, false, new(mbim.Writer).U32(1).Bytes(usimAID()).Bytes([]byte{0x7f, 0xff, 0x6f, 0x46}).U32(0, 0).Text("").Bytes(nil).Encode())
	f.Add([]byte{3, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _ := testModem(t, func(o *Options) { o.Device.MBIMEx = 0x0200 })
		h := &hostileHost{data: append(append([]byte{}, open...), data...), taken: make(chan struct{})}
		m.Serve(h)
		<-h.taken
		m.SetNetwork(Network{})
		if s := m.Status(); len(s.Sessions) != 0 || s.Connected {
			t.Errorf("after the end: %+v", s)
		}
	})
}
