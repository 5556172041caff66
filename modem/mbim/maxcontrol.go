package mbim

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxControl finds the largest control message of a device in bytes: by ioctl on
// its open control node, else in its USB descriptors as sysfs gives them (either
// may be nil), else DefaultControl.
func MaxControl(control syscall.Conn, descriptors []byte) int {
	if n, ok := ioctlMaxControl(control); ok {
		return n
	}
	if n, ok := ParseDescriptors(descriptors); ok {
		return n
	}
	return DefaultControl
}

// wdmMaxCommand is IOCTL_WDM_MAX_COMMAND, _IOR('H', 0xA0, __u16) of
// linux/usb/cdc-wdm.h. The bits of the direction and their place differ between
// architectures (MIPS, PowerPC, SPARC), so they are taken from another _IOR; the
// upper three bits hold them everywhere, because this size fits in 13 bits.
func wdmMaxCommand() uintptr {
	const directionBits = 7 << 29
	return uintptr(uint32(unix.RNDGETENTCNT)&directionBits | 2<<16 | 'H'<<8 | 0xA0)
}

// ioctlMaxControl asks the cdc-wdm driver; others do not know the request.
func ioctlMaxControl(control syscall.Conn) (int, bool) {
	if control == nil {
		return 0, false
	}
	raw, err := control.SyscallConn()
	if err != nil {
		return 0, false
	}
	var size uint16
	errno := syscall.Errno(0)
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, wdmMaxCommand(), uintptr(unsafe.Pointer(&size)))
	})
	return int(size), err == nil && errno == 0 && size >= MinControl
}

// ParseDescriptors finds wMaxControlMessage of the MBIM functional descriptor (MBIM
// 6.4) in the descriptors of a USB device as the file of that name in sysfs holds
// them; false when there is none, or one below MinControl.
func ParseDescriptors(blob []byte) (maxControl int, ok bool) {
	const (
		typeInterface  = 0x04
		typeFunctional = 0x24
		subtypeMBIM    = 0x1B
		classCDC       = 0x02
	)
	communications := false
	for len(blob) >= 2 && blob[0] >= 2 && int(blob[0]) <= len(blob) {
		d := blob[:blob[0]]
		blob = blob[blob[0]:]
		switch {
		case d[1] == typeInterface && len(d) >= 9:
			communications = d[5] == classCDC
		case communications && d[1] == typeFunctional && len(d) >= 12 && d[2] == subtypeMBIM:
			n := int(binary.LittleEndian.Uint16(d[5:]))
			return n, n >= MinControl
		}
	}
	return 0, false
}
