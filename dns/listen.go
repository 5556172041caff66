package dns

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// listener is one address of Spec.Listen with its two sockets.
type listener struct {
	addr     netip.AddrPort
	udp, tcp int
}

// open opens both sockets or none.
func (l *listener) open() (err error) {
	if l.udp, err = listenUDP(l.addr); err != nil {
		return fmt.Errorf("udp %s: %w", l.addr, err)
	}
	if l.tcp, err = listenTCP(l.addr); err != nil {
		unix.Close(l.udp)
		return fmt.Errorf("tcp %s: %w", l.addr, err)
	}
	return nil
}

func (l *listener) close() {
	unix.Close(l.udp)
	unix.Close(l.tcp)
}

// listen makes the sockets of ours those of addrs: what is wanted and open stays.
func (d *Driver) listen(addrs []netip.AddrPort) error {
	old := d.listeners
	d.listeners = nil
	var errs []error
	for _, addr := range addrs {
		l := takeListener(&old, addr)
		if l == nil {
			l = &listener{addr: addr}
			if err := d.openListener(l); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		d.listeners = append(d.listeners, l)
	}
	for _, l := range old {
		l.close()
	}
	return errors.Join(errs...)
}

func (d *Driver) openListener(l *listener) error {
	if err := l.open(); err != nil {
		return err
	}
	if err := errors.Join(d.poll.add(l.udp), d.poll.add(l.tcp)); err != nil {
		l.close()
		return err
	}
	d.log.Info("dns listens", "address", l.addr)
	return nil
}

// takeListener removes the listener of addr from list and returns it, nil for none.
func takeListener(list *[]*listener, addr netip.AddrPort) *listener {
	for i, l := range *list {
		if l.addr == addr {
			*list = append((*list)[:i:i], (*list)[i+1:]...)
			return l
		}
	}
	return nil
}
