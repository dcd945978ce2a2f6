package credentials

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// serveIdentity runs a service over HTTP/2 without encryption, as gRPC does.
func serveIdentity(t *testing.T, handler http.HandlerFunc) net.Conn {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return must(net.Dial("tcp", listener.Addr().String()))(t)
}

func TestCertify(t *testing.T) {
	end := time.Unix(1_800_000_000, 5)
	connection := serveIdentity(t, func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		message, err := unframe(body)
		fields, _, errFields := parseFields(message)
		if err != nil || errFields != nil || request.URL.Path != certifyPath || request.Header.Get("Content-Type") != "application/grpc" {
			t.Error(err, errFields, request.URL, request.Header)
		}
		got := []string{string(fields[1][0]), string(fields[2][0]), string(fields[3][0])}
		if !slices.Equal(got, []string{identity, "token", "request"}) {
			t.Error(got)
		}
		timestamp := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(end.Unix()))
		timestamp = protowire.AppendVarint(protowire.AppendTag(timestamp, 2, protowire.VarintType), uint64(end.Nanosecond()))
		var answer []byte
		for _, field := range []struct {
			number  protowire.Number
			content string
		}{{1, "leaf"}, {2, "issuer"}, {2, "cross"}, {3, string(timestamp)}} {
			answer = protowire.AppendString(protowire.AppendTag(answer, field.number, protowire.BytesType), field.content)
		}
		w.Header().Set("Trailer", "Grpc-Status")
		w.Write(frame(answer))
		w.Header().Set("Grpc-Status", "0")
	})
	response := must(Certify(t.Context(), connection, Request{identity, []byte("token"), []byte("request")}))(t)
	var chain []string
	for _, der := range response.Chain {
		chain = append(chain, string(der))
	}
	expect(t, "chain", strings.Join(chain, " "), "leaf issuer cross")
	expect(t, "end", response.ValidUntil, end)
}

func TestCertifyRefused(t *testing.T) {
	connection := serveIdentity(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Grpc-Status", "7")
		w.Header().Set("Grpc-Message", "not your name")
	})
	_, err := Certify(t.Context(), connection, Request{})
	if err == nil || !strings.Contains(err.Error(), "status 7: not your name") {
		t.Error(err)
	}
}

func TestCertifyWithoutSense(t *testing.T) {
	for name, body := range map[string][]byte{
		"no message": nil, "half a frame": {0, 0}, "another length": {0, 0, 0, 0, 9}, "empty": frame(nil), "no message of protobuf": frame([]byte{0xff}),
	} {
		connection := serveIdentity(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
		if response, err := Certify(t.Context(), connection, Request{}); err == nil {
			t.Error(name, response)
		}
	}
}
