package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"sandbox/proxy/credentials"
)

// How long a connection to the admin port may wait with its first byte, and
// with the rest of a request.
const detectTimeout = 10 * time.Second

// admin is the port of probes and metrics. What begins as TLS does, is TLS with
// the proxy's leaf, which `linkerd identity` shows.
type admin struct{ *credentials.Proxy }

func (a admin) serve(listener net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("/live", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "live\n") })
	mux.HandleFunc("/ready", a.serveReady)
	mux.HandleFunc("/metrics", a.serveMetrics)
	detected := &detectingListener{Listener: listener, connections: make(chan net.Conn)}
	go detected.detect(a.Server())
	server := &http.Server{Handler: mux, ReadTimeout: detectTimeout, IdleTimeout: time.Minute}
	server.Serve(detected)
}

func (a admin) serveReady(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-a.Ready():
		io.WriteString(w, "ready\n")
	default:
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	}
}

func (a admin) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	stats := a.Stats()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	if a.Linkerd210 {
		writeFormerMetrics(w, stats)
		return
	}
	seconds := func(at time.Time) float64 {
		if at.IsZero() {
			return 0
		}
		return float64(at.UnixMilli()) / 1000
	}
	const prefix = "control_identity_cert_"
	gauge := func(name, help string, at time.Time) {
		fmt.Fprintf(w, "# HELP %[1]s%[2]s %[3]s\n# TYPE %[1]s%[2]s gauge\n%[1]s%[2]s %.3[4]f\n", prefix, name, help, seconds(at))
	}
	gauge("expiration_timestamp_seconds",
		"Time when this proxy's current mTLS identity certificate will expire (in seconds since the UNIX epoch)", stats.Expiration)
	gauge("refresh_timestamp_seconds",
		"Time when this proxy's current mTLS identity certificate was last updated", stats.Refresh)
	const refreshes = prefix + "refreshes"
	fmt.Fprintf(w, "# HELP %s_total The total number of times this proxy's mTLS identity certificate has been refreshed by the Identity provider\n"+
		"# TYPE %[1]s_total counter\n%[1]s_total{result=\"ok\"} %[2]d\n%[1]s_total{result=\"error\"} %[3]d\n", refreshes, stats.OK, stats.Errors)
}

// writeFormerMetrics writes what proxies before v2.220.0 have, up to Linkerd 2.14:
// no end before there is a leaf, whole seconds, and no word about refreshes that
// failed. (Those of v2.220.0 to v2.226.0 have today's metrics, but without
// "control_" before their names.)
func writeFormerMetrics(w io.Writer, stats credentials.Stats) {
	if !stats.Expiration.IsZero() {
		const end = "identity_cert_expiration_timestamp_seconds"
		fmt.Fprintf(w, "# HELP %[1]s Time when the this proxy's current mTLS identity certificate will expire (in seconds since the UNIX epoch).\n"+
			"# TYPE %[1]s gauge\n%[1]s %[2]d\n", end, stats.Expiration.Unix())
	}
	const refreshes = "identity_cert_refresh_count"
	fmt.Fprintf(w, "# HELP %[1]s The total number of times this proxy's mTLS identity certificate has been refreshed by the Identity service.\n"+
		"# TYPE %[1]s counter\n%[1]s %[2]d\n", refreshes, stats.OK)
}

// detectingListener hands on what it accepts, decrypted where it is TLS.
type detectingListener struct {
	net.Listener
	connections chan net.Conn
}

func (l *detectingListener) Accept() (net.Conn, error) { return <-l.connections, nil }

func (l *detectingListener) detect(secured *tls.Config) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			continue
		}
		go func() {
			connection.SetReadDeadline(time.Now().Add(detectTimeout))
			peeked := peekedConnection{connection, bufio.NewReaderSize(connection, 16)}
			const handshakeRecord = 22
			switch first, err := peeked.reader.Peek(1); {
			case err != nil:
				connection.Close()
			case first[0] == handshakeRecord:
				l.connections <- tls.Server(peeked, secured)
			default:
				l.connections <- peeked
			}
		}()
	}
}

type peekedConnection struct {
	net.Conn
	reader *bufio.Reader
}

func (c peekedConnection) Read(buffer []byte) (int, error) { return c.reader.Read(buffer) }
