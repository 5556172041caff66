package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/control"
)

// cut is a change that cuts somebody off.
type cut struct {
	name    string
	changes []string // of the settings
	restore string   // or a whole text, but for the lab's own sections
	uplink  bool     // everybody loses the Internet; else the person at client1 loses the gateway
	script  bool     // nobody looks on
}

// cuts are changes that cost the person who makes them the gateway, or everybody the
// Internet.
func cuts() []cut {
	contact := func(name string, changes ...string) cut { return cut{name: name, changes: changes} }
	uplink := func(name string, changes ...string) cut { return cut{name: name, changes: changes, uplink: true} }
	script := func(name string, changes ...string) cut {
		return cut{name: name + ", by a script", changes: changes, uplink: true, script: true}
	}
	only := func(apn string, more ...string) []string { // clients' access point, and no other
		return append([]string{"wrong=apn", "wrong.apn=" + apn, "wrong.purpose=shared"}, more...)
	}
	return []cut{
		contact("another port", "lan.port=lan2"),
		contact("no port", "lan.port="),
		contact("a port that is not there", "lan.port=eth9"),
		contact("another subnet", "lan.address=10.77.0.1/24"),
		contact("a part of the subnet", "lan.address=192.168.97.249/29", "dhcp.start=1", "dhcp.limit=4"),
		contact("the page elsewhere", "api.port=9090"),
		contact("no page", "api.port=0"),
		contact("among the guests", "guest.port=lan1", "lan.port=lan2"),
		contact("another bridge without him", "lan.bridge=br-other", "lan.port=lan2"),
		{name: "another machine's backup", restore: "config lan 'lan'\n\tlist port 'eth0'\n"},
		uplink("an access point that nobody knows", only("nobody.example")...),
		uplink("one that carries nothing", only("mute.example")...),
		uplink("one with a login page", only("walled.example")...),
		uplink("a wrong password", only("secret.example", "wrong.user=me", "wrong.password=guess")...),
		uplink("addresses that cannot be shared", only("internet.telekom", "wrong.family=ipv6")...),
		uplink("another modem", "modem.device=/dev/cdc-wdm7"),
		uplink("no roaming abroad", "modem.roaming=0"),
		uplink("a check that nobody answers", "target.url=http://203.0.113.254/"),
		uplink("a check with another answer", "target.url=http://www.example.com/", "@target[-1].status=418"),
		script("one that carries nothing", only("mute.example")...),
		script("another modem", "modem.device=/dev/cdc-wdm7"),
		script("no roaming abroad", "modem.roaming=0"),
	}
}

const abroad = `A person at home in another country.

-- operator --
network 26202 'Other Lab' roaming
sim lab
    iccid 8949020000012345678
    imsi 262010000012345
    home 26201
    name 'Lab Mobile'
insert lab
apn internet.telekom
apn mute.example
    mute
apn walled.example
    walled
apn secret.example
    user me right
-- tetherd --
config modem 'modem'
	option roaming '1'

config lan 'lan'
	list port 'lan1'
-- story --
start
expect within 60s online
lease client1
`

// TestTrials: each change that cuts off its author or the uplink comes back by itself,
// and so does he.
func TestTrials(t *testing.T) {
	t.Parallel()
	const worlds = 4
	tetherd, all := program(t), cuts()
	t.Run("in", func(t *testing.T) {
		for n := range worlds {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				p := sitDown(t, tetherd)
				for i := n; i < len(all); i += worlds {
					t.Run(all[i].name, func(t *testing.T) { p.cut(t, all[i]) })
				}
			})
		}
	})
}

// person sits at client1, logged in.
type person struct {
	world *World
	url   string // of the page
	jar   string // file of cookies
}

// sitDown lays the world out and logs the person in.
func sitDown(t *testing.T, tetherd string) *person {
	t.Helper()
	w := layOut(t, tetherd, abroad)
	for _, st := range w.scenario.Story {
		if _, err := steps[st.Words[0]].do(t.Context(), w, st.Words[1:]); err != nil {
			t.Fatalf("%v: %v", st.Words, err)
		}
	}
	p := &person{world: w, url: "http://" + w.publicStatus(), jar: filepath.Join(w.dir, "cookies")}
	const password = "correct horse"
	if _, err := api.Use(t.Context(), w.daemon.socket(), "password", map[string]any{"new": password}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.send(t.Context(), "20", "/v1/login", map[string]any{"password": password}); err != nil {
		t.Fatal(err)
	}
	if answer, err := p.send(t.Context(), "20", "/v1/config/set", map[string]any{"changes": []string{"api.confirm=10s"}}); err != nil {
		t.Fatal(answer, err)
	}
	for {
		doc, news := w.daemon.current()
		if last := doc.LastChange; last != nil {
			if !last.Kept || last.Why != "its author came back" {
				t.Fatalf("a change that cuts nobody off: %+v", last)
			}
			return p
		}
		if _, err := p.send(t.Context(), "20", "/v1/session", nil); err != nil {
			t.Fatal(err)
		}
		select {
		case <-news:
		case <-time.After(500 * time.Millisecond):
		case <-w.daemon.ended:
			t.Fatal("tetherd ended")
		}
	}
}

// long is how long a busy machine may take for what is a matter of seconds.
const long = 40 * time.Second

// send uses the page's own way, with the person's cookie and patience in seconds.
func (p *person) send(ctx context.Context, patience, path string, body any) (string, error) {
	args := []string{"-sS", "--fail-with-body", "--max-time", patience, "-b", p.jar, "-c", p.jar}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return "", err
		}
		args = append(args, "-H", "Content-Type: application/json", "-d", string(text))
	}
	return p.world.clients["client1"].run(ctx, "curl", append(args, p.url+path)...)
}

// change makes the change as whoever makes it, and returns its trial and whether the
// answer was lost by it.
func (p *person) change(t *testing.T, c cut) (id string, lost bool) {
	t.Helper()
	patience := "20"
	if !c.uplink {
		patience = "3"
	}
	verb, args := "config set", map[string]any{"changes": c.changes}
	if c.restore != "" {
		verb, args = "restore", map[string]any{"text": p.own(t) + c.restore}
	}
	var answer string
	var err error
	if c.script {
		_, err = api.Use(t.Context(), p.world.daemon.socket(), verb, args)
	} else {
		answer, err = p.send(t.Context(), patience, "/v1/"+strings.ReplaceAll(verb, " ", "/"), args)
	}
	if lost = err != nil && !c.uplink && answer == ""; err != nil && !lost {
		t.Fatalf("%s: %v, %s", verb, err, answer)
	}
	doc, err := p.world.daemon.await(t.Context(), long, func(d api.Document) bool { return d.Trial != nil })
	if err != nil {
		t.Fatalf("%s is not on trial: %v, %s", verb, err, answer)
	}
	return doc.Trial.ID, lost
}

// own are the lab's sections of the text in force.
func (p *person) own(t *testing.T) string {
	t.Helper()
	answer, err := api.Use(t.Context(), p.world.daemon.socket(), "backup", nil)
	var b api.Backup
	if err == nil {
		err = json.Unmarshal(answer, &b)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(b.Text, "config modem")
	return text
}

// revision names the settings in force.
func (p *person) revision(t *testing.T) string {
	t.Helper()
	answer, err := api.Use(t.Context(), p.world.daemon.socket(), "config get", nil)
	var v api.SettingsView
	if err == nil {
		err = json.Unmarshal(answer, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v.Revision
}

// hold makes a connection that outlives what cuts the person off, as a browser's does, and
// returns what asks by it for who is logged in. Nobody waits for an answer. It looks anew for
// its way to the gateway, as every device does within a minute: the kernel answers for all
// of its interfaces, so that what comes by one of them is heard, and nothing goes back.
func (p *person) hold(t *testing.T) (murmur func()) {
	t.Helper()
	jar, err := os.ReadFile(p.jar)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(jar))
	name := slices.Index(words, "tetherd")
	if name < 0 || name+1 == len(words) {
		t.Fatalf("no session in %s", jar)
	}
	at := strings.TrimPrefix(p.url, "http://")
	request := fmt.Sprintf("GET /v1/session HTTP/1.1\r\nHost: %s\r\nCookie: tetherd=%s\r\n\r\n", at, words[name+1])
	ns := p.world.clients["client1"].ns
	var conn net.Conn
	if err := ns.Do(func() (err error) {
		conn, err = (&net.Dialer{Timeout: long}).DialContext(t.Context(), "tcp4", at)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(long))
	ask := func() error { _, err := io.WriteString(conn, request); return err }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", answer, err)
	}
	return func() {
		_ = ns.Run("ip", "neigh", "flush", "dev", "eth0") // an entry may go by itself meanwhile
		_ = ask()                                         // the gateway may have ended it
	}
}

// cut makes one change, sees that it cuts somebody off, and that it comes back while the
// person goes on asking for the page.
func (p *person) cut(t *testing.T, c cut) {
	before := p.revision(t)
	murmur := func() {}
	if !c.uplink {
		murmur = p.hold(t)
	}
	id, lost := p.change(t, c)
	for {
		doc, news := p.world.daemon.current()
		if doc.LastChange != nil && doc.LastChange.ID == id {
			if doc.LastChange.Kept {
				t.Fatalf("kept, because %s", doc.LastChange.Why)
			}
			break
		}
		_, err := p.send(t.Context(), "3", "/v1/session", nil)
		lost = lost || c.uplink && !doc.Online || !c.uplink && err != nil
		if doc.Trial != nil && time.Since(doc.Trial.Began) > control.TrialSettle { // before, it counts for nothing
			murmur()
		}
		select {
		case <-news:
		case <-time.After(500 * time.Millisecond): // the person asks again
		case <-p.world.daemon.ended:
			t.Fatal("tetherd ended")
		}
	}
	if !lost {
		t.Error("it cut nobody off")
	}
	if now := p.revision(t); now != before {
		t.Errorf("the settings are of revision %s, before of %s", now, before)
	}
	if _, err := p.world.daemon.await(t.Context(), long, func(d api.Document) bool { return d.Online }); err != nil {
		t.Errorf("clients are not online again: %v", err)
	}
	if _, err := p.world.clients["client1"].lease(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := p.send(t.Context(), "20", "/v1/clients", nil); err != nil {
		t.Errorf("the person is not let in again: %v", err)
	}
}
