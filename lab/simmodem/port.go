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
		for { // it may have been written to before it was watched
			if err := p.authorize(watch); err != nil {
				p.modem.log.Error("port", "error", err)
			}
			if _, err := watch.Read(buf); err != nil {
				return
			}
		}
	}()
	return watch, nil
}

// authorize does what the port's file says now, as the kernel does: a device without
// authorization loses its interfaces and keeps its folder.
func (p *Plug) authorize(watch io.Closer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.port != watch {
		return nil // of a former life
	}
	text, err := os.ReadFile(p.tree.authorized())
	switch on := strings.TrimSpace(string(text)); {
	case err != nil:
		return err
	case on == "0" && p.in:
		return p.letGo()
	case on == "1" && !p.in:
		err := errors.Join(p.port.Close(), p.tree.remove())
		p.port = nil
		p.comeBack(p.modem.device.ResetTime)
		return err
	}
	return nil
}

// letGo leaves nothing of the device but the file by which it comes back.
func (p *Plug) letGo() error {
	if err := p.withdraw(); err != nil {
		return err
	}
	err := p.tree.make(p.tree.usb+"/authorized", func(name string) error { return os.WriteFile(name, []byte("0\n"), 0o644) })
	if err != nil {
		return err
	}
	p.port, err = p.watchPort()
	return err
}
