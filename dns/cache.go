package dns

import (
	"encoding/binary"
	"hash/maphash"
)

// Bounds of one entry.
const (
	maxEntry  = 4096 // bytes of an answer worth keeping
	indexCost = 32   // bytes that the index spends on an entry, about
	firstSlab = 16 << 10
)

// cache keeps wires in two generations of bytes: the younger is filled, and when it
// is full the older is emptied and takes its place. An entry that is asked for while
// in the older one moves to the younger, so what is in use stays. Neither holds
// pointers, so the collector has nothing to walk.
type cache struct {
	seed  maphash.Seed
	limit int           // bytes of one generation, index included
	gens  [2]generation // the younger first
}

// generation is a run of entries: stored u32, life u32 (both seconds), length of the
// key u16, of the wire u16, then both.
type generation struct {
	index map[uint64]uint32 // hash of the key to where its entry starts
	slab  []byte
}

const entryHead = 12

func newCache(bytes int) *cache {
	c := &cache{seed: maphash.MakeSeed(), limit: bytes / 2}
	for i := range c.gens {
		c.gens[i].index = map[uint64]uint32{}
	}
	return c
}

// size is what the cache holds in bytes.
func (c *cache) size() int { return c.gens[0].size() + c.gens[1].size() }

func (g *generation) size() int { return len(g.slab) + len(g.index)*indexCost }

// get returns the wire of key and its age in seconds. Now counts seconds from any
// start. The wire is valid until the next put.
func (c *cache) get(key []byte, now uint32) (wire []byte, age uint32) {
	hash := maphash.Bytes(c.seed, key)
	for i := range c.gens {
		entry := c.gens[i].entry(hash, key)
		if entry == nil {
			continue
		}
		age = now - binary.BigEndian.Uint32(entry)
		if age >= binary.BigEndian.Uint32(entry[4:]) {
			return nil, 0
		}
		if i == 1 && c.gens[0].size()+len(entry)+indexCost <= c.limit {
			c.gens[0].add(hash, entry, nil, nil, c.limit)
		}
		return entry[entryHead+len(key):], age
	}
	return nil, 0
}

// put keeps wire for life seconds.
func (c *cache) put(key, wire []byte, now, life uint32) {
	need := entryHead + len(key) + len(wire) + indexCost
	if life == 0 || len(wire) > maxEntry || need > c.limit {
		return
	}
	if c.gens[0].size()+need > c.limit {
		c.gens[0], c.gens[1] = c.gens[1], c.gens[0]
		clear(c.gens[0].index)
		c.gens[0].slab = c.gens[0].slab[:0]
	}
	var head [entryHead]byte
	binary.BigEndian.PutUint32(head[0:], now)
	binary.BigEndian.PutUint32(head[4:], life)
	binary.BigEndian.PutUint16(head[8:], uint16(len(key)))
	binary.BigEndian.PutUint16(head[10:], uint16(len(wire)))
	c.gens[0].add(maphash.Bytes(c.seed, key), head[:], key, wire, c.limit)
}

// add appends the parts of one entry.
func (g *generation) add(hash uint64, head, key, wire []byte, limit int) {
	need := len(g.slab) + len(head) + len(key) + len(wire)
	if need > cap(g.slab) {
		grown := make([]byte, len(g.slab), min(max(2*cap(g.slab), firstSlab, need), limit))
		copy(grown, g.slab)
		g.slab = grown
	}
	g.index[hash] = uint32(len(g.slab))
	g.slab = append(append(append(g.slab, head...), key...), wire...)
}

// entry returns the whole entry of key, nil when there is none.
func (g *generation) entry(hash uint64, key []byte) []byte {
	at, ok := g.index[hash]
	if !ok {
		return nil
	}
	b := g.slab[at:]
	keyLen := int(binary.BigEndian.Uint16(b[8:]))
	end := entryHead + keyLen + int(binary.BigEndian.Uint16(b[10:]))
	if string(b[entryHead:entryHead+keyLen]) != string(key) {
		return nil // another name of the same hash
	}
	return b[:end:end]
}
