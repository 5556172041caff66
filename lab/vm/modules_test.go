package vm

import (
	"slices"
	"strings"
	"testing"
)

// What depmod writes. Dependencies come whole, at any depth.
const (
	depText = `kernel/net/netfilter/nf_tables.ko: kernel/net/netfilter/nfnetlink.ko kernel/lib/libcrc32c.ko
kernel/net/netfilter/nfnetlink.ko:
kernel/net/netfilter/nft_masq.ko: kernel/net/netfilter/nf_tables.ko kernel/net/netfilter/nfnetlink.ko kernel/lib/libcrc32c.ko
kernel/lib/libcrc32c.ko:
kernel/crypto/crc32c_generic.ko:
kernel/drivers/usb/usbip/vhci-hcd.ko: kernel/drivers/usb/usbip/usbip-core.ko
kernel/drivers/usb/usbip/usbip-core.ko:
kernel/drivers/net/loop-a.ko:
kernel/drivers/net/loop-b.ko:
`
	softText = `# Soft dependencies extracted from modules themselves.
softdep libcrc32c pre: crc32c
softdep libcrc32c pre: crc32c-generic post: nothing-of-that-name
softdep loop_a pre: loop_b
softdep loop_b post: loop_a
softdep short
alias x y
`
)

func TestModuleClosure(t *testing.T) {
	for _, c := range []struct {
		name, wanted, files string
	}{
		{"a soft dependency of a dependency comes along", "nft_masq", "crc32c_generic libcrc32c nf_tables nfnetlink nft_masq"},
		{"dash and underscore are the same", "vhci_hcd", "usbip_core vhci_hcd"},
		{"what is built in is passed over", "tun vhci-hcd", "usbip_core vhci_hcd"},
		{"a folder means all in it", "kernel/net/netfilter/", "crc32c_generic libcrc32c nf_tables nfnetlink nft_masq"},
		{"modules that want each other", "loop_a", "loop_a loop_b"},
		{"nothing", "", ""},
	} {
		var names []string
		for _, f := range closure(parseDep(depText), parseSoftdep(softText), strings.Fields(c.wanted)) {
			names = append(names, moduleName(f))
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != c.files {
			t.Errorf("%s: got %q, want %q", c.name, got, c.files)
		}
	}
}

// TestModuleOrder: what a module needs is loaded before it, and once.
func TestModuleOrder(t *testing.T) {
	const dep = "a.ko: b.ko c.ko\nb.ko: c.ko\nc.ko:\nd-d.ko: c.ko\n"
	if got := strings.Join(inOrder(parseDep(dep), []string{"a", "builtin", "d_d", "b"}), " "); got != "c.ko b.ko a.ko d-d.ko" {
		t.Errorf("got %q", got)
	}
}

func TestModuleName(t *testing.T) {
	for file, want := range map[string]string{
		"kernel/drivers/usb/usbip/vhci-hcd.ko":    "vhci_hcd",
		"kernel/net/wireless/cfg80211.ko.xz":      "cfg80211",
		"crc32c-generic":                          "crc32c_generic",
		"kernel/drivers/net/usb/cdc_mbim.ko.zst":  "cdc_mbim",
		"kernel/net/ipv4/netfilter/nf_nat.v1.kos": "nf_nat.v1",
	} {
		if got := moduleName(file); got != want {
			t.Errorf("%s is module %q, want %q", file, got, want)
		}
	}
}

func TestFindKernel(t *testing.T) {
	root := t.TempDir()
	if k, err := findKernel(root); err == nil {
		t.Errorf("found %v in an empty folder", k)
	}
	write(t, root+"/boot/vmlinux-6.1.0-50-4kc-malta", "")
	k, err := findKernel(root)
	if err != nil || k.release != "6.1.0-50-4kc-malta" || k.folder() != "lib/modules/6.1.0-50-4kc-malta" {
		t.Errorf("found %v, %v", k, err)
	}
	write(t, root+"/boot/vmlinuz-6.1.0-51-armmp", "")
	if k, err := findKernel(root); err == nil {
		t.Errorf("chose %v of two", k)
	}
}
