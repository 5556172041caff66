package document

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected reports anew")

// files gives the documents of a folder by name.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, p := range paths {
		if filepath.Ext(p) == ".report" {
			continue
		}
		if all[filepath.Base(p)], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// lines is a report as text, an item a line.
func lines(r Report) string {
	var b strings.Builder
	for _, i := range r {
		fmt.Fprintf(&b, "%-16s %s", i.State, i.Path)
		if i.Why != "" {
			fmt.Fprintf(&b, ": %s", i.Why)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// golden compares a text with a file beside the document.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// secrets stand in the documents of testdata and must stand in no report.
var secrets = []string{"do-not-tell", "nor-this", "neither-this", "490154203237518", "/etc/passwd"}

func tellsNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("it tells %q:\n%s", s, text)
		}
	}
}

func TestRightDocuments(t *testing.T) {
	for name, raw := range files(t, "right") {
		t.Run(name, func(t *testing.T) {
			d, report := Read(raw)
			if d == nil || report.Refused() {
				t.Fatalf("refused:\n%s", lines(report))
			}
			golden(t, filepath.Join("testdata", "right", name+".report"), lines(report))
			tellsNoSecret(t, lines(report)+fmt.Sprintf("%v %+v %#v", d.Bound, d.SIMs, d.Refresh))
		})
	}
}

// Each wrong document names in its file name what is wrong with it.
func TestWrongDocuments(t *testing.T) {
	all := files(t, "wrong")
	if len(all) < 40 {
		t.Fatalf("only %d files", len(all))
	}
	for name, raw := range all {
		t.Run(name, func(t *testing.T) {
			d, report := Read(raw)
			if d != nil || !report.Refused() {
				t.Fatalf("accepted: %+v", d)
			}
			golden(t, filepath.Join("testdata", "wrong", name+".report"), lines(report.Faults()))
			tellsNoSecret(t, lines(report))
		})
	}
}

func TestTooLarge(t *testing.T) {
	raw := append([]byte("{"), make([]byte, MaxBytes)...)
	if d, report := Read(raw); d != nil || !strings.Contains(lines(report), "larger than") {
		t.Errorf("got %s", lines(report))
	}
}

// The two forms of the same document say the same.
func TestFormsAgree(t *testing.T) {
	all := files(t, "right")
	x, _ := Read(all["everything.xml"])
	j, _ := Read(all["everything.json"])
	if x == nil || j == nil {
		t.Fatal("refused")
	}
	for what, pair := range map[string][2]any{
		"serial":  {x.Serial, j.Serial},
		"bound":   {x.Bound, j.Bound},
		"name":    {x.Operator, Operator{ID: j.Operator.ID, Name: j.Operator.Name, Logo: j.Operator.Logo, SupportPhone: j.Operator.SupportPhone, Technologies: j.Operator.Technologies}},
		"network": {x.SIMs[0].Network, j.SIMs[0].Network},
		"limit":   {x.SIMs[0].Sharing.MaxDevices, j.SIMs[0].Sharing.MaxDevices},
		"partner": {x.SIMs[0].Roaming.Partners, j.SIMs[0].Roaming.Partners},
		"refresh": {x.Refresh.Days, j.Refresh.Days},
		"cycle":   {x.Plans[0].Cycle, j.Plans[0].Cycle},
		"usage":   {x.Plans[0].Usage, j.Plans[0].Usage},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s (-xml +json):\n%s", what, diff)
		}
	}
	for i, c := range []Context{x.SIMs[0].Contexts[0], x.SIMs[0].Contexts[2], x.SIMs[0].Contexts[1]} {
		other := j.SIMs[0].Contexts[i]
		if c.APN != other.APN || c.User != other.User || c.Password != other.Password || c.Auth != other.Auth || c.Plan != other.Plan || c.Uses[0] != other.Uses[0] {
			t.Errorf("context %d: %+v and %+v", i, c, other)
		}
	}
}

// Everything that the XML form can say is read.
func TestEverythingIsRead(t *testing.T) {
	d, _ := Read(files(t, "right")["everything.xml"])
	if d == nil {
		t.Fatal("refused")
	}
	three := 3
	want := []Context{
		{Name: "Lab Internet", Uses: []Use{ForInternet}, APN: "internet.lab", User: "lab", Password: "do-not-tell", Auth: "chap", Plan: "Month", Priority: &three},
		{Name: "Lab Shop", Uses: []Use{ForPurchase}, APN: "shop.lab"},
		{Name: "Lab Tethering", Uses: []Use{ForTethering}, APN: "tether.lab"},
		{Name: "Video", Uses: []Use{"application"}, APN: "video.lab"},
	}
	if diff := cmp.Diff(want, d.SIMs[0].Contexts); diff != "" {
		t.Errorf("contexts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&Activation{Method: "reregister", Delay: 30, Retries: 3, Interval: 60, Data: []byte{}}, d.Activation); diff != "" {
		t.Errorf("activation (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Message{
		{ID: "all", Silent: true, Senders: []Sender{{Number: "1234"}}, Pattern: "[^]*", Compiled: anything + "*", Units: map[string]string{}, Fields: map[string]MsgPart{}},
		{ID: "usage", USSD: true, Pattern: `(\d+\.\d+)(\w+) of (\d+)(\w+) used as of (\S+)`, Compiled: `(\d+\.\d+)(\w+) of (\d+)(\w+) used as of (\S+)`,
			Units: map[string]string{"G": "GB", "M": "MB Mo"}, Fields: map[string]MsgPart{
				"Usage":          {Group: 1, UnitGroup: 2, Tokens: map[string]string{}},
				"DataLimit":      {Group: 3, UnitGroup: 4, Tokens: map[string]string{}},
				"UsageTimestamp": {Group: 5, Format: "%I:%M%p on %d %b", Tokens: map[string]string{}},
			}},
	}, d.Messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	w := (*d.WLAN)[0]
	if w.Name != "Lab Wi-Fi" || len(w.SSIDs) != 1 || !strings.HasPrefix(w.XML, "<WLANProfile") || !strings.HasSuffix(w.XML, "</WLANProfile>") {
		t.Errorf("wlan %+v", w)
	}
	if d.Refresh.URL != "https://documents.lab.example/lab.xml" || d.Refresh.Password != "neither-this" {
		t.Errorf("refresh %+v", d.Refresh)
	}
}

// A list that is empty is not the same as none.
func TestWLANListsReplace(t *testing.T) {
	all := files(t, "right")
	if d, _ := Read(all["mschapv2.xml"]); d.WLAN == nil || len(*d.WLAN) != 0 {
		t.Errorf("an empty section gives %v", d.WLAN)
	}
	if d, _ := Read(all["plan-usage-only.xml"]); d.WLAN != nil {
		t.Errorf("no section gives %v", d.WLAN)
	}
}

func TestUnchangedAfterItself(t *testing.T) {
	for name, raw := range files(t, "right") {
		_, report := Read(raw)
		_, again := Read(raw)
		for _, i := range again.After(report) {
			if i.State == Applied {
				t.Errorf("%s: %s is applied again", name, i.Path)
			}
		}
		for n, i := range report.After(nil) {
			if i != report[n] {
				t.Errorf("%s: %s differs after nothing", name, i.Path)
			}
		}
	}
	all := files(t, "right")
	_, before := Read(all["everything.xml"])
	_, after := Read([]byte(strings.Replace(string(all["everything.xml"]), ">5</Max", ">6</Max", 1)))
	var changed []string
	for _, i := range after.After(before) {
		if i.State == Applied {
			changed = append(changed, i.Path)
		}
	}
	if len(changed) != 1 || !strings.HasSuffix(changed[0], "/MaxNumberOfDevices") {
		t.Errorf("changed: %v", changed)
	}
}

// A report of a document with endless faults stays short and still says refused.
func TestReportIsBounded(t *testing.T) {
	raw := `{"format": "tetherd-document/1", "operator": {"id": "x"}, "sims": [{}]`
	for i := range 2000 {
		raw += fmt.Sprintf(`, "a%d": 1`, i)
	}
	_, report := Read([]byte(raw + "}"))
	if len(report) != maxItems+1 || !report.Refused() {
		t.Errorf("%d items", len(report))
	}
}

func fuzz(f *testing.F, ext, first string) {
	for _, dir := range []string{"right", "wrong"} {
		for name, raw := range files(f, dir) {
			if filepath.Ext(name) == ext && len(raw) < 16<<10 {
				f.Add(raw)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !strings.HasPrefix(string(raw), first) {
			raw = append([]byte(first), raw...)
		}
		d, report := Read(raw)
		if (d == nil) != report.Refused() || len(report) > maxItems+1 {
			t.Fatalf("document %v, report:\n%s", d != nil, lines(report))
		}
		if d == nil {
			return
		}
		if len(d.SIMs) == 0 || d.Operator.ID == "" {
			t.Fatalf("accepted %+v", d)
		}
		d.Entry(Card{IMSI: "262010000012345", ICCID: "8949020000012345678", MCC: "262", MNC: "01"})
		again, _ := Read(raw)
		if diff := cmp.Diff(d, again); diff != "" {
			t.Fatalf("another document the second time:\n%s", diff)
		}
	})
}

func FuzzCarrierControl(f *testing.F) { fuzz(f, ".xml", "<") }
func FuzzJSON(f *testing.F)           { fuzz(f, ".json", "{") }
