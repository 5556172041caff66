package api

import (
	"testing"

	"github.com/tetherd/tetherd/config"
)

const somebody = "02:00:00:00:00:07"

// TestCalled: a device is shown by the name that its owner gave it.
func TestCalled(t *testing.T) {
	snap := snapshot(t)
	cfg, err := config.Parse("test", []byte("config host\n\toption mac '02:00:00:00:00:01'\n\toption name 'kitchen'\n"))
	if err != nil {
		t.Fatal(err)
	}
	snap.Config = cfg
	list := placed(snap, []Client{{MAC: "02:00:00:00:00:01", Name: "android-1"}, {MAC: "02:00:00:00:00:02", Name: "tv"}})
	if list[0].Name != "kitchen" || list[1].Name != "tv" {
		t.Errorf("%+v", list)
	}
}

// TestBlock: a device is blocked and let in again by a section of the settings.
func TestBlock(t *testing.T) {
	s := turning(t, "config block\n\toption mac '02:00:00:00:00:01'\n")
	args := map[string]any{"mac": "02:00:00:00:00:07"}
	blocked := func() int { return len(s.Loop.Snapshot().Config.Blocks) }
	if _, fault := do[Change](t, s, "block", args, page()); fault != nil || blocked() != 2 {
		t.Fatalf("%v, %d blocked", fault, blocked())
	}
	if _, fault := do[Change](t, s, "block", args, page()); fault == nil || fault.Code != Conflict {
		t.Errorf("twice: %v", fault)
	}
	if _, fault := do[Change](t, s, "unblock", map[string]any{"mac": "02:00:00:00:00:01"}, page()); fault != nil || blocked() != 1 || s.Loop.Snapshot().Config.Blocks[0].MAC.String() != somebody {
		t.Errorf("%v, %+v", fault, s.Loop.Snapshot().Config.Blocks)
	}
}

// TestKickArguments: a name of an act that the access point cannot keep on file, or a ban
// without end, is a fault of that argument.
func TestKickArguments(t *testing.T) {
	s := turning(t, "")
	for field, value := range map[string]any{"id": "two words", "ban": 31 * 24 * 3600} {
		_, fault := do[Nothing](t, s, "kick", map[string]any{"mac": somebody, field: value}, page())
		if fault == nil || fault.Code != Invalid || fault.Field != field {
			t.Errorf("%s %v: %v", field, value, fault)
		}
	}
}

// TestDevicesThatAreNotThere: a device that is not there, or no address, is a fault.
func TestDevicesThatAreNotThere(t *testing.T) {
	s := turning(t, "")
	for _, verb := range []string{"kick", "unblock", "place free"} {
		if _, fault := do[Nothing](t, s, verb, map[string]any{"mac": somebody}, page()); fault == nil || fault.Code != Absent || fault.Field != "mac" {
			t.Errorf("%s: %v", verb, fault)
		}
	}
	for _, verb := range []string{"kick", "block", "unblock", "place free"} {
		for _, mac := range []string{"02:00:00:00:00:0x", "0200.0000.0007.00", "", "02:00:00:00:00:00:07"} {
			if _, fault := do[Nothing](t, s, verb, map[string]any{"mac": mac}, page()); fault == nil || fault.Code != Invalid || fault.Field != "mac" {
				t.Errorf("%s %q: %v", verb, mac, fault)
			}
		}
	}
}
