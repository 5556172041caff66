package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tetherd/tetherd/control"
)

// Bounds of event streams.
const (
	maxStreams  = 64               // of those who may read
	maxVisitors = 24               // of others, who cannot keep the owner out
	peerStreams = 8                // of one address: pages that somebody left open
	streamPause = time.Second      // between two events of a stream, at least
	streamBeat  = 25 * time.Second // of silence, until a sign of life
	streamLimit = 10 * time.Second // for a peer to take an event
)

// drawing is a snapshot rendered once for all streams.
type drawing struct {
	snap         *control.Snapshot
	full, public []byte
}

// draw renders a snapshot, or returns what another stream has rendered: not during a
// trial, whose remaining time is in it.
func (s *Server) draw(snap *control.Snapshot) (*drawing, error) {
	if d := s.drawn.Load(); d != nil && d.snap == snap && snap.Trial == nil {
		return d, nil
	}
	doc := s.document(snap)
	full, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	public, err := json.Marshal(doc.Public())
	d := &drawing{snap, full, public}
	s.drawn.Store(d)
	return d, err
}

// events sends the state as server-sent events, again with every change.
func (s *Server) events(w http.ResponseWriter, r *http.Request, by Caller) {
	room, most := &s.streams, maxStreams
	if !by.May(Read) {
		room, most = &s.visitors, maxVisitors
	}
	if !room.enter(from(r), peerStreams, most) {
		refuse(w, &Fault{Code: TooMany, Message: "too many pages are open", Wait: 30})
		return
	}
	defer room.leave(from(r))
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := stream{w: w, c: http.NewResponseController(w)}
	_ = out.c.SetReadDeadline(time.Time{}) // the peer has nothing more to say
	for {
		if err := s.event(&out, by); err != nil {
			return
		}
		if !out.wait(r, s.Loop.Snapshot) {
			return
		}
		if now, err := s.caller(r, s.sessions.there); err != nil || by.May(Read) && !now.May(Read) {
			return // logged out meanwhile
		}
	}
}

// stream is one peer's events.
type stream struct {
	w    http.ResponseWriter
	c    *http.ResponseController
	snap *control.Snapshot // that was looked at last
	last []byte            // document that was sent last
}

// event sends the document when it differs, else a sign of life.
func (s *Server) event(out *stream, by Caller) error {
	out.snap = s.Loop.Snapshot()
	d, err := s.draw(out.snap)
	if err != nil {
		return err
	}
	doc := d.public
	if by.May(Read) {
		doc = d.full
	}
	if bytes.Equal(content(doc), content(out.last)) {
		return out.send("event: beat\ndata:\n\n")
	}
	out.last = doc
	return out.send(fmt.Sprintf("event: status\nid: %d\ndata: %s\n\n", out.snap.Seq, doc))
}

// content is a document without its number, which changes with every turn.
func content(doc []byte) []byte {
	_, rest, _ := bytes.Cut(doc, []byte(`,"process"`))
	return rest
}

func (out *stream) send(text string) error {
	if err := out.c.SetWriteDeadline(time.Now().Add(streamLimit)); err != nil {
		return err
	}
	if _, err := out.w.Write([]byte(text)); err != nil {
		return err
	}
	return out.c.Flush()
}

// wait waits for a newer snapshot or until it is time for a sign of life; false when
// the peer is gone.
func (out *stream) wait(r *http.Request, latest func() *control.Snapshot) bool {
	pause, beat := time.NewTimer(streamPause), time.NewTimer(streamBeat)
	defer pause.Stop()
	defer beat.Stop()
	select {
	case <-pause.C:
	case <-r.Context().Done():
		return false
	}
	select {
	case <-out.snap.Superseded():
	case <-beat.C:
	case <-r.Context().Done():
		return false
	}
	return true
}
