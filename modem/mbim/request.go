package mbim

import "fmt"

// Request is one command to the modem: a query or a set.
type Request struct {
	Service UUID
	CID     uint32
	Set     bool
	Info    []byte // information buffer; nil when the command has none
}

// query and set make requests of the basic connect service.
func query(cid uint32, info *Writer) Request {
	return Request{Service: ServiceBasicConnect, CID: cid, Info: info.Encode()}
}

func set(cid uint32, info *Writer) Request {
	return Request{Service: ServiceBasicConnect, CID: cid, Set: true, Info: info.Encode()}
}

// extension turns a request into one of Microsoft's extension service.
func (r Request) extension() Request {
	r.Service = ServiceMSExtensions
	return r
}

// done ends a parser: the reader's failure with the name of what was read.
func (r *Reader) done(what string) error {
	if r.Err() == nil {
		return nil
	}
	return fmt.Errorf("mbim: %s: %w", what, r.Err())
}

// enum names a value by its place in the list.
func enum(value uint32, names ...string) string {
	if uint64(value) < uint64(len(names)) {
		return names[value]
	}
	return fmt.Sprintf("unknown (%d)", value)
}
