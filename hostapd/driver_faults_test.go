package hostapd

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tetherd/tetherd/wpa"
)

// Two networks need a radio for the second, which driver=none has not: hostapd itself
// ends, and the former settings come back.
func TestWishThatHostapdRefuses(t *testing.T) {
	t.Parallel()
	b := broadcasting(t)
	two := one()
	guest := home()
	guest.Guest, guest.Security, guest.SSID = true, wpa.WPA2, "Guests"
	two.Radios[0].Networks = append(two.Radios[0].Networks, guest)
	b.apply(two)
	b.until("the refusal", func(r RadioStatus) bool { return r.Refused == "the radio could not carry another network" && on(r) })
	if !strings.Contains(b.said("GET_CONFIG"), "ssid=Tether 4821\n") {
		t.Error("the former network is not on the air")
	}
	b.apply(one())
	b.until("the former wish", func(r RadioStatus) bool { return r.Refused == "" && on(r) })
}

// A radio that has no place for guests, which only trying tells, still carries the first
// network when it is started with both.
func TestNetworkTooManyAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, "").start()
	s := one()
	guest := s.Radios[0].Networks[0]
	guest.Guest, guest.SSID = true, "Guests"
	s.Radios[0].Networks = append(s.Radios[0].Networks, guest)
	b.apply(s)
	b.until("the first network", func(r RadioStatus) bool {
		return on(r) && r.Refused == "" && slices.Contains(r.Why, `network "Guests" is left out: the radio carries 1 at once`)
	})
	s.Radios[0].Channel = 11
	b.apply(s)
	b.until("another channel", func(r RadioStatus) bool { return on(r) && r.Refused == "" && r.Channel == 11 })
	// What is new beside them is refused all the same, and what was before is back then.
	before := b.radio().Restarts
	more := s
	shop := home()
	shop.SSID = "Shop"
	more.Radios = []Radio{s.Radios[0]}
	more.Radios[0].Networks = append(slices.Clone(s.Radios[0].Networks), shop)
	b.apply(more)
	b.until("the refusal", func(r RadioStatus) bool { return r.Refused == "the radio could not carry another network" && on(r) })
	b.apply(s)
	b.until("the wish of before", func(r RadioStatus) bool { return on(r) && r.Refused == "" })
	if n := b.radio().Restarts; n != before+2 {
		t.Errorf("%d starts for a wish that is refused and undone", n-before)
	}
}

// A network for guests that cannot be as secure as it must be is left out at a start, for
// the others' sake, and the one behind it keeps its interface, by which others know it.
func TestNetworkThatCannotBeSecuredAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	b.radios[0].Protection = false
	b.start()
	s := one()
	guest := s.Radios[0].Networks[0]
	guest.Guest, guest.SSID, guest.Security = true, "Guests", wpa.WPA3
	s.Radios[0].Networks = append(s.Radios[0].Networks, guest)
	b.apply(s)
	b.until("the first network", func(r RadioStatus) bool {
		return on(r) && r.Refused == "" && slices.Contains(r.Why, `network "Guests" is left out: the radio cannot protect management frames, which WPA3 needs`)
	})
	s.Radios[0].Channel = 11
	b.apply(s)
	b.until("another channel", func(r RadioStatus) bool { return on(r) && r.Refused == "" && r.Channel == 11 })
}

func TestCountryIsSetBeforeTheChannelIsChosen(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	b.radios = []Capabilities{made(t, "world")}
	set := b.hw.country
	b.hw.country = func(code string) error { // the kernel reads its rules
		err := set(code)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.radios[0].Bands = made(t, "ac").Bands
		return err
	}
	b.start()
	s := one()
	s.Country, s.Radios[0].Band, s.Radios[0].Channel = "DE", Band5, 44
	b.apply(s)
	// Without a radio hostapd waits 5 s for the kernel to take the country.
	b.until("5 GHz", func(r RadioStatus) bool { return r.State == StateCountry && r.Channel == 44 && len(r.Why) == 0 })
}

func TestDriverThatKeepsItsOwnRules(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	b.radios[0].SelfManaged, b.radios[0].Country = true, "US"
	b.start()
	s := one()
	s.Country = "DE"
	b.apply(s)
	b.until("the reason", func(r RadioStatus) bool {
		return r.State == StateCountry && slices.Contains(r.Why, "the radio's driver keeps its own rules instead of those of DE")
	})
}

// script is a program in hostapd's place.
func script(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "hostapd")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHostapdWithoutSAEIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, script(t, `if grep -q 'key_mgmt=.*SAE' "$1"; then echo "Line 19: invalid key_mgmt 'SAE'"; echo "1 errors found in configuration file '$1'"; exit 1; fi; exec hostapd "$1"`)).start()
	s := one()
	s.Radios[0].Networks[0].Security = wpa.WPA2WPA3
	b.apply(s)
	b.until("WPA2", func(r RadioStatus) bool {
		return on(r) && slices.Contains(r.Why, `network "Tether 4821" is WPA2 only: hostapd is built without WPA3`)
	})
	if !strings.Contains(b.said("GET_CONFIG"), "key_mgmt=WPA-PSK \n") && !strings.Contains(b.said("GET_CONFIG"), "key_mgmt=WPA-PSK\n") {
		t.Error(b.said("GET_CONFIG"))
	}
}

func TestFailingChoiceOfAChannel(t *testing.T) {
	t.Parallel()
	const none = "Configured channel (0) or frequency (0) (secondary_channel=0) not found from the channel list of the current mode (1) IEEE 802.11g\nHardware does not support configured channel"
	for name, says := range map[string]string{
		"no survey":   "ACS: Unable to collect survey data",
		"not built":   "ACS was disabled on your build, rebuild hostapd with CONFIG_ACS=y or set channel\n" + none,
		"no scan":     "ACS: Failed to request initial scan\n" + none,
		"nothing why": none,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, script(t, `if grep -q channel=0 "$1"; then echo "`+says+`"; exit 1; fi; exec hostapd "$1"`)).start()
			s := one()
			s.Radios[0].Channel = 0
			b.apply(s)
			b.until("a fixed channel", func(r RadioStatus) bool {
				return on(r) && r.Channel == 1 && slices.Contains(r.Why, "the radio could not choose a channel by itself")
			})
		})
	}
}

func TestRefusedChannelIsAvoided(t *testing.T) {
	t.Parallel()
	b := newBench(t, script(t, `if grep -q channel=6 "$1"; then echo "Channel 6 (primary) not allowed for AP mode, flags: 0x3"; exit 1; fi; exec hostapd "$1"`)).start()
	b.apply(one())
	b.until("another channel", func(r RadioStatus) bool { return on(r) && r.Channel == 1 })
}

// A hostapd that sleeps in its driver is not ended by a signal. Nobody waits for it longer
// than for others, and its note stays for whoever comes next.
func TestHostapdThatNothingEnds(t *testing.T) {
	s, _, _ := fakeSession(t)
	var sent []string
	s.proc = &process{pid: os.Getpid(), done: make(chan struct{}), signal: func(n syscall.Signal) error {
		sent = append(sent, n.String())
		return nil
	}}
	s.note()
	s.close()
	if _, err := os.Stat(pidPath(s.set.Dir, s.name)); err != nil || !slices.Equal(sent, []string{"terminated", "killed"}) {
		t.Errorf("%q, note: %v", sent, err)
	}
}

func TestFailureIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, script(t, `f="$(dirname "$0")/n"; echo x >>"$f"; if [ $(wc -l <"$f") -lt 2 ]; then echo "nl80211: Could not configure driver mode"; echo "nl80211 driver initialization failed."; exit 1; fi; exec hostapd "$1"`)).start()
	b.apply(one())
	b.until("the cause", func(r RadioStatus) bool {
		return r.State == StateWaiting && r.Error == "the radio's driver could not be opened"
	})
	b.until("the second try", func(r RadioStatus) bool { return on(r) && r.Restarts == 1 })
}

func TestMissingProgram(t *testing.T) {
	t.Parallel()
	b := newBench(t, "/no/such/hostapd").start()
	b.apply(one())
	b.until("the cause", func(r RadioStatus) bool {
		return r.State == StateWaiting && strings.Contains(r.Error, "start hostapd") && strings.Contains(r.Error, "no such file")
	})
}

// A hostapd that a killed process of ours left is ended first, or its socket would be
// in the way.
func TestLeftoverIsEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	caps := made(t, "g")
	r, tune, _ := Fit(one().Radios[0], caps, Trouble{})
	c := serve(t, Setting{Dir: b.Driver.dir(), Radio: r, Tune: tune, Capabilities: caps, driver: "none"})
	if err := c.attach(make(chan event, 9), make(chan struct{}, 1)); err != nil {
		t.Fatal(err)
	}
	b.start().apply(one())
	b.until("the network", on)
	if r := b.radio(); r.Restarts != 0 {
		t.Errorf("%+v", r)
	}
}

func TestAwkwardConversation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wlan0")
	c := &ctrl{path: path}
	defer c.close()
	if _, err := c.ask("PING"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("without a socket: %v", err)
	}
	server, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	stranger, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path + "2", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	go func() {
		b := make([]byte, 99)
		for {
			n, from, err := server.ReadFromUnix(b)
			if err != nil {
				return
			}
			stranger.WriteToUnix([]byte("FAIL\n"), from) // who does not belong is not heard
			switch string(b[:n]) {
			case "LONG":
				server.WriteToUnix(bytes.Repeat([]byte("x"), 2*maxReply), from)
			case "SILENCE":
			default:
				server.WriteToUnix([]byte("OK\n"), from)
			}
		}
	}()
	if err := c.tell("X"); err != nil {
		t.Error(err)
	}
	if reply, err := c.ask("LONG"); err != nil || len(reply) != maxReply {
		t.Errorf("%d octets, %v", len(reply), err)
	}
	if _, err := c.within(50*time.Millisecond, "SILENCE"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
	waited := time.AfterFunc(50*time.Millisecond, c.hurry)
	defer waited.Stop()
	if _, err := c.within(time.Hour, "SILENCE"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("in a hurry: %v", err)
	}
	if err := c.tell("X"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after that: %v", err)
	}
}

func TestStubbornChildIsKilled(t *testing.T) {
	t.Parallel()
	p, err := startProcess(script(t, "trap '' TERM\necho ready\nwhile :; do sleep 0.05; done"))
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the child", func() bool { return len(p.out.text()) > 0 })
	if p.stop(50*time.Millisecond) || !strings.Contains(p.end, "killed") {
		t.Errorf("it ended by %q", p.end)
	}
}

// Only who ended by itself took leave of its stations.
func TestLeaveIsTaken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"exit 0": true, "exit 1": true, "kill -9 $$": false, // before it is asked
		"trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done": true,
		"echo ready; while :; do sleep 0.05; done":                     false, // the signal is the end of it
	} {
		p, err := startProcess(script(t, text))
		if err != nil {
			t.Fatal(err)
		}
		await(t, "the child", func() bool { return len(p.out.text()) > 0 || p.ended() })
		if got := p.stop(patience); got != want {
			t.Errorf("%s: %v, it ended by %q", text, got, p.end)
		}
	}
}

// One radio's failure is not the other's.
func TestTwoRadios(t *testing.T) {
	t.Parallel()
	b := newBench(t, script(t, `case "$1" in *wlan1.conf) echo "Could not set interface wlan1 flags (UP): Operation not possible due to RF-kill"; exit 1;; esac; exec hostapd "$1"`))
	second := made(t, "g")
	second.Interface, second.Interfaces = "wlan1", []string{"wlan1"}
	b.radios = append(b.radios, second)
	b.index["wlan1"] = 6
	b.start()
	s := one()
	s.Radios = append(s.Radios, one().Radios[0])
	s.Radios[1].Interface = "wlan1"
	b.apply(s)
	b.until("one radio and the other's fault", func(r RadioStatus) bool {
		all := b.Observe().Radios
		return on(r) && len(all) == 2 && all[1].Interface == "wlan1" && all[1].Error == "the radio is switched off (rfkill)"
	})
	s = s.clone()
	s.Radios = s.Radios[:1]
	b.apply(s)
	await(t, "the second to be forgotten", func() bool { return len(b.Observe().Radios) == 1 })
	if r := b.radio(); !on(r) || r.Restarts != 0 {
		t.Errorf("%+v", r)
	}
}

func TestRadiosThatCannotBeListed(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	list := b.hw.list
	var broken atomic.Bool
	broken.Store(true)
	b.hw.list = func() ([]Capabilities, error) {
		if broken.Load() {
			return nil, errors.New("netlink is out of order")
		}
		return list()
	}
	b.start().apply(one())
	b.until("the fault", func(r RadioStatus) bool {
		return r.State == StateWaiting && r.Error == "the radios cannot be listed: netlink is out of order" && b.Observe().Error == "netlink is out of order"
	})
	broken.Store(false)
	b.until("the network", on)
	await(t, "the list", func() bool { return b.Observe().Error == "" })

	// What is there is not forgotten over it, or its network would not be wished any more;
	// and that it is over is found out though no interface changes.
	have := b.Observe().Devices
	broken.Store(true)
	b.touched()
	await(t, "the fault to be told", func() bool { return b.Observe().Error != "" })
	if st := b.Observe(); len(have) != 1 || !reflect.DeepEqual(st.Devices, have) {
		t.Errorf("of %+v there is %+v", have, st.Devices)
	}
	broken.Store(false)
	await(t, "the list again", func() bool { return b.Observe().Error == "" })
}

// A country in whose rules no channel is left is found out only after its rules are in
// force, for which the network had to go.
func TestCountryWithoutAChannel(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	set := b.hw.country
	b.hw.country = func(code string) error {
		b.mu.Lock()
		bands := made(t, "g").Bands
		for i := range bands[0].Channels {
			bands[0].Channels[i].Disabled = code == "KP"
		}
		b.radios[0].Bands = bands
		b.mu.Unlock()
		return set(code)
	}
	b.start().apply(one())
	b.until("the network", on)
	s := one()
	s.Country = "KP"
	b.apply(s)
	b.until("the former network", func(r RadioStatus) bool {
		return on(r) && r.Refused == "no channel may transmit in KP"
	})
}

func TestActsOfACorruptFileAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	if err := os.MkdirAll(b.Driver.dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.Driver.dir(), actFile), []byte("\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := one()
	s.Kicks = []Kick{{ID: "k1", MAC: mac(1)}}
	b.start().apply(s)
	b.until("the network", on)
	await(t, "the act", func() bool { return slices.Equal(b.Observe().Acts, []Outcome{{"k1", false}}) })
	await(t, "the file", func() bool {
		text, err := os.ReadFile(filepath.Join(b.Driver.dir(), actFile))
		return err == nil && string(text) == "k1 02:00:00:00:00:01 0 0\n"
	})
}
