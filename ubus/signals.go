package ubus

import (
	"context"

	"github.com/tetherd/tetherd/ubus/wire"
)

// stateEvent is the name of the event that is sent when clients come to have Internet
// or lose it. Those who listen to the object are told "status" at once and
// when its sentence changes.
const stateEvent = object + ".state"

// signal tells what changes, until ctx ends or the object is not wanted any more.
func (s *Server) signal(ctx context.Context, bus *session) {
	snap := s.API.Loop.Snapshot()
	online, sentence, before := false, "", false // who comes to the bus later hears that clients have Internet
	for ctx.Err() == nil && wanted(snap) {
		subscribed := bus.subscribed.Load()
		if !before {
			sentence = "" // who begins to listen is told what is
		}
		before = subscribed
		if subscribed || snap.Online != online {
			d := s.API.Document(snap)
			state := wire.Table{{Name: "online", Value: truth(d.Online)}, {Name: "sentence", Value: d.Sentence}, {Name: "seq", Value: int64(d.Seq)}}
			if d.Online != online && bus.event(stateEvent, state) != nil {
				return // the connection is gone
			}
			if d.Sentence != sentence && bus.notify("status", state) != nil {
				return
			}
			online, sentence = d.Online, d.Sentence
		}
		select {
		case <-ctx.Done():
		case <-snap.Superseded():
		case <-bus.audience:
		}
		snap = s.API.Loop.Snapshot()
	}
}

// truth is a truth value on the bus.
func truth(v bool) int8 {
	if v {
		return 1
	}
	return 0
}
