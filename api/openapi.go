package api

import (
	"net/http"
	"reflect"
)

// object is a JSON object.
type object = map[string]any

// OpenAPI describes the HTTP interface as OpenAPI 3.1 does. It is rendered from the
// table of verbs.
func OpenAPI(version string) any {
	paths, types := besides(), schemas{}
	for _, v := range Verbs() {
		paths[v.Path()] = object{lower(v.Method()): operation(v, types)}
	}
	return object{
		"openapi": "3.1.0",
		"info":    object{"title": "tetherd", "version": version},
		"paths":   paths,
		"components": object{
			"schemas": types,
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer"},
				"session": object{"type": "apiKey", "in": "cookie", "name": cookie},
			},
			"responses": object{"fault": answer("the fault", object{
				"type": "object", "required": []string{"error"},
				"properties": object{"error": object{
					"type": "object", "required": []string{"code", "message"},
					"properties": object{
						"code":    object{"enum": []Code{Invalid, Denied, Absent, Conflict, TooMany, NotDone}},
						"message": object{"type": "string"}, "field": object{"type": "string"},
						"wait_s": object{"type": "integer"}, "faults": object{"type": "array", "items": object{"type": "object"}},
					},
				}},
			})},
		},
	}
}

// besides are the paths that are no verbs.
func besides() object {
	done := object{"200": answer("done", object{"type": "object"}), "default": object{"$ref": "#/components/responses/fault"}}
	person, both := []object{{"session": []string{}}}, []object{{"token": []string{}}, {"session": []string{}}}
	password := object{"type": "object", "required": []string{"password"}, "properties": object{"password": object{"type": "string", "writeOnly": true}}}
	return object{
		"/v1/login": object{"post": object{
			"summary": "begin a session, whose cookie is in the answer", "operationId": "login", "responses": done,
			"requestBody": object{"required": true, "content": object{"application/json": object{"schema": password}}},
		}},
		"/v1/logout":  object{"post": object{"summary": "end the session", "operationId": "logout", "responses": done, "security": person}},
		"/v1/session": object{"get": object{"summary": "whether somebody is logged in, and what the caller may", "operationId": "session", "responses": done}},
		"/metrics": object{"get": object{
			"summary": "metrics in Prometheus' text format, with the scope read", "operationId": "metrics", "security": both,
			"responses": object{"200": object{"description": "metrics", "content": object{"text/plain": object{}}}, "default": object{"$ref": "#/components/responses/fault"}},
		}},
	}
}

// operation describes one verb, and adds the types of its answer to those that are known.
func operation(v Verb, types schemas) object {
	o := object{"summary": v.Help, "operationId": v.UBus(), "x-kind": v.Kind, "x-scope": v.Scope}
	if v.Kind != Stream {
		o["responses"] = object{"200": answer("done", types.of(reflect.TypeOf(v.Gives))), "default": object{"$ref": "#/components/responses/fault"}}
	} else {
		o["responses"] = object{"200": object{"description": "server-sent events named status, with what status gives", "content": object{"text/event-stream": object{}}}}
	}
	if v.Scope != Public {
		o["security"] = []object{{"token": []string{}}, {"session": []string{}}}
	}
	if v.Method() == "POST" {
		o["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": bodyOf(v)}}}
		return o
	}
	parameters := []object{}
	for _, a := range v.Args {
		parameters = append(parameters, object{"name": a.Name, "in": "query", "required": a.Needed, "description": a.Help, "schema": schemaOf(a)})
	}
	o["parameters"] = parameters
	return o
}

func answer(what string, schema object) object {
	return object{"description": what, "content": object{"application/json": object{"schema": schema}}}
}

func bodyOf(v Verb) object {
	properties, needed := object{}, []string{}
	for _, a := range v.Args {
		properties[a.Name] = schemaOf(a)
		if a.Needed {
			needed = append(needed, a.Name)
		}
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties, "required": needed}
}

// schemaOf describes an argument. Lengths are of bytes, of which a letter may take more
// than one: take judges.
func schemaOf(a Arg) object {
	text := object{"type": "string", "minLength": min(a.Min, 1), "maxLength": a.Max}
	if a.OneOf != nil {
		text = object{"enum": a.OneOf}
	}
	switch a.Type {
	case Boolean:
		return object{"type": "boolean", "description": a.Help}
	case Integer:
		return object{"type": "integer", "minimum": a.Min, "maximum": a.Max, "description": a.Help}
	case List:
		return object{"type": "array", "items": text, "maxItems": a.Items, "description": a.Help}
	}
	text["description"], text["writeOnly"] = a.Help, a.Secret
	return text
}

func lower(method string) string {
	if method == "GET" {
		return "get"
	}
	return "post"
}

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, OpenAPI(s.Version))
}
