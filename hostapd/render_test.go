package hostapd

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/tetherd/tetherd/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

// story is the input of one golden file.
type story struct {
	Capabilities string // name of a made-up radio
	Trouble      Trouble
	Spec         Spec
}

// stories tells each file in testdata/render: a wish, the radio, and what comes out.
// Hardware addresses in stories are base64, as JSON has no better.
func stories(t *testing.T, f func(t *testing.T, path string, a *txtar.Archive, st story)) {
	list, err := filepath.Glob("testdata/render/*.txtar")
	if err != nil || len(list) < 15 {
		t.Fatalf("%d stories found: %v", len(list), err)
	}
	for _, path := range list {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var st story
			d := json.NewDecoder(bytes.NewReader(a.Files[0].Data))
			d.DisallowUnknownFields()
			if err := d.Decode(&st); err != nil {
				t.Fatal(err)
			}
			f(t, path, a, st)
		})
	}
}

// settled fits the story's only radio.
func settled(t *testing.T, st story, dir string) (Setting, error) {
	t.Helper()
	if err := Check(st.Spec); err != nil {
		t.Fatal(err)
	}
	caps := made(t, st.Capabilities)
	caps = caps.without(st.Trouble)
	r, tune, err := Fit(st.Spec.Radios[0], caps, st.Trouble)
	return Setting{
		Dir: dir, Country: st.Spec.Country, Radio: r, Tune: tune, Capabilities: caps,
		Denied: st.Spec.Blocked, Cost: st.Spec.Cost,
	}, err
}

func TestStoriesRender(t *testing.T) {
	stories(t, func(t *testing.T, path string, a *txtar.Archive, st story) {
		got := &txtar.Archive{Comment: a.Comment, Files: a.Files[:1]}
		set, err := settled(t, st, "/run/tetherd/hostapd")
		why := strings.Join(set.Tune.Why, "\n")
		if err != nil {
			why = strings.TrimPrefix(why+"\nerror: "+err.Error(), "\n")
		}
		if why != "" {
			got.Files = append(got.Files, txtar.File{Name: "why", Data: []byte(why + "\n")})
		}
		if err == nil {
			files := Render(set)
			for _, name := range slices.Sorted(maps.Keys(files)) {
				if files[name] != "" {
					got.Files = append(got.Files, txtar.File{Name: name, Data: []byte(files[name])})
				}
			}
		}
		text := txtar.Format(got)
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		if d := cmp.Diff(string(txtar.Format(a)), string(text)); d != "" {
			t.Error(d)
		}
	})
}

// Debian's hostapd reads every file that the stories render. It has no radio here, so
// it judges the text and what contradicts itself in it, not what a driver would say.
func TestStoriesAreUnderstoodByHostapd(t *testing.T) {
	stories(t, func(t *testing.T, _ string, _ *txtar.Archive, st story) {
		set, err := settled(t, st, t.TempDir())
		if err != nil {
			return // there is no file
		}
		set.driver = "none"
		if err := writeFiles(set); err != nil {
			t.Fatal(err)
		}
		for _, line := range judge(t, set.configPath()) {
			if strings.Contains(line, "Failed to add BSS") || strings.Contains(line, "Interface initialization failed") {
				continue // without a radio there are no further interfaces
			}
			t.Error(line)
		}
	})
}

// The judge does find faults.
func TestJudgeFindsFaults(t *testing.T) {
	for _, bad := range []string{"no_such_key=1", "wpa_passphrase=short", "wpa=2\nwpa_key_mgmt=SAE-X"} {
		path := filepath.Join(t.TempDir(), "x.conf")
		text := "interface=wlan0\ndriver=none\nssid=x\n" + bad + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if len(judge(t, path)) == 0 {
			t.Errorf("%q was not found", bad)
		}
	}
}

// Whatever a name or passphrase holds, the file keeps its lines: every line is one of
// the keys that the renderer writes.
func TestNothingIsInjected(t *testing.T) {
	keys := map[string]bool{}
	for line := range strings.Lines(Render(plainSetting(t, home()))[plainPath]) {
		key, _, _ := strings.Cut(line, "=")
		keys[key] = true
	}
	for _, evil := range []string{"a\nssid=b", "a\rb", "a\x00b", "a\u0085b", "a\tb", "\x1b[2J"} {
		n := home()
		n.SSID = evil
		if n.check() == nil {
			t.Errorf("name %q is accepted", evil)
		}
		n = home()
		n.Passphrase = secret.Text("12345678" + evil)
		if n.check() == nil {
			t.Errorf("passphrase %q is accepted", evil)
		}
		n = home()
		n.Bridge = evil
		if n.check() == nil {
			t.Errorf("bridge %q is accepted", evil)
		}
	}
	for _, odd := range []string{"ssid=b", "#x", ` "a" `, "a|mac=02:00:00:00:00:01", `\n`, "日本語", "$(reboot)", "a'b"} {
		n := home()
		n.SSID = odd
		if err := n.check(); err != nil {
			t.Errorf("name %q is refused: %v", odd, err)
		}
		for line := range strings.Lines(Render(plainSetting(t, n))[plainPath]) {
			key, _, _ := strings.Cut(line, "=")
			if !keys[key] && key != "utf8_ssid" {
				t.Errorf("name %q gives line %q", odd, line)
			}
		}
	}
}

// hostapd reads back the very name that was wished.
func TestNamesArriveAsTheyAre(t *testing.T) {
	for name, said := range map[string]string{
		"plain":     "plain",
		`q"u\o`:     `q\"u\\o`, // hostapd prints names in C's way
		"café":      `caf\xc3\xa9`,
		" spaced  ": " spaced  ",
		"a=b #c":    "a=b #c",
	} {
		n := home()
		n.SSID, n.Bridge = name, ""
		set := plainSetting(t, n)
		set.Dir, set.driver = t.TempDir(), "none"
		c := serve(t, set)
		reply, err := c.ask("GET_CONFIG")
		if err != nil || !strings.Contains(reply, "\nssid="+said+"\n") {
			t.Errorf("name %q: %v: %q", name, err, reply)
		}
	}
}

const plainPath = "/d/wlan0.conf"

func plainSetting(t *testing.T, networks ...Network) Setting {
	t.Helper()
	caps := made(t, "g")
	r, tune, err := Fit(Radio{Interface: "wlan0", Channel: 6, Networks: networks}, caps, Trouble{})
	if err != nil {
		t.Fatal(err)
	}
	return Setting{Dir: "/d", Radio: r, Tune: tune, Capabilities: caps}
}

// serve runs hostapd on a setting until the test ends.
func serve(t *testing.T, set Setting) *ctrl {
	t.Helper()
	if err := writeFiles(set); err != nil {
		t.Fatal(err)
	}
	p, err := startProcess("hostapd", set.configPath())
	if err != nil {
		t.Fatalf("this test needs hostapd: %v", err)
	}
	c := newCtrl(set.ctrlDir(), set.bss(0))
	t.Cleanup(func() {
		c.close()
		p.stop(patience)
	})
	await(t, "hostapd", func() bool {
		select {
		case <-p.done:
			t.Fatalf("hostapd ended: %s\n%s", p.end, strings.Join(p.out.text(), "\n"))
		default:
		}
		reply, err := c.ask("PING")
		return err == nil && reply == "PONG\n"
	})
	return c
}

func TestFurtherNetworksHaveAddressesOfTheirOwn(t *testing.T) {
	for _, base := range []net.HardwareAddr{{0x00, 1, 2, 3, 4, 5}, {0x02, 1, 2, 3, 4, 5}, {0xfe, 1, 2, 3, 4, 5}} {
		seen := map[string]bool{base.String(): true}
		for i := 1; i < maxNetworks; i++ {
			a := bssid(base, i)
			if seen[a.String()] || a[0]&3 != 2 || !slices.Equal(a[1:], base[1:]) {
				t.Errorf("network %d of %v has %v", i, base, a)
			}
			seen[a.String()] = true
		}
	}
	if a := bssid(nil, 1); len(a) != 6 {
		t.Errorf("without a base: %v", a)
	}
}

func TestInterfacesOfFurtherNetworksFit(t *testing.T) {
	for radio, want := range map[string]string{"wlan0": "wlan0_3", "wlx00c0ca98a1": "wlx00c0ca98a1_3", "wlp0s20f0u1u2i3": "wlp0s20f0f572_3"} {
		if got := bssName(radio, 3); got != want || len(got) > maxInterface {
			t.Errorf("%s: %s", radio, got)
		}
	}
	// Sticks of one batch are a few numbers apart.
	seen := map[string]string{}
	for n := range 256 {
		radio := fmt.Sprintf("wlx00c0ca98a1%02x", n)
		name := bssName(radio, 1)
		if other := seen[name]; other != "" || len(name) != maxInterface {
			t.Fatalf("%s and %s both have %s", radio, other, name)
		}
		seen[name] = radio
	}
}

func TestSecretsAreMasked(t *testing.T) {
	n := home()
	for _, text := range []string{fmt.Sprint(n), fmt.Sprintf("%+v", n), fmt.Sprintf("%#v", n), fmt.Sprintf("%s", n.Passphrase)} {
		if strings.Contains(text, "kfw7") {
			t.Error(text)
		}
	}
	if n.Passphrase.LogValue().String() != "***" || secret.Text("").String() != "" {
		t.Error("a log shows the passphrase, or that there is one where there is none")
	}
}
