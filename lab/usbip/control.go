package usbip

import "encoding/binary"

// Requests on endpoint 0: type and request, as they stand in the setup packet
// (USB 2.0 9.4, CDC NCM 1.0 6.2, MBIM 8.1).
const (
	getStatusDevice    = 0x8000
	getStatusInterface = 0x8100
	getStatusEndpoint  = 0x8200
	getDescriptor      = 0x8006
	getConfiguration   = 0x8008
	setConfiguration   = 0x0009
	getInterface       = 0x810a
	setInterface       = 0x010b
	clearFeature       = 0x0001
	setFeature         = 0x0003
	clearHalt          = 0x0201

	sendCommand      = 0x2100
	getResponse      = 0xa101
	resetFunction    = 0x2105
	getNTBParameters = 0xa180
	getNTBFormat     = 0xa183
	setNTBFormat     = 0x2184
	getInputSize     = 0xa185
	setInputSize     = 0x2186
)

// Descriptor types.
const (
	typeDevice = 1
	typeConfig = 2
	typeString = 3
)

// control answers a request on endpoint 0; false stalls, which is how a device says
// that it does not know a request. It is called with the port locked.
func (p *port) control(s submit) (answer []byte, ok bool) {
	value := binary.LittleEndian.Uint16(s.setup[2:])
	switch binary.BigEndian.Uint16(s.setup[:]) {
	case getDescriptor:
		answer = p.descriptor(byte(value>>8), byte(value))
		return answer, answer != nil
	case getStatusDevice, getStatusInterface, getStatusEndpoint:
		return []byte{0, 0}, true
	case getConfiguration:
		return []byte{1}, true
	case getInterface:
		return []byte{p.setting}, true
	case setInterface:
		return nil, p.choose(binary.LittleEndian.Uint16(s.setup[4:]), value)
	case setConfiguration, clearFeature, setFeature, clearHalt, setNTBFormat:
		return nil, true
	case sendCommand:
		p.messages.deliver(s.data)
		return nil, true
	case getResponse:
		return p.nextResponse(), true
	case resetFunction:
		p.responses, p.notices, p.downlink = nil, 0, nil
		return nil, true
	case getNTBParameters:
		return ntbParameters(), true
	case getNTBFormat:
		return []byte{0, 0}, true
	case getInputSize:
		return binary.LittleEndian.AppendUint32(nil, uint32(p.inputSize)), true
	case setInputSize:
		return nil, p.setInputSize(s.data)
	}
	return nil, false
}

func (p *port) descriptor(kind, index byte) []byte {
	switch kind {
	case typeDevice:
		return deviceDescriptor()
	case typeConfig:
		return configDescriptor(p.device.MaxControl)
	case typeString:
		return stringDescriptor(p.device, index)
	}
	return nil
}

// choose sets an interface: only data has two settings. Choosing starts anew.
func (p *port) choose(number, setting uint16) bool {
	if number > 1 || setting > number {
		return false
	}
	if number == 1 {
		p.setting, p.downlink, p.sequence = byte(setting), nil, 0
	}
	return true
}

// setInputSize takes the largest block that the host reads.
func (p *port) setInputSize(data []byte) bool {
	const least = 2048 // CDC NCM 1.0 6.2.7
	if len(data) < 4 {
		return false
	}
	size := binary.LittleEndian.Uint32(data)
	if size < least || size > ntbSize {
		return false
	}
	p.inputSize = int(size)
	return true
}

// nextResponse is what the modem said first; nothing when it has said nothing.
func (p *port) nextResponse() []byte {
	if len(p.responses) == 0 {
		return nil
	}
	r := p.responses[0]
	p.responses = p.responses[1:]
	return r
}
