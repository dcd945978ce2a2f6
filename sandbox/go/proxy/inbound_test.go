package main

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"sandbox/proxy/credentials"
)

// An inbound port that is over lets no one in, and waits for what it forwards.
func TestDrain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	proxy, err := credentials.NewProxy(credentials.Configuration{Identity: "identity"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	i := &inbound{Proxy: proxy}
	underWay := make(chan struct{})
	i.forwarded.Go(func() { <-underWay })
	drained := make(chan struct{})
	go func() {
		i.serve(ctx, listener)
		close(drained)
	}()
	end()
	for deadline := time.Now().Add(5 * time.Second); ; {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		connection.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still lets connections in")
		}
	}
	select {
	case <-drained:
		t.Fatal("it ended before what was under way")
	default:
	}
	close(underWay)
	select {
	case <-drained:
	case <-time.After(5 * time.Second):
		t.Fatal("it did not end")
	}
}
