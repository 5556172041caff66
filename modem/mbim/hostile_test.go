package mbim

import (
	"errors"
	"strings"
	"testing"
)

// hostileParsers are the parsers by the first word of a defect's name.
func hostileParsers() map[string]func([]byte) (any, error) {
	return map[string]func([]byte) (any, error){
		"services":   func(b []byte) (any, error) { return ParseDeviceServices(b) },
		"attach":     func(b []byte) (any, error) { return ParseAttachConfig(b) },
		"subscriber": func(b []byte) (any, error) { return ParseSubscriberReady(b) },
		"ip":         func(b []byte) (any, error) { return ParseIPConfiguration(b) },
		"signal":     func(b []byte) (any, error) { return ParseSignalState(b) },
		"register":   func(b []byte) (any, error) { return ParseRegistration(b) },
		"pin":        func(b []byte) (any, error) { return ParsePIN(b) },
		"caps":       func(b []byte) (any, error) { return ParseDeviceCaps(b) },
	}
}

// TestHostileBuffers reads information buffers that lie, named by verdict, parser
// and defect.
func TestHostileBuffers(t *testing.T) {
	for _, path := range goldenNames(t, "hostile") {
		verdict, defect, _ := strings.Cut(strings.TrimPrefix(path, "hostile/"), "-")
		parser, _, _ := strings.Cut(defect, "-")
		value, err := hostileParsers()[parser](golden(t, path))
		switch {
		case verdict == "accepted" && err != nil:
			t.Errorf("%s: %v", path, err)
		case verdict == "refused" && !errors.Is(err, ErrBuffer):
			t.Errorf("%s: %+v, %v", path, value, err)
		}
	}
}

func TestHostileBuffersAreReadRight(t *testing.T) {
	pin, _ := ParsePIN(golden(t, "hostile/accepted-pin-with-bytes-behind"))
	same(t, "PIN", pin, PINState{Type: PIN1, Locked: true, Attempts: 3})
	caps, _ := ParseDeviceCaps(golden(t, "hostile/accepted-caps-strings-shared"))
	if caps.DeviceID != "AB" || caps.Firmware != "AB" || caps.Hardware != "A" || caps.CustomDataClass != "" {
		t.Errorf("%+v", caps)
	}
}

// What was read before the defect is given: a registration with a broken name is
// still a registration.
func TestFieldsBeforeADefectAreKept(t *testing.T) {
	registration, err := ParseRegistration(golden(t, "hostile/refused-register-name-offset-wraps"))
	if err == nil || registration.State != RegisterHome || registration.Available != DataLTE {
		t.Errorf("%+v, %v", registration, err)
	}
}
