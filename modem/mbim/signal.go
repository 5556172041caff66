package mbim

// SignalState is a report of the radio's quality in codes (MBIM 10.5.11).
type SignalState struct {
	RSSI               uint32 // code, see RSSIdBm
	ErrorRate          uint32 // code 0..7, 99 unknown
	Interval           uint32 // seconds between reports
	RSSIThreshold      uint32 // step in codes that makes a report
	ErrorRateThreshold uint32
	Cells              []CellSignal // Microsoft extensions 2.0, else empty
}

// CellSignal is the report for one technology.
type CellSignal struct {
	RSRP          uint32 // code, see RSRPdBm
	SNR           uint32 // code, see SNRTenths
	RSRPThreshold uint32
	SNRThreshold  uint32
	System        DataClass // a single bit
}

// QuerySignalState asks for SignalState.
func QuerySignalState() Request { return query(CIDSignalState, &Writer{}) }

// ParseSignalState reads the answer to both, or the indication.
func ParseSignalState(info []byte) (SignalState, error) {
	r := NewReader(info)
	s := SignalState{RSSI: r.U32(), ErrorRate: r.U32(), Interval: r.U32(),
		RSSIThreshold: r.U32(), ErrorRateThreshold: r.U32()}
	if r.More(8) {
		for _, e := range r.Array(20) {
			s.Cells = append(s.Cells, CellSignal{RSRP: e.U32(), SNR: e.U32(),
				RSRPThreshold: e.U32(), SNRThreshold: e.U32(), System: DataClass(e.U32())})
		}
	}
	return s, r.done("signal state")
}

// RSSIdBm decodes an RSSI code: 0..31 are -113..-51 dBm in steps of 2; false when
// the code means unknown.
func RSSIdBm(code uint32) (int, bool) {
	if code > 31 {
		return 0, false
	}
	return -113 + 2*int(code), true
}

// RSRPdBm decodes an RSRP code: 0..126 are below -156..-30 dBm in steps of 1;
// false when the code means unknown.
func RSRPdBm(code uint32) (int, bool) {
	if code > 126 {
		return 0, false
	}
	return -156 + int(code), true
}

// SNRTenths decodes an SNR code: 0..127 are below -23..40.5 dB in steps of 0.5,
// given in tenths of a dB; false when the code means unknown.
func SNRTenths(code uint32) (int, bool) {
	if code > 127 {
		return 0, false
	}
	return -230 + 5*int(code), true
}
