package main

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"sandbox/proxy/credentials"
)

// inbound is the port that other proxies call. In identity's pod, what comes
// there goes on to the controller; in any other, the caller is told that it was
// let in, and no more.
type inbound struct{ *credentials.Proxy }

func (i inbound) serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			continue
		}
		if i.ServiceIdentity == "" {
			go i.forward(connection)
		} else {
			go i.Receive(connection)
		}
	}
}

func (i inbound) forward(connection net.Conn) {
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
