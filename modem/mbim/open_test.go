package mbim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// open runs Open beside the test.
func open(ctx context.Context, c *Conn) <-chan error {
	done := make(chan error, 1)
	go func() { done <- c.Open(ctx) }()
	return done
}

func TestOpenEqualsForeignTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		c.mu.Lock()
		c.last = 0 // where that tool begins
		c.mu.Unlock()
		done := open(t.Context(), c)
		same(t, "open", d.expect(TypeOpen), message(t, "mbimcli-1.28.2/open"))
		d.say(golden(t, "spec/open-done"))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOpenTellsTheControlSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{MaxControl: 2048})
		done := open(t.Context(), c)
		m := d.expect(TypeOpen)
		same(t, "control size", m.MaxControl, 2048)
		d.send(Message{Type: TypeOpenDone, Transaction: m.Transaction})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// schedule notes when the host sends what, and answers an OPEN at or after a time.
func schedule(d *device, answerAt time.Duration) []string {
	begun := time.Now()
	var log []string
	for m := range d.heard {
		at := time.Since(begun)
		log = append(log, fmt.Sprintf("%v %#x", at, uint32(m.Type)))
		if m.Type == TypeOpen && at >= answerAt {
			d.send(Message{Type: TypeOpenDone, Transaction: m.Transaction})
			return log
		}
	}
	return log
}

// A modem that wakes up late: contexts are dropped by CLOSE only after two OPENs.
func TestOpenOfASlowModem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := open(t.Context(), c)
		same(t, "sent", schedule(d, 20*time.Second), []string{
			"0s 0x1", "5s 0x1", "10s 0x2", "12s 0x1", "17s 0x1", "22s 0x2", "24s 0x1"})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOpenMayCloseEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{OpensBeforeClose: 1})
		done := open(t.Context(), c)
		same(t, "sent", schedule(d, 6*time.Second), []string{"0s 0x1", "5s 0x2", "7s 0x1"})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestLateAnswerToTheFirstOpenCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		begun := time.Now()
		done := open(t.Context(), c)
		first := d.expect(TypeOpen)
		d.expect(TypeOpen)
		<-time.After(time.Second)
		d.send(Message{Type: TypeOpenDone, Transaction: first.Transaction})
		if err := <-done; err != nil || time.Since(begun) != OpenTimeout+time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// An answer to an OPEN from before the CLOSE must not count: the modem is about to
// carry the CLOSE out.
func TestAnswerFromBeforeTheCloseDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := open(t.Context(), c)
		stale := d.expect(TypeOpen)
		d.expect(TypeOpen)
		d.expect(TypeClose)
		last := d.expect(TypeOpen)
		d.send(Message{Type: TypeOpenDone, Transaction: stale.Transaction})
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("opened by a stale answer: %v", err)
		default:
		}
		d.send(Message{Type: TypeOpenDone, Transaction: last.Transaction})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// refuse answers each OPEN by the given message and each CLOSE well.
func refuse(d *device, answer Message) (opens, closes int) {
	for m := range d.heard {
		reply := Message{Type: TypeCloseDone, Transaction: m.Transaction}
		if m.Type == TypeOpen {
			opens++
			reply = answer
			reply.Transaction = m.Transaction
		} else {
			closes++
		}
		d.send(reply)
	}
	return opens, closes
}

func TestOpenRefusedTwice(t *testing.T) {
	for name, answer := range map[string]Message{
		"status": {Type: TypeOpenDone, Status: StatusBusy},
		"error":  {Type: TypeFunctionError, Error: uint32(ErrorNotOpened)},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, d := pair(t, Options{})
			begun := time.Now()
			done := open(t.Context(), c)
			counted := make(chan [2]int, 1)
			go func() {
				opens, closes := refuse(d, answer)
				counted <- [2]int{opens, closes}
			}()
			err := <-done
			var status *StatusError
			var fault *ProtocolError
			if errors.As(err, &status) == errors.As(err, &fault) || strings.Count(err.Error(), "mbim: ") != 1 {
				t.Errorf("%s: %v", name, err)
			}
			if time.Since(begun) != 0 {
				t.Errorf("%s: took %v", name, time.Since(begun))
			}
			d.end.Close()
			same(t, name, <-counted, [2]int{2, 1})
		})
	}
}

func TestOpenAfterNotOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := open(t.Context(), c)
		m := d.expect(TypeOpen)
		d.send(Message{Type: TypeFunctionError, Transaction: m.Transaction, Error: uint32(ErrorNotOpened)})
		m = d.expect(TypeClose)
		d.send(Message{Type: TypeFunctionError, Transaction: m.Transaction, Error: uint32(ErrorNotOpened)})
		m = d.expect(TypeOpen)
		d.send(Message{Type: TypeOpenDone, Transaction: m.Transaction})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOpenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pair(t, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		begun := time.Now()
		err := c.Open(ctx)
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errSilent) || time.Since(begun) != 11*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

func TestOpenEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := pair(t, Options{})
		done := open(t.Context(), c)
		d.expect(TypeOpen)
		d.end.Close()
		if err := <-done; err == nil || errors.Is(err, errSilent) {
			t.Errorf("%v", err)
		}
	})
}
