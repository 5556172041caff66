package operator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
)

// Hosts of the operator's own servers, which speak HTTPS.
const (
	DocumentHost    = "documents.lab.example"
	EntitlementHost = "entitlement.lab.example"
)

// Consent is how the entitlement server behaves.
type Consent string

// The ways.
const (
	ConsentAllows Consent = "allows"
	ConsentDenies Consent = "denies"
	ConsentSilent Consent = "silent" // takes the question and says nothing
)

// desk is the operator's HTTPS servers: files by path, and who may share.
type desk struct {
	authority []byte // PEM
	cert      tls.Certificate

	mu      sync.Mutex
	files   map[string][]byte
	consent Consent
	asked   []string // IMSIs that the entitlement server was asked about
}

// newDesk makes an authority and a certificate for both hosts.
func newDesk() (*desk, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Lab Mobile"}, DNSNames: []string{DocumentHost, EntitlementHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &desk{
		authority: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		cert:      tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		files:     map[string][]byte{}, consent: ConsentAllows,
	}, nil
}

// Authority is the certificate that the operator's servers are trusted by, in PEM.
func (o *Operator) Authority() []byte { return o.desk.authority }

// Publish puts a file on the document server; nil takes it away.
func (o *Operator) Publish(path string, body []byte) {
	o.desk.mu.Lock()
	defer o.desk.mu.Unlock()
	delete(o.desk.files, path)
	if body != nil {
		o.desk.files[path] = body
	}
}

// SetConsent changes how the entitlement server behaves.
func (o *Operator) SetConsent(c Consent) {
	o.desk.mu.Lock()
	defer o.desk.mu.Unlock()
	o.desk.consent = c
}

// Asked lists the IMSIs that the entitlement server was asked about, the oldest first.
func (o *Operator) Asked() []string {
	o.desk.mu.Lock()
	defer o.desk.mu.Unlock()
	return append([]string(nil), o.desk.asked...)
}

// serveDesk starts the HTTPS servers.
func (o *Operator) serveDesk() error {
	return netns.Do(o.ns, func() error {
		listener, err := net.Listen("tcp", ":443")
		if err != nil {
			return fmt.Errorf("operator: HTTPS: %w", err)
		}
		server := &http.Server{Handler: o.desk, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0)} // clients trust it not, as they should
		o.servers.add(server)
		go server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{o.desk.cert}}))
		return nil
	})
}

// ServeHTTP answers for both hosts.
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Host {
	case DocumentHost:
		d.document(w, r)
	case EntitlementHost:
		d.entitlement(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (d *desk) document(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	body, ok := d.files[r.URL.Path]
	d.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	tag := fmt.Sprintf("%q", fmt.Sprint(len(body), body[len(body)/2]))
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) // the client went away
}

func (d *desk) entitlement(w http.ResponseWriter, r *http.Request) {
	var question struct {
		IMSI string `json:"imsi"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&question); err != nil || question.IMSI == "" {
		http.Error(w, "which SIM?", http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	consent := d.consent
	d.asked = append(d.asked, question.IMSI)
	d.mu.Unlock()
	switch consent {
	case ConsentSilent:
		<-r.Context().Done()
	case ConsentDenies:
		writePage(w, `{"entitled": false, "reason": "your plan has no tethering"}`)
	default:
		writePage(w, `{"entitled": true}`)
	}
}
