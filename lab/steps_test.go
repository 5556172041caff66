package lab

import (
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
)

// TestChangesAreTaken: when a step has changed the configuration or the network, what
// tetherd said last is not of what was before; where it cannot know, nothing is waited for.
func TestChangesAreTaken(t *testing.T) {
	text := string(tour) + `-- tetherd moved --
config lan 'lan'
	list port 'lan1'
	option address '10.77.0.1/24'
-- tetherd wrong --
config lan 'lan'
	option adress '10.77.0.1/24'
-- tetherd abroad --
config lan 'lan'
	list port 'lan1'
config modem 'modem'
	option roaming '1'
`
	w := layOut(t, program(t), text)
	first := ""
	for _, change := range []struct {
		step string
		want func(api.Document) bool
	}{
		{"network 26203 'Nobody knows yet'", func(d api.Document) bool { return d.Seq == 0 }},
		{"start", nil},
		{"expect online", func(d api.Document) bool { first = d.Revision; return first != "" }},
		{"config moved", func(d api.Document) bool { return d.Revision != first }},
		{"config wrong", func(d api.Document) bool { return d.Revision != first && len(d.Problems) == 1 }},
		{"config moved", func(d api.Document) bool { return d.Revision != first && len(d.Problems) == 0 }},
		{"config ''", func(d api.Document) bool { return d.Revision == first }},
		{"network 22210 Neighbour roaming", func(d api.Document) bool {
			return d.Modem.Network == "22210" && d.Modem.Registration == "roaming" && !d.Online
		}},
		{"config abroad", func(d api.Document) bool { return d.Revision != first }},
		{"expect online", nil},
		{"register searching", func(d api.Document) bool { return d.Modem.Registration == "searching" }},
		{"register denied 15", func(d api.Document) bool { return d.Modem.Registration == "denied" }},
		{"eject", nil},
		{"network 26201 'Lab Mobile'", nil},
		{"kill", nil},
		{"config ''", nil},
	} {
		words, err := splitWords(change.step)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.carryOut(t.Context(), words); err != nil {
			t.Fatalf("%s: %v", change.step, err)
		}
		if doc, _ := w.daemon.current(); change.want != nil && !change.want(doc) {
			t.Fatalf("after %s tetherd says\n%s", change.step, indent(doc))
		}
	}
}

// TestKillOfNothingFails: a step at which nothing was seen shows nothing of a kill.
func TestKillOfNothingFails(t *testing.T) {
	w := layOut(t, program(t), string(tour))
	for _, words := range [][]string{{"start"}, {"expect", "online"}} {
		if _, err := w.carryOut(t.Context(), words); err != nil {
			t.Fatal(err)
		}
	}
	note, err := w.carryOut(t.Context(), []string{"kill-every", "links", "run", "gateway", "true"})
	if err == nil || !strings.Contains(err.Error(), "nothing was seen") {
		t.Errorf("%q, %v", note, err)
	}
}
