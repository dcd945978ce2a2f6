package credentials

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// How long a call waits for a connection that cannot be made before it fails,
// and the pauses between attempts.
const (
	connectTimeout = 30 * time.Second
	shortestPause  = 100 * time.Millisecond
	longestPause   = time.Second
)

// Dialer makes connections. One whose other end is gone without a word ends after half a minute.
var Dialer = net.Dialer{
	Timeout:         5 * time.Second,
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 10 * time.Second, Count: 2},
}

// connectToIdentity tries until there is a connection, or time is up.
func (p *Proxy) connectToIdentity(ctx context.Context) (net.Conn, error) {
	deadline := time.Now().Add(connectTimeout)
	said := ""
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		connection, err := p.dialIdentity(ctx)
		if err == nil {
			return connection, nil
		}
		if refusal, refused := RefusalOf(err); refused {
			err = fmt.Errorf("invalid peer certificate: %s: %w", refusal, err)
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, fmt.Errorf("controller %s: %w", p.Service, err)
		}
		if err.Error() != said {
			said = err.Error()
			p.log.Warn("Failed to connect", "controller", p.Service, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// dialIdentity differs from linkerd2-proxy in the port: that one calls the
// service's own, and iptables in identity's pod lead the call to the proxy there.
// There are none here, so it calls the proxy at its inbound port, which is the
// same in every pod; that proxy passes on what comes there to the identity
// controller.
func (p *Proxy) dialIdentity(ctx context.Context) (net.Conn, error) {
	if p.ServiceIdentity == "" {
		return Dialer.DialContext(ctx, "tcp", p.Service)
	}
	host, _, err := net.SplitHostPort(p.Service)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(p.Inbound)
	if err != nil {
		return nil, err
	}
	connection, err := Dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	secured := tls.Client(connection, p.Client(p.ServiceIdentity))
	ctx, cancel := context.WithTimeout(ctx, HandshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return secured, nil
}
