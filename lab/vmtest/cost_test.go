//go:build vm

package vmtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
)

// costPlan is a document that says how much of the plan is used.
const costPlan = `{"format": "tetherd-document/1", "serial": 1,
"operator": {"id": "{11111111-2222-3333-4444-555555555555}", "name": "Lab Mobile"},
"plans": [{"name": "Month", "type": "fixed", "limit_mb": 500, "usage": {"used_mb": 500, "at": "2026-11-20T12:00:00Z"}}],
"sims": [{}]}`

// TestBeaconsTellTheCost reads from the air what clients are told about metering: by the
// configuration, then that the operator's document says the plan is used up, then that the
// modem roams.
func TestBeaconsTellTheCost(t *testing.T) {
	w, g, s := atHome(t, byWPA2)
	heard := func(what, want string) {
		t.Helper()
		eventually(t, what, func() error {
			if _, err := command("wpa_cli", "-p", s.dir, "-i", s.dev, "scan"); err != nil {
				return err
			}
			out, err := command("wpa_cli", "-p", s.dir, "-i", s.dev, "bss", "first")
			if err == nil && !strings.Contains(out, want) {
				err = fmt.Errorf("%s", out)
			}
			return err
		})
	}
	heard("a plan with a limit", "dd080050f21102000000")
	g.online()
	file := g.dir + "/document.json"
	if err := os.WriteFile(file, []byte(costPlan), 0o600); err != nil {
		t.Fatal(err)
	}
	g.tell("provision", "apply", file)
	heard("the limit is passed", "dd080050f21102000100")
	w.Roam()
	heard("and the modem roams", "dd080050f21102000500")
	if r := radio(g.await("a look", func(api.Document) error { return nil })); r.Restarts != 0 {
		t.Errorf("hostapd was started again: %+v", r)
	}
}
