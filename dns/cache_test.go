package dns

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
)

func keyOf(i int) []byte { return fmt.Appendf(nil, "\x08%08d\x00\x00\x01\x00", i) }

func TestCacheReturnsWhatWasPutUntilItsTimeIsUp(t *testing.T) {
	c := newCache(1 << 16)
	c.put(keyOf(1), []byte("one"), 100, 60)
	c.put(keyOf(2), []byte("two"), 100, 60)
	if wire, age := c.get(keyOf(1), 159); string(wire) != "one" || age != 59 {
		t.Errorf("%q %d", wire, age)
	}
	if wire, _ := c.get(keyOf(1), 160); wire != nil {
		t.Errorf("%q", wire)
	}
	c.put(keyOf(1), []byte("new"), 160, 60)
	if wire, age := c.get(keyOf(1), 160); string(wire) != "new" || age != 0 {
		t.Errorf("%q %d", wire, age)
	}
	if wire, _ := c.get(keyOf(3), 100); wire != nil {
		t.Errorf("%q", wire)
	}
}

func TestCacheStaysWithinItsBytes(t *testing.T) {
	const limit = 64 << 10
	c, wire := newCache(limit), bytes.Repeat([]byte("x"), 100)
	for i := range 5000 {
		c.put(keyOf(i), wire, 0, 60)
		if c.size() > limit {
			t.Fatalf("%d bytes after %d entries", c.size(), i)
		}
	}
	for _, g := range c.gens {
		if cap(g.slab) > limit/2 {
			t.Errorf("slab of %d", cap(g.slab))
		}
	}
	if wire, _ := c.get(keyOf(4999), 0); wire == nil {
		t.Error("the youngest is gone")
	}
	if wire, _ := c.get(keyOf(0), 0); wire != nil {
		t.Error("the oldest is there")
	}
}

func TestEntryInUseOutlivesThoseThatAreNot(t *testing.T) {
	c, wire := newCache(32<<10), bytes.Repeat([]byte("x"), 100)
	c.put(keyOf(0), []byte("kept"), 0, 60)
	for i := 1; i < 2000; i++ {
		c.put(keyOf(i), wire, 0, 60)
		if wire, _ := c.get(keyOf(0), 0); string(wire) != "kept" {
			t.Fatalf("lost after %d entries: %q", i, wire)
		}
	}
}

func TestCacheRefusesWhatIsTooLargeOrDeadAlready(t *testing.T) {
	c := newCache(1 << 20)
	c.put(keyOf(1), make([]byte, maxEntry+1), 0, 60)
	c.put(keyOf(2), []byte("dead"), 0, 0)
	if c.size() != 0 {
		t.Errorf("%d bytes", c.size())
	}
	none := newCache(0)
	none.put(keyOf(1), []byte("x"), 0, 60)
	if none.size() != 0 {
		t.Errorf("%d bytes in no cache", none.size())
	}
}

func TestTenThousandEntriesFitEightMebibytes(t *testing.T) {
	c, wire := newCache(8<<20), bytes.Repeat([]byte("x"), 150)
	for i := range 10_000 {
		c.put(keyOf(i), wire, 0, 60)
	}
	for i := range 10_000 {
		if wire, _ := c.get(keyOf(i), 0); wire == nil {
			t.Fatalf("entry %d is gone, %d bytes", i, c.size())
		}
	}
}

// Drift compares every field of Spec, also those that are added one day.
func TestDriftSeesEveryField(t *testing.T) {
	if lines := Drift(lanSpec(), Status{InForce: clone(lanSpec())}); len(lines) != 0 {
		t.Error(lines)
	}
	fields := reflect.TypeFor[Spec]()
	for i := range fields.NumField() {
		have := clone(lanSpec())
		field := reflect.ValueOf(&have).Elem().Field(i)
		switch field.Kind() {
		case reflect.Bool:
			field.SetBool(!field.Bool())
		case reflect.Int, reflect.Int64:
			field.SetInt(field.Int() + 1)
		case reflect.String:
			field.SetString("other")
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), field.Len()+1, field.Len()+1))
		case reflect.Struct:
			if field.IsZero() {
				field.Set(reflect.ValueOf(netip.MustParseAddr("192.0.2.1")))
			} else {
				field.SetZero()
			}
		default:
			t.Fatalf("field %s has no other value here", fields.Field(i).Name)
		}
		if lines := Drift(lanSpec(), Status{InForce: have}); len(lines) != 1 {
			t.Errorf("%s: %v", fields.Field(i).Name, lines)
		}
	}
	if lines := Drift(Spec{}, Status{Error: "port taken"}); len(lines) != 1 {
		t.Error(lines)
	}
}

func TestEmptyListIsNoList(t *testing.T) {
	spec := lanSpec()
	spec.RebindOK, spec.Upstream.Fallback = []string{}, nil
	have := clone(lanSpec())
	have.Upstream.Fallback = have.Upstream.Servers[:0]
	if lines := Drift(spec, Status{InForce: have}); len(lines) != 0 {
		t.Error(lines)
	}
}
