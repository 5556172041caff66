package simmodem

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/modem/mbim"
)

// The buffers here are written by hand from the tables of MBIM 10.5 and of Microsoft's
// extensions.

// utf16Hex is ASCII as UTF-16LE in hex, padded to 4 bytes.
func utf16Hex(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteString(string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) + "00")
	}
	if len(s)%2 == 1 {
		b.WriteString("0000")
	}
	return b.String()
}

func checkInfo(t *testing.T, what string, got mbim.Message, want string) {
	t.Helper()
	if got.Status != statusOK || !bytes.Equal(got.Info, bytesOf(t, want)) {
		t.Errorf("%s: status %d\n got %x\nwant %x", what, got.Status, got.Info, bytesOf(t, want))
	}
}

func TestLayoutOfDeviceAndCard(t *testing.T) {
	m, _ := testModem(t, func(o *Options) {
		o.Device = Device{Model: "M", Firmware: "F1", IMEI: "123", MaxSessions: 3, DataClasses: DataLTE | Data5GNSA}
	})
	h := newHost(t, m)
	h.open()
	checkInfo(t, "device caps", h.query(mbim.ServiceBasicConnect, mbim.CIDDeviceCaps), `
		02000000 01000000 01000000 02000000 60000000 03000000 03000000 03000000
		00000000 00000000 40000000 06000000 48000000 04000000 4c000000 02000000
		31003200 33000000 46003100 4d000000`)
	checkInfo(t, "subscriber ready", h.query(mbim.ServiceBasicConnect, mbim.CIDSubscriberReady), `
		01000000 24000000 1e000000 44000000 26000000 00000000 01000000 6c000000 12000000`+
		utf16Hex("262019876543210")+utf16Hex("8949020000012345678")+utf16Hex("+49123456"))
	checkInfo(t, "PIN list", h.query(mbim.ServiceBasicConnect, mbim.CIDPINList),
		"02000000 01000000 04000000 08000000"+strings.Repeat("00000000", 36))
	m.RemoveSIM()
	checkInfo(t, "no card", h.query(mbim.ServiceBasicConnect, mbim.CIDSubscriberReady),
		"02000000 00000000 00000000 00000000 00000000 00000000 00000000")
}

func TestLayoutOfNetworkInBothVersions(t *testing.T) {
	m, _ := testModem(t, func(o *Options) { o.Device.MBIMEx = 0x0300; o.Network.Name = "N" })
	h := newHost(t, m)
	h.open()
	const provider = "3200360032003000 31000000 4e000000"
	query := func(cid uint32) mbim.Message { return h.query(mbim.ServiceBasicConnect, cid) }
	checkInfo(t, "register state", query(mbim.CIDRegisterState), `
		00000000 03000000 01000000 20000000 01000000 30000000 0a000000 3c000000 02000000 00000000 00000000 02000000`+provider)
	checkInfo(t, "signal", query(mbim.CIDSignalState), "15000000 63000000 05000000 00000000 00000000")

	version := h.query(mbim.ServiceMSExtensions, mbim.CIDMSVersion, 0x00, 0x01, 0x00, 0x03)
	checkInfo(t, "version", version, "0001 0002")
	checkInfo(t, "register state, version 2", query(mbim.CIDRegisterState), `
		00000000 03000000 01000000 20000000 01000000 34000000 0a000000 40000000 02000000 00000000 00000000 02000000 3f000000`+provider)
	checkInfo(t, "signal, version 2", query(mbim.CIDSignalState), `
		63000000 63000000 05000000 00000000 00000000 1c000000 18000000
		01000000 3c000000 48000000 00000000 00000000 20000000`)
	checkInfo(t, "packet service, version 2", query(mbim.CIDPacketService), `
		00000000 02000000 20000000 80f0fa02 00000000 80d1f008 00000000 01000000`)
	m.SetSignal(Signal{})
	checkInfo(t, "no signal, version 2", query(mbim.CIDSignalState), "63000000 63000000 05000000 00000000 00000000 00000000 00000000")

	h.open()
	if a := query(mbim.CIDSignalState); len(a.Info) != 20 {
		t.Errorf("the version outlived an open: %x", a.Info)
	}
}

func TestLayoutOfExtensions(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	element := func(ip, roaming uint32, apn string) *mbim.Writer {
		return new(mbim.Writer).U32(ip, roaming, 1).Text(apn).Text("").Text("").U32(0, 0)
	}
	set := new(mbim.Writer).U32(0, 3).Refs(element(1, 2, ""), element(3, 0, "ab"), element(2, 1, ""))
	h.set(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachConfig, set)
	checkInfo(t, "attach configuration", h.query(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachConfig), `
		03000000 1c000000 30000000 4c000000 2c000000 78000000 2c000000
		03000000 00000000 01000000 2c000000 04000000 00000000 00000000 00000000 00000000 00000000 00000000 61006200
		02000000 01000000 01000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
		01000000 02000000 01000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000`)
	checkInfo(t, "attach info", h.query(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachInfo), `
		01000000 03000000 28000000 04000000 00000000 00000000 00000000 00000000 00000000 00000000 61006200`)
	services := h.query(mbim.ServiceBasicConnect, mbim.CIDDeviceServices)
	want := bytesOf(t, `03000000 00000000 20000000 54000000 74000000 2c000000 a0000000 24000000
		a289cc33bcbb8b4fb6b0133ec2aae6df 00000000 00000000 0e000000
		01000000 02000000 03000000 04000000 05000000 06000000 09000000 0a000000 0b000000 0c000000 0e000000 0f000000 10000000 13000000
		3d01dcc5fef54d050d3abef7058e9aaf 00000000 00000000 04000000 03000000 04000000 0a000000 0f000000
		c2f6588ef0374bc98665f4d44bd09367 00000000 00000000 02000000 07000000 09000000`)
	if !bytes.Equal(services.Info, want) {
		t.Errorf("device services:\n got %x\nwant %x", services.Info, want)
	}
}

func TestIndicationsFollowTheAnswer(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	id := h.post(mbim.Message{Type: mbim.TypeCommand, Service: mbim.ServiceBasicConnect, CID: mbim.CIDRadioState, Set: true,
		Info: []byte{0, 0, 0, 0}})
	if a := h.receive(); a.Type != mbim.TypeCommandDone || a.Transaction != id {
		t.Fatalf("first came %+v", a)
	}
	for _, cid := range []uint32{mbim.CIDRadioState, mbim.CIDRegisterState, mbim.CIDPacketService, mbim.CIDSignalState} {
		if i := h.receive(); i.Type != mbim.TypeIndicate || i.CID != cid || i.Transaction != 0 {
			t.Errorf("want an indication of command %d, got %+v", cid, i)
		}
	}
	m.SetSoftwareRadio(false) // as it is: nothing to tell
	h.query(mbim.ServiceBasicConnect, mbim.CIDRadioState)
	if n := len(h.messages); n != 0 {
		t.Errorf("%d indications of nothing", n)
	}
}

func TestUeventsAndFoldersOfADeepPort(t *testing.T) {
	tree := newTree(Slot{Root: "/r", Port: "2-1.4.3"}.withDefaults())
	const usb = "/sys/devices/platform/lab-usb/usb2/2-1/2-1.4/2-1.4.3"
	if tree.usb != usb || tree.node() != usb+"/2-1.4.3:1.0/usbmisc/cdc-wdm0" {
		t.Errorf("folders %s, %s", tree.usb, tree.node())
	}
	u := uevent{"remove", "/devices/x", "net", []string{"INTERFACE=wwan0"}}
	want := "remove@/devices/x\x00ACTION=remove\x00DEVPATH=/devices/x\x00SUBSYSTEM=net\x00INTERFACE=wwan0\x00"
	if got := string(u.encode()); got != want {
		t.Errorf("uevent %q", got)
	}
}

func TestPTYServesOneHostAfterAnother(t *testing.T) {
	m, _ := testModem(t, nil)
	j := newJudge(t, m)
	for range 3 {
		j.says("--no-close --query-radio-state", "hardware radio state: on")
	}
	m.Chop(7)
	j.says("--query-radio-state", "hardware radio state: on")
	m.Chop(0)
	m.Fragment(64)
	j.says("--query-device-caps", "hardware info: simulated one")
	if c := m.Counts(); c.Opens != 5 || c.Closes != 2 {
		t.Errorf("%d opens, %d closes", c.Opens, c.Closes)
	}
}
