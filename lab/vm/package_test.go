package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What apt-get prints: some archives give a sum, some do not, and an epoch is escaped
// in the address and in the name of the file.
const printed = `'http://archive/pool/main/i/iw/iw_5.19-1_armhf.deb' iw_5.19-1_armhf.deb 90292 SHA256:0f
'http://archive/pool/main/n/nftables/nftables_1.0.6-2%2bdeb12u2_armhf.deb' nftables_1.0.6-2+deb12u2_armhf.deb 65600 
'http://archive/pool/main/k/kmod/kmod_2%3a30-1_armhf.deb' kmod_2%3a30-1_armhf.deb 85000 MD5Sum:1c
`

func TestResolvedPackages(t *testing.T) {
	got, err := parseURIs("Reading package lists...\n" + printed)
	want := []deb{{"iw_5.19-1_armhf.deb", 90292}, {"nftables_1.0.6-2+deb12u2_armhf.deb", 65600}, {"kmod_2%3a30-1_armhf.deb", 85000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(deb{})); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, text := range map[string]string{
		"nothing":            "",
		"no size":            "'http://archive/x.deb' x.deb\n",
		"a size of letters":  "'http://archive/x.deb' x.deb big\n",
		"a path for a name":  "'http://archive/x.deb' ../x.deb 5\n",
		"only what apt says": "E: Unable to locate package nothing\n",
	} {
		if got, err := parseURIs(text); err == nil {
			t.Errorf("%s: no error but %v", name, got)
		}
	}
}

// TestKnownPackages: what was resolved is used again, unless something about it is
// not as it was.
func TestKnownPackages(t *testing.T) {
	s := store{dir: t.TempDir(), arch: "armhf", want: []string{"iw", "kmod"}}
	debs := []deb{{"iw_5.19-1_armhf.deb", 4}, {"kmod_30-1_armhf.deb", 3}}
	write(t, s.lock(), s.heading()+format(debs))
	write(t, filepath.Join(s.archives(), debs[0].file), "abcd")
	if got, ok := s.known(); ok {
		t.Errorf("a package is missing, but %v is known", got)
	}
	write(t, filepath.Join(s.archives(), debs[1].file), "abc")
	got, ok := s.known()
	if diff := cmp.Diff(debs, got, cmp.AllowUnexported(deb{})); diff != "" || !ok {
		t.Errorf("known %v\n%s", ok, diff)
	}
	if got, err := s.packages(); err != nil || len(got) != 2 {
		t.Errorf("the cache is not used: %v, %v", got, err)
	}

	write(t, filepath.Join(s.archives(), debs[1].file), "ab")
	if _, ok := s.known(); ok {
		t.Error("a package is cut short, but known")
	}
	write(t, filepath.Join(s.archives(), debs[1].file), "abc")
	s.want = append(s.want, "hostapd")
	if _, ok := s.known(); ok {
		t.Error("one more package is wanted, but all is known")
	}
}

func TestSweepKeepsWhatIsResolved(t *testing.T) {
	s := store{dir: t.TempDir()}
	for _, name := range []string{"iw_1_armhf.deb", "iw_2_armhf.deb", "lock"} {
		write(t, filepath.Join(s.archives(), name), "x")
	}
	if err := s.sweep([]deb{{"iw_2_armhf.deb", 1}}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(list(t, s.archives()), " "); got != "iw_2_armhf.deb lock" {
		t.Errorf("left %q", got)
	}
}

// TestImageKey: another package makes another image.
func TestImageKey(t *testing.T) {
	one, err1 := imageKey([]deb{{"iw_1_armhf.deb", 1}})
	same, err2 := imageKey([]deb{{"iw_1_armhf.deb", 1}})
	other, err3 := imageKey([]deb{{"iw_2_armhf.deb", 1}})
	if err1 != nil || err2 != nil || err3 != nil || one != same || one == other {
		t.Errorf("%q, %q, %q, %v, %v, %v", one, same, other, err1, err2, err3)
	}
	if fingerprint("a", "bc") == fingerprint("ab", "c") {
		t.Error("texts are run together")
	}
}

// write makes a file and the folders above it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
