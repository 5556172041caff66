package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Follow reads documents from a local socket and hands each to f until f returns
// false, ctx ends or the server goes away. With once, it asks for a single one.
func Follow(ctx context.Context, socket string, once bool, f func(Document) bool) error {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	defer client.CloseIdleConnections()
	url := "http://tetherd/v1/status?follow=1"
	if once {
		url = "http://tetherd/v1/status"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("api: is tetherd running? %w", err)
	}
	defer resp.Body.Close()
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
