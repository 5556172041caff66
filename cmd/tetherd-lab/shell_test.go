//go:build vm

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
)

// TestShell: who asks for a shell in a booted gateway, of the architecture ARCH, sees on a
// local port that clients have Internet, the same by the command, and leaves without a fault.
func TestShell(t *testing.T) {
	port := freePort(t)
	var screen api.Tail
	cmd := exec.CommandContext(t.Context(), "make", "-C", "../..", "vm-shell", "ARCH="+os.Getenv("ARCH"), "PORT="+port)
	cmd.Stdout, cmd.Stderr = &screen, &screen
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for err := errors.New("nobody was asked"); err != nil; err = online(port) {
		select {
		case end := <-ended:
			t.Fatalf("it ended with %v before clients had Internet: %s", end, &screen)
		case <-time.After(time.Second): // a machine that boots cannot be waited on
		}
	}
	for {
		if _, err := io.WriteString(keyboard, "tetherd status\nexit\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case end := <-ended:
			if end != nil || !strings.Contains(screen.String(), "Clients have Internet through Lab Mobile") {
				t.Errorf("it ended with %v: %s", end, &screen)
			}
			return
		case <-time.After(time.Minute): // an emulated serial line may lose what is typed
			t.Logf("typed again; the screen shows %s", &screen)
		}
	}
}

// freePort is a local port that nobody holds.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// online asks a gateway whether clients have Internet.
func online(port string) error {
	client := http.Client{Timeout: 20 * time.Second}
	r, err := client.Get("http://127.0.0.1:" + port + "/v1/status")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	var state struct {
		Online   bool
		Sentence string
	}
	if err := json.NewDecoder(r.Body).Decode(&state); err != nil || !state.Online {
		return fmt.Errorf("%v: %s", err, state.Sentence)
	}
	return nil
}
