package vm

import (
	"errors"
	"fmt"
	"io"
)

// cpio is the "new ASCII" form, which the kernel unpacks at its start
// (Documentation/driver-api/early-userspace/buffer-format).
type cpio struct {
	w   io.Writer
	n   int64 // bytes written
	ino uint32
}

var errTooLarge = errors.New("does not fit")

func (c *cpio) entry(name string, mode uint32, size int64, content io.Reader) error {
	if size > 1<<32-1 {
		return fmt.Errorf("%w: %d bytes", errTooLarge, size)
	}
	c.ino++
	const links, device = 1, 0
	_, err := fmt.Fprintf(c, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		c.ino, mode, 0, 0, links, 0, size, device, device, device, device, len(name)+1, 0, name)
	if err == nil {
		err = c.pad()
	}
	if err == nil && content != nil {
		_, err = io.CopyN(c, content, size)
	}
	if err == nil {
		err = c.pad()
	}
	return err
}

// pad fills up to a multiple of four bytes.
func (c *cpio) pad() error {
	_, err := c.Write(make([]byte, (4-c.n%4)%4))
	return err
}

// Write passes bytes through and counts them.
func (c *cpio) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (c *cpio) end() error { return c.entry("TRAILER!!!", 0, 0, nil) }
