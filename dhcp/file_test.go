package dhcp

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const goodFile = `tetherd-leases 1
192.168.8.100 02:00:00:00:00:01 43200 60 - phone
192.168.8.101 02:00:00:00:00:02 1 7200 01020000000002 -
192.168.8.102 02:00:00:00:00:03 0 90000 ff00 tv 02:00:00:00:00:4d
end 3
`

func TestLeaseFileText(t *testing.T) {
	list, err := parseLeases([]byte(goodFile))
	if err != nil {
		t.Fatal(err)
	}
	want := []record{
		{addr("192.168.8.100"), dev(1).mac, "", "phone", 12 * hour, time.Minute, hwaddr{}},
		{addr("192.168.8.101"), dev(2).mac, "\x01\x02\x00\x00\x00\x00\x02", "", time.Second, 2 * hour, hwaddr{}},
		{addr("192.168.8.102"), dev(3).mac, "\xff\x00", "tv", 0, 25 * hour, dev(77).mac},
	}
	if !slices.Equal(list, want) {
		t.Errorf("%+v", list)
	}
	if got := string(appendLeases(nil, list)); got != goodFile {
		t.Errorf("written again:\n%s", got)
	}
}

func TestBadLeaseFiles(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(goodFile, old, new, 1) }
	for name, text := range map[string]string{
		"empty":                    "",
		"zeros after a power cut":  strings.Repeat("\x00", 4096),
		"only the header":          "tetherd-leases 1\n",
		"another version":          edit("leases 1", "leases 2"),
		"cut between lines":        goodFile[:strings.Index(goodFile, "192.168.8.102")],
		"cut within a line":        goodFile[:80],
		"no last newline":          strings.TrimSuffix(goodFile, "\n"),
		"a line lost":              edit("192.168.8.101 02:00:00:00:00:02 1 7200 01020000000002 -\n", ""),
		"text after the end":       goodFile + "x\n",
		"an address twice":         edit("8.101", "8.100"),
		"not sorted":               edit("8.102", "8.99"),
		"IPv6 address":             edit("192.168.8.100", "fd00::1"),
		"mapped address":           edit("192.168.8.100", "::ffff:192.168.8.100"),
		"no address":               edit("192.168.8.100", "-"),
		"multicast hardware":       edit("02:00:00:00:00:01", "03:00:00:00:00:01"),
		"long hardware":            edit("02:00:00:00:00:01", "02:00:00:00:00:01:00:00"),
		"other spelling of it":     edit("02:00:00:00:00:01", "0200.0000.0001"),
		"no such repeater":         edit("00:4d", "00"),
		"repeater of zeros":        edit("02:00:00:00:00:4d", "00:00:00:00:00:00"),
		"an eighth field":          edit("00:4d", "00:4d -"),
		"negative time":            edit("43200", "-1"),
		"time beyond all reason":   edit("43200", "99999999999"),
		"time with a plus":         edit("43200", "+43200"),
		"identifier not hex":       edit("ff00", "xyz0"),
		"identifier of odd length": edit("ff00", "ff0"),
		"identifier too long":      edit("ff00", strings.Repeat("ff", 256)),
		"identifier with hyphen":   edit("ff00", "-ff00"),
		"no name":                  edit(" phone", " "),
		"name too long":            edit("phone", strings.Repeat("p", 64)),
		"too few fields":           edit(" - phone", " phone"),
		"too many fields":          edit("phone", "phone x"),
		"two spaces":               edit(" 43200", "  43200"),
		"carriage returns":         strings.ReplaceAll(goodFile, "\n", "\r\n"),
		"endless":                  fileHeader + strings.Repeat("\n", 3*maxFileLines),
	} {
		if list, err := parseLeases([]byte(text)); !errors.Is(err, errCorrupt) {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// TestNamesOfAFileAreMadeSafe: a name that would not be given now costs no lease.
func TestNamesOfAFileAreMadeSafe(t *testing.T) {
	for name, want := range map[string]string{"Phone": "phone", "a--2": "a-2", "wpad": "", "-x": "x", "é": "", "phone.lan": "phone"} {
		list, err := parseLeases([]byte(strings.Replace(goodFile, "phone", name, 1)))
		if err != nil || len(list) != 3 || list[0].hostname != want {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
}

func TestLeasesSurviveARestart(t *testing.T) {
	l := newLAN(t)
	anna := device{mac: dev(1).mac, id: "\xffanna", name: "phone"}
	a, b := l.join(anna), l.join(dev(2))
	l.wait(11 * hour)
	l.is(l.renew(anna, a), 5)
	l.wait(2 * hour) // the second lease ends
	path := filepath.Join(t.TempDir(), "state", "leases")
	if err := writeFile(path, l.table.records(l.now)); err != nil {
		t.Fatal(err)
	}
	list, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The machine has no clock: it starts in 1970.
	again := newLAN(t)
	again.now = time.Unix(20, 0)
	again.table.restore(list, again.now)
	got := again.table.leases(again.now)
	if len(got) != 1 || got[0].Addr != a || got[0].Hostname != "phone" || string(got[0].ClientID) != "\xffanna" ||
		got[0].Expires.Sub(again.now) != 10*hour || again.now.Sub(got[0].Since) != 13*hour {
		t.Errorf("%+v", got)
	}
	again.is(again.renew(anna, a), 5)
	again.same(again.join(dev(2)), b)
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("files: %v", entries)
	}
}

// The last renewal of a client may not be on file; what is restored must last until
// the client renews again.
func TestRestoredLeaseLastsUntilTheNextRenewal(t *testing.T) {
	l := newLAN(t)
	l.table.restore([]record{{addr: addr("192.168.8.100"), mac: dev(1).mac, remaining: time.Second}}, l.now)
	if got := l.table.leases(l.now)[0].Expires.Sub(l.now); got != 6*hour {
		t.Errorf("lasts %v", got)
	}
}

// Leases are short until there is Internet, and so at each start: a client that was told a
// long one just before a crash, which is not on file yet, keeps it all the same.
func TestRestoredLeaseLastsAlsoWhileLeasesAreShort(t *testing.T) {
	short := func(s *Network) { s.LeaseTime, s.Longest = 2*time.Minute, 12*hour }
	l := newLAN(t, short)
	anna := named(1, "phone")
	a := l.join(anna)
	file := l.table.records(l.now)
	l.wait(70 * time.Second)
	long := l.table.spec
	long.LeaseTime, long.Longest = 12*hour, 0
	l.table.setSpec(long)
	if ack := l.renew(anna, a); ack.Reply.IPAddressLeaseTime(0) != 12*hour {
		t.Fatalf("told %v", ack.Reply)
	}
	again := newLAN(t, short)
	again.table.restore(file, again.now)
	again.wait(6*hour - time.Second) // when the client renews
	if ended, _ := again.table.expire(again.now); len(ended) > 0 || len(again.leased()) != 1 {
		t.Errorf("ended %v, leased %v", ended, again.leased())
	}
	again.is(again.renew(anna, a), 5)
}

// A gateway in a van runs for an hour at a time, each time with another telephone in it: who
// was there once does not keep an address for good, and is not listed for days either.
func TestLeasesEndOverShortRuns(t *testing.T) {
	var file []record
	for run := range 40 {
		l := newLAN(t, poolOf(20))
		l.table.restore(file, l.now)
		if n := len(l.leased()); n > 14 {
			t.Fatalf("run %d begins with %d leases", run, n)
		}
		l.join(dev(run + 1))
		l.wait(hour)
		file = l.table.records(l.now)
	}
}

// What is prolonged only for a renewal that may not be on file is given up before a new
// client gets nothing, and not before: not while it lasts by the file, and not what a
// client has renewed or what is reserved.
func TestStaleLeasesAreGivenUpInNeed(t *testing.T) {
	l := newLAN(t, poolOf(4), func(s *Network) { s.Hosts = []Host{{MAC: dev(9).mac.hardware(), Addr: addr("192.168.8.102")}} })
	var file []record
	for i := range 4 {
		a := addr("192.168.8.100")
		for range i {
			a = a.Next()
		}
		file = append(file, record{addr: a, mac: dev(i + 1).mac, remaining: time.Minute})
	}
	file[2].mac, file[3].remaining = dev(9).mac, hour
	l.table.restore(file, l.now)
	l.is(l.renew(dev(1), file[0].addr), 5)
	if got := l.discover(dev(5)); got.Reply != nil || l.table.free(l.now) != 0 {
		t.Errorf("a lease that lasts by the file went: %v", got.Reply)
	}
	l.wait(time.Minute)
	if n := l.table.free(l.now); n != 1 {
		t.Errorf("%d addresses are free", n)
	}
	offer := l.discover(dev(5))
	l.is(offer, 2)
	if offer.Probe != file[1].addr || !slices.Equal(offer.Ended, []netip.Addr{file[1].addr}) {
		t.Errorf("probed is %v, ended %v", offer.Probe, offer.Ended)
	}
	l.is(l.selecting(dev(5), file[1].addr), 5)
	if got := l.discover(dev(6)); got.Reply != nil {
		t.Errorf("another one's lease went: %v", got.Reply)
	}
	if got := l.renew(dev(4), file[3].addr); got.Save != saveLate {
		t.Errorf("a renewal that is much later than on file is saved within %v", got.Save)
	}
	l.wait(hour)
	if got := l.discover(dev(6)); got.Reply != nil {
		t.Errorf("a lease that was renewed went: %v", got.Reply)
	}
}

// The time that passes for clients which were not heard of is written once an hour, until
// they have none left.
func TestTimeIsWrittenForClientsOfAFormerRun(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	d := &server{table: NewTable(testSpec())}
	d.table.restore([]record{{addr: addr("192.168.8.100"), mac: dev(1).mac, remaining: 90 * time.Minute}}, start)
	writes := 0
	d.age(start)
	for now := start; now.Before(start.Add(6 * hour)); now = now.Add(time.Minute) {
		if !d.saver.take(now) {
			continue
		}
		writes++
		if list := d.table.records(now); list[0].remaining != max(0, start.Add(90*time.Minute).Sub(now)) {
			t.Errorf("after %v it says %v", now.Sub(start), list[0].remaining)
		}
		d.age(now)
	}
	if writes != 2 {
		t.Errorf("%d writes", writes)
	}
}

func TestRestoreTakesOnlyWhatTheSpecHasRoomFor(t *testing.T) {
	l := newLAN(t, func(s *Network) { s.Hosts = []Host{{MAC: dev(3).mac.hardware(), Addr: addr("192.168.8.10")}} })
	l.table.restore([]record{
		{addr: addr("10.0.0.1"), mac: dev(1).mac, remaining: hour},
		{addr: addr("192.168.8.1"), mac: dev(2).mac, remaining: hour},
		{addr: addr("192.168.8.10"), mac: dev(3).mac, remaining: hour},
		{addr: addr("192.168.8.20"), mac: dev(4).mac, remaining: hour},
		{addr: addr("192.168.8.150"), mac: dev(5).mac, remaining: hour},
		{addr: addr("192.168.8.150"), mac: dev(6).mac, remaining: hour},
		{addr: addr("192.168.8.151"), mac: dev(5).mac, remaining: hour},
	}, l.now)
	if got := l.leased(); len(got) != 2 || got[0] != addr("192.168.8.10") || got[1] != addr("192.168.8.150") {
		t.Errorf("restored %v", got)
	}
}

// The folder that a lease file is the first in is for nobody else to list.
func TestFolderIsClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := writeFile(filepath.Join(dir, "leases"), nil); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

func TestOffersAreNotSaved(t *testing.T) {
	l := newLAN(t)
	l.discover(dev(1))
	if got := l.table.records(l.now); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCorruptFileIsMovedAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	if list, err := readFile(path); list != nil || err != nil {
		t.Errorf("no file: %v, %v", list, err)
	}
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(path); !errors.Is(err, errCorrupt) {
		t.Errorf("garbage: %v", err)
	}
	if b, err := os.ReadFile(path + ".corrupt"); err != nil || string(b) != "garbage" {
		t.Errorf("moved aside: %q, %v", b, err)
	}
	if list, err := readFile(path); list != nil || err != nil {
		t.Errorf("afterwards: %v, %v", list, err)
	}
}

func TestFailedWriteIsSaid(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	if writeFile(filepath.Join(blocked, "leases"), nil) == nil {
		t.Error("no error")
	}
}

// TestFileIsWrittenSoonButNotOften: under a flood writes come ever more seldom, down to one
// an hour; after a quiet while a new lease is written soon again.
func TestFileIsWrittenSoonButNotOften(t *testing.T) {
	start := time.Unix(1000, 0)
	var s saver
	var writes []time.Duration
	for d := time.Duration(0); d <= 24*time.Hour; d += time.Second {
		now := start.Add(d)
		s.want(saveSoon, now) // a new lease every second
		if s.take(now) {
			writes = append(writes, d)
		}
	}
	for i, gap := range []time.Duration{saveSoon, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if i == 0 && writes[0] != gap || i > 0 && writes[i]-writes[i-1] != gap {
			t.Errorf("write %d after %v", i, writes[:i+1])
		}
	}
	if len(writes) < 24 || len(writes) > 33 {
		t.Errorf("%d writes in a day", len(writes))
	}
	quiet := s.last.Add(3 * time.Hour)
	s.due = time.Time{}
	s.want(saveSoon, quiet)
	if !s.take(quiet.Add(saveSoon)) || s.spacing != saveSpacing {
		t.Errorf("after a quiet while the next write is due at %v, spacing %v", s.due, s.spacing)
	}
}

func TestUnimportantChangesWaitAndRideAlong(t *testing.T) {
	now := time.Unix(1000, 0)
	var s saver
	s.want(0, now)
	if !s.due.IsZero() {
		t.Error("nothing to write")
	}
	s.want(saveLate, now)
	s.want(saveLate, now.Add(time.Minute))
	if want := now.Add(saveLate); !s.due.Equal(want) {
		t.Errorf("due %v, want %v", s.due, want)
	}
	s.want(saveSoon, now.Add(2*time.Minute))
	if s.take(now.Add(2*time.Minute)) || !s.take(now.Add(2*time.Minute+saveSoon)) || s.take(now.Add(hour)) {
		t.Error("a new lease takes the rest along, once")
	}
}
