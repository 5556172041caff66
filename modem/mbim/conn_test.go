package mbim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// device is the other end of a Conn: a test scripts it by what it receives.
type device struct {
	t     *testing.T
	end   net.Conn
	heard chan Message
}

// pair connects a Conn to a scripted device. Inside a synctest bubble both must
// have ended when the test returns, so that a leak is a failure.
func pair(t *testing.T, opts Options) (*Conn, *device) {
	t.Helper()
	host, end := net.Pipe()
	d := &device{t: t, end: end, heard: make(chan Message, 64)}
	go d.listen()
	c := NewConn(host, opts)
	t.Cleanup(func() {
		end.Close()
		_ = c.Close(context.Background(), false)
		<-c.Done()
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.waiting) > 0 {
			t.Errorf("%d transactions still wait", len(c.waiting))
		}
	})
	return c, d
}

// listen assembles what the host writes.
func (d *device) listen() {
	defer close(d.heard)
	var split Splitter
	var asm Assembler
	buf := make([]byte, 100)
	for {
		n, err := d.end.Read(buf)
		split.Write(buf[:n], time.Now())
		for frame, ok := split.Next(); ok; frame, ok = split.Next() {
			m, whole, err := asm.Add(frame, time.Now())
			if err != nil {
				d.t.Errorf("the host sent a broken frame: %v", err)
			}
			if whole {
				d.heard <- m
			}
		}
		if err != nil {
			return
		}
	}
}

// say writes raw bytes to the host.
func (d *device) say(raw []byte) {
	if _, err := d.end.Write(raw); err != nil {
		d.t.Errorf("device: %v", err)
	}
}

// send writes a message.
func (d *device) send(m Message) {
	for _, frame := range m.Frames(DefaultControl) {
		d.say(frame)
	}
}

// expect takes the next message, which must be of the given type.
func (d *device) expect(kind MessageType) Message {
	d.t.Helper()
	m, ok := <-d.heard
	if !ok || m.Type != kind {
		d.t.Fatalf("the host sent %#x, want %#x", uint32(m.Type), uint32(kind))
	}
	return m
}

// answer sends an answer to a command, repeating its service and CID.
func (d *device) answer(m Message, status uint32, info []byte) {
	d.send(Message{Type: TypeCommandDone, Transaction: m.Transaction, Service: m.Service, CID: m.CID, Status: status, Info: info})
}

// outcome is what a command returned.
type outcome struct {
	message Message
	err     error
}

// start runs a request beside the test.
func start(ctx context.Context, c *Conn, r Request) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		m, err := c.Do(ctx, r)
		done <- outcome{m, err}
	}()
	return done
}

func TestCommandIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, EnterPIN(PIN1, "1234"))
		m := d.expect(TypeCommand)
		same(t, "command", m, command(EnterPIN(PIN1, "1234"), m.Transaction))
		d.answer(m, StatusFailure, []byte{2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0})
		got := <-done
		if got.err != nil || got.message.Status != StatusFailure {
			t.Fatalf("%+v", got)
		}
		pin, err := ParsePIN(got.message.Info)
		if err != nil || pin.Attempts != 2 {
			t.Errorf("%+v, %v", pin, err)
		}
	})
}

func TestAnswersFindTheirCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		requests := []Request{QueryPIN(), QueryRadioState(), QuerySignalState()}
		var dones []<-chan outcome
		var heard []Message
		for _, r := range requests {
			dones = append(dones, start(t.Context(), c, r))
			heard = append(heard, d.expect(TypeCommand))
		}
		for i := len(heard) - 1; i >= 0; i-- {
			d.answer(heard[i], uint32(i+1), nil)
		}
		for i, done := range dones {
			if got := <-done; got.err != nil || got.message.Status != uint32(i+1) || got.message.CID != requests[i].CID {
				t.Errorf("command %d: %+v", i, got)
			}
		}
	})
}

func TestCommandsWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{Outstanding: 1})
		first := start(t.Context(), c, QueryPIN())
		m := d.expect(TypeCommand)
		second := start(t.Context(), c, QueryRadioState())
		impatience := errors.New("impatience")
		hasty, cancel := context.WithTimeoutCause(t.Context(), time.Second, impatience)
		defer cancel()
		if _, err := c.Do(hasty, QueryPIN()); !errors.Is(err, impatience) {
			t.Errorf("the third: %v", err)
		}
		synctest.Wait()
		if len(d.heard) != 0 {
			t.Fatal("the second was sent before the first was answered")
		}
		d.answer(m, StatusOK, nil)
		if got := <-first; got.err != nil {
			t.Error(got.err)
		}
		d.answer(d.expect(TypeCommand), StatusOK, nil)
		if got := <-second; got.err != nil || got.message.CID != CIDRadioState {
			t.Errorf("%+v", got)
		}
	})
}

func TestTimeoutAndLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{Outstanding: 1})
		hasty, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		slow := start(hasty, c, QueryPIN())
		late := d.expect(TypeCommand)
		got := <-slow
		if !errors.Is(got.err, context.DeadlineExceeded) || time.Since(begun) != 3*time.Second {
			t.Errorf("%v after %v", got.err, time.Since(begun))
		}
		if want := "mbim: pin: no answer: context deadline exceeded"; got.err.Error() != want {
			t.Errorf("%v, want %s", got.err, want)
		}
		next := start(t.Context(), c, QueryPIN())
		m := d.expect(TypeCommand)
		d.answer(late, StatusBusy, nil)
		d.answer(m, StatusOK, nil)
		if got := <-next; got.err != nil || got.message.Status != StatusOK {
			t.Errorf("%+v", got)
		}
	})
}

// TestCommandThatIsGivenUpIsNotSent: a dial must not follow its own hang-up.
func TestCommandThatIsGivenUpIsNotSent(t *testing.T) {
	c, d := pair(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 64 {
		if _, err := c.Do(ctx, QueryDeviceCaps()); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
	}
	d.end.Close()
	for m := range d.heard {
		t.Fatalf("it was told %+v", m)
	}
}

func TestFunctionErrorFailsItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryPIN())
		m := d.expect(TypeCommand)
		d.send(Message{Type: TypeFunctionError, Transaction: m.Transaction + 1, Error: uint32(ErrorUnknown)}) // of nobody
		d.send(Message{Type: TypeFunctionError, Transaction: m.Transaction, Error: uint32(ErrorNotOpened)})
		var fault *ProtocolError
		if got := <-done; !errors.As(got.err, &fault) || fault.Code != ErrorNotOpened || fault.Type != TypeFunctionError {
			t.Errorf("%v", got.err)
		}
	})
}

func TestForeignAnswersAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryPIN())
		m := d.expect(TypeCommand)
		other := m
		other.CID = CIDRadioState
		d.answer(other, StatusBusy, nil)
		other = m
		other.Service = ServiceSMS
		d.answer(other, StatusBusy, nil)
		d.send(Message{Type: TypeCloseDone, Transaction: m.Transaction})
		d.send(Message{Type: TypeCommand, Transaction: m.Transaction, Service: m.Service, CID: m.CID}) // an echo
		d.answer(m, StatusOK, nil)
		if got := <-done; got.err != nil || got.message.Status != StatusOK {
			t.Errorf("%+v", got)
		}
	})
}

func TestFragmentedAnswerByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryDeviceCaps())
		m := d.expect(TypeCommand)
		d.say([]byte("garbage"))
		for _, fragment := range capsFragments(t) {
			for _, b := range renumber(fragment, TypeCommandDone, m.Transaction) {
				d.say([]byte{b})
			}
		}
		got := <-done
		if got.err != nil {
			t.Fatal(got.err)
		}
		same(t, "buffer", got.message.Info, info(t, "spec/device-caps"))
	})
}

func TestMissingFragmentFailsTheCommandSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryDeviceCaps())
		m := d.expect(TypeCommand)
		begun := time.Now()
		d.say(renumber(capsFragments(t)[0], TypeCommandDone, m.Transaction))
		var fault *ProtocolError
		if got := <-done; !errors.As(got.err, &fault) || fault.Code != ErrorFragmentTimeout {
			t.Errorf("%v", got.err)
		}
		if took := time.Since(begun); took != FragmentTimeout {
			t.Errorf("given up after %v", took)
		}
	})
}

func TestFragmentsOfOneAnswerHaveTheirOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryDeviceCaps())
		m := d.expect(TypeCommand)
		for _, fragment := range capsFragments(t) {
			<-time.After(FragmentTimeout - time.Millisecond)
			d.say(renumber(fragment, TypeCommandDone, m.Transaction))
		}
		if got := <-done; got.err != nil {
			t.Error(got.err)
		}
	})
}

func TestFragmentOutOfSequenceFailsTheCommandAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryDeviceCaps())
		m := d.expect(TypeCommand)
		begun := time.Now()
		d.say(renumber(capsFragments(t)[0], TypeCommandDone, m.Transaction))
		d.say(renumber(capsFragments(t)[2], TypeCommandDone, m.Transaction))
		var fault *ProtocolError
		if got := <-done; !errors.As(got.err, &fault) || fault.Code != ErrorFragmentSequence || time.Since(begun) != 0 {
			t.Errorf("%v after %v", got.err, time.Since(begun))
		}
	})
}

func TestBrokenIndicationFailsNoCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryDeviceCaps())
		m := d.expect(TypeCommand)
		d.say(renumber(capsFragments(t)[1], TypeIndicate, m.Transaction))
		d.answer(m, StatusOK, nil)
		if got := <-done; got.err != nil {
			t.Error(got.err)
		}
	})
}

func TestLongCommandIsFragmented(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{MaxControl: MinControl})
		r := Request{Service: ServiceQMI, CID: CIDQMI, Set: true, Info: bytes.Repeat([]byte("payload"), 100)}
		// Two at once: their fragments must not mix, or the device could not read them.
		one, two := start(t.Context(), c, r), start(t.Context(), c, r)
		for range 2 {
			m := d.expect(TypeCommand)
			same(t, "command", m, command(r, m.Transaction))
			d.answer(m, StatusOK, nil)
		}
		if a, b := <-one, <-two; a.err != nil || b.err != nil {
			t.Error(a.err, b.err)
		}
	})
}

func TestIndications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QuerySignalState())
		m := d.expect(TypeCommand)
		d.say(renumber(golden(t, "spec/signal-state"), TypeIndicate, m.Transaction)) // same number
		d.say(golden(t, "spec/connect-lost"))
		d.answer(m, StatusOK, nil)
		if got := <-done; got.err != nil || len(got.message.Info) != 0 {
			t.Errorf("%+v", got)
		}
		if got := <-c.Indications(); got.CID != CIDSignalState {
			t.Errorf("%+v", got)
		}
		same(t, "second", <-c.Indications(), message(t, "spec/connect-lost"))
	})
}

func TestOldestIndicationIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{Indications: 3})
		for i := range uint32(10) {
			d.send(Message{Type: TypeIndicate, Service: ServiceBasicConnect, CID: i})
		}
		synctest.Wait()
		d.end.Close()
		var got []uint32
		for m := range c.Indications() { // ends with the connection
			got = append(got, m.CID)
		}
		same(t, "kept", got, []uint32{7, 8, 9})
		same(t, "dropped", c.Dropped(), 7)
	})
}

// failing gives an error where a modem would block.
type failing struct {
	reads  chan error
	writes error
	closed atomic.Int32
}

func (f *failing) Read([]byte) (int, error) {
	err, open := <-f.reads
	if !open {
		return 0, os.ErrClosed
	}
	return 0, err
}

func (f *failing) Write(p []byte) (int, error) { return len(p), f.writes }

func (f *failing) Close() error {
	if f.closed.Add(1) == 1 {
		close(f.reads)
	}
	return nil
}

func TestReadErrorEndsEverything(t *testing.T) {
	for name, cause := range map[string]error{"unplugged": &os.PathError{Op: "read", Err: unix.ENODEV}, "pty closed": io.EOF} {
		synctest.Test(t, func(t *testing.T) {
			f := &failing{reads: make(chan error, 1)}
			c := NewConn(f, Options{})
			if c.Err() != nil {
				t.Fatal(c.Err())
			}
			done := start(t.Context(), c, QueryPIN())
			synctest.Wait()
			f.reads <- cause
			want := cause
			if path := new(os.PathError); errors.As(cause, &path) {
				want = path.Err
			}
			if got := <-done; !errors.Is(got.err, want) || strings.Count(got.err.Error(), "mbim: ") != 1 {
				t.Errorf("%s: the command under way: %v", name, got.err)
			}
			<-c.Done()
			if !errors.Is(c.Err(), want) {
				t.Errorf("%s: %v", name, c.Err())
			}
			if _, open := <-c.Indications(); open {
				t.Errorf("%s: indications go on", name)
			}
			if _, err := c.Do(t.Context(), QueryPIN()); !errors.Is(err, want) {
				t.Errorf("%s: the next command: %v", name, err)
			}
			if err := c.Open(t.Context()); !errors.Is(err, want) {
				t.Errorf("%s: open: %v", name, err)
			}
			if err := c.Close(t.Context(), false); err != nil || f.closed.Load() != 1 {
				t.Errorf("%s: close: %v, closed %d times", name, err, f.closed.Load())
			}
		})
	}
}

// idle is a broken driver: its reads give nothing, at once, for ever.
type idle struct{ io.WriteCloser }

func (idle) Read([]byte) (int, error) { return 0, nil }
func (idle) Close() error             { return nil }

func TestReadsOfNothingEndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewConn(idle{}, Options{})
		<-c.Done()
		if !errors.Is(c.Err(), io.ErrNoProgress) {
			t.Errorf("%v", c.Err())
		}
	})
}

func TestWriteErrorFailsTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{reads: make(chan error), writes: unix.EIO}
		c := NewConn(f, Options{})
		if _, err := c.Do(t.Context(), QueryPIN()); !errors.Is(err, unix.EIO) {
			t.Errorf("%v", err)
		}
		if err := c.Close(t.Context(), false); err != nil {
			t.Error(err)
		}
	})
}

func TestDeviceThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, end := net.Pipe() // nobody reads at the end
		c := NewConn(host, Options{})
		begun := time.Now()
		stuck := start(t.Context(), c, QueryPIN())
		synctest.Wait()
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Do(hasty, QueryPIN()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one behind: %v", err)
		}
		if got := <-stuck; !errors.Is(got.err, os.ErrDeadlineExceeded) || time.Since(begun) != writeTimeout {
			t.Errorf("%v after %v", got.err, time.Since(begun))
		}
		end.Close()
		<-c.Done()
	})
}

func TestCloseTellsTheModem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		closed := make(chan error, 1)
		go func() { closed <- c.Close(t.Context(), true) }()
		m := d.expect(TypeClose)
		d.send(Message{Type: TypeCloseDone, Transaction: m.Transaction})
		if err := <-closed; err != nil {
			t.Error(err)
		}
		<-c.Done()
		if !errors.Is(c.Err(), ErrClosed) {
			t.Errorf("%v", c.Err())
		}
	})
}

func TestCloseLeavesTheSessionUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryPIN())
		d.expect(TypeCommand)
		if err := c.Close(t.Context(), false); err != nil {
			t.Error(err)
		}
		if got := <-done; !errors.Is(got.err, ErrClosed) {
			t.Errorf("the command under way: %v", got.err)
		}
		if m, ok := <-d.heard; ok {
			t.Errorf("the modem was told %+v", m)
		}
		if err := c.Close(t.Context(), false); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestCloseOfASilentModem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pair(t, Options{})
		begun := time.Now()
		err := c.Close(t.Context(), true)
		if !errors.Is(err, errSilent) || time.Since(begun) != CloseTimeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		<-c.Done() // ended all the same
	})
}

// unending is a device whose reads do not end by Close.
type unending struct{ forever chan struct{} }

func (u unending) Read([]byte) (int, error)    { <-u.forever; return 0, io.EOF }
func (u unending) Write(p []byte) (int, error) { return len(p), nil }
func (u unending) Close() error                { return nil }

func TestCloseWaitsNoLongerThanAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := unending{make(chan struct{})}
		c := NewConn(u, Options{})
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(hasty, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		close(u.forever)
		<-c.Done()
	})
}

// TestLateAnswerToAFormerProcessIsNobodys: who takes a channel over shares no numbers with who
// was killed, whose questions the modem still answers.
func TestLateAnswerToAFormerProcessIsNobodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		former, old := pair(t, Options{})
		lost := start(t.Context(), former, QueryConnect(1))
		late := old.expect(TypeCommand)
		c, d := pair(t, Options{})
		done := start(t.Context(), c, QueryConnect(0))
		m := d.expect(TypeCommand)
		d.answer(late, StatusBusy, nil)
		synctest.Wait()
		d.answer(m, StatusOK, []byte{1})
		if got := <-done; got.err != nil || got.message.Status != StatusOK || len(got.message.Info) != 1 {
			t.Errorf("%+v", got)
		}
		old.end.Close()
		<-lost
	})
}

func TestTransactionNumbersWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		first := start(t.Context(), c, QueryPIN())
		taken := d.expect(TypeCommand)
		c.mu.Lock()
		c.last = 0xFFFFFFFF
		c.mu.Unlock()
		second := start(t.Context(), c, QueryPIN())
		m := d.expect(TypeCommand)
		if m.Transaction == 0 || m.Transaction == taken.Transaction {
			t.Errorf("transaction %d is in use", m.Transaction)
		}
		d.answer(taken, 1, nil)
		d.answer(m, 2, nil)
		if a, b := <-first, <-second; a.message.Status != 1 || b.message.Status != 2 {
			t.Errorf("%+v, %+v", a, b)
		}
	})
}

// What is logged never shows what a message held.
func TestLogHidesContents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c, d := pair(t, Options{Log: log})
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := start(hasty, c, EnterPIN(PIN1, "90210"))
		m := d.expect(TypeCommand)
		if got := <-done; got.err == nil {
			t.Error("answered")
		}
		d.answer(m, StatusFailure, (&Writer{}).Text("90210").Encode())
		d.say([]byte("90210"))
		d.say(renumber(capsFragments(t)[2], TypeCommandDone, 77))
		synctest.Wait()
		d.end.Close()
		<-c.Done()
		logged := text.String()
		for _, want := range []string{"nobody waits", "garbage", "broken", "lost"} {
			if !strings.Contains(logged, want) {
				t.Errorf("%q is not logged:\n%s", want, logged)
			}
		}
		for _, secret := range []string{"90210", "9\\x000", "004999010640000"} {
			if strings.Contains(logged, secret) {
				t.Errorf("%q is logged:\n%s", secret, logged)
			}
		}
	})
}

func TestOptionsAreBounded(t *testing.T) {
	for control, want := range map[int]int{0: DefaultControl, -5: DefaultControl, 1: MinControl, 512: 512, 1 << 20: MaxMessage} {
		if got := (Options{MaxControl: control}).withDefaults().MaxControl; got != want {
			t.Errorf("%d: %d, want %d", control, got, want)
		}
	}
}
