package doctor

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/secret"
)

// TestRecordedScenarios: what examinations in played scenarios were made from gives the
// same verdicts here as it gave there; the files are made by "tetherd-lab faults -record"
// and named after their scenario and its line. None holds a SIM's number.
func TestRecordedScenarios(t *testing.T) {
	paths, err := filepath.Glob("testdata/records/*.json")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d records, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, told, err := Replay(text)
		name := filepath.Base(path)
		if err != nil || r.Verdict == nil || r.Verdict.Code != told {
			t.Errorf("%s: %+v, told %q, %v", name, r.Verdict, told, err)
			continue
		}
		if code := strings.ToLower(string(told)); strings.HasPrefix(name, "rc") && !strings.HasPrefix(name, code) {
			t.Errorf("%s is about %s", name, told)
		}
		if bytes.Contains(text, []byte("8949020000012345678")) || bytes.Contains(text, []byte("262010000012345")) {
			t.Errorf("%s holds the number of a SIM", name)
		}
	}
}

// TestARecordNamesNobody: whatever a part tells that is a secret, a number of a person or
// of a device, or what somebody called it, is in no record.
func TestARecordNamesNobody(t *testing.T) {
	var c Case
	n := mark(reflect.ValueOf(&c).Elem(), "", 0)
	if n < 20 {
		t.Fatalf("only %d places were marked", n)
	}
	text, err := Record(c, Report{}, Report{})
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{marker, base64.StdEncoding.EncodeToString([]byte(marker))} {
		if at := bytes.Index(text, []byte(told)); at >= 0 {
			t.Errorf("told: …%s…", text[max(0, at-200):at+len(told)])
		}
	}
	if !bytes.Contains(text, []byte("br-marked")) {
		t.Error("nothing of the case is left")
	}
}

// marker is six bytes, as a hardware address.
const marker = "nobody"

// mark fills everything in v that names somebody, in the field called name, and makes
// one of whatever there can be several of. It returns how much it marked.
func mark(v reflect.Value, name string, depth int) (n int) {
	if depth > 12 || !v.CanSet() {
		return 0
	}
	switch {
	case v.Type() == reflect.TypeFor[secret.Text]() || v.Kind() == reflect.String && slices.Contains([]string{"Hostname", "User", "SSID"}, name):
		v.SetString(marker)
		return 1
	case v.Kind() == reflect.String && name == "Bridge":
		v.SetString("br-marked")
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes([]byte(marker))
		return 1
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			n += mark(v.Field(i), v.Type().Field(i).Name, depth+1)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		n = mark(v.Index(0), name, depth+1)
	case v.Kind() == reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		n = mark(one, name, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), one)
	}
	return n
}
