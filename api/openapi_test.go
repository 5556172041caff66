package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestOpenAPI: what the document says of each verb is what the gateway does: the path
// and method are there, a body with what is needed left out is refused for it, and one
// with something more, too.
func TestOpenAPI(t *testing.T) {
	s := turning(t, "")
	b := loggedIn(t, s)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Body        struct {
				Content map[string]struct {
					Schema struct {
						Properties map[string]any
						Required   []string
					}
				}
			} `json:"requestBody"`
		}
	}
	b.must("GET", "/v1/openapi.json", "", &doc)
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) != len(Verbs())+4 {
		t.Fatalf("version %q, %d paths", doc.OpenAPI, len(doc.Paths))
	}
	if login := doc.Paths["/v1/login"]["post"].Body.Content["application/json"].Schema; len(login.Required) != 1 || login.Required[0] != "password" {
		t.Errorf("login needs %q", login.Required)
	}
	for _, path := range []string{"/v1/session", "/metrics"} {
		if doc.Paths[path]["get"].OperationID == "" {
			t.Errorf("%s is not described", path)
		}
	}
	if code, f := b.send("POST", "/v1/login", `{"password":"not this one"}`, nil); code != http.StatusForbidden || f == nil {
		t.Errorf("a wrong password: %d, %v", code, f)
	}
	extra := 0
	for _, v := range Verbs() { // what is needed is given, and something more
		body, ok := map[string]string{
			"config set": `"changes":["lan.mtu=1400"]`, "restore": `"text":""`, "share": `"on":true`, "connect": `"dry":true`,
			"apn choose": `"apn":"x"`, "block": `"mac":"02:00:5e:10:00:01"`, "provision buy": `"on":true`, "kick": `"mac":"02:00:5e:10:00:01"`,
		}[v.Name]
		if !ok {
			continue
		}
		extra++
		if code, f := b.send("POST", v.Path(), "{"+body+`,"no_such_argument":1}`, nil); code != http.StatusBadRequest || f == nil || f.Field != "no_such_argument" {
			t.Errorf("%s takes something more: %d, %v", v.Name, code, f)
		}
	}
	if extra != 8 {
		t.Errorf("%d verbs were given something more", extra)
	}
	for path, methods := range doc.Paths {
		if path == "/v1/login" || path == "/v1/logout" || path == "/metrics" {
			continue // which are no verbs; metrics are not JSON
		}
		for method, o := range methods {
			if o.OperationID == "restart" || o.OperationID == "events" || method == "get" {
				continue // a GET is asked below
			}
			schema := o.Body.Content["application/json"].Schema
			code, f := b.send("POST", path, `{"no_such_argument":1}`, nil)
			if code != http.StatusBadRequest || f == nil || f.Field == "" {
				t.Errorf("%s takes anything: %d, %v", path, code, f)
			}
			if len(schema.Required) > 0 {
				code, f = b.send("POST", path, `{}`, nil)
				if code != http.StatusBadRequest || f.Field != schema.Required[0] || f.Message != "is missing" {
					t.Errorf("%s does not need %s: %d, %v", path, schema.Required[0], code, f)
				}
			}
		}
		if _, get := methods["get"]; get && !strings.HasSuffix(path, "/events") {
			b.must("GET", path, "", nil)
		}
	}
}

// FuzzHTTP: whatever is sent, the answer is JSON, a refusal has words, and nothing is
// our own fault.
func FuzzHTTP(f *testing.F) {
	f.Add("/v1/config/set", `{"changes":["lan.mtu=1"]}`)
	f.Add("/v1/share", `{"on":"x","dry":true}`)
	f.Add("/v1/apn/choose", `{"apn":"\u0000","dry":true}`)
	f.Add("/v1/restore", `{"text":"config lan\n\toption mtu","dry":true}`)
	f.Add("/v1/nothing", `[[[[`)
	f.Fuzz(func(t *testing.T, path, body string) {
		s := turning(t, "")
		key := s.sessions.begin(time.Now())
		req, err := http.NewRequest("POST", "http://192.168.97.1/", strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") || strings.Contains(path, "restart") || strings.Contains(path, "reset") {
			return
		}
		req.URL.Path, req.RemoteAddr = path, "192.168.97.44:1"
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Cookie", cookie+"="+key)
		rec := httptest.NewRecorder()
		s.LAN().ServeHTTP(rec, req)
		if rec.Code >= 500 && rec.Code != http.StatusServiceUnavailable {
			t.Errorf("%d: %s", rec.Code, rec.Body)
		}
	})
}
