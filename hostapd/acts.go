package hostapd

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/save"
)

// act is one Kick that was done.
type act struct {
	id    string
	mac   net.HardwareAddr
	until time.Time // its ban's end; counts as over when past
	found bool
}

// acts are those done, oldest first, at most maxActs and never fewer than the Spec can
// hold, so that none of its is forgotten and done again.
type acts []act

// take notes which of the wished acts are new, as done now, and returns them.
func (a *acts) take(kicks []Kick, there func(net.HardwareAddr) bool, now time.Time) []Kick {
	var fresh []Kick
	for _, k := range kicks {
		if slices.ContainsFunc(*a, func(x act) bool { return x.id == k.ID }) {
			continue
		}
		fresh = append(fresh, k)
		*a = append(*a, act{id: k.ID, mac: slices.Clone(k.MAC), until: now.Add(k.Ban), found: there(k.MAC)})
	}
	for len(*a) > maxActs {
		i := a.needless(kicks, now)
		*a = slices.Delete(*a, i, i+1)
	}
	return fresh
}

// needless is which act to forget: the oldest that is not wished any more, rather one
// whose ban is over.
func (a acts) needless(kicks []Kick, now time.Time) int {
	former := func(x act) bool {
		return !slices.ContainsFunc(kicks, func(k Kick) bool { return k.ID == x.id })
	}
	i := slices.IndexFunc(a, func(x act) bool { return former(x) && !x.until.After(now) })
	if i < 0 {
		i = max(slices.IndexFunc(a, former), 0)
	}
	return i
}

// denied joins the blocked stations with those under a ban, sorted, each once, and
// tells when the next ban ends; zero never.
func (a acts) denied(blocked []net.HardwareAddr, now time.Time) (list []net.HardwareAddr, next time.Time) {
	list = slices.Clone(blocked)
	for _, x := range a {
		if !x.until.After(now) {
			continue
		}
		list = append(list, x.mac)
		if next.IsZero() || x.until.Before(next) {
			next = x.until
		}
	}
	return Stations(list).Sorted(), next
}

func (a acts) outcomes() []Outcome {
	out := make([]Outcome, 0, len(a))
	for _, x := range a {
		out = append(out, Outcome{ID: x.id, Found: x.found})
	}
	return out
}

// The file of acts is text, a line each: id, address, seconds that remain of the ban,
// 1 when the station was there. It lies in the run folder: what the machine's restart
// ends needs no memory. Times are durations because a router's clock may start years
// back; the bans of a former process begin again, so none is cut short.
const actFile = "acts"

func (a acts) text(now time.Time) string {
	var b strings.Builder
	for _, x := range a {
		found := 0
		if x.found {
			found = 1
		}
		left := max(0, x.until.Sub(now)+time.Second-1) / time.Second
		fmt.Fprintf(&b, "%s %v %d %d\n", x.id, x.mac, left, found)
	}
	return b.String()
}

var errActs = errors.New("the file of acts is corrupt")

// parseActs reads what text wrote and nothing else.
func parseActs(text string, now time.Time) (acts, error) {
	var a acts
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(f) != 4 || !strings.HasSuffix(line, "\n") || len(a) == maxActs || !ActID(f[0]) {
			return nil, errActs
		}
		mac, ok := parseMAC(f[1])
		left, err := strconv.ParseUint(f[2], 10, 31)
		if !ok || err != nil || f[3] != "0" && f[3] != "1" || time.Duration(left) > MaxBan/time.Second {
			return nil, errActs
		}
		a = append(a, act{id: f[0], mac: mac, until: now.Add(time.Duration(left) * time.Second), found: f[3] == "1"})
	}
	return a, nil
}

func readActs(path string, now time.Time) (acts, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseActs(string(text), now)
}

func (a acts) write(path string, now time.Time) error {
	return save.File(path, []byte(a.text(now)))
}
