//go:build bench

package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
)

// The size of the measurement.
const (
	pages    = 50               // open at a time
	perPhone = 8                // of one address, which is all that it may have
	askers   = 16               // questions in flight
	dnsRound = 4 * time.Second  // of one measurement of the rate
	rounds   = 5                // of which the median counts
	idleLook = 15 * time.Second // over which the idle gateway's work is counted
)

// What open pages may cost. A share of one machine's rate is the same on others; the work
// of a page is that of a core of a computer with an amd64 processor.
const (
	leastRate = 0.80 // of DNS without pages
	mostWork  = 0.01 // of a core, for one page of an idle gateway
)

// TestBench measures what open pages cost: the rate of DNS with and without them, and the
// work of an idle gateway with and without one. It judges these against each other, and no
// times, which are this machine's.
func TestBench(t *testing.T) {
	b := &bench{T: t, world: layOut(t, program(t), household)}
	b.prepare()
	t.Logf("on %s, %d processors, gateway, clients and operator on the same ones", runtime.GOARCH, runtime.NumCPU())
	var idle, page, without, with, share []float64
	for range rounds {
		alone := b.work(idleLook)
		end := b.open(1)
		idle, page = append(idle, alone), append(page, b.work(idleLook)-alone)
		end()
	}
	t.Logf("idle gateway: %s of a core; one page open takes %s more", percent(median(idle)), percent(median(page)))
	if runtime.GOARCH == "amd64" && median(page) >= mostWork {
		t.Errorf("an open page of an idle gateway takes %s of a core, at most %s are allowed", percent(median(page)), percent(mostWork))
	}
	for range rounds {
		rate := b.rate()
		end := b.open(pages)
		busy := b.rate()
		end()
		without, with, share = append(without, rate), append(with, busy), append(share, busy/rate)
	}
	t.Logf("DNS, answers from the cache: %.0f a second without pages, %.0f with %d pages open: %s", median(without), median(with), pages, percent(median(share)))
	t.Logf("each round: %.0f without, %.0f with; the pages were sent %d states", without, with, b.states.Load())
	if !(median(share) >= leastRate) { // nor is it when nothing was answered
		t.Errorf("with %d pages open DNS keeps %s of its rate, at least %s are promised", pages, percent(median(share)), percent(leastRate))
	}
}

// median is the middle one of an odd number of values.
func median(list []float64) float64 { return slices.Sorted(slices.Values(list))[len(list)/2] }

// bench is a gateway with two devices, of which one looks at pages and the other asks for
// names.
type bench struct {
	*testing.T
	world  *World
	at     string       // the page
	cookie string       // of somebody who is logged in
	phones []net.IP     // addresses that pages are looked at from
	states atomic.Int64 // that pages were sent
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// prepare waits until the gateway is online and at rest, gives the clients addresses, and
// logs in.
func (b *bench) prepare() {
	w, looker := b.world, b.world.clients["client1"]
	b.must(w.daemon.start())
	_, err := w.daemon.await(b.Context(), long, func(d api.Document) bool { return d.Online })
	b.must(err)
	for _, c := range w.clients {
		_, err := c.lease(b.Context())
		b.must(err)
	}
	for i := range (pages + perPhone - 1) / perPhone {
		lease, err := looker.leaseAs(b.Context(), net.HardwareAddr{2, 0xc0, 0, 0, 0, byte(i + 1)})
		b.must(err)
		b.must(looker.ns.Run("ip", "addr", "add", lease.String(), "dev", "eth0"))
		b.phones = append(b.phones, lease.Addr().AsSlice())
	}
	b.at = w.publicStatus()
	b.tell("/v1/password", `{"new":"correct horse"}`)
	b.cookie = b.tell("/v1/login", `{"password":"correct horse"}`)
	<-time.After(settle)
}

// tell uses a verb as somebody on the LAN, and returns the cookie that comes back.
func (b *bench) tell(path, body string) string {
	b.Helper()
	conn := b.dial("tcp4", b.at, b.phones[0])
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, b.at, len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	b.must(err)
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s", path, resp.Status)
	}
	cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	return cookie
}

// dial connects from client1, or for UDP from client2.
func (b *bench) dial(network, to string, from net.IP) (conn net.Conn) {
	b.Helper()
	ns, d := b.world.clients["client1"].ns, net.Dialer{}
	if network == "udp4" {
		ns = b.world.clients["client2"].ns
	} else {
		d.LocalAddr = &net.TCPAddr{IP: from}
	}
	b.must(ns.Do(func() (err error) {
		conn, err = d.DialContext(context.Background(), network, to)
		return err
	}))
	return conn
}

// open opens pages, and returns what closes them once each has seen a state. All of them
// must stay open until then.
func (b *bench) open(n int) (end func()) {
	b.Helper()
	var conns []net.Conn
	var all sync.WaitGroup
	seen := make(chan error, 2*n) // nil: a page has seen its first state; else it has ended
	for i := range n {
		conn := b.dial("tcp4", b.at, b.phones[i%len(b.phones)])
		conns = append(conns, conn)
		fmt.Fprintf(conn, "GET /v1/events HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n\r\n", b.at, b.cookie)
		all.Go(func() { seen <- b.look(conn, sync.OnceFunc(func() { seen <- nil })) })
	}
	for range n {
		b.must(<-seen)
	}
	return func() {
		select {
		case err := <-seen:
			b.Errorf("not all of %d pages stayed open: %v", n, err)
		default:
		}
		for _, c := range conns {
			c.Close()
		}
		all.Wait()
	}
}

// look follows a page until it ends, which is an error.
func (b *bench) look(conn net.Conn, seen func()) error {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("a page is not opened: %s", resp.Status)
	}
	for r := bufio.NewReaderSize(resp.Body, 64<<10); ; {
		line, err := r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return err
		}
		if bytes.HasPrefix(line, []byte("event: status")) {
			b.states.Add(1)
			seen()
		}
	}
}

// rate is how many questions a second are answered.
func (b *bench) rate() float64 {
	gateway, err := netip.ParseAddrPort(b.at)
	b.must(err)
	var all sync.WaitGroup
	var answers atomic.Int64
	began := time.Now()
	for i := range askers {
		conn := b.dial("udp4", netip.AddrPortFrom(gateway.Addr(), 53).String(), nil)
		all.Go(func() {
			defer conn.Close()
			for id := uint16(i << 10); time.Since(began) < dnsRound; id++ {
				if asked(conn, id) {
					answers.Add(1)
				}
			}
		})
	}
	all.Wait()
	return float64(answers.Load()) / time.Since(began).Seconds()
}

// asked asks for an address once and says whether the answer came.
func asked(conn net.Conn, id uint16) bool {
	question := append(binary.BigEndian.AppendUint16(nil, id), "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01"...)
	if conn.SetDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	if _, err := conn.Write(question); err != nil {
		return false
	}
	answer := make([]byte, 512)
	n, err := io.ReadAtLeast(conn, answer, 12)
	return err == nil && n > 12 && binary.BigEndian.Uint16(answer) == id && answer[3]&15 == 0
}

// work is the share of a core that the gateway uses over a time.
func (b *bench) work(d time.Duration) float64 {
	before, began := b.cpu(), time.Now()
	<-time.After(d)
	return float64(b.cpu()-before) / float64(time.Since(began))
}

// cpu is how long the gateway's threads have run, by the scheduler.
func (b *bench) cpu() (sum time.Duration) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", b.world.daemon.cmd.Process.Pid)) // the pattern is right
	for _, path := range paths {
		text, err := os.ReadFile(path)
		var ran time.Duration
		if _, bad := fmt.Sscan(string(text), &ran); err == nil && bad == nil { // else the thread ended
			sum += ran
		}
	}
	return sum
}
