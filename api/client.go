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
// false, ctx ends or the server goes away. With once, it asks for a single one. One
// request on one connection needs none of net/http's client, which would cost the
// binary more than the whole of this package.
func Follow(ctx context.Context, socket string, once bool, f func(Document) bool) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("api: nobody answers: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	path := "/v1/status?follow=1"
	if once {
		path = "/v1/status"
		_ = conn.SetDeadline(time.Now().Add(answerLimit)) // a socket takes one
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: tetherd\r\nConnection: close\r\n\r\n", path); err != nil {
		return fmt.Errorf("api: ask for the document: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("api: read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("api: the socket answers with status %s", resp.Status)
	}
	// The body ends with the connection: closing it would wait for the rest of it.
	if err := read(resp.Body, f); err != nil && ctx.Err() == nil {
		return fmt.Errorf("api: read the document: %w", err)
	}
	return nil
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
