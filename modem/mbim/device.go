package mbim

// DeviceCaps are the capabilities of a modem (MBIM 10.5.1).
type DeviceCaps struct {
	DeviceType      uint32 // 0 unknown, 1 embedded, 2 removable, 3 remote
	CellularClass   uint32 // bit 0 GSM family, bit 1 CDMA
	VoiceClass      uint32
	SIMClass        uint32
	DataClass       DataClass
	SMSCaps         uint32
	ControlCaps     uint32 // bit 0 manual registration, bit 1 hardware radio switch
	MaxSessions     uint32 // data sessions at once
	CustomDataClass string
	DeviceID        string // IMEI
	Firmware        string
	Hardware        string
}

// QueryDeviceCaps asks for DeviceCaps.
func QueryDeviceCaps() Request { return query(CIDDeviceCaps, &Writer{}) }

// ParseDeviceCaps reads the answer to QueryDeviceCaps. Like all parsers of this
// package it returns what it could read together with an error wrapping ErrBuffer
// when the buffer is malformed; an empty buffer is.
func ParseDeviceCaps(info []byte) (DeviceCaps, error) {
	r := NewReader(info)
	return DeviceCaps{
		DeviceType:      r.U32(),
		CellularClass:   r.U32(),
		VoiceClass:      r.U32(),
		SIMClass:        r.U32(),
		DataClass:       DataClass(r.U32()),
		SMSCaps:         r.U32(),
		ControlCaps:     r.U32(),
		MaxSessions:     r.U32(),
		CustomDataClass: r.Text(),
		DeviceID:        r.Text(),
		Firmware:        r.Text(),
		Hardware:        r.Text(),
	}, r.done("device caps")
}

// DeviceService is one service that a modem offers.
type DeviceService struct {
	Service         UUID
	DSSPayload      uint32 // bit 0 host to device, bit 1 device to host
	MaxDSSInstances uint32
	CIDs            []uint32
}

// DeviceServices is all that a modem offers (MBIM 10.5.29).
type DeviceServices struct {
	MaxDSSSessions uint32
	Services       []DeviceService
}

// Has tells whether the modem lists the command.
func (d DeviceServices) Has(service UUID, cid uint32) bool {
	for _, s := range d.Services {
		for _, c := range s.CIDs {
			if s.Service == service && c == cid {
				return true
			}
		}
	}
	return false
}

// QueryDeviceServices asks for DeviceServices.
func QueryDeviceServices() Request { return query(CIDDeviceServices, &Writer{}) }

// ParseDeviceServices reads the answer to QueryDeviceServices.
func ParseDeviceServices(info []byte) (DeviceServices, error) {
	r := NewReader(info)
	count := r.U32()
	d := DeviceServices{MaxDSSSessions: r.U32()}
	for _, e := range r.Refs(count) {
		d.Services = append(d.Services, DeviceService{
			Service: e.UUID(), DSSPayload: e.U32(), MaxDSSInstances: e.U32(), CIDs: e.list32()})
	}
	return d, r.done("device services")
}

// list32 reads a count and that many words.
func (r *Reader) list32() []uint32 {
	count := r.U32()
	if !r.fits(count, 4) {
		return nil
	}
	list := make([]uint32, 0, count)
	for range count {
		list = append(list, r.U32())
	}
	return list
}

// Subscription names the commands of one service whose indications are wanted.
type Subscription struct {
	Service UUID
	CIDs    []uint32
}

// SetSubscribeList asks for the indications in the list and no others (MBIM
// 10.5.30). Many modems send hardly any without it.
func SetSubscribeList(list []Subscription) Request {
	w := (&Writer{}).U32(uint32(len(list)))
	for _, s := range list {
		w.Refs((&Writer{}).UUID(s.Service).U32(uint32(len(s.CIDs))).U32(s.CIDs...))
	}
	return set(CIDSubscribeList, w)
}

// Version is a pair of versions in binary coded decimals: 0x0100 is 1.0.
type Version struct {
	MBIM     uint16
	Extended uint16 // of Microsoft's extensions
}

// QueryVersion tells the modem the versions that the host knows and asks for its
// own (Microsoft extensions 2.0). It may be sent only when the device services
// list it, and must be the first command after those.
func QueryVersion(host Version) Request {
	return query(CIDMSVersion, (&Writer{}).U16(host.MBIM).U16(host.Extended)).extension()
}

// ParseVersion reads the answer to QueryVersion.
func ParseVersion(info []byte) (Version, error) {
	r := NewReader(info)
	return Version{MBIM: r.U16(), Extended: r.U16()}, r.done("version")
}

// SetDeviceReset restarts the modem. The answer may never come, because the
// device goes away.
func SetDeviceReset() Request { return set(CIDMSDeviceReset, &Writer{}).extension() }
