package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
)

// pack writes rows, which are sorted by PLMN, in the form that package provision
// reads (table.go there describes it). The same rows give the same bytes.
func pack(rows []row) ([]byte, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("apngen: %w", err)
	}
	if _, err := zip.Write(packText(rows)); err != nil {
		return nil, fmt.Errorf("apngen: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("apngen: %w", err)
	}
	return packed.Bytes(), nil
}

func packText(rows []row) []byte {
	var text bytes.Buffer
	plmn := ""
	for _, r := range rows {
		if r.plmn != plmn {
			plmn = r.plmn
			fmt.Fprintln(&text, plmn)
		}
		fields := []string{packKey(r.key), r.packFlags(), r.apn, r.user, r.password, r.mtu, r.balance, r.name}
		fmt.Fprintln(&text, strings.TrimRight(strings.Join(fields, "\t"), "\t"))
	}
	return text.Bytes()
}

// packKey shortens the kind of a key to its letter; iccid becomes c, as i is imsi.
func packKey(key string) string {
	kind, value, keyed := strings.Cut(key, ":")
	if !keyed {
		return ""
	}
	return map[string]string{"imsi": "i", "gid1": "g", "spn": "s", "iccid": "c"}[kind] + value
}

// packFlags writes one letter a property: authentication n p c, family 4 6 d and
// abroad f s D, plan r (prepaid) o (postpaid), tethering t, or T when only that.
func (r *row) packFlags() string {
	flags := map[string]string{"none": "n", "pap": "p", "chap": "c"}[r.auth] +
		map[string]string{"ipv4": "4", "ipv6": "6", "ipv4v6": "d"}[r.family] +
		map[string]string{"ipv4": "f", "ipv6": "s", "ipv4v6": "D"}[r.roaming] +
		map[string]string{"prepaid": "r", "postpaid": "o"}[r.plan]
	switch {
	case r.marked(markDUNOnly):
		flags += "T"
	case r.marked(markDUN):
		flags += "t"
	}
	return flags
}
