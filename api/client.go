package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answerLimit is how long a gateway may take to answer one question.
const answerLimit = 5 * time.Second

// Follow reads documents from a local socket and hands each to f until f returns
// false, ctx ends or the server goes away. With once, it asks for a single one.
// Somebody who does not answer in time is an error.
func Follow(ctx context.Context, socket string, once bool, f func(Document) bool) error {
	path := "/v1/status?follow=1"
	if once {
		path = "/v1/status"
	}
	conn, err := dial(ctx, socket)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	body, err := ask(conn, "GET", path, "")
	if err != nil {
		return err
	}
	err = read(body, func(d Document) bool {
		_ = conn.SetDeadline(time.Time{}) // the next one comes when something changes
		return f(d)
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("api: read the document: %w", err)
	}
	return nil
}

// Use uses a verb of the gateway on a local socket and returns its answer as JSON. A
// refusal is a *Fault.
func Use(ctx context.Context, socket, verb string, args map[string]any) (json.RawMessage, error) {
	v, ok := Find(verb)
	if !ok {
		return nil, fmt.Errorf("api: there is no verb %s", verb)
	}
	text, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	conn, err := dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	body, err := ask(conn, "POST", v.Path(), string(text))
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("api: read the answer: %w", err)
	}
	return answer, nil
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 4 << 20

// AskPlan asks the gateway on a local socket what it would do with a configuration,
// given as text in UCI syntax.
func AskPlan(ctx context.Context, socket string, config []byte) (Plan, error) {
	var p Plan
	answer, err := Use(ctx, socket, "plan", map[string]any{"text": string(config)})
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(answer, &p); err != nil {
		return p, fmt.Errorf("api: read the plan: %w", err)
	}
	return p, nil
}

func dial(ctx context.Context, socket string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("api: nobody answers: %w", err)
	}
	return conn, nil
}

// ask sends one request and returns the answer's body, which ends with the connection:
// closing it would wait for the rest of it. One request on one connection needs none of
// net/http's client, which would cost the binary more than the whole of this package.
func ask(conn net.Conn, method, path, text string) (io.Reader, error) {
	if err := conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, fmt.Errorf("api: limit the time: %w", err)
	}
	const head = "%s %s HTTP/1.1\r\nHost: tetherd\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
	if _, err := fmt.Fprintf(conn, head, method, path, len(text), text); err != nil {
		return nil, fmt.Errorf("api: ask: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, fmt.Errorf("api: read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var told struct{ Error *Fault }
		if json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&told) == nil && told.Error != nil {
			return nil, told.Error
		}
		return nil, fmt.Errorf("api: the socket answers with status %s", resp.Status)
	}
	return resp.Body, nil
}

// read hands on documents until f returns false or, after at least one, they end.
func read(body io.Reader, f func(Document) bool) error {
	dec := json.NewDecoder(body)
	for got := false; ; got = true {
		var d Document
		err := dec.Decode(&d)
		if got && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
			return nil
		}
		if err != nil || !f(d) {
			return err
		}
	}
}
