package simmodem

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tree is the place of one modem in a made-up sysfs, laid out as the kernel does:
// real folders below /sys/devices, links to them elsewhere. All paths begin below
// the root.
type tree struct {
	root string
	usb  string // folder of the USB device
	slot Slot
}

func newTree(slot Slot) tree {
	bus, ports, _ := strings.Cut(slot.Port, "-")
	path := "/sys/devices/platform/lab-usb/usb" + bus
	steps := strings.Split(ports, ".")
	for i := range steps {
		path += "/" + bus + "-" + strings.Join(steps[:i+1], ".")
	}
	return tree{root: slot.Root, usb: path, slot: slot}
}

// control is the folder of the USB interface that the driver is bound to, data that
// of the other one of the pair.
func (t tree) control() string { return t.usb + "/" + t.slot.Port + ":1.0" }
func (t tree) data() string    { return t.usb + "/" + t.slot.Port + ":1.1" }
func (t tree) node() string    { return t.control() + "/usbmisc/" + t.slot.Node }
func (t tree) netdev() string  { return t.control() + "/net/" + t.slot.Interface }

// links are all symbolic links, by place.
func (t tree) links() map[string]string {
	const driver, subsystem = "/sys/bus/usb/drivers/cdc_mbim", "/sys/bus/usb"
	port := t.slot.Port
	return map[string]string{
		"/sys/bus/usb/devices/" + port:          t.usb,
		"/sys/bus/usb/devices/" + port + ":1.0": t.control(),
		"/sys/bus/usb/devices/" + port + ":1.1": t.data(),
		driver + "/" + port + ":1.0":            t.control(),
		driver + "/" + port + ":1.1":            t.data(),
		"/sys/class/usbmisc/" + t.slot.Node:     t.node(),
		"/sys/class/net/" + t.slot.Interface:    t.netdev(),
		t.usb + "/subsystem":                    subsystem,
		t.control() + "/subsystem":              subsystem,
		t.control() + "/driver":                 driver,
		t.data() + "/subsystem":                 subsystem,
		t.data() + "/driver":                    driver,
		t.node() + "/device":                    t.control(),
		t.node() + "/subsystem":                 "/sys/class/usbmisc",
		t.netdev() + "/device":                  t.control(),
		t.netdev() + "/subsystem":               "/sys/class/net",
	}
}

// files are all attributes, by place.
func (t tree) files(d Device) map[string]string {
	const cdcDriver = "cdc_mbim"
	control := "DEVTYPE=usb_interface\nDRIVER=" + cdcDriver + "\nINTERFACE=2/14/0\n"
	data := "DEVTYPE=usb_interface\nDRIVER=" + cdcDriver + "\nINTERFACE=10/0/2\n"
	return map[string]string{
		t.usb + "/idVendor":                 usbVendor + "\n",
		t.usb + "/idProduct":                usbProduct + "\n",
		t.usb + "/manufacturer":             d.Manufacturer + "\n",
		t.usb + "/product":                  d.Model + "\n",
		t.usb + "/serial":                   "0\n",
		t.usb + "/speed":                    "480\n",
		t.usb + "/bNumInterfaces":           " 2\n",
		t.usb + "/bConfigurationValue":      "1\n",
		t.usb + "/authorized":               "1\n",
		t.usb + "/descriptors":              string(descriptors(d)),
		t.usb + "/uevent":                   "DEVTYPE=usb_device\nDRIVER=usb\n",
		t.control() + "/bInterfaceNumber":   "00\n",
		t.control() + "/bInterfaceClass":    "02\n",
		t.control() + "/bInterfaceSubClass": "0e\n",
		t.control() + "/bInterfaceProtocol": "00\n",
		t.control() + "/uevent":             control,
		t.data() + "/bInterfaceNumber":      "01\n",
		t.data() + "/bInterfaceClass":       "0a\n",
		t.data() + "/bInterfaceSubClass":    "00\n",
		t.data() + "/bInterfaceProtocol":    "02\n",
		t.data() + "/uevent":                data,
		t.node() + "/dev":                   "180:176\n",
		t.node() + "/uevent":                "MAJOR=180\nMINOR=176\nDEVNAME=" + t.slot.Node + "\n",
		t.netdev() + "/type":                "65534\n",
		t.netdev() + "/uevent":              "DEVTYPE=wwan\nINTERFACE=" + t.slot.Interface + "\n",
	}
}

// build makes the whole tree.
func (t tree) build(d Device) error {
	for path, content := range t.files(d) {
		if err := t.make(path, func(name string) error { return os.WriteFile(name, []byte(content), 0o644) }); err != nil {
			return err
		}
	}
	for path, target := range t.links() {
		relative, err := filepath.Rel(filepath.Dir(path), target)
		if err != nil {
			return fmt.Errorf("simmodem: sysfs: %w", err)
		}
		if err := t.make(path, func(name string) error { return os.Symlink(relative, name) }); err != nil {
			return err
		}
	}
	return t.makeFolders("/sys/bus/usb/drivers/cdc_mbim", "/sys/class/usbmisc", "/sys/class/net", "/dev")
}

// make makes one entry and the folders above it.
func (t tree) make(path string, entry func(name string) error) error {
	if err := t.makeFolders(filepath.Dir(path)); err != nil {
		return err
	}
	if err := entry(t.root + path); err != nil {
		return fmt.Errorf("simmodem: sysfs: %w", err)
	}
	return nil
}

func (t tree) makeFolders(paths ...string) error {
	for _, path := range paths {
		if err := os.MkdirAll(t.root+path, 0o755); err != nil {
			return fmt.Errorf("simmodem: sysfs: %w", err)
		}
	}
	return nil
}

// remove takes away what build made, apart from folders that others may use, and from what
// a device without authorization keeps when it is only let go.
func (t tree) remove(gone bool) error {
	var errs []error
	for path := range t.links() {
		if err := os.Remove(t.root + path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("simmodem: sysfs: %w", err))
		}
	}
	entries, err := os.ReadDir(t.root + t.usb)
	if gone || err != nil {
		return errors.Join(append(errs, os.RemoveAll(t.root+t.usb))...)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(t.authorized()) {
			errs = append(errs, os.RemoveAll(filepath.Join(t.root+t.usb, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// What the made-up USB device calls itself: a number pair of the Linux Foundation.
const (
	usbVendor  = "1d6b"
	usbProduct = "0104"
)

// descriptors are the device's USB descriptors (USB 2.0 9.6, MBIM 6): what sysfs
// gives in binary.
func descriptors(d Device) []byte {
	limit := uint16(d.withDefaults().MaxControl)
	low, high := byte(limit), byte(limit>>8)
	body := [][]byte{
		{8, 0x0b, 0, 2, 0x02, 0x0e, 0x00, 0},                               // interface association
		{9, 0x04, 0, 0, 1, 0x02, 0x0e, 0x00, 0},                            // communications interface
		{5, 0x24, 0x00, 0x20, 0x01},                                        // CDC header
		{5, 0x24, 0x06, 0, 1},                                              // union
		{12, 0x24, 0x1b, 0x00, 0x01, low, high, 0x20, 0x80, 0xdc, 0x05, 0}, // MBIM 1.0
		{8, 0x24, 0x1c, 0x00, 0x01, 0x40, 0xdc, 0x05},                      // MBIM extended
		{7, 0x05, 0x81, 0x03, 0x40, 0x00, 5},                               // notifications
		{9, 0x04, 1, 0, 0, 0x0a, 0x00, 0x02, 0},                            // data interface, off
		{9, 0x04, 1, 1, 2, 0x0a, 0x00, 0x02, 0},                            // data interface, on
		{7, 0x05, 0x82, 0x02, 0x00, 0x02, 0},                               // bulk in
		{7, 0x05, 0x01, 0x02, 0x00, 0x02, 0},                               // bulk out
	}
	total := 9
	for _, b := range body {
		total += len(b)
	}
	all := []byte{18, 0x01, 0x00, 0x02, 0xef, 0x02, 0x01, 64, 0x6b, 0x1d, 0x04, 0x01, 0x00, 0x01, 1, 2, 3, 1}
	all = append(all, 9, 0x02, byte(total), byte(total>>8), 2, 1, 0, 0xa0, 250)
	for _, b := range body {
		all = append(all, b...)
	}
	return all
}
