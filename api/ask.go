package api

import "github.com/tetherd/tetherd/control"

// Document is the document of one snapshot, whole, for transports that care for access
// themselves.
func (s *Server) Document(snap *control.Snapshot) Document { return s.document(snap) }
