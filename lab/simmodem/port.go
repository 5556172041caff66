package simmodem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// authorized is the port's file by which a host lets go of the device and takes it again.
func (t tree) authorized() string { return t.root + t.usb + "/authorized" }

// watchPort follows what the host writes to it, until it is closed.
func (p *Plug) watchPort() (io.Closer, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("simmodem: port: %w", err)
	}
	watch := os.NewFile(uintptr(fd), "port")
	if _, err := unix.InotifyAddWatch(fd, p.tree.authorized(), unix.IN_CLOSE_WRITE); err != nil {
		return nil, errors.Join(fmt.Errorf("simmodem: port: %w", err), watch.Close())
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			if _, err := watch.Read(buf); err != nil {
				return
			}
			if err := p.authorize(watch); err != nil {
				p.modem.log.Error("port", "error", err)
			}
		}
	}()
	return watch, nil
}

// authorize does what the port's file says now, as the kernel does: a device without
// authorization loses its interfaces and keeps its folder. Who wrote twice before anybody
// looked has had both.
func (p *Plug) authorize(watch io.Closer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.port != watch {
		return nil // of a former life
	}
	text, err := os.ReadFile(p.tree.authorized())
	if err != nil {
		return err
	}
	if p.in {
		err = p.withdraw(false)
	}
	if strings.TrimSpace(string(text)) != "1" {
		return err
	}
	err = errors.Join(err, p.port.Close(), p.tree.remove(true))
	p.port = nil
	p.comeBack(p.modem.device.ResetTime)
	return err
}
