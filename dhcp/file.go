package dhcp

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/save"
)

// The lease file is text: a line with its version, one line a lease, and a line with
// their count, so that a file cut short is noticed.
//
//	tetherd-leases 1
//	192.168.8.20 02:00:00:00:00:01 43100 3600 01020000000001 phone
//	end 1
//
// The fields are address, hardware address, seconds that remain (0: ended, kept so
// that the client finds its address again), seconds since the first acknowledgement,
// client identifier in hex, host name; "-" is an empty field. A seventh, where there is
// one, is the hardware address of the repeater by which the client got its lease.
//
// Times are durations because a router's clock may start years back. They count from
// the moment of reading, so a lease lasts longer by the time the server was off,
// never shorter: nobody else gets an address that a client still believes to have. What
// the file says of a client that is not heard of goes down from start to start, however
// short the runs are, so that one that is gone does not keep its address for good.
const (
	fileHeader   = "tetherd-leases 1"
	maxFile      = 4 << 20 // octets
	maxFileLines = 2 * maxPool
)

var errCorrupt = errors.New("corrupt lease file")

// record is one line.
type record struct {
	addr      netip.Addr
	mac       hwaddr
	clientID  string
	hostname  string
	remaining time.Duration
	age       time.Duration
	source    hwaddr // zero: the client's own
}

// records lists all entries ever acknowledged but transient ones, by address, and marks them as saved.
func (t *Table) records(now time.Time) []record {
	var list []record
	for addr, e := range t.byAddr {
		if e.expires.IsZero() || t.transient(e.client.mac) {
			continue
		}
		e.saved = e.expires
		r := record{
			addr: addr, mac: e.client.mac, clientID: e.clientID, hostname: e.hostname,
			remaining: max(0, e.expires.Sub(now)), age: max(0, now.Sub(e.since)),
		}
		if !e.sure.IsZero() {
			r.remaining = max(0, e.sure.Sub(now))
		}
		if e.source != e.client.mac {
			r.source = e.source
		}
		list = append(list, r)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].addr.Less(list[j].addr) })
	return list
}

// restore adopts records as far as the present wish has room for them. A lease that
// had not ended gets at least half of the longest lease time, so that a client whose last
// renewal was not written comes to renew before.
func (t *Table) restore(list []record, now time.Time) {
	for _, r := range list {
		c := clientOf(r.mac, r.clientID)
		if _, reserved := t.owners[r.addr]; !reserved && !t.inPool(r.addr) ||
			t.byAddr[r.addr] != nil || t.byClient[c] != nil {
			continue
		}
		sure := now.Add(r.remaining)
		if r.remaining > 0 {
			r.remaining = max(r.remaining, t.spec.LeaseTime/2, t.spec.Longest/2)
		}
		e := &entry{
			client: c, clientID: r.clientID, addr: r.addr, hostname: r.hostname, kind: kindOf(nil, r.hostname),
			since: now.Add(-r.age), expires: now.Add(r.remaining), saved: now.Add(r.remaining),
			bound: r.remaining > 0, sure: sure, source: cmp.Or(r.source, r.mac), first: cmp.Or(r.source, r.mac),
		}
		t.byAddr[r.addr], t.byClient[c] = e, e
	}
}

// aging reports whether the file is to be written again, for time alone: a lease of a
// former run has not ended, and its client was not heard of in this one.
func (t *Table) aging(now time.Time) bool {
	for _, e := range t.byAddr {
		if now.Before(e.sure) {
			return true
		}
	}
	return false
}

// appendLeases writes the file's text.
func appendLeases(b []byte, list []record) []byte {
	b = append(b, fileHeader+"\n"...)
	for _, r := range list {
		b = fmt.Appendf(b, "%v %v %d %d %s %s", r.addr, r.mac.hardware(),
			(r.remaining+time.Second-1)/time.Second, r.age/time.Second,
			cmp.Or(hex.EncodeToString([]byte(r.clientID)), "-"), cmp.Or(r.hostname, "-"))
		if r.source != (hwaddr{}) {
			b = fmt.Appendf(b, " %v", r.source.hardware())
		}
		b = append(b, '\n')
	}
	return fmt.Appendf(b, "end %d\n", len(list))
}

// parseLeases reads the file's text. It takes what appendLeases writes and nothing
// else, but for host names, which it makes safe anew.
func parseLeases(text []byte) ([]record, error) {
	body, ok := strings.CutSuffix(string(text), "\n")
	lines := strings.SplitN(body, "\n", maxFileLines+3)
	if !ok || len(lines) < 2 || len(lines) > maxFileLines+2 || lines[0] != fileHeader {
		return nil, errCorrupt
	}
	last := len(lines) - 1
	if lines[last] != "end "+strconv.Itoa(last-1) {
		return nil, fmt.Errorf("%w: cut short", errCorrupt)
	}
	list := make([]record, 0, last-1)
	for i, line := range lines[1:last] {
		r, ok := parseRecord(line)
		if !ok || i > 0 && !list[i-1].addr.Less(r.addr) {
			return nil, fmt.Errorf("%w: line %d", errCorrupt, i+2)
		}
		list = append(list, r)
	}
	return list, nil
}

func parseRecord(line string) (r record, ok bool) {
	f := strings.Split(line, " ")
	if len(f) == 7 {
		if r.source, ok = parseHardware(f[6]); !ok {
			return r, false
		}
		f = f[:6]
	}
	if len(f) != 6 {
		return r, false
	}
	var good [6]bool
	var err error
	r.addr, err = netip.ParseAddr(f[0])
	good[0] = err == nil && r.addr.Is4()
	r.mac, good[1] = parseHardware(f[1])
	r.remaining, good[2] = parseSeconds(f[2])
	r.age, good[3] = parseSeconds(f[3])
	id, err := hex.DecodeString(strings.TrimPrefix(f[4], "-"))
	r.clientID = string(id)
	good[4] = err == nil && len(id) <= maxClientID && cmp.Or(hex.EncodeToString(id), "-") == f[4]
	// What a name may be can change from version to version, and is no reason to lose leases.
	r.hostname = label(f[5])
	good[5] = f[5] != "" && len(f[5]) <= maxLabel
	return r, good == [6]bool{true, true, true, true, true, true}
}

func parseHardware(s string) (hwaddr, bool) {
	mac, err := net.ParseMAC(s)
	m, ok := hwaddrOf(mac)
	return m, ok && err == nil && mac.String() == s
}

func parseSeconds(s string) (time.Duration, bool) {
	v, err := strconv.ParseUint(s, 10, 31)
	return time.Duration(v) * time.Second, err == nil && strconv.FormatUint(v, 10) == s
}

// readFile returns the records of a lease file; a missing one has none. A corrupt
// file is moved aside, where a person can look at it.
func readFile(path string) ([]record, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	list, err := parseLeases(text)
	if err != nil {
		return nil, errors.Join(err, os.Rename(path, path+".corrupt"))
	}
	return list, nil
}

// writeFile replaces the lease file in one step: after a power cut there is either
// the old one or the new one.
func writeFile(path string, list []record) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return save.File(path, appendLeases(nil, list))
}

// saver decides when the lease file is written: as late as the changes allow, and
// however many clients come and go at most once in saveSpacing, which doubles with each
// write that follows the last one closely, up to saveSpacingMost: clients that somebody
// makes up without end cost the flash 24 writes a day.
type saver struct {
	due     time.Time     // zero: nothing to write
	last    time.Time     // of the last attempt
	spacing time.Duration // from the last attempt to the next, at least
}

const (
	saveSpacing     = 30 * time.Second
	saveSpacingMost = time.Hour
)

// want asks for a write within the given time; 0 asks for none.
func (s *saver) want(within time.Duration, now time.Time) {
	if within == 0 {
		return
	}
	at := now.Add(within)
	if earliest := s.last.Add(s.spacing); !s.last.IsZero() && at.Before(earliest) {
		at = earliest
	}
	if s.due.IsZero() || at.Before(s.due) {
		s.due = at
	}
}

// take reports whether a write is due, and if so counts it as done.
func (s *saver) take(now time.Time) bool {
	if s.due.IsZero() || now.Before(s.due) {
		return false
	}
	if next := 2 * s.spacing; !s.last.IsZero() && now.Sub(s.last) < next {
		s.spacing = min(next, saveSpacingMost)
	} else {
		s.spacing = saveSpacing
	}
	s.due, s.last = time.Time{}, now
	return true
}
