//go:build browser

package lab

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/browser"
)

// journey is a person with a telephone on the lab's LAN.
type journey struct {
	*testing.T
	*browser.Page
	world *World
	url   string
}

// begin lays the scenario out, starts tetherd, gives client1 a lease and a browser.
func begin(t *testing.T, tetherd, scenario string) *journey {
	t.Helper()
	w := layOut(t, tetherd, scenario)
	j := &journey{T: t, world: w}
	j.do(w.daemon.start())
	j.leased()
	j.url = "http://" + w.publicStatus() + "/"
	cmd := w.clients["client1"].command(context.Background(), "chromium", browser.Args(filepath.Join(w.dir, "browser"))...)
	var err error
	j.Page, err = browser.Start(cmd, func(c *exec.Cmd) error { return w.spawn.start(w.clients["client1"].ns, c) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			j.picture("failed")
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	j.do(j.Open(j.url))
	return j
}

// do is for steps that must succeed.
func (j *journey) do(err error) {
	j.Helper()
	if err != nil {
		j.Fatal(err)
	}
}

func (j *journey) leased() {
	j.Helper()
	_, err := j.world.daemon.await(j.Context(), 15*time.Second, func(d api.Document) bool { return d.LAN.Address != "" && d.LAN.Port != 0 })
	j.do(err)
	_, err = j.world.clients["client1"].lease(j.Context())
	j.do(err)
}

func (j *journey) sees(text string) {
	j.Helper()
	j.do(j.Sees(long, text))
}

func (j *journey) press(text string) {
	j.Helper()
	j.do(j.Press(text))
}

func (j *journey) fill(label, text string) {
	j.Helper()
	j.do(j.Fill(label, text))
}

// enter goes through the first start.
func (j *journey) enter() {
	j.Helper()
	j.sees("Welcome")
	j.fill("New password", "correct horse")
	j.fill("The same again", "correct horse")
	j.press("Begin")
	j.sees("The way to the Internet")
}

// picture keeps what is seen, and sees to it that nothing is wider than the telephone.
func (j *journey) picture(name string) {
	j.Helper()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		dir = j.TempDir()
	}
	j.do(os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(j.Name(), "TestJourneys/"), "/", "-")+"-"+name+".png")
	if err := j.Screenshot(path); err != nil {
		j.Error(err)
	}
	var wide int
	if err := j.Eval("document.documentElement.scrollWidth", &wide); err != nil || wide > 360 {
		j.Errorf("%s is %d pixels wide, %v", name, wide, err)
	}
}

// audit runs axe over what is shown and fails on each serious finding.
func (j *journey) audit() {
	j.Helper()
	path := os.Getenv("AXE")
	f, err := os.Open(path)
	if err != nil {
		j.Fatalf("the audit needs axe-core's axe.min.js.gz, which 'make journeys' fetches: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	j.do(err)
	script, err := io.ReadAll(z)
	j.do(err)
	j.do(j.Eval(string(script)+";void 0", nil))
	var found []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	j.do(j.Eval("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)", &found))
	for _, v := range found {
		text, _ := json.Marshal(v.Nodes)
		if v.Impact == "serious" || v.Impact == "critical" {
			j.Errorf("axe: %s (%s): %s: %.600s", v.ID, v.Impact, v.Help, text)
		} else {
			j.Logf("axe: %s (%s): %s: %.300s", v.ID, v.Impact, v.Help, text)
		}
	}
}

// quiet fails when the page complained of anything but lost contact.
func (j *journey) quiet() {
	j.Helper()
	for _, p := range j.Problems() {
		if !strings.Contains(p, "net::ERR_") && !strings.Contains(p, "the server responded with a status of") {
			j.Errorf("the page complains: %s", p)
		}
	}
}

const worldOf = `A person with a telephone.

-- operator --
network 26201 'Lab Mobile'
sim lab
    iccid 8949020000012345678
    imsi 262010000012345
    home 26201
    name 'Lab Mobile'
`

const plain = worldOf + "insert lab\napn internet.telekom\napn other.example\n-- story --\nstart\n"

// TestJourneys are a person's ways through the page, in a browser on the LAN of the real
// program.
func TestJourneys(t *testing.T) {
	tetherd := program(t)
	for name, walk := range map[string]func(*testing.T, string){
		"first-start": firstStart, "every-view": everyView, "wrong-pin": wrongPIN, "no-sim": noSIM,
		"limit-reached": limitReached, "operator": operatorsDocument, "doctor": whatWasWrong, "rename": rename,
		"lose-contact": loseContact, "backup": backup, "access-point": accessPoint, "russian": russian, "told": told, "share": share,
		"two-changes": twoChanges, "told-to-pay": toldToPay, "told-of-the-limit": toldOfTheLimit,
	} {
		t.Run(name, func(t *testing.T) { walk(t, tetherd) })
	}
}

// firstStart: nothing is shown before a password is chosen; afterwards it is asked for.
func firstStart(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.sees("Welcome")
	j.picture("welcome")
	j.audit()
	j.fill("New password", "correct horse")
	j.fill("The same again", "correct hors")
	j.press("Begin")
	j.sees("The two are not the same.")
	j.fill("The same again", "correct horse")
	j.press("Begin")
	j.sees("Clients have Internet through Lab Mobile")
	j.picture("online")
	j.press("System")
	j.press("Log out")
	j.fill("Password", "wrong horse")
	j.press("Log in")
	j.sees("is wrong")
	j.picture("login")
	j.audit()
	j.fill("Password", "correct horse")
	j.press("Log in")
	j.sees("About")
	j.quiet()
}

// appleCheck is what a telephone asks for to learn whether it has Internet.
const appleCheck = "http://captive.apple.com/hotspot-detect.html"

// told: while there is no SIM the telephone's own connectivity check opens a page that says
// so; it sees by itself when the Internet is back, and is not opened for who wants to hear
// no more of it.
func told(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.awaits("expect", "online")
	j.world.modem.RemoveSIM()
	j.awaits("expect", "verdict", "RC04")
	j.do(j.Open(appleCheck))
	j.sees("there is no SIM in the modem")
	j.picture("page")
	j.audit()
	j.press("Look again")
	j.sees("there is no SIM in the modem")
	j.world.modem.InsertSIM(j.world.scenario.SIMs["lab"])
	j.sees("This device has Internet")
	j.audit()
	j.world.modem.RemoveSIM()
	j.awaits("expect", "verdict", "RC04")
	j.do(j.Open(appleCheck))
	j.press("Do not tell me about this again")
	j.sees("not told about it again")
	j.awaits("check", "client1", "apple", "offline")
}

// toldToPay: at a pay wall the page that opens by itself leads to the operator's, and is over
// once that has been dealt with.
func toldToPay(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.awaits("expect", "online")
	j.awaits("lease", "client2")
	j.awaits("traffic", "client2")
	j.awaits("policy", "internet.telekom", "walled")
	j.awaits("expect", "within", "45s", "verdict", "RC18")
	j.do(j.Open(appleCheck))
	j.sees("the operator shows a page of its own")
	j.picture("page")
	j.audit()
	j.press("Open the operator's page")
	j.sees("Buy a plan")
	j.awaits("policy", "internet.telekom")
	j.awaits("expect", "online")
	j.awaits("check", "client1", "apple", "online")
}

// toldOfTheLimit: a device that found all places taken is told so, and has Internet once
// one is free, without anybody's doing.
func toldOfTheLimit(t *testing.T, tetherd string) {
	j := begin(t, tetherd, worldOf+"insert lab\napn internet.telekom\n-- tetherd --\nconfig sharing\n\toption max_clients '1'\n\toption absence '10m'\nconfig lan 'lan'\n\tlist port 'lan1'\n\tlist port 'lan2'\n-- story --\nstart\n")
	j.awaits("expect", "online")
	j.awaits("lease", "client2")
	j.awaits("fetch", "client2", "http://www.example.com/")
	j.do(j.Open(appleCheck))
	j.sees("1 of 1 devices have Internet already")
	j.sees("The next free place is yours")
	j.picture("page")
	j.audit()
	link, err := j.world.clients["client2"].run(j.Context(), "ip", "-br", "link", "show", "eth0")
	j.do(err)
	j.awaits("tetherd", "place", "free", strings.Fields(link)[2])
	j.sees("This device has Internet")
	j.audit()
}

// awaits plays one step of a story.
func (j *journey) awaits(words ...string) {
	j.Helper()
	_, err := steps[words[0]].do(j.Context(), j.world, words[1:])
	j.do(err)
}

// everyView is drawn in light and dark, and has no serious fault for who cannot see it.
func everyView(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	for _, v := range []struct{ link, shows string }{
		{"Status", "The way to the Internet"}, {"Devices", "client1"}, {"Hotspot", "The devices' network"},
		{"SIM and network", "Let the gateway choose"}, {"Operator", "Bring a document"}, {"Doctor", "From the modem to a device's screen"},
		{"System", "Who changed what"},
	} {
		j.press(v.link)
		j.sees(v.shows)
		for _, dark := range []bool{false, true} {
			j.do(j.Dark(dark))
			shade := "light"
			if dark {
				shade = "dark"
			}
			j.picture(strings.ToLower(strings.Fields(v.link)[0]) + "-" + shade)
			j.audit()
		}
	}
	j.quiet()
}

// wrongPIN: it is said, with the tries left, and the right one brings the Internet.
func wrongPIN(t *testing.T, tetherd string) {
	j := begin(t, tetherd, worldOf+"    pin 1234\ninsert lab\napn internet.telekom\n-- story --\nstart\n")
	j.enter()
	j.sees("the SIM needs its PIN")
	j.picture("needed")
	j.press("Enter the PIN")
	j.sees("Tries left: 3")
	j.fill("PIN", "9999")
	j.press("Unlock")
	j.sees("Tries left: 2")
	j.picture("wrong")
	j.audit()
	j.fill("PIN", "1234")
	j.press("Unlock")
	j.press("Status")
	j.sees("Clients have Internet through Lab Mobile")
	text, err := os.ReadFile(filepath.Join(j.world.dir, "tetherd.conf"))
	if err != nil || !strings.Contains(string(text), "option pin '1234'") {
		t.Errorf("the PIN is not kept: %v", err)
	}
	j.quiet()
}

// noSIM: what to do is said, and putting one in is enough.
func noSIM(t *testing.T, tetherd string) {
	j := begin(t, tetherd, worldOf+"apn internet.telekom\n-- story --\nstart\n")
	j.enter()
	j.sees("there is no SIM in the modem")
	j.sees("Put one in, contacts first.")
	j.picture("empty")
	j.press("Show the doctor")
	j.sees("RC04")
	j.picture("doctor")
	j.audit()
	j.world.modem.InsertSIM(j.world.scenario.SIMs["lab"])
	j.sees("Nothing is wrong.")
	j.press("Status")
	j.sees("Clients have Internet through Lab Mobile")
	j.quiet()
}

// limitReached: who has a place and who has none is shown, and freeing one helps.
func limitReached(t *testing.T, tetherd string) {
	j := begin(t, tetherd, worldOf+"insert lab\napn internet.telekom\n-- tetherd --\nconfig sharing\n\toption max_clients '1'\n\toption absence '10m'\nconfig lan 'lan'\n\tlist port 'lan1'\n\tlist port 'lan2'\n-- story --\nstart\n")
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	other := j.world.clients["client2"]
	_, err := other.lease(j.Context())
	j.do(err)
	_, err = other.fetch(j.Context(), "http://www.example.com/")
	j.do(err)
	_, err = j.world.clients["client1"].run(j.Context(), "sh", "-c", "curl -s --max-time 5 http://www.example.com/; true")
	j.do(err)
	j.press("Devices")
	j.sees("1 of at most 1 device with Internet")
	j.sees("1 of 1 devices have Internet already")
	j.picture("full")
	j.audit()
	j.do(j.Eval("document.querySelector('#list button').focus()", nil)) // which keeps nothing from being drawn
	j.press("Free its place")
	j.sees("0 of at most 1 device with Internet")
	_, err = j.world.clients["client1"].fetch(j.Context(), "http://www.example.com/")
	j.do(err)
	j.sees("has one of the places")
	j.do(j.Wait(long, "document.activeElement.innerText === 'Rename'"))
	j.press("System")
	j.fill("Language", "ru")
	j.press("Устройства")
	j.sees("занимает место")
	j.picture("russian")
	j.quiet()
}

// operatorsDocument: it is checked, applied on trial, shown, and taken back.
func operatorsDocument(t *testing.T, tetherd string) {
	j := begin(t, tetherd, worldOf+"insert lab\napn internet.lab\napn internet.telekom\n-- story --\nstart\n")
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	j.press("Operator")
	j.sees("No operator's document is in force.")
	give := func(text string) {
		quoted, _ := json.Marshal(text)
		j.do(j.Eval("(() => { const d = new DataTransfer(); d.items.add(new File(["+string(quoted)+"], 'operator.json')); document.getElementById('paper-text').files = d.files; })()", nil))
		j.press("Check")
	}
	give(`{"format": "tetherd-document/1", "serial": 2, "operator": {"id": "{11111111-2222-3333-4444-555555555555}"}, "sims": [{"sharing": {"max_devices": 0}}]}`)
	j.sees("It is refused")
	j.sees("/sims/0/sharing/max_devices")
	j.picture("refused")
	j.audit()
	give(paperOf)
	j.sees("It can be applied.")
	j.picture("checked")
	j.press("Apply")
	j.do(j.Sees(60*time.Second, "The last document was kept"))
	j.sees("+49 800 1234567")
	j.sees("Plan and usage at the operator's")
	j.sees("Holiday 5 GB")
	j.press("What became of each element")
	j.picture("in-force")
	j.audit()
	j.do(j.Dark(true))
	j.picture("in-force-dark")
	j.press("Back to before")
	j.sees("The documents before this one")
	j.do(j.Eval("void document.querySelector('dialog[open] button.main').click()", nil))
	j.do(j.Sees(60*time.Second, "No operator's document is in force."))
	j.quiet()
}

const paperOf = `{
  "format": "tetherd-document/1", "serial": 1,
  "operator": {"id": "{11111111-2222-3333-4444-555555555555}", "name": "Lab Mobile", "support_phone": "+49 800 1234567", "account_url": "https://account.lab.example/"},
  "plans": [{"name": "Holiday 5 GB", "type": "fixed"}],
  "sims": [{"match": {"mcc": "262", "mnc": "01"}, "contexts": [{"name": "own", "uses": ["internet", "tethering"], "apn": "internet.lab"}], "sharing": {"max_devices": 5}}]
}`

// whatWasWrong: what is wrong is named, and what was wrong is remembered, in Russian too.
func whatWasWrong(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	j.press("Doctor")
	j.sees("Nothing is wrong.")
	j.world.modem.RemoveSIM()
	j.sees("there is no SIM in the modem")
	j.picture("wrong")
	j.audit()
	j.press("System")
	j.fill("Language", "ru")
	j.press("Доктор")
	j.sees("в модеме нет SIM-карты")
	j.do(j.Dark(true))
	j.picture("russian-dark")
	j.press("Состояние")
	j.sees("в модеме нет SIM-карты")
	j.picture("russian-status")
	j.world.modem.InsertSIM(j.world.scenario.SIMs["lab"])
	j.press("Доктор")
	j.sees("Всё в порядке.")
	j.sees("RC04")
	j.picture("past")
	j.audit()
	j.quiet()
}

// rename: a device is called what its owner calls it, at once.
func rename(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	j.press("Devices")
	j.sees("client1")
	j.press("Rename")
	j.picture("asked")
	j.audit()
	j.fill("Name", "kitchen")
	j.press("Save")
	j.press("Make the change")
	j.sees("kitchen")
	j.sees("The change is kept")
	j.picture("renamed")
	j.quiet()
}

// share: switching it off and on again is told before and kept.
func share(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	j.press("Hotspot")
	j.press("Stop sharing")
	j.sees("Devices have no Internet until sharing is switched on again")
	j.picture("told")
	j.audit()
	j.press("Make the change")
	j.sees("A change is on trial.")
	j.picture("trial")
	j.audit()
	j.sees("The change is kept")
	j.press("Close")
	j.press("Status")
	j.press("Share the connection")
	j.press("Make the change")
	j.sees("Clients have Internet through Lab Mobile")
	j.quiet()
}

// twoChanges: after one change, or one that was taken back, the next is nobody else's.
func twoChanges(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	change := func(label, was, value, ends string) { // the form shows what is in force before
		j.do(j.Wait(long, "[...document.querySelectorAll('label')].find((l) => l.checkVisibility() && l.innerText.trim().startsWith('"+label+"'))?.control.value === '"+was+"'"))
		j.fill(label, value)
		j.press("Save")
		j.press("Make the change")
		j.sees("A change is on trial.")
		if ends == "was undone" {
			j.press("Undo")
		}
		j.sees("The change " + ends)
		j.press("Close")
	}
	j.press("Hotspot")
	change("How long an address is lent", "12h", "1h", "is kept")
	change("How long an address is lent", "1h", "2h", "was undone")
	change("How long an address is lent", "1h", "3h", "is kept")
	j.press("System")
	j.press("dns")
	j.fill("cache_size", "512") // which is sent later
	j.press("dhcp")
	change("leasetime", "3h", "5h", "was undone")
	change("leasetime", "3h", "4h", "is kept")
	j.sees("leasetime") // still open
	j.press("dhcp")
	change("cache_size", "512", "512", "is kept")
	if text, err := os.ReadFile(filepath.Join(j.world.dir, "tetherd.conf")); err != nil || !strings.Contains(string(text), "option leasetime '4h'") || !strings.Contains(string(text), "option cache_size '512'") {
		t.Errorf("the file is %s, %v", text, err)
	}
	j.quiet()
}

// loseContact: a change that cuts the person off comes back by itself, and the page too.
func loseContact(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	j.press("System")
	j.sees("All settings")
	j.press("lan")
	j.fill("port", "lan2") // which is another telephone's
	j.press("Save")
	j.press("Make the change")
	j.sees("The gateway does not answer.")
	j.picture("lost")
	j.audit()
	j.do(j.Sees(90*time.Second, "The change was undone: nobody confirmed it."))
	j.picture("back")
	j.quiet()
}

// backup: what was saved can be restored, with what it changes told before.
func backup(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	var before string
	j.do(j.Eval("fetch('/v1/backup').then((r) => r.json()).then((b) => b.text)", &before))
	changed := strings.Replace(before, "config lan 'lan'", "config dhcp 'dhcp'\n\toption leasetime '1h'\n\nconfig lan 'lan'", 1)
	if changed == before {
		t.Fatalf("the backup is %q", before)
	}
	j.press("System")
	j.sees("Restore from a file")
	text, _ := json.Marshal(changed)
	j.do(j.Eval("(() => { const d = new DataTransfer(); d.items.add(new File(["+string(text)+"], 'tetherd.conf')); const i = document.getElementById('restore'); i.files = d.files; i.dispatchEvent(new Event('change')); })()", nil))
	j.sees("Make this change?")
	j.press("What changes")
	j.sees("dhcp.leasetime")
	j.picture("told")
	j.press("Make the change")
	j.sees("The change is kept")
	now, err := os.ReadFile(filepath.Join(j.world.dir, "tetherd.conf"))
	if err != nil || string(now) != changed {
		t.Errorf("the file is %q, %v", now, err)
	}
	j.quiet()
}

// accessPoint: another one is picked, and its story told.
func accessPoint(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.sees("Clients have Internet through Lab Mobile")
	j.press("SIM and network")
	j.sees("internet.telekom")
	j.fill("Access point to try first", "typed")
	j.fill("Name", "other.example")
	j.press("Save")
	j.press("Make the change")
	j.sees("The change is kept")
	j.press("What was tried")
	j.sees("other.example")
	j.picture("chosen")
	j.audit()
	if doc, _ := j.world.daemon.current(); doc.APN.APN != "other.example" || !doc.Online {
		t.Errorf("in use is %q, online %v", doc.APN.APN, doc.Online)
	}
	j.quiet()
}

// russian: the whole page, and the gateway's sentence.
func russian(t *testing.T, tetherd string) {
	j := begin(t, tetherd, plain)
	j.enter()
	j.press("System")
	j.fill("Language", "ru")
	j.sees("Резервная копия")
	j.picture("system")
	j.press("Состояние")
	j.sees("У устройств есть Интернет через Lab Mobile")
	j.picture("status")
	j.audit()
	j.press("Раздача")
	j.press("Не раздавать")
	j.sees("Сделать это изменение?")
	j.picture("told")
	j.quiet()
}
