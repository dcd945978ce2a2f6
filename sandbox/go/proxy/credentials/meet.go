package credentials

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"
)

// HandshakeTimeout is how long two proxies may take to accept each other.
const HandshakeTimeout = 10 * time.Second

// welcome is what a caller reads once it was let in: with TLS 1.3, a client is
// done before the server has looked at its certificate.
const welcome = "welcome\n"

// Meet calls the proxy with that identity, on a connection to it, and hangs up.
// The error is why either did not let the other in.
func (s *Store) Meet(ctx context.Context, connection net.Conn, server string) error {
	defer connection.Close()
	if tcp, ok := connection.(*net.TCPConn); ok {
		tcp.SetLinger(0) // so that ports are free again at once
	}
	connection.SetDeadline(time.Now().Add(HandshakeTimeout))
	secured := tls.Client(connection, s.Client(server))
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	_, err := io.ReadFull(secured, make([]byte, len(welcome)))
	return err
}

// Receive is the other end of a meeting.
func (s *Store) Receive(connection net.Conn) error {
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(HandshakeTimeout))
	_, err := io.WriteString(tls.Server(connection, s.Server()), welcome)
	return err
}
