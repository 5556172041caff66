package usbip

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A transfer block carries several datagrams (CDC NCM 1.0 section 3, 16-bit form):
// a header, the datagrams, and a table that points at them.
const (
	ntbSize        = 16384 // largest block, either way
	ntbHeader      = 12
	ntbTable       = 8  // head of a table
	ntbEntry       = 4  // index and length; a table ends with an empty one
	ntbAlign       = 4  // of tables and datagrams
	ntbMaxTables   = 16 // more in one block is a loop
	ntbSignature   = "NCMH"
	tableSignature = "IPS" // and the session's number (MBIM 7)
)

// errBlock says that the host sent a block that is broken.
var errBlock = errors.New("usbip: broken transfer block")

// parseBlock gives every datagram of a block with its session; it is only valid during
// the call.
func parseBlock(block []byte, each func(session byte, datagram []byte)) error {
	if len(block) < ntbHeader || string(block[:4]) != ntbSignature {
		return fmt.Errorf("%w: header", errBlock)
	}
	word := func(at int) int { return int(binary.LittleEndian.Uint16(block[at:])) }
	if length := word(8); length > len(block) {
		return fmt.Errorf("%w: %d bytes of %d", errBlock, len(block), length)
	}
	tables := 0
	for at := word(10); at != 0; at = word(at + 6) {
		if tables++; tables > ntbMaxTables || at+ntbTable > len(block) || string(block[at:at+3]) != tableSignature {
			return fmt.Errorf("%w: table %d at %d", errBlock, tables, at)
		}
		session := block[at+3]
		if err := parseTable(block, at, func(d []byte) { each(session, d) }); err != nil {
			return err
		}
	}
	return nil
}

// parseTable gives the datagrams of the table at a place.
func parseTable(block []byte, at int, each func([]byte)) error {
	word := func(at int) int { return int(binary.LittleEndian.Uint16(block[at:])) }
	end := at + word(at+4)
	if end > len(block) {
		return fmt.Errorf("%w: table ends at %d", errBlock, end)
	}
	for entry := at + ntbTable; entry+ntbEntry <= end; entry += ntbEntry {
		index, length := word(entry), word(entry+2)
		if index == 0 || length == 0 {
			return nil
		}
		if index+length > len(block) {
			return fmt.Errorf("%w: datagram ends at %d", errBlock, index+length)
		}
		each(block[index : index+length])
	}
	return nil
}

// blockRoom is what a block of n datagrams and size bytes in all needs at most.
func blockRoom(n, size int) int {
	return ntbHeader + size + n*(ntbAlign-1) + ntbAlign - 1 + ntbTable + (n+1)*ntbEntry
}

// appendBlock writes a block with datagrams of one session. The caller has made sure by
// blockRoom that it is small enough.
func appendBlock(b []byte, sequence uint16, session byte, datagrams [][]byte) []byte {
	start := len(b)
	little := binary.LittleEndian
	b = append(append(b, ntbSignature...), ntbHeader, 0)
	b = little.AppendUint16(b, sequence)
	b = append(b, 0, 0, 0, 0) // length of the block and place of the table, below
	places := make([]int, len(datagrams))
	for i, d := range datagrams {
		b = align(b, start)
		places[i] = len(b) - start
		b = append(b, d...)
	}
	b = align(b, start)
	table := len(b) - start
	b = append(append(b, tableSignature...), session)
	b = little.AppendUint16(b, uint16(ntbTable+(len(datagrams)+1)*ntbEntry))
	b = append(b, 0, 0) // no further table
	for i, d := range datagrams {
		b = little.AppendUint16(b, uint16(places[i]))
		b = little.AppendUint16(b, uint16(len(d)))
	}
	b = append(b, 0, 0, 0, 0)
	little.PutUint16(b[start+8:], uint16(len(b)-start))
	little.PutUint16(b[start+10:], uint16(table))
	return b
}

// align fills up to a multiple of ntbAlign from start.
func align(b []byte, start int) []byte {
	for (len(b)-start)%ntbAlign != 0 {
		b = append(b, 0)
	}
	return b
}
