package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
)

// person is somebody at a terminal.
type person struct {
	t    *testing.T
	far  *os.File // keyboard and screen
	seen strings.Builder
}

// terminal is a pseudo terminal as a shell leaves it, and who sits there.
func terminal(t *testing.T) (*os.File, *person) {
	t.Helper()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(master), "person")
	t.Cleanup(func() { far.Close() })
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	near, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if err := far.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return near, &person{t: t, far: far}
}

// see waits until a text is on the screen, and returns all that is.
func (p *person) see(text string) string {
	buf := make([]byte, 256)
	for !strings.Contains(p.seen.String(), text) {
		n, err := p.far.Read(buf)
		if err != nil {
			p.t.Errorf("the screen shows %q, and not %q: %v", p.seen.String(), text, err)
			return p.seen.String()
		}
		p.seen.Write(buf[:n])
	}
	return p.seen.String()
}

func (p *person) enter(text string) {
	if _, err := p.far.WriteString(text); err != nil {
		p.t.Error(err)
	}
}

// echoes says that what is typed shows.
func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// TestSecretsAreAsked: at a terminal a person is asked for a secret, which does not show,
// for a new one twice; afterwards the terminal is as before.
func TestSecretsAreAsked(t *testing.T) {
	socket, _ := answering(t)
	for _, c := range []struct {
		verb, question string
		typed          []string
		fault          string
	}{
		{"password", "password: the new one: ", []string{"correct horse", "correct horse"}, ""},
		{"password", "password: the new one: ", []string{"correct horse", "correct hoarse"}, "typed in two ways"},
		{"sim pin", "sim pin: 4 to 8 digits: ", []string{"12x4"}, "pin"},
	} {
		near, who := terminal(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			who.see(c.question)
			for i, text := range c.typed {
				if i > 0 {
					who.see("once more: ")
				}
				who.enter(text + "\n")
			}
		}()
		verb, _ := api.Find(c.verb)
		var out strings.Builder
		err := useCommand(verb, []string{"--socket", socket}, near, &out)
		<-done
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s, %q: %v", c.verb, c.typed, err)
		}
		fmt.Fprint(near, "the end")
		if screen := who.see("the end"); strings.Contains(screen, c.typed[0]) || strings.Count(screen, "\n") != len(c.typed) {
			t.Errorf("the screen shows %q", screen)
		}
		if !echoes(t, near) {
			t.Error("the terminal stays silent")
		}
	}
}

// TestInterrupted: who thinks better of it has a terminal that shows what is typed.
func TestInterrupted(t *testing.T) {
	near, who := terminal(t)
	cmd := exec.Command(os.Args[0], "password")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdin = near
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	who.see("the new one: ")
	who.enter("half\x03")
	err := cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("it ends with %d: %v", code, err)
	}
	fmt.Fprint(near, "the end")
	if screen := who.see("the end"); strings.Contains(screen, "half") || !echoes(t, near) {
		t.Errorf("the screen shows %q; echo %v", screen, echoes(t, near))
	}
}
