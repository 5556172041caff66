package ubus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/ubus/wire"
)

// methods is what the object can do: every verb of api but streams, in whose place there
// are signals.
func methods(a *api.Server) []Method {
	var all []Method
	for _, v := range api.Verbs() {
		if v.Kind == api.Stream {
			continue
		}
		all = append(all, Method{signature(v), func(ctx context.Context, c Call) (wire.Table, error) {
			answer, err := a.Do(ctx, v.Name, arguments(v, c.Args), caller(c.User))
			if err != nil {
				return nil, faultOf(err)
			}
			return table(answer)
		}})
	}
	return all
}

// signature is what callers see of a verb.
func signature(v api.Verb) wire.Signature {
	kinds := map[api.Type]wire.Kind{
		api.Text: wire.KindString, api.Integer: wire.KindInt32, api.Boolean: wire.KindBool, api.List: wire.KindArray,
	}
	s := wire.Signature{Method: v.UBus()}
	for _, arg := range v.Args {
		s.Args = append(s.Args, wire.Argument{Name: arg.Name, Kind: kinds[arg.Type]})
	}
	return s
}

// caller is who calls. The bus daemon found out the user, and let through what its ACL
// files allow; passwords, tokens and secrets are root's all the same, and of a daemon too
// old to tell the user nobody may change anything.
func caller(user string) api.Caller {
	c := api.Caller{Author: control.Author{Name: "ubus " + user}, Lenient: true}
	switch user {
	case "root":
		c.Scopes = []api.Scope{api.Admin}
	case "":
		c.Scopes = []api.Scope{api.Read}
	default:
		c.Scopes = []api.Scope{api.Read, api.Settings, api.SIM, api.Papers}
	}
	c.Masked = user != "root"
	return c
}

// arguments turns the values of the bus into what api takes: a number may come in any
// width, and be the byte that otherwise stands for a truth value.
func arguments(v api.Verb, given wire.Table) map[string]any {
	out := map[string]any{}
	for _, f := range given {
		out[f.Name] = plain(f.Value)
	}
	for _, arg := range v.Args {
		if value, _ := given.Get(arg.Name); arg.Type == api.Integer {
			if b, ok := value.(int8); ok {
				out[arg.Name] = int(b)
			}
		}
	}
	return out
}

// plain is a value as encoding/json would give it, but for numbers.
func plain(value any) any {
	switch v := value.(type) {
	case int8:
		return v != 0
	case int16:
		return int(v)
	case wire.Array:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	}
	return value
}

// table turns what api answers into values of the bus, on which only a table can be an
// answer.
func table(v any) (wire.Table, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("ubus: render the answer: %w", err)
	}
	if len(text) == 0 || text[0] != '{' {
		text = append(append([]byte(`{"result":`), text...), '}')
	}
	return wire.FromJSON(text)
}

// failure is an error with the outcome and the table that its caller gets.
type failure struct {
	code  wire.Code
	says  string
	table wire.Table
}

func (f *failure) Error() string { return f.says }

// faultOf is what the bus is told of a fault of api.
func faultOf(err error) error {
	var fault *api.Fault
	if !errors.As(err, &fault) {
		return err
	}
	f := &failure{code: wire.UnknownError, says: fault.Error()}
	switch fault.Code {
	case api.Invalid:
		f.code = wire.InvalidArgument
	case api.Denied:
		f.code = wire.PermissionDenied
	case api.Absent:
		f.code = wire.NotFound
	}
	details, err := table(fault)
	if err != nil {
		return err
	}
	f.table = append(wire.Table{{Name: "error", Value: f.says}}, details...)
	return f
}
