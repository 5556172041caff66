package dhcp

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// unhex reads a file of hex octets with comments.
func unhex(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		octets, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b = append(b, octets...)
	}
	return b
}

func exchange(t testing.TB, name string) []byte {
	return unhex(t, filepath.Join("testdata", "exchange", name+".hex"))
}

func TestExchangeOnTheWire(t *testing.T) {
	l := newLAN(t)
	for _, step := range [][2]string{
		{"1-discover", "2-offer"}, {"3-request", "4-ack"}, {"5-request", "6-ack"}, {"7-request", "8-nak"},
	} {
		p, err := dhcpv4.FromBytes(exchange(t, step[0]))
		if err != nil {
			t.Fatal(err)
		}
		got, want := l.table.Handle(p, l.now, true), exchange(t, step[1])
		if got.Reply == nil || !bytes.Equal(got.Reply.ToBytes(), want) {
			t.Errorf("%s is answered (%s) with\n%v\nwant\n%s", step[0], got.Why, got.Reply, hex.Dump(want))
		}
	}
}

func TestHostilePacketsAreMetWithSilence(t *testing.T) {
	files, _ := filepath.Glob("testdata/hostile/*.hex")
	if len(files) < 30 {
		t.Fatalf("only %d hostile packets", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hex"), func(t *testing.T) {
			p, err := dhcpv4.FromBytes(unhex(t, file))
			if err != nil {
				return // refused even earlier
			}
			l := newLAN(t)
			got := l.table.Handle(p, l.now, true)
			if got.Reply != nil || got.Change || len(l.table.byAddr)+len(l.table.blocked) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func parameterList(codes ...byte) dhcpv4.Modifier {
	return dhcpv4.WithGeneric(dhcpv4.OptionParameterRequestList, codes)
}

func codesOf(o dhcpv4.Options) (codes []byte) {
	for c := range 255 {
		if _, ok := o[byte(c)]; ok {
			codes = append(codes, byte(c))
		}
	}
	return codes
}

func TestOnlyWhatIsAskedFor(t *testing.T) {
	always := []byte{1, 51, 53, 54, 58, 59}
	for _, c := range []struct {
		name string
		list []byte
		want []byte
	}{
		{"router alone", []byte{3}, []byte{3}},
		{"what we do not have", []byte{2, 42, 119, 121, 252, 114}, nil},
		{"all we have", []byte{28, 26, 15, 12, 6, 3, 1}, []byte{3, 6, 12, 15, 26, 28}},
		{"no list", nil, []byte{3, 6, 12, 15, 26, 28}},
	} {
		l := newLAN(t, func(s *Network) {
			s.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: addr("192.168.8.10"), Name: "printer"}}
		})
		var options []dhcpv4.Modifier
		if c.list != nil {
			options = append(options, parameterList(c.list...))
		}
		got := codesOf(l.discover(dev(1), options...).Reply.Options)
		want := append(append([]byte{}, always...), c.want...)
		for _, code := range want {
			if bytes.IndexByte(got, code) < 0 {
				t.Errorf("%s: option %d is missing", c.name, code)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: options %v, want %v", c.name, got, want)
		}
	}
}

func TestNothingIsSentOfWhatIsNotConfigured(t *testing.T) {
	l := newLAN(t, func(s *Network) { s.DNS, s.Domain, s.MTU = nil, "", 0 })
	got := codesOf(l.discover(dev(1)).Reply.Options)
	if want := []byte{1, 3, 28, 51, 53, 54, 58, 59}; !bytes.Equal(got, want) {
		t.Errorf("options %v, want %v", got, want)
	}
}

func TestHostNameOptionIsForReservationsOnly(t *testing.T) {
	phone := device{mac: dev(1).mac, name: "phone"}
	if newLAN(t).discover(phone, parameterList(12)).Reply.HostName() != "" {
		t.Error("a client is told the name that it told us")
	}
}

// However much is to be said, the client can take the reply.
func TestReplyFitsTheClient(t *testing.T) {
	long := func(s *Network) {
		s.Domain = strings.Repeat("a.", 126)
		for range 9 {
			s.DNS = append(s.DNS, addr("192.0.2.1"))
		}
		s.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: addr("192.168.8.10"), Name: strings.Repeat("n", 99)}}
	}
	for _, c := range []struct {
		say  []byte // option 57
		id   int    // length of option 61
		size int
		dns  bool
	}{
		{nil, 0, 548, true},
		{nil, 255, 548, false},
		{[]byte{0, 100}, 100, 548, true},       // less than every client must take
		{[]byte{2, 188}, 255, 672, true},       // 700
		{[]byte{0xff, 0xff}, 255, 1472, true},  // more than we send
		{[]byte{0xff, 0xff, 1}, 10, 548, true}, // malformed
	} {
		d := device{mac: dev(1).mac, id: strings.Repeat("i", c.id)}
		var options []dhcpv4.Modifier
		if c.say != nil {
			options = append(options, dhcpv4.WithGeneric(dhcpv4.OptionMaximumDHCPMessageSize, c.say))
		}
		r := newLAN(t, long).discover(d, options...).Reply
		if n := len(r.ToBytes()); n > c.size {
			t.Errorf("option 57 %x, id of %d: reply of %d octets, room for %d", c.say, c.id, n, c.size)
		}
		if len(r.Router()) != 1 || (len(r.DNS()) == 4) != c.dns {
			t.Errorf("option 57 %x, id of %d: router %v, DNS %v", c.say, c.id, r.Router(), r.DNS())
		}
		if len(r.Options.Get(dhcpv4.OptionClientIdentifier)) != c.id {
			t.Error("the identifier is cut")
		}
	}
}

func TestMaskAndBroadcastFollowThePrefix(t *testing.T) {
	l := newLAN(t, func(s *Network) { s.Server = netip.MustParsePrefix("192.168.8.1/22") })
	r := l.discover(dev(1)).Reply
	if r.SubnetMask().String() != "fffffc00" || r.BroadcastAddress().String() != "192.168.11.255" {
		t.Errorf("mask %v, broadcast %v", r.SubnetMask(), r.BroadcastAddress())
	}
}
