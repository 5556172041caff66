package ubus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/ubus/wire"
)

// methods is what the object can do.
func methods(a *api.Server) []Method {
	return []Method{
		{wire.Signature{Method: "status"}, func(context.Context, Call) (wire.Table, error) {
			return table(a.Document(a.Loop.Snapshot()))
		}},
		{wire.Signature{Method: "clients"}, func(context.Context, Call) (wire.Table, error) {
			clients := a.Document(a.Loop.Snapshot()).Clients
			return table(map[string]any{"clients": append([]api.Client{}, clients...)})
		}},
	}
}

// table turns what api answers into values of the bus.
func table(v any) (wire.Table, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("ubus: render the answer: %w", err)
	}
	return wire.FromJSON(text)
}
