package main

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sandbox/proxy/credentials"
)

// The port answers before there is a leaf, but not in TLS, and its metrics are
// numbers.
func TestAdminWithoutALeaf(t *testing.T) {
	proxy, err := credentials.NewProxy(credentials.Configuration{Identity: "web.shop"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go admin{proxy}.serve(listener)
	address := listener.Addr().String()
	for path, wanted := range map[string]struct {
		status int
		body   string
	}{
		"/live":  {200, "live\n"},
		"/ready": {503, "not ready\n"},
		"/else":  {404, "404 page not found\n"},
		"/metrics": {200, `control_identity_cert_expiration_timestamp_seconds 0.000
control_identity_cert_refresh_timestamp_seconds 0.000
control_identity_cert_refreshes_total{result="ok"} 0
control_identity_cert_refreshes_total{result="error"} 0
`},
	} {
		answer, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if seen := withoutComments(string(body)); answer.StatusCode != wanted.status || seen != wanted.body {
			t.Errorf("%s: %s\n%s", path, answer.Status, seen)
		}
	}
	if _, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("TLS without a leaf")
	}
}

// The proxies of Linkerd 2.10 have other metrics, and none of an end that there is not.
func TestFormerMetrics(t *testing.T) {
	for _, one := range []struct {
		stats  credentials.Stats
		wanted string
	}{
		{credentials.Stats{Errors: 1}, "identity_cert_refresh_count 0\n"},
		{
			credentials.Stats{Expiration: time.UnixMilli(1608737171900), OK: 3},
			"identity_cert_expiration_timestamp_seconds 1608737171\nidentity_cert_refresh_count 3\n",
		},
	} {
		var written strings.Builder
		writeFormerMetrics(&written, one.stats)
		if seen := withoutComments(written.String()); seen != one.wanted {
			t.Errorf("%+v:\n%s", one.stats, seen)
		}
	}
}

func withoutComments(text string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}
