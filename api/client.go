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
)

// Follow reads documents from a local socket and hands each to f until f returns
// false, ctx ends or the server goes away. With once, it asks for a single one. One
// request on one connection needs none of net/http's client, which would cost the
// binary more than the whole of this package.
func Follow(ctx context.Context, socket string, once bool, f func(Document) bool) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("api: is tetherd running? %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	path := "/v1/status?follow=1"
	if once {
		path = "/v1/status"
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: tetherd\r\nConnection: close\r\n\r\n", path); err != nil {
		return fmt.Errorf("api: ask for the document: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("api: read the answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("api: the socket answers with status %s", resp.Status)
	}
	return read(resp.Body, f)
}

func read(body io.Reader, f func(Document) bool) error {
	dec := json.NewDecoder(body)
	for {
		var d Document
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("api: read the document: %w", err)
		}
		if !f(d) {
			return nil
		}
	}
}
