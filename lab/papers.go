package lab

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tetherd/tetherd/lab/operator"
)

// signer is the operator's key, the same in every lab, so that a scenario can pin
// "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=".
func signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// authorityPath is where tetherd finds the authority of the operator's servers.
func (d *daemon) authorityPath() string { return filepath.Join(d.dir, "authority.pem") }

// provisionStep has the owner apply a document: provision NAME [refused [TEXT]].
func provisionStep(ctx context.Context, w *World, args []string) (string, error) {
	text, ok := w.scenario.Documents[args[0]]
	if !ok {
		return "", fmt.Errorf("there is no section 'document %s'", args[0])
	}
	path := filepath.Join(w.dir, "document-"+args[0])
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	out, err := w.tetherd(ctx, "provision", "apply", path)
	if len(args) == 1 {
		return "", err
	}
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return "", fmt.Errorf("it was applied, or not tried: %w\n%s", err, out)
	}
	if len(args) > 2 && !strings.Contains(err.Error()+out, args[2]) {
		return "", fmt.Errorf("it is not refused for that: %w\n%s", err, out)
	}
	return "", nil
}

// publishStep puts a document on the operator's server: publish NAME [unsigned].
func publishStep(_ context.Context, w *World, args []string) (string, error) {
	text, ok := w.scenario.Documents[args[0]]
	if !ok {
		return "", fmt.Errorf("there is no section 'document %s'", args[0])
	}
	w.operator.Publish("/document", []byte(text))
	w.operator.Publish("/document.sig", nil)
	if len(args) == 1 {
		w.operator.Publish("/document.sig", ed25519.Sign(signer(), []byte(text)))
	}
	return "", nil
}

// consentStep changes the operator's entitlement server.
func consentStep(_ context.Context, w *World, args []string) (string, error) {
	switch c := operator.Consent(args[0]); c {
	case operator.ConsentAllows, operator.ConsentDenies, operator.ConsentSilent:
		w.operator.SetConsent(c)
		return "", nil
	}
	return "", fmt.Errorf("consent allows, denies or is silent, not %q", args[0])
}

// tetherdStep runs a command of tetherd beside the gateway; it must succeed.
func tetherdStep(ctx context.Context, w *World, args []string) (string, error) {
	_, err := w.tetherd(ctx, args...)
	return "", err
}

// tetherd runs a command of tetherd that asks the running gateway.
func (w *World) tetherd(ctx context.Context, args ...string) (string, error) {
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, w.daemon.program, append(args, "--socket", w.daemon.socket())...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := w.spawn.start(w.spaces["gateway"], cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("tetherd %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaints.String()))
	}
	return out.String(), err
}
