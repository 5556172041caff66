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

// options of the kernel for what rules are made of, by the name of the library's type; ""
// is in every kernel with nf_tables.
var options = map[string]string{
	"Bitwise": "", "Byteorder": "", "Cmp": "", "Dynset": "", "Exthdr": "", "Immediate": "", "Lookup": "", "Meta": "",
	"Payload": "", "Range": "", "Rt": "", "Verdict": "",
	"Counter": "CONFIG_NFT_COUNTER", "Objref": "CONFIG_NFT_OBJREF", "Ct": "CONFIG_NFT_CT", "Masq": "CONFIG_NFT_MASQ",
	"NAT": "CONFIG_NFT_NAT", "Redir": "CONFIG_NFT_REDIR", "Reject": "CONFIG_NFT_REJECT",
	// Without it connections take the long way.
	"FlowOffload": "",
}

// TestRules: the package asks the kernel for all that the rules are made of: one that is
// missing, and none is in force. The fragment has nothing that no rule has.
func TestRules(t *testing.T) {
	asked, used := read(t, "package/tetherd/tetherd.mk"), map[string]bool{"CONFIG_NFT_FLOW_OFFLOAD": true}
	files, err := filepath.Glob("../nat/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := read(t, file)
		for _, m := range regexp.MustCompile(`&expr\.(\w+)\{`).FindAllStringSubmatch(text, -1) {
			option, known := options[m[1]]
			if !known {
				t.Errorf("%s: which option of the kernel has %s?", file, m[1])
			}
			used[option] = true
		}
		if strings.Contains(text, "ChainTypeNAT") {
			used["CONFIG_NFT_NAT"] = true
		}
	}
	if len(used) < 7 {
		t.Fatalf("rules are found to need only %v", used)
	}
	delete(used, "")
	for _, m := range regexp.MustCompile(`CONFIG_NFT_\w+`).FindAllString(read(t, "board/common/linux.fragment"), -1) {
		if !used[m] {
			t.Errorf("no rule needs %s of the fragment", m)
		}
	}
	delete(used, "CONFIG_NFT_FLOW_OFFLOAD")
	for option := range used {
		if !strings.Contains(asked, "KCONFIG_ENABLE_OPT,"+option+")") {
			t.Errorf("the package does not ask for %s", option)
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
