package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/lab/operator"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// Play lays a scenario out and follows its story; program is the tetherd binary.
// Every step is a line on out. The error says which step failed and why.
func Play(ctx context.Context, s *Scenario, program string, verbose bool, out io.Writer) error {
	w, err := NewWorld(ctx, s, program, verbose)
	if err != nil {
		return err
	}
	return errors.Join(w.play(ctx, out), w.Close())
}

// watch plays a scenario of the fault gallery and gives what the doctor said meanwhile.
func watch(ctx context.Context, s *Scenario, program string) (*watchman, error) {
	w, err := NewWorld(ctx, s, program, false)
	if err != nil {
		return new(watchman), err
	}
	err = errors.Join(w.play(ctx, io.Discard), w.Close())
	return &w.watch, err
}

// play follows the story.
func (w *World) play(ctx context.Context, out io.Writer) error {
	for _, step := range w.scenario.Story {
		begun := time.Now()
		w.watch.before(step)
		note, err := w.carryOut(ctx, step.Words)
		err = errors.Join(err, w.broken.fault())
		if err != nil {
			fmt.Fprintf(out, "%8s  %s: FAILED\n", seconds(time.Since(begun)), step)
			return fmt.Errorf("line %d: %s: %w", step.Line, step, errors.Join(err, w.tail()))
		}
		fmt.Fprintf(out, "%8s  %s %s\n", seconds(time.Since(begun)), step, note)
		if err := w.replay(ctx, step); err != nil {
			return fmt.Errorf("line %d: %s: %w", step.Line, step, err)
		}
	}
	return nil
}

// Modem serves the simulated modem of a scenario, or of the tour when path is "", on
// a pseudo-terminal until ctx ends, for mbimcli and others to try.
func Modem(ctx context.Context, path string, out io.Writer) (err error) {
	s, err := ParseScenario(tour)
	if path != "" {
		s, err = ReadScenario(path)
	}
	if err != nil {
		return err
	}
	w := &World{scenario: s, spaces: map[string]*netns.NS{}}
	defer func() { err = errors.Join(err, w.Close()) }()
	if w.operator, err = w.standIn(); err != nil {
		return err
	}
	w.modem = simmodem.New(simmodem.Options{Device: s.Device, SIM: s.SIMs[s.SIM], Network: s.Network, Signal: simmodem.Signal{RSSI: -71}, Core: w.operator})
	terminal, closer, err := w.modem.OpenPTY()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the modem answers on %s; try: mbimcli -d %s --query-device-caps\n", terminal, terminal)
	<-ctx.Done()
	return closer.Close()
}

// standIn is an operator in a namespace of its own.
func (w *World) standIn() (*operator.Operator, error) {
	if err := w.addSpace("operator"); err != nil {
		return nil, err
	}
	return operator.New(operator.Options{Netns: w.spaces["operator"].FD(), APNs: w.scenario.APNs})
}
