package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func rowsOf(t *testing.T, lines string) []row {
	t.Helper()
	var rows []row
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		fields := strings.Split(strings.TrimSpace(line), "|")
		for len(fields) < len(columns) {
			fields = append(fields, "")
		}
		r, err := parseRow(strings.Join(fields, "\t"))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

func unpack(t *testing.T, path string) string {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// plmn|key|name|apn|user|password|auth|family|roaming|mtu|marks|plan|balance
func TestMerge(t *testing.T) {
	lineage := rowsOf(t, `
		00101||A wap|wap|||||||proxy
		00101||A only here|here
		00101||A net|NET
		00101||A twice|twice
		00101||A twice again|twice
		00101|spn:Brand|Brand|shared
		00101|gid1:AB|Keyed|keyed
		00103||Alone|alone`)
	mbpi := rowsOf(t, `
		00101||Big net|net|||||||primary|prepaid|*1#
		00101||Big net|twice|||||||primary|prepaid|
		00101||Big net|twice|||||||primary|postpaid|*1#
		00101||Big more|more|||||||primary||*1#
		00101||Brand surf|shared|||||||brand|prepaid|*2#
		00101||Third|third||||||||prepaid|*3#
		00101|gid1:AB|Keyed|keyed|||||||brand|postpaid|*4#
		00101|gid1:CD|Keyed|keyed|||||||brand|postpaid|*4#
		00102||New|new||||||||postpaid|`)
	want := strings.TrimSpace(`
00101||A twice|twice|||||||||*1#
00101||A net|NET||||||||prepaid|*1#
00101||A only here|here|||||||||*1#
00101|spn:Brand|Brand|shared||||||||prepaid|*2#
00101|gid1:AB|Keyed|keyed||||||||postpaid|*4#
00101||A wap|wap|||||||proxy||*1#
00101||Big more|more|||||||primary||*1#
00101||Brand surf|shared|||||||brand|prepaid|*2#
00101||Third|third||||||||prepaid|*3#
00101|gid1:CD|Keyed|keyed|||||||brand|postpaid|*4#
00102||New|new||||||||postpaid
00103||Alone|alone`)
	if diff := cmp.Diff(want, tsv(merge(lineage, mbpi))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergeDoesNotTagOneBrandWithAnothersPlan(t *testing.T) {
	lineage := rowsOf(t, "00101|spn:One|One|wholesale")
	mbpi := rowsOf(t, "00101||Two|wholesale|||||||brand|prepaid|*2#")
	if got := merge(lineage, mbpi)[0]; got.plan != "" || got.balance != "" {
		t.Errorf("%+v", got)
	}
}

func TestMergePrefersTheRowWithTheSameUser(t *testing.T) {
	lineage := rowsOf(t, "00101||x|net|payg|p")
	mbpi := rowsOf(t, "00101||c|net|contract|||||||postpaid|*1#\n00101||p|net|payg|||||||prepaid|*2#")
	if got := merge(lineage, mbpi)[0]; got.plan != "prepaid" || got.balance != "*2#" {
		t.Errorf("%+v", got)
	}
}

func TestPackText(t *testing.T) {
	rows := rowsOf(t, `
		00101|imsi:00101x|Name|apn|u|p|pap|ipv4|ipv6|1400|dun|prepaid|*1#
		00101|iccid:89||b|||none|ipv4v6|ipv4||dun-only|postpaid
		001001|gid1:AB||c|u||chap|ipv6|ipv4v6
		001001|spn:S p||d`)
	want := "00101\ni00101x\tp4srt\tapn\tu\tp\t1400\t*1#\tName\nc89\tndfoT\tb\n001001\ngAB\tc6D\tc\tu\nsS p\t\td\n"
	if diff := cmp.Diff(want, string(packText(rows))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRowsThatCannotBe(t *testing.T) {
	good := strings.Split("00101\t\tn\tapn\tu\tp\tpap\tipv4\tipv6\t1500\tdun\tprepaid\t*1#", "\t")
	if _, err := parseRow(strings.Join(good, "\t")); err != nil {
		t.Fatal(err)
	}
	for column, values := range map[int][]string{
		0: {"", "0010", "0010101", "0010a"}, 1: {"spn:", "imei:1", "x"},
		3: {"", "a b", "ä", strings.Repeat("a", 101)}, 4: {strings.Repeat("a", 256)},
		6: {"eap"}, 7: {"ppp"}, 8: {"IP"}, 9: {"x", "-1", "65536"}, 10: {"tether", "dun,x"}, 11: {"flat"},
	} {
		for _, value := range values {
			bad := append([]string(nil), good...)
			bad[column] = value
			if _, err := parseRow(strings.Join(bad, "\t")); err == nil {
				t.Errorf("%s %q is taken", columns[column], value)
			}
		}
	}
	if _, err := parseRow("00101\t\tn\tapn"); err == nil {
		t.Error("a short row is taken")
	}
}

func TestReadRowsNamesTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	for text, want := range map[string]string{
		"# note\nplmn\tkey\n": ":2: columns are not",
		"# note\n" + strings.Join(columns, "\t") + "\n00101\n": ":3: apngen: 1 fields",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readRows(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

const rowsDir = "../../provision/apn"

// The embedded table is what the rows in the repository make, and making it twice
// makes the same. Another Go release may compress differently: then the text counts.
func TestEmbeddedTableIsOfTheRows(t *testing.T) {
	made, err := generate(rowsDir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := generate(rowsDir)
	if err != nil || !bytes.Equal(made, again) {
		t.Errorf("not deterministic: %v", err)
	}
	kept, err := os.ReadFile(filepath.Join(rowsDir, "table.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(made, kept) {
		return
	}
	fresh := filepath.Join(t.TempDir(), "table.gz")
	if err := os.WriteFile(fresh, made, 0o644); err != nil {
		t.Fatal(err)
	}
	if unpack(t, fresh) != unpack(t, filepath.Join(rowsDir, "table.gz")) {
		t.Error("the table is not of these rows: go generate ./provision")
	}
}

func TestSourceRowsAreSortedAndWhole(t *testing.T) {
	for name, atLeast := range map[string]int{lineageFile: 2000, mbpiFile: 1400} {
		rows, err := readRows(filepath.Join(rowsDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) < atLeast {
			t.Errorf("%s: only %d rows", name, len(rows))
		}
		if diff := cmp.Diff(tsv(sorted(append([]row(nil), rows...))), tsv(rows)); diff != "" {
			t.Errorf("%s is not as import writes it: %s", name, diff)
		}
	}
}
