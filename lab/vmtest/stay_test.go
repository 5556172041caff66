//go:build vm

package vmtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
)

// joined and lost count how often the station got in and was thrown out so far.
func (s *station) joined() int { return strings.Count(s.log(), "CTRL-EVENT-CONNECTED") }
func (s *station) lost() int   { return strings.Count(s.log(), "CTRL-EVENT-DISCONNECTED") }

// stay fails the test when a change throws a station out.
func stay(t *testing.T, what string, change func(), stations ...*station) {
	t.Helper()
	var before []int
	for _, s := range stations {
		before = append(before, s.joined(), s.lost())
	}
	change()
	for i, s := range stations {
		s.fetch()
		if s.joined() != before[2*i] || s.lost() != before[2*i+1] {
			t.Errorf("by a change of the %s %s was thrown out:\n%s", what, s.dev, s.log())
		}
	}
}

// on waits until the station is in on a frequency in MHz.
func (s *station) on(frequency string) {
	s.t.Helper()
	eventually(s.t, s.dev+" on the new channel", func() error {
		state, err := s.state()
		if err == nil && !(strings.Contains(state, "freq="+frequency+"\n") && strings.Contains(state, "wpa_state=COMPLETED")) {
			err = fmt.Errorf("%s", state)
		}
		return err
	})
}

// tell uses a command of tetherd.
func (g *gateway) tell(args ...string) string {
	g.t.Helper()
	return run(g.t, "tetherd", append(args, "-socket", g.socket())...)
}

// wpa2 is a network of which hostapd can take everything but the name live.
func wpa2() air {
	a := home()
	a.security = "wpa2"
	return a
}

// guests is a second network of the same radio.
const guests = "config network\n\toption ssid 'Guests'\n\toption passphrase 'guests are welcome'\n\toption security 'wpa2'\n\toption guest '1'\n"

// TestStationsStay: what hostapd can take live costs no station its connection.
func TestStationsStay(t *testing.T) {
	w := newWorld(t)
	newRadios(t, 3)
	s, other := newStation(t, "wlan1"), newStation(t, "wlan2")
	now := wpa2()
	g := newGateway(t, now.config())
	w.plug()
	g.onAir(now)
	s.join(now.ssid, now.passphrase, byWPA2)
	s.lease()

	stay(t, "channel", func() {
		now.channel = "6"
		g.configure(now.config())
		g.onAir(now)
		s.on("2437")
	}, s)
	stay(t, "number of stations", func() {
		g.configure(now.config() + "\toption max_stations '1'\n")
		other.try("one more is refused", now.ssid, now.passphrase, byWPA2, func() error { // it gets in until the bound is in force
			if !strings.Contains(other.log(), "status_code=17") { // IEEE 802.11-2020 table 9-50: no room
				return fmt.Errorf("%s", other.log())
			}
			return nil
		})
	}, s)
	if r := radio(g.online()); r.Restarts != 0 {
		t.Errorf("hostapd was started again: %+v", r)
	}
}

// TestGuests: guests reach neither the LAN nor the gateway's page, and keep their connection
// while another passphrase throws out who uses the former one of the other network, and when
// both networks go to another channel.
func TestGuests(t *testing.T) {
	w := newWorld(t)
	newRadios(t, 3)
	s, guest := newStation(t, "wlan1"), newStation(t, "wlan2")
	now := wpa2()
	g := newGateway(t, now.config()+guests)
	w.plug()
	g.onAir(now)
	s.join(now.ssid, now.passphrase, byWPA2)
	s.lease()
	guest.join("Guests", "guests are welcome", byWPA2)
	guest.lease()
	guest.fetch()

	page := func(c *client) error {
		return c.ns.Run("curl", "-sS", "--max-time", "10", "-o", "/dev/null", "http://"+c.gateway()+":8080/")
	}
	eventually(t, "page of the gateway", func() error { return page(s.client) })
	if page(guest.client) == nil || guest.ns.Run("ping", "-c", "3", "-W", "2", s.address()) == nil || guest.ns.Run("ping", "-c", "3", "-W", "2", s.gateway()) == nil {
		t.Error("a guest reaches what is not for guests")
	}

	stay(t, "other network's passphrase", func() {
		now.passphrase = "another horse battery"
		g.configure(now.config() + guests)
		s.join(now.ssid, now.passphrase, byWPA2)
		s.lease()
	}, guest)
	stay(t, "channel", func() {
		now.channel = "6"
		g.configure(now.config() + guests)
		g.onAir(now)
		s.on("2437")
		guest.on("2437")
	}, s, guest)
	if r := radio(g.online()); r.Restarts != 0 {
		t.Errorf("hostapd was started again: %+v", r)
	}
}

// TestStationThrownOut: a station that is kicked comes back by itself, not before its ban
// is over; one that is blocked is out until it is no longer.
func TestStationThrownOut(t *testing.T) {
	newWorld(t)
	newRadios(t, 2)
	s := newStation(t, "wlan1")
	g := newGateway(t, wpa2().config())
	g.onAir(wpa2())
	s.join("Home", home().passphrase, byWPA2)
	back := func(n int) {
		t.Helper()
		eventually(t, "station back", func() error {
			if s.joined() < n {
				return fmt.Errorf("it got in %d times, wanted %d", s.joined(), n)
			}
			return nil
		})
		g.await("station let in", func(d api.Document) error {
			if c := clientOf(d, s.mac()); c.WiFi == nil || !c.WiFi.Authorised {
				return fmt.Errorf("%+v", c)
			}
			return nil
		})
	}
	back(1)

	g.tell("kick", s.mac())
	back(2)

	const ban = 15 * time.Second
	kicked := time.Now()
	g.tell("kick", s.mac(), "-ban", fmt.Sprint(int(ban.Seconds())))
	back(3)
	if early := ban - time.Since(kicked); early > 0 {
		t.Errorf("the station was let in %v before its ban was over", early)
	}

	g.configure(wpa2().config() + "config block\n\toption mac '" + s.mac() + "'\n")
	g.await("station out", func(d api.Document) error {
		if c := clientOf(d, s.mac()); c.WiFi != nil && c.WiFi.Authorised || s.lost() < 3 {
			return fmt.Errorf("thrown out %d times: %+v", s.lost(), c)
		}
		return nil
	})
	refused := func() int {
		return strings.Count(s.log(), "CTRL-EVENT-AUTH-REJECT") + strings.Count(s.log(), "CTRL-EVENT-ASSOC-REJECT")
	}
	before := refused()
	eventually(t, "station refused", func() error {
		if refused() == before {
			return fmt.Errorf("refused %d times", before)
		}
		return nil
	})
	if s.joined() != 3 {
		t.Error("the blocked station got in")
	}
	g.configure(wpa2().config())
	back(4)
	if r := radio(g.await("a look", func(api.Document) error { return nil })); r.Restarts != 0 {
		t.Errorf("hostapd was started again: %+v", r)
	}
}
