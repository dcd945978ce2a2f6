package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"sandbox/proxy/credentials"
)

// inbound is the port that other proxies call. In identity's pod, what comes
// there goes on to the controller; in any other, the caller is told that it was
// let in, and no more.
type inbound struct {
	*credentials.Proxy
	forwarded sync.WaitGroup
}

// serve lets no one in once it is over, and returns when those that were let in
// have got what they came for: linkerd2-proxy drains as well, so that no
// certificate that is being issued is lost when identity is rolled out.
func (i *inbound) serve(ctx context.Context, listener net.Listener) {
	context.AfterFunc(ctx, func() { listener.Close() })
	for {
		connection, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			i.forwarded.Wait()
			return
		case err != nil:
		case i.ServiceIdentity == "":
			i.forwarded.Go(func() { i.forward(connection) })
		default:
			go i.Receive(connection)
		}
	}
}

func (i *inbound) forward(connection net.Conn) {
	defer connection.Close()
	secured := tls.Server(connection, i.Server())
	connection.SetDeadline(time.Now().Add(credentials.HandshakeTimeout))
	if err := secured.Handshake(); err != nil {
		return
	}
	connection.SetDeadline(time.Time{})
	controller, err := net.Dial("tcp", i.Service)
	if err != nil {
		return
	}
	defer controller.Close()
	go func() {
		io.Copy(controller, secured)
		controller.Close()
	}()
	io.Copy(secured, controller)
}
