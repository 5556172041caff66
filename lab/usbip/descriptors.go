package usbip

import (
	"encoding/binary"
	"unicode/utf16"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// Endpoints, without the direction.
const (
	endpointControl = 0
	endpointNotices = 1 // interrupt, in
	endpointPackets = 2 // bulk, in; out is 1
	endpointUplink  = 1
)

// Strings by their index in the descriptors.
const (
	stringLanguages = iota
	stringMaker
	stringModel
	stringSerial
)

// deviceDescriptor is that of a composite device (USB 2.0 9.6.1); vendor and product
// are a pair of the Linux Foundation for such use.
func deviceDescriptor() []byte {
	const vendor, product = 0x1d6b, 0x0104
	d := []byte{18, 0x01, 0x00, 0x02, 0xef, 0x02, 0x01, 64}
	d = binary.LittleEndian.AppendUint16(d, vendor)
	d = binary.LittleEndian.AppendUint16(d, product)
	return append(d, 0x00, 0x01, stringMaker, stringModel, stringSerial, 1)
}

// configDescriptor is the one configuration (MBIM 6): a communications interface with
// notifications, and a data interface that is off in its first setting.
func configDescriptor(maxControl int) []byte {
	low, high := byte(maxControl), byte(maxControl>>8)
	body := []byte{
		8, 0x0b, 0, 2, 0x02, 0x0e, 0x00, 0, // association of both
		9, 0x04, 0, 0, 1, 0x02, 0x0e, 0x00, 0, // communications
		5, 0x24, 0x00, 0x20, 0x01, // CDC header
		5, 0x24, 0x06, 0, 1, // union
		12, 0x24, 0x1b, 0x00, 0x01, low, high, 0x20, 0x80, 0xdc, 0x05, 0, // MBIM 1.0, packets of 1500
		8, 0x24, 0x1c, 0x00, 0x01, 0x40, 0xdc, 0x05, // MBIM extended
		7, 0x05, 0x80 | endpointNotices, 0x03, 0x40, 0x00, 5,
		9, 0x04, 1, 0, 0, 0x0a, 0x00, 0x02, 0, // data, off
		9, 0x04, 1, 1, 2, 0x0a, 0x00, 0x02, 0, // data, on
		7, 0x05, 0x80 | endpointPackets, 0x02, 0x00, 0x02, 0,
		7, 0x05, endpointUplink, 0x02, 0x00, 0x02, 0,
	}
	total := 9 + len(body)
	return append([]byte{9, 0x02, byte(total), byte(total >> 8), 2, 1, 0, 0xa0, 250}, body...)
}

// stringDescriptor is one text (USB 2.0 9.6.7); nil when there is none of the index.
func stringDescriptor(d simmodem.Device, index byte) []byte {
	var words []uint16
	switch index {
	case stringLanguages:
		words = []uint16{0x0409}
	case stringMaker:
		words = utf16.Encode([]rune(d.Manufacturer))
	case stringModel:
		words = utf16.Encode([]rune(d.Model))
	case stringSerial:
		words = utf16.Encode([]rune("0"))
	default:
		return nil
	}
	const most = 126 // what one byte can count
	words = words[:min(len(words), most)]
	b := []byte{byte(2 + 2*len(words)), 0x03}
	for _, w := range words {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	return b
}

// ntbParameters tell how blocks may look (CDC NCM 1.0 table 6-3): 16-bit form only.
func ntbParameters() []byte {
	little := binary.LittleEndian
	b := []byte{28, 0, 1, 0}
	b = little.AppendUint32(b, ntbSize)
	b = append(b, ntbAlign, 0, 0, 0, ntbAlign, 0, 0, 0)
	b = little.AppendUint32(b, ntbSize)
	return append(b, ntbAlign, 0, 0, 0, ntbAlign, 0, 0, 0)
}
