package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
)

// input is where secrets come from: a terminal, at which a person is asked for them, or
// lines that are read without a word.
type input struct {
	*bufio.Reader
	terminal *os.File // nil when it is none
}

func inputOf(in io.Reader) input {
	i := input{Reader: bufio.NewReader(in)}
	if f, ok := in.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			i.terminal = f
		}
	}
	return i
}

// ask reads a line. At a terminal it does not show while it is typed, and with twice it
// must be typed again.
func (i input) ask(question string, twice bool) (string, error) {
	if i.terminal == nil {
		return i.line()
	}
	show, err := hide(i.terminal)
	if err != nil {
		return "", err
	}
	defer show()
	fmt.Fprint(i.terminal, question, ": ")
	line, err := i.line()
	if err != nil || !twice {
		return line, err
	}
	fmt.Fprint(i.terminal, "once more: ")
	if again, err := i.line(); err != nil || again != line {
		return "", errors.New("it was typed in two ways")
	}
	return line, nil
}

// agree asks the person at the terminal a question; only yes is yes.
func (i input) agree(question string) (bool, error) {
	fmt.Fprint(i.terminal, question, " [y/N] ")
	line, err := i.line()
	if err == io.EOF {
		return false, nil
	}
	return line == "y" || line == "Y" || line == "yes", err
}

// line reads a line, the last one also without its end.
func (i input) line() (string, error) {
	line, err := i.ReadString('\n')
	if line == "" {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// hide keeps what is typed from being shown, but for the ends of lines, until show is
// called or the program is interrupted, which ends it.
func hide(terminal *os.File) (show func(), err error) {
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag = hidden.Lflag&^unix.ECHO | unix.ICANON | unix.ECHONL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return nil, err
	}
	restore := func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) } // nothing can be done about it
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		if s, ok := <-interrupted; ok {
			restore()
			os.Exit(128 + int(s.(unix.Signal)))
		}
	}()
	return func() {
		signal.Stop(interrupted)
		close(interrupted)
		restore()
	}, nil
}
