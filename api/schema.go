package api

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"time"
)

// schemas describes answers as JSON Schema does, which OpenAPI 3.1 has taken over. Each
// struct stands in it once, by its name.
type schemas object

// of describes a type as encoding/json writes it.
func (all schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{"type": "object"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return all.of(t.Elem())
	case reflect.Struct:
		return all.structure(t)
	case reflect.Slice:
		return object{"type": "array", "items": all.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": all.of(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	}
	return object{"type": "integer"} // floating point has no place in an answer
}

// structure describes a struct, and gives a reference to it.
func (all schemas) structure(t reflect.Type) object {
	name := t.Name()
	if home := path.Base(t.PkgPath()); home != "api" {
		name = home + "." + name
	}
	if _, known := all[name]; !known {
		properties, always := object{}, []string{}
		all[name] = object{"type": "object", "additionalProperties": false, "properties": properties, "required": &always}
		for i := range t.NumField() {
			f := t.Field(i)
			as, how, _ := strings.Cut(f.Tag.Get("json"), ",")
			if properties[as] = all.of(f.Type); how == "" {
				always = append(always, as)
			}
		}
	}
	return object{"$ref": "#/components/schemas/" + name}
}
