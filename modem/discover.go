package modem

import (
	"cmp"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Bounds of discovery.
const (
	maxNodes       = 16
	maxAttribute   = 256     // bytes of a sysfs attribute
	maxDescriptors = 8 << 10 // bytes of a USB device's descriptors
)

// node is one control node with what sysfs tells about it.
type node struct {
	Device
	name     string // of the control node, such as cdc-wdm0
	protocol string // "mbim", or "" when it is not spoken here
	target   string // what the control node's path leads to
	port     string // file that lets go of the device, "" when it is not on USB
}

// matches reports whether the node is meant by Spec.Device: the sysfs path, the
// USB path such as "1-1.2", the name or path of the control node, or nothing.
func (n node) matches(wish string) bool {
	return wish == "" || wish == n.Path || wish == filepath.Base(n.Path) ||
		wish == n.name || wish == n.Control
}

// discover lists the control nodes of modems below root, sorted by path. What
// cannot be read is left out: hardware comes and goes while we look.
func discover(root string) []node {
	var nodes []node
	for _, class := range []string{"usbmisc/cdc-wdm*", "wwan/*"} {
		links, _ := filepath.Glob(filepath.Join(root, "sys/class", class))
		for _, link := range links {
			if n, ok := describe(root, link); ok && len(nodes) < maxNodes {
				nodes = append(nodes, n)
			}
		}
	}
	sort.Slice(nodes, func(i, j int) bool {
		a, b := &nodes[i], &nodes[j]
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.name, b.name)) < 0
	})
	return nodes
}

// describe reads what sysfs tells about one control node: of a USB modem, whose
// interface holds driver and network device and whose parent is the device, or of
// a port of the wwan subsystem, whose parent holds the network device.
func describe(root, link string) (node, bool) {
	owner, err := filepath.EvalSymlinks(filepath.Join(link, "device"))
	if err != nil {
		return node{}, false
	}
	n := node{name: filepath.Base(link)}
	n.Control = filepath.Join(root, "dev", n.name)
	n.target = n.Control
	if real, err := filepath.EvalSymlinks(n.Control); err == nil {
		n.target = real
	}
	n.Interface = firstEntry(filepath.Join(owner, "net"))
	if kind := attribute(link, "type"); filepath.Base(filepath.Dir(link)) == "wwan" {
		if kind != "MBIM" {
			return node{}, false
		}
		n.Path, n.Driver, n.protocol = inside(root, owner), "wwan", "mbim"
		return n, true
	}
	driver, _ := os.Readlink(filepath.Join(owner, "driver"))
	device := filepath.Dir(owner)
	if port := filepath.Join(device, "authorized"); exists(port) {
		n.port = port
	}
	n.Path, n.Driver = inside(root, device), base(driver)
	n.Model = strings.TrimSpace(attribute(device, "manufacturer") + " " + attribute(device, "product"))
	if n.Driver == "cdc_mbim" {
		n.protocol = "mbim"
	}
	return n, true
}

// descriptors returns the USB descriptors of a node's device; nil when it has none.
func descriptors(root string, n node) []byte {
	return readBounded(filepath.Join(root, n.Path, "descriptors"), maxDescriptors)
}

// inside turns a path below root into one that starts with a slash.
func inside(root, path string) string {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(real, path)
	if err != nil {
		return path
	}
	return "/" + rel
}

// base is filepath.Base that keeps nothing as nothing.
func base(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Base(path)
}

func firstEntry(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return ""
	}
	return entries[0].Name()
}

func attribute(dir, name string) string {
	return strings.TrimSpace(string(readBounded(filepath.Join(dir, name), maxAttribute)))
}

func readBounded(path string, limit int) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	buf := make([]byte, limit)
	n := 0
	for n < limit {
		m, err := f.Read(buf[n:])
		n += m
		if err != nil {
			break
		}
	}
	return buf[:n]
}
