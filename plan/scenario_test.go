package plan

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
	"github.com/tetherd/tetherd/wpa"
)

var update = flag.Bool("update", false, "write the golden sections anew")

// TestStories compiles every story in testdata/scenario: config and observations
// in, the whole plan out, as text.
func TestStories(t *testing.T) {
	paths, err := filepath.Glob("testdata/scenario/*.txtar")
	if err != nil || len(paths) < 12 {
		t.Fatalf("%d scenarios, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { playStory(t, path) })
	}
}

func playStory(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) < 2 || archive.Files[0].Name != "config" || archive.Files[1].Name != "observed" {
		t.Fatal("a story begins with the sections config and observed")
	}
	in, obs := readStory(t, path, archive)
	got := goldens(Compile(in, obs))
	if *update {
		archive.Files = append(archive.Files[:2:2], got...)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(text(archive.Files[2:]), text(got)); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}

func readStory(t *testing.T, path string, archive *txtar.Archive) (Inputs, Observed) {
	t.Helper()
	in := Inputs{Synthetic: synthetic}
	var obs Observed
	cfg, err := config.Parse(path, archive.Files[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	in.Config = cfg
	readObserved(t, string(archive.Files[1].Data), &in, &obs)
	in.Avoid = Avoid(in.Avoid, Bearers(in, obs), obs.Link, cfg)
	return in, obs
}

// readObserved reads one fact a line:
//
//	bearer wwan0 100.64.0.5/30 via 100.64.0.6 dns 198.51.100.1 mtu 1430
//	own …, shared …         the same for one purpose only
//	former bearer …         the same, noted by the former process
//	foreign 10.0.0.0/8      a network that others use here
//	address br-lan 192.168.1.1/24   set by somebody else
//	avoid 10.0.0.0/8        a network that was in use before
//	there wwan0             the interface is there
//	radio wlan0 2.4 5       an access point with these bands
//	was-ours wlan0          that radio was a former process's
//	bridged wlan0 br-lan    the interface is in that bridge
//	country DE              of the mobile network, as remembered
//	roaming, partner        the modem is, with a stranger or a partner of its operator
//	used 450 of 500         of the plan in the operator's document, in megabytes
//	device                  the device has made a name and passphrases of its own
//	was-online, off
func readObserved(t *testing.T, lines string, in *Inputs, obs *Observed) {
	t.Helper()
	for line := range strings.Lines(lines) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		at := &obs.Modem.Bearers
		if w[0] == "former" {
			at, w = &in.Former, w[1:]
		}
		switch w[0] {
		case "bearer":
			readBearer(t, at, w[1:], modem.Own, modem.Shared)
		case "radio":
			obs.Hostapd.Devices = append(obs.Hostapd.Devices, device(w[1], w[2:]...))
		case "bridged":
			obs.Link.Interfaces = append(obs.Link.Interfaces, link.Interface{Name: w[1], Master: w[2]})
		case "was-ours":
			obs.Hostapd.Former = append(obs.Hostapd.Former, w[1])
		case "country":
			in.Country = w[1]
		case "roaming", "partner":
			obs.Modem.Registration = modem.Registration{State: w[0], PLMN: "20810"}
		case "used":
			p := document.Plan{Usage: &document.PlanUsage{}}
			fmt.Sscan(w[1], &p.Usage.UsedMB)
			fmt.Sscan(w[3], &p.LimitMB)
			in.Document = &provision.InForce{Document: &document.Document{Plans: []document.Plan{p}}}
		case "device":
			in.WiFi = wpa.Own{SSID: "Tether 4821", Passphrase: "own-pass-word", Guest: "own-gues-word"}
		case "own", "shared":
			readBearer(t, at, w[1:], modem.Purpose(w[0]))
		case "foreign":
			obs.Link.Foreign = append(obs.Link.Foreign, netip.MustParsePrefix(w[1]))
		case "address":
			p := netip.MustParsePrefix(w[2])
			obs.Link.Interfaces = append(obs.Link.Interfaces, link.Interface{Name: w[1], Addresses: []netip.Prefix{p}})
			obs.Link.Foreign = append(obs.Link.Foreign, p.Masked())
		case "there":
			obs.Link.Interfaces = append(obs.Link.Interfaces, link.Interface{Name: w[1]})
		case "avoid":
			in.Avoid = append(in.Avoid, netip.MustParsePrefix(w[1]))
		case "was-online":
			in.WasOnline = true
		case "off":
			in.Off = true
		default:
			t.Fatalf("observed: %q", line)
		}
	}
}

func readBearer(t *testing.T, at *map[modem.Purpose]modem.BearerStatus, w []string, purposes ...modem.Purpose) {
	t.Helper()
	c := &modem.IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix(w[1])}}
	for i := 2; i+1 < len(w); i += 2 {
		switch key, value := w[i], w[i+1]; key {
		case "via":
			c.Gateway = netip.MustParseAddr(value)
		case "dns":
			c.DNS = append(c.DNS, netip.MustParseAddr(value))
		case "mtu":
			fmt.Sscan(value, &c.MTU)
		default:
			t.Fatalf("bearer: %q", key)
		}
	}
	if *at == nil {
		*at = map[modem.Purpose]modem.BearerStatus{}
	}
	for _, p := range purposes {
		(*at)[p] = modem.BearerStatus{State: modem.BearerUp, Interface: w[0], Since: time.Unix(0, 0).UTC(), IPv4: c}
	}
}

// goldens renders a plan as sections of text.
func goldens(d Desired) []txtar.File {
	var why strings.Builder
	for _, r := range d.Why {
		fmt.Fprintf(&why, "%s %s: %s\n", r.What, r.Value, r.Why)
	}
	file := func(name, text string) txtar.File { return txtar.File{Name: name, Data: []byte(text)} }
	return []txtar.File{
		file("link", lanText(d.Link.LANs)+uplinkText(d.Link.Uplinks)),
		file("nat", natText(d.NAT)),
		file("hostapd", wifiText(d.Hostapd)),
		file("dhcp", dhcpText(d.DHCP)),
		file("dns", fields(d.DNS)),
		file("modem", fields(d.Modem)),
		file("probe", fields(d.Probe)),
		file("why", why.String()),
	}
}

// device is a radio that can be an access point.
func device(name string, bands ...string) hostapd.Capabilities {
	c := hostapd.Capabilities{Interface: name, Interfaces: []string{name}, AP: true}
	for _, b := range bands {
		c.Bands = append(c.Bands, hostapd.BandCapabilities{Band: hostapd.Band(b)})
	}
	return c
}

func wifiText(s hostapd.Spec) string {
	radios := s.Radios
	s.Radios = nil
	text := fields(s)
	for _, r := range radios {
		list := r.Networks
		r.Networks = nil
		text += "radio\n" + fields(r)
		for _, n := range list {
			text += "network\n" + fields(n)
		}
	}
	return text
}

// fields prints a struct, one field a line, without those that are zero.
func fields(s any) string {
	var b strings.Builder
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() && !(f.Kind() == reflect.Slice && f.Len() == 0) {
			fmt.Fprintf(&b, "%s %+v\n", v.Type().Field(i).Name, f)
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// lanText prints the LAN as it is alone, and further networks under a heading.
func lanText(lans []link.LAN) string {
	if len(lans) == 0 {
		return "nothing\n"
	}
	text := fields(lans[0])
	for _, l := range lans[1:] {
		text += "network\n" + fields(l)
	}
	return text
}

func dhcpText(s dhcp.Spec) string {
	if len(s.Networks) == 0 {
		return "nothing\n"
	}
	text := fields(s.Networks[0])
	for _, n := range s.Networks[1:] {
		text += "network\n" + fields(n)
	}
	return text
}

func uplinkText(ups []link.Uplink) string {
	var b strings.Builder
	for _, u := range ups {
		fmt.Fprintf(&b, "uplink\n%s", fields(u))
	}
	return b.String()
}

func natText(s nat.Spec) string {
	if !s.Enabled {
		return "no table\n"
	}
	return nat.Render(s).String()
}

func text(files []txtar.File) string { return string(txtar.Format(&txtar.Archive{Files: files})) }
