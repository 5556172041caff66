package mbim

import "encoding/binary"

// FileID names an elementary file under the USIM application (3GPP TS 31.102).
type FileID uint16

// The elementary files that identify an operator's brand.
const (
	FileGID1 FileID = 0x6F3E // group identifier level 1, 4.2.10
	FileSPN  FileID = 0x6F46 // service provider name, 4.2.12
	FileAD   FileID = 0x6FAD // administrative data with the length of the MNC, 4.2.18
)

// USIMApplication begins every USIM application identifier (ETSI TS 101 220); a
// card selects by it when it holds one USIM.
func USIMApplication() []byte { return []byte{0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02} }

// UICCApplication is one application on the card.
type UICCApplication struct {
	Type uint32 // 4 USIM, 5 CSIM, 6 ISIM; 1, 2 and 3 are legacy SIMs without an ID
	ID   []byte
}

// UICCTypeUSIM is the Type of a USIM.
const UICCTypeUSIM uint32 = 4

// QueryUICCApplications asks for the applications on the card (Microsoft UICC low
// level access).
func QueryUICCApplications() Request {
	return Request{Service: ServiceMSUICC, CID: CIDUICCApplicationList}
}

// ParseUICCApplications reads the answer to QueryUICCApplications and the index of
// the application in use, -1 when none is.
func ParseUICCApplications(info []byte) (list []UICCApplication, active int, err error) {
	r := NewReader(info)
	r.U32() // version
	count, index := r.U32(), r.U32()
	r.U32() // size of the list in bytes
	for _, e := range r.Refs(count) {
		list = append(list, UICCApplication{Type: e.U32(), ID: e.Bytes()})
	}
	if uint64(index) >= uint64(len(list)) {
		return list, -1, r.done("UICC applications")
	}
	return list, int(index), r.done("UICC applications")
}

// QueryUICCBinary reads size bytes from the start of a transparent file of an
// application. The pairs of this command have the usual order, unlike those of
// the channel commands of the same service.
func QueryUICCBinary(application []byte, file FileID, size uint32) Request {
	const version, currentApplication = 1, 0x7FFF
	path := binary.BigEndian.AppendUint16(nil, currentApplication)
	path = binary.BigEndian.AppendUint16(path, uint16(file))
	w := (&Writer{}).U32(version).Bytes(application).Bytes(path).U32(0, size).Text("").Bytes(nil)
	return Request{Service: ServiceMSUICC, CID: CIDUICCReadBinary, Info: w.Encode()}
}

// UICCData is what the card answered.
type UICCData struct {
	Status uint16 // status word of ETSI TS 102 221: 0x9000 is success
	Data   []byte
}

// ParseUICCData reads the answer to QueryUICCBinary.
func ParseUICCData(info []byte) (UICCData, error) {
	r := NewReader(info)
	r.U32() // version
	return UICCData{Status: uint16(r.U32())<<8 | uint16(r.U32()&0xFF), Data: r.Bytes()}, r.done("UICC data")
}
