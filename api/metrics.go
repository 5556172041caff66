package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// metrics answers in Prometheus' text format, version 0.0.4, to who may read.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request, by Caller) {
	if !by.May(Read) {
		refuse(w, &Fault{Code: Denied, Message: "metrics need the scope read"})
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(Metrics(s.document(s.Loop.Snapshot())))) // the client went away
}

// Metrics renders the document in Prometheus' text format.
func Metrics(d Document) string {
	var b strings.Builder
	one := func(name, kind, help string, value int64) {
		fmt.Fprintf(&b, "# HELP tetherd_%s %s\n# TYPE tetherd_%s %s\ntetherd_%s %d\n", name, help, name, kind, name, value)
	}
	one("online", "gauge", "Clients have Internet.", truth(d.Online))
	one("sharing", "gauge", "The connection is shared.", truth(d.LAN.Sharing))
	one("turns_total", "counter", "Turns of the control loop.", int64(d.Seq))
	one("start_time_seconds", "gauge", "When the process started.", d.Process.Started.Unix())
	one("clients", "gauge", "Devices with a lease.", int64(leased(d.Clients)))
	one("free_addresses", "gauge", "Addresses left for new devices.", int64(d.LAN.Free))
	one("problems", "gauge", "Complaints of the parts.", int64(len(d.Problems)))
	one("modem_drops_total", "counter", "Times the network took the bearer down.", int64(d.Modem.Drops))
	if d.Modem.RSSI != 0 {
		one("signal_dbm", "gauge", "Strength of the mobile signal.", int64(d.Modem.RSSI))
	}
	one("dns_queries_total", "counter", "Questions of clients.", int64(d.DNS.Queries))
	one("dns_cache_hits_total", "counter", "Questions answered from the cache.", int64(d.DNS.Hits))
	one("dns_failed_total", "counter", "Questions that nobody could answer.", int64(d.DNS.Failed))
	many := func(name, kind, help string, rows func(add func(value int64, labels ...string))) {
		fmt.Fprintf(&b, "# HELP tetherd_%s %s\n# TYPE tetherd_%s %s\n", name, help, name, kind)
		rows(func(value int64, labels ...string) {
			fmt.Fprintf(&b, "tetherd_%s%s %d\n", name, labelled(labels), value)
		})
	}
	many("stage", "gauge", "A stage on the way to a client's page: 1 done, 0 not.", func(add func(int64, ...string)) {
		for _, st := range d.Stages {
			add(truth(st.State == Done), "stage", st.Name)
		}
	})
	many("uplink_bytes_total", "counter", "Bytes over an uplink.", func(add func(int64, ...string)) {
		for _, u := range d.Uplinks {
			add(int64(u.Up), "interface", u.Interface, "direction", "up")
			add(int64(u.Down), "interface", u.Interface, "direction", "down")
		}
	})
	many("client_bytes_total", "counter", "Bytes of a device by one of its addresses.", func(add func(int64, ...string)) {
		for _, c := range d.Clients {
			add(int64(c.Up), "mac", c.MAC, "address", c.Address, "direction", "up")
			add(int64(c.Down), "mac", c.MAC, "address", c.Address, "direction", "down")
		}
	})
	return b.String()
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// labelled writes names and values in pairs. Quoting escapes as the format wants it.
func labelled(pairs []string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		parts = append(parts, pairs[i]+"="+strconv.Quote(pairs[i+1]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}
