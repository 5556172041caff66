package document

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Read reads a document of either form. The report has an item an element, whether the
// document is right or not; when the report says that it is refused, the document is nil.
func Read(raw []byte) (*Document, Report) {
	var report Report
	head := bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(raw) > MaxBytes:
		report.refuse("/", fmt.Sprintf("the document is larger than %d bytes", MaxBytes))
		return nil, report
	case !utf8.Valid(raw):
		report.refuse("/", "the document is not UTF-8")
		return nil, report
	}
	var d *Document
	switch {
	case bytes.HasPrefix(head, []byte("<")):
		d, report = readCarrierControl(raw)
	case bytes.HasPrefix(head, []byte("{")):
		d, report = readJSON(head)
	default:
		report.refuse("/", "this is neither CarrierControl XML nor a tetherd document in JSON")
	}
	if d != nil {
		d.check(&report)
	}
	if report.Refused() {
		return nil, report
	}
	return d, report
}
