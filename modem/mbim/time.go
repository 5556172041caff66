package mbim

import (
	"fmt"
	"time"
)

// zoneUnknown is a time zone that is not told.
const zoneUnknown uint32 = 0xFFFFFFFF

// QueryNetworkTime asks for what the network told of the time (Microsoft's voice
// extensions, MBIM_CID_NITZ). The modem tells it by itself too.
func QueryNetworkTime() Request {
	r := query(CIDVoiceNITZ, &Writer{})
	r.Service = ServiceMSVoice
	return r
}

// ParseNetworkTime reads the answer to QueryNetworkTime, or its indication. The fields are
// local time as far as a zone is told. Modems differ in that, and so the moment is right
// but for the width of the zones, 14 hours.
func ParseNetworkTime(info []byte) (time.Time, error) {
	r := NewReader(info)
	var f [6]uint32 // year, month, day, hour, minute, second
	for i := range f {
		f[i] = r.U32()
	}
	zone := r.U32() // minutes east of UTC, daylight saving included
	r.U32()         // daylight saving in it
	r.U32()         // data class
	if err := r.done("network time"); err != nil {
		return time.Time{}, err
	}
	if zone == zoneUnknown {
		zone = 0
	}
	east := int32(zone)
	low, high := [6]uint32{2020, 1, 1, 0, 0, 0}, [6]uint32{2199, 12, 31, 23, 59, 60}
	for i, name := range [6]string{"year", "month", "day", "hour", "minute", "second"} {
		if f[i] < low[i] || f[i] > high[i] {
			return time.Time{}, fmt.Errorf("network time: %s %d: %w", name, f[i], ErrBuffer)
		}
	}
	if east < -14*60 || east > 14*60 {
		return time.Time{}, fmt.Errorf("network time: zone of %d minutes: %w", east, ErrBuffer)
	}
	local := time.Date(int(f[0]), time.Month(f[1]), int(f[2]), int(f[3]), int(f[4]), int(f[5]), 0, time.UTC)
	return local.Add(-time.Duration(east) * time.Minute), nil
}
