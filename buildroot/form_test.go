package buildroot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestShellcheck: shellcheck has nothing to say about the init script.
func TestShellcheck(t *testing.T) {
	if out, err := exec.Command("shellcheck", "package/tetherd/S80tetherd").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTree: what the tree names is there.
func TestTree(t *testing.T) {
	if !regexp.MustCompile(`^name: TETHERD\ndesc: \S`).MatchString(read(t, "external.desc")) {
		t.Error("external.desc")
	}
	var named int
	for _, file := range []string{"Config.in", "configs/tetherd_qemu_aarch64_defconfig", "configs/tetherd_qemu_arm_defconfig"} {
		for _, m := range regexp.MustCompile(`\$\(?BR2_EXTERNAL_TETHERD_PATH\)?/([^"\s]+)`).FindAllStringSubmatch(read(t, file), -1) {
			named++
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\$\(TETHERD_PKGDIR\)/(\S+)`).FindAllStringSubmatch(read(t, "package/tetherd/tetherd.mk"), -1) {
		named++
		if _, err := os.Stat(filepath.Join("package/tetherd", m[1])); err != nil {
			t.Error(err)
		}
	}
	if named < 8 {
		t.Errorf("only %d names found", named)
	}
}

// TestHashes: the sums of the licence files are right, else a build stops.
func TestHashes(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^sha256  ([0-9a-f]{64})  (\S+)$`).FindAllStringSubmatch(read(t, "package/tetherd/tetherd.hash"), -1)
	if len(lines) != 2 {
		t.Fatalf("%d sums", len(lines))
	}
	for _, l := range lines {
		sum := sha256.Sum256([]byte(read(t, "../"+l[2])))
		if hex.EncodeToString(sum[:]) != l[1] {
			t.Errorf("%s has another sum: %x", l[2], sum)
		}
	}
}

// TestKernel: what the package asks of any kernel is in the fragment too, once and on.
func TestKernel(t *testing.T) {
	fragment := read(t, "board/common/linux.fragment")
	on := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^(CONFIG_\w+)=y$`).FindAllStringSubmatch(fragment, -1) {
		on[m[1]]++
	}
	asked := regexp.MustCompile(`KCONFIG_ENABLE_OPT,(CONFIG_\w+)`).FindAllStringSubmatch(read(t, "package/tetherd/tetherd.mk"), -1)
	if len(asked) < 10 {
		t.Fatalf("only %d options asked", len(asked))
	}
	for _, m := range asked {
		if on[m[1]] == 0 {
			t.Errorf("%s is not in the fragment", m[1])
		}
	}
	for name, n := range on {
		if n > 1 {
			t.Errorf("%s is there %d times", name, n)
		}
	}
}

// TestService: the unit keeps the rights that OpenWrt's package keeps, and starts again
// whatever happens.
func TestService(t *testing.T) {
	unit := read(t, "package/tetherd/tetherd.service")
	var sets map[string][]string
	if err := json.Unmarshal([]byte(read(t, "../openwrt/tetherd/files/capabilities.json")), &sets); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"CapabilityBoundingSet=" + strings.Join(sets["bounding"], " ") + "\n", "Restart=always\n", "ExecStart=/usr/bin/tetherd run\n",
		"StateDirectory=tetherd\n", "RuntimeDirectory=tetherd\n", "NoNewPrivileges=yes\n",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit does not say %s", want)
		}
	}
}
