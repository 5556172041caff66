package simmodem

import (
	"bytes"
	"testing"

	"github.com/tetherd/tetherd/modem/mbim"
)

func TestFilesAreCodedAsOnACard(t *testing.T) {
	for _, c := range []struct {
		what string
		got  []byte
		want string
	}{
		{"ICCID of 19 digits", encodeBCD("8949020000012345678", 10), "98942000001032547 6f8"},
		{"ICCID of 20 digits", encodeBCD("89490200000123456789", 10), "98942000001032547698"},
		{"ICCID that is too long", encodeBCD("8949020000012345678999", 10), "98942000001032547698"},
		{"IMSI of 15 digits", encodeIMSI("262019876543210"), "082926108967452301"},
		{"IMSI of 14 digits", encodeIMSI("26201987654321"), "0821261089674523f1"},
		{"SPN", encodeSPN("Fonic 2"), "01466f6e69632032ffffffffffffffffff"},
		{"SPN that fills the file", encodeSPN("0123456789abcdefXX"), "0130313233343536373839616263646566"},
		{"SPN with a letter beyond ASCII", encodeSPN("Fön"), "0180004600f6006effffffffffffffffff"},
		{"SPN with @, which TS 23.038 codes as 0", encodeSPN("a@b"), "0180006100400062ffffffffffffffffff"},
		{"no SPN", encodeSPN(""), ""},
	} {
		if !bytes.Equal(c.got, bytesOf(t, c.want)) {
			t.Errorf("%s: %x, want %s", c.what, c.got, c.want)
		}
	}
}

// readBinary asks for a file of the USIM and returns status word and data.
func readBinary(h *testHost, aid, path []byte, offset, size uint32) (sw uint32, data []byte) {
	h.t.Helper()
	w := new(mbim.Writer).U32(1).Bytes(aid).Bytes(path).U32(offset, size).Text("").Bytes(nil)
	a := h.query(mbim.ServiceMSUICC, mbim.CIDUICCReadBinary, w.Encode()...)
	if a.Status != statusOK {
		return a.Status, nil
	}
	r := mbim.NewReader(a.Info)
	r.U32()
	return r.U32()<<8 | r.U32(), r.Bytes()
}

func TestFilesAreReadInPartsAndByAShortIdentifier(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	spn, short := []byte{0x7f, 0xff, 0x6f, 0x46}, usimAID()[:7]
	for _, c := range []struct {
		what         string
		aid, path    []byte
		offset, size uint32
		sw           uint32
		data         string
	}{
		{"a part", short, spn, 1, 5, swOK, "Brand"},
		{"more than there is", short, spn, 0, 900, swOK, "\x01Brand One\xff\xff\xff\xff\xff\xff\xff"},
		{"the end", short, spn, 17, 0, swOK, ""},
		{"beyond the end", short, spn, 18, 0, swWrongOffset, ""},
		{"another application", []byte{0xa0, 0, 0, 0, 0x87, 0x10, 0x04}, spn, 0, 0, swNotFound, ""},
		{"no application", nil, spn, 0, 0, swNotFound, ""},
		{"an odd path", short, spn[:3], 0, 0, swNotFound, ""},
	} {
		if sw, data := readBinary(h, c.aid, c.path, c.offset, c.size); sw != c.sw || string(data) != c.data {
			t.Errorf("%s: %04x %q, want %04x %q", c.what, sw, data, c.sw, c.data)
		}
	}
}

func TestLockedCardKeepsItsFiles(t *testing.T) {
	m, _ := testModem(t, func(o *Options) { o.SIM.PIN.Enabled = true; o.SIM.HomePLMN = "310260" })
	h := newHost(t, m)
	h.open()
	read := func(file byte) uint32 {
		sw, _ := readBinary(h, usimAID(), []byte{0x7f, 0xff, 0x6f, file}, 0, 0)
		return sw
	}
	for _, file := range []byte{0x07, 0x3e, 0x46} {
		if sw := read(file); sw != swNotSatisfied {
			t.Errorf("file 6f%02x of a locked card: %04x", file, sw)
		}
	}
	if _, data := readBinary(h, usimAID(), []byte{0x7f, 0xff, 0x6f, 0xad}, 0, 0); !bytes.Equal(data, []byte{0, 0, 0, 3}) {
		t.Errorf("administrative data: %x, want a MNC of three digits", data)
	}
	m.RemoveSIM()
	if status := read(0xad); status != statusSIMNotInserted {
		t.Errorf("without a card: %d", status)
	}
	blank := testSIM()
	blank.SPN, blank.GID1 = "", ""
	m.InsertSIM(blank)
	for _, file := range []byte{0x3e, 0x46} {
		if sw := read(file); sw != swNotFound {
			t.Errorf("file 6f%02x that the card lacks: %04x", file, sw)
		}
	}
}
