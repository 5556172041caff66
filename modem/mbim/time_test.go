package mbim

import (
	"errors"
	"testing"
	"time"
)

func TestNetworkTimeIsTakenToUTC(t *testing.T) {
	parsed(t, "spec/network-time", ParseNetworkTime, time.Date(2026, 2, 28, 23, 30, 15, 0, time.UTC))
	words := func(values ...uint32) []byte { return (&Writer{}).U32(values...).Encode() }
	west := int32(-210)
	for _, c := range []struct {
		zone uint32
		want time.Time
	}{
		{zoneUnknown, time.Date(2026, 3, 1, 1, 30, 15, 0, time.UTC)},
		{uint32(west), time.Date(2026, 3, 1, 5, 0, 15, 0, time.UTC)},
	} {
		got, err := ParseNetworkTime(words(2026, 3, 1, 1, 30, 15, c.zone, 0, 32))
		if err != nil || !got.Equal(c.want) {
			t.Errorf("zone %d: %v, %v, want %v", c.zone, got, err, c.want)
		}
	}
}

func TestTimesThatCannotBeAreNone(t *testing.T) {
	good := [8]uint32{2026, 12, 31, 23, 59, 60, 0, 0}
	for i, bad := range [][]uint32{{1970, 2019, 2200, 0xFFFFFFFF}, {0, 13}, {0, 32}, {24}, {60}, {61}, {15 * 60, 0x80000000}} {
		for _, v := range bad {
			f := good
			f[i] = v
			got, err := ParseNetworkTime((&Writer{}).U32(append(f[:], 32)...).Encode())
			if !errors.Is(err, ErrBuffer) || !got.IsZero() {
				t.Errorf("field %d is %d: %v, %v", i, v, got, err)
			}
		}
	}
}
