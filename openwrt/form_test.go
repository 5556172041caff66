package openwrt

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/bus"
	"github.com/tetherd/tetherd/ubus/wire"
)

// TestShellcheck: shellcheck has nothing to say about any script.
func TestShellcheck(t *testing.T) {
	scripts := []string{"tetherd/test.sh", "testdata/service", "testdata/rc.common", "testdata/uci", "testdata/cut"}
	for _, name := range []string{"owner.sh", "tetherd.init", "tetherd.defaults", "modem.hotplug", "radio.hotplug"} {
		scripts = append(scripts, "tetherd/files/"+name)
	}
	if out, err := exec.Command("shellcheck", scripts...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestMakefile: every file is installed, and what is installed is there.
func TestMakefile(t *testing.T) {
	text := read(t, "tetherd/Makefile")
	files, err := filepath.Glob("tetherd/files/*")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var named, there []string
	for _, m := range regexp.MustCompile(`\./files/(\S+)`).FindAllStringSubmatch(text, -1) {
		named = append(named, m[1])
	}
	for _, f := range files {
		there = append(there, filepath.Base(f))
	}
	slices.Sort(named)
	slices.Sort(there)
	if !slices.Equal(named, there) {
		t.Errorf("installed are %q, there are %q", named, there)
	}
	for _, want := range []string{"PKG_NAME:=tetherd", "GO_PKG_TAGS:=netgo,osusergo", "/etc/config/tetherd", "$(GO_ARCH_DEPENDS)", "owner give-back", "GO_PKG_INSTALL_ALL:=1", "USERID:=tetherd:tetherd"} {
		if !strings.Contains(text, want) {
			t.Errorf("it says nothing of %s", want)
		}
	}
	if !regexp.MustCompile(`PKG_VERSION:=\d+\.\d+\.\d+\n`).MatchString(text) {
		t.Error("the version is none that apk takes")
	}
}

// packageScript is one of the package's scripts, as the package has it, as a command of
// the box.
func (b *box) packageScript(name string) {
	b.t.Helper()
	_, script, ok := strings.Cut(read(b.t, "tetherd/Makefile"), "define Package/tetherd/"+name+"\n")
	if !ok {
		b.t.Fatalf("there is no %s", name)
	}
	script, _, _ = strings.Cut(script, "endef")
	b.command(name, strings.ReplaceAll(strings.ReplaceAll(script, "$$", "$"), "/usr/lib/tetherd/owner", "owner"))
}

// TestRemoval: the router is given back when the package goes, not when another version
// takes its place or an image is made.
func TestRemoval(t *testing.T) {
	for env, want := range map[string]bool{"": true, "PKG_UPGRADE=0": true, "PKG_UPGRADE=1": false, "IPKG_INSTROOT=/image": false} {
		b := newBox(t)
		b.command("owner", `echo "owner $*" >>"$ROOT/log"`)
		b.packageScript("prerm")
		b.command("hook", env+" exec prerm")
		b.run(filepath.Join(b.bin, "hook"))
		if got := b.read("log") == "owner give-back\n"; got != want {
			t.Errorf("%s: given back %v", env, got)
		}
	}
}

// TestInstallation: the bus daemon reads the file that came, and at an upgrade the new
// program takes the place of the one that runs; in an image, nothing of the builder's.
func TestInstallation(t *testing.T) {
	for env, want := range map[string]string{
		"": "killall -HUP ubusd\n", "PKG_UPGRADE=1": "killall -HUP ubusd\ntetherd restart\n", "IPKG_INSTROOT=/image": "", "PKG_UPGRADE=1 IPKG_INSTROOT=/image": "",
	} {
		b := newBox(t)
		for _, name := range []string{"killall", "tetherd"} { // neither of them runs
			b.command(name, `echo "`+name+` $*" >>"$ROOT/log"; exit 1`)
		}
		b.packageScript("postinst")
		b.command("hook", env+" exec postinst")
		b.run(filepath.Join(b.bin, "hook"))
		if got := b.read("log"); got != want {
			t.Errorf("%q: it did %q", env, got)
		}
	}
}

// TestHotplug: who holds the modem too is named in the log, once when a control node of a
// modem comes, and for nothing else.
func TestHotplug(t *testing.T) {
	if !strings.Contains(read(t, "tetherd/Makefile"), "modem.hotplug $(1)/etc/hotplug.d/usbmisc/") {
		t.Error("it is not called for control nodes")
	}
	for event, want := range map[string]int{
		"ACTION=add DEVNAME=cdc-wdm0": 1, "ACTION=remove DEVNAME=cdc-wdm0": 0, "ACTION=add DEVNAME=usb/lp0": 0, "ACTION=add": 0,
	} {
		b := newBox(t)
		b.command("hook", "unset DEVNAME\n"+strings.ReplaceAll(event, " ", "\n")+"\n. "+abs(t, "tetherd/files/modem.hotplug"))
		b.command("pidof", `[ "$1" = ModemManager ]`)
		b.run(filepath.Join(b.bin, "hook"))
		if log := b.read("log"); strings.Count(log, "ModemManager runs too") != want || strings.Contains(log, "uqmid") {
			t.Errorf("%s: the log is %q", event, log)
		}
	}
}

// TestRadioHotplug: the service makes the interface of a radio that comes later, unless
// somebody has switched it off.
func TestRadioHotplug(t *testing.T) {
	for _, c := range []struct {
		action  string
		enabled bool
		want    string
	}{{"add", true, "tetherd add_interfaces\n"}, {"add", false, ""}, {"remove", true, ""}} {
		b := newBox(t)
		b.service("tetherd", c.enabled)
		b.command("hook", `ACTION=`+c.action+`; . `+abs(t, "tetherd/files/radio.hotplug")+`; true`)
		b.run(filepath.Join(b.bin, "hook"))
		if got := b.read("log"); got != c.want {
			t.Errorf("%+v: it did %q", c, got)
		}
	}
}

// TestCapabilities: the sets agree, and name rights that there are.
func TestCapabilities(t *testing.T) {
	var sets map[string][]string
	if err := json.Unmarshal([]byte(read(t, "tetherd/files/capabilities.json")), &sets); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bounding", "effective", "permitted", "inheritable"} {
		if !slices.Equal(sets[name], sets["bounding"]) || len(sets[name]) == 0 {
			t.Errorf("%s is %q", name, sets[name])
		}
	}
	for _, c := range sets["bounding"] {
		if !regexp.MustCompile(`^CAP_[A-Z_]+$`).MatchString(c) {
			t.Errorf("what is %q?", c)
		}
	}
}

// acl is the folder with the file for the bus daemon.
func acl(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tetherd.json"), []byte(read(t, "tetherd/files/ubus-acl.json")), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestACL: with the file for the bus daemon, users of the group may look and listen, and
// may not change anything; others may nothing.
func TestACL(t *testing.T) {
	rules, err := bus.ReadACL(acl(t))
	if err != nil {
		t.Fatal(err)
	}
	d := bus.New()
	d.ACL = rules
	t.Cleanup(d.Close)
	dir := t.TempDir()
	for user, group := range map[string]string{"root": "root", "watcher": "tetherd", "nobody": "nogroup"} {
		if err := d.Listen(filepath.Join(dir, user), user, group); err != nil {
			t.Fatal(err)
		}
	}
	stop, err := bus.Object(filepath.Join(dir, "root"), "tetherd", "status", "clients", "config_set")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for _, c := range []struct {
		user, method string
		want         error
	}{
		{"root", "config_set", nil}, {"root", "status", nil}, {"watcher", "status", nil}, {"watcher", "clients", nil},
		{"watcher", "config_set", wire.PermissionDenied}, {"nobody", "status", wire.NotFound},
	} {
		caller, err := bus.Dial(filepath.Join(dir, c.user))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := caller.Call("tetherd", c.method, "{}"); err != c.want {
			t.Errorf("%s calls %s: %v, want %v", c.user, c.method, err, c.want)
		}
		if err := caller.Subscribe("tetherd"); (err == nil) != (c.user != "nobody") {
			t.Errorf("%s listens: %v", c.user, err)
		}
		caller.Close()
	}
}

// looks are the methods that change nothing and show no secret.
func looks() []string {
	var all []string
	for _, v := range api.Verbs() {
		if v.Kind == api.Look && (v.Scope == api.Public || v.Scope == api.Read) {
			all = append(all, v.UBus())
		}
	}
	return all
}

// open are those of them that show no secret even to root, as whom rpcd calls for
// everybody.
func open(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		v, _ := api.Find(strings.ReplaceAll(name, "_", " "))
		return slices.ContainsFunc(v.Args, func(a api.Arg) bool { return a.Name == "secrets" })
	})
}

// sameMethods says what is to be written into a file when the verbs have changed.
func sameMethods(t *testing.T, file string, got, want []string) {
	t.Helper()
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		text, _ := json.Marshal(want) // texts have no error
		t.Errorf("the methods in %s must be %s", file, text)
	}
}

// TestLookers: both files let those who may look use every verb that looks, and no other;
// rpcd's none that can be asked for secrets.
func TestLookers(t *testing.T) {
	var forBus struct {
		Access map[string]struct{ Methods []string }
	}
	if err := json.Unmarshal([]byte(read(t, "tetherd/files/ubus-acl.json")), &forBus); err != nil {
		t.Fatal(err)
	}
	sameMethods(t, "ubus-acl.json", forBus.Access["tetherd"].Methods, looks())
	var forRPCD map[string]struct {
		Read, Write struct {
			Ubus map[string][]string
			UCI  []string // would show passwords to readers, and pass by the trial of changes
		}
	}
	if err := json.Unmarshal([]byte(read(t, "tetherd/files/rpcd-acl.json")), &forRPCD); err != nil {
		t.Fatal(err)
	}
	sameMethods(t, "rpcd-acl.json", forRPCD["tetherd"].Read.Ubus["tetherd"], open(looks()))
	if uci := slices.Concat(forRPCD["tetherd"].Read.UCI, forRPCD["tetherd"].Write.UCI); len(uci) > 0 {
		t.Errorf("the file itself is open: %q", uci)
	}
	if got := forRPCD["tetherd"].Write.Ubus["tetherd"]; !slices.Equal(got, []string{"*"}) {
		t.Errorf("writers may %q", got)
	}
}
