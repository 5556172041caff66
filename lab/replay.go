package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/doctor"
)

// replay examines again, after a step that waited for something, what tetherd's last
// examination was made from: away from the running program the verdict must be the same.
// What a verdict was made from is kept, when there is a folder for it.
func (w *World) replay(ctx context.Context, step Step) error {
	if w.daemon.cmd == nil || !slices.Contains([]string{"expect", "detect", "recover", "calm"}, step.Words[0]) {
		return nil
	}
	text, err := api.AskRecord(ctx, w.daemon.socket())
	for again := 0; errors.Is(err, os.ErrDeadlineExceeded) && again < 5; again++ {
		text, err = api.AskRecord(ctx, w.daemon.socket()) // a busy machine answers later
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	r, told, err := doctor.Replay(text)
	if err != nil {
		return err
	}
	again := doctor.Code("")
	if r.Verdict != nil {
		again = r.Verdict.Code
	}
	if again != told {
		return fmt.Errorf("the verdict was %q, and examined again it is %q", told, again)
	}
	if w.scenario.Records == "" || told == "" {
		return nil
	}
	path := filepath.Join(w.scenario.Records, fmt.Sprintf("%s-%d.json", w.scenario.Name, step.Line))
	return os.WriteFile(path, text, 0o644)
}
