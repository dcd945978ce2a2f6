package credentials

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Request is what io.linkerd.proxy.identity.Identity/Certify is asked.
type Request struct {
	Identity       string
	Token          []byte
	SigningRequest []byte // DER
}

// Response is its answer.
type Response struct {
	Chain      [][]byte // the leaf, then what leads from it towards an anchor, as DER
	ValidUntil time.Time
}

const certifyPath = "/io.linkerd.proxy.identity.Identity/Certify"

// maximumMessageBytes is gRPC's own limit of an answer.
const maximumMessageBytes = 4 << 20

// Certify makes the one gRPC call that a proxy's credentials need, on a
// connection of its own, and without a deadline: the identity controller lets
// those wait that it cannot serve at once. A library for gRPC would double the
// memory of a proxy.
func Certify(ctx context.Context, connection net.Conn, request Request) (Response, error) {
	transport := &http.Transport{
		Protocols:   new(http.Protocols),
		DialContext: func(context.Context, string, string) (net.Conn, error) { return connection, nil },
	}
	transport.Protocols.SetUnencryptedHTTP2(true) // what encrypts is the connection
	defer transport.CloseIdleConnections()
	defer connection.Close()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://identity"+certifyPath, bytes.NewReader(frame(request.encode())))
	if err != nil {
		return Response{}, err
	}
	post.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	answer, err := transport.RoundTrip(post)
	if err != nil {
		return Response{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maximumMessageBytes))
	if err != nil {
		return Response{}, err
	}
	// An answer without a body has its status among the headers.
	for _, fields := range []http.Header{answer.Trailer, answer.Header} {
		if status := fields.Get("Grpc-Status"); status != "" && status != "0" {
			return Response{}, fmt.Errorf("the identity service refused, with status %s: %s", status, fields.Get("Grpc-Message"))
		}
	}
	message, err := unframe(body)
	if err != nil {
		return Response{}, fmt.Errorf("%s: %w", answer.Status, err)
	}
	return decodeResponse(message)
}

// frame is how gRPC sends a message: whether it is compressed, its length, and
// the message.
func frame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

func unframe(body []byte) ([]byte, error) {
	if len(body) < 5 || body[0] != 0 || binary.BigEndian.Uint32(body[1:5]) != uint32(len(body)-5) {
		return nil, errors.New("the answer is not one gRPC message")
	}
	return body[5:], nil
}

func (r Request) encode() (message []byte) {
	for number, field := range [][]byte{[]byte(r.Identity), r.Token, r.SigningRequest} {
		message = protowire.AppendTag(message, protowire.Number(number+1), protowire.BytesType)
		message = protowire.AppendBytes(message, field)
	}
	return message
}

func decodeResponse(message []byte) (Response, error) {
	fields, _, err := parseFields(message)
	if err != nil {
		return Response{}, err
	}
	if len(fields[1]) != 1 || len(fields[3]) != 1 {
		return Response{}, errors.New("the answer lacks the certificate or its end")
	}
	_, timestamp, err := parseFields(fields[3][0])
	chain := append(fields[1], fields[2]...)
	return Response{Chain: chain, ValidUntil: time.Unix(int64(timestamp[1]), int64(timestamp[2]))}, err
}

// parseFields gives the fields of a protobuf message that are bytes, and those
// that are numbers.
func parseFields(message []byte) (texts map[protowire.Number][][]byte, numbers map[protowire.Number]uint64, err error) {
	texts, numbers = map[protowire.Number][][]byte{}, map[protowire.Number]uint64{}
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		length := tag
		if tag > 0 {
			length = protowire.ConsumeFieldValue(number, kind, message[tag:])
		}
		if length < 0 {
			return nil, nil, protowire.ParseError(length)
		}
		switch kind {
		case protowire.BytesType:
			content, _ := protowire.ConsumeBytes(message[tag:])
			texts[number] = append(texts[number], content)
		case protowire.VarintType:
			numbers[number], _ = protowire.ConsumeVarint(message[tag:])
		}
		message = message[tag+length:]
	}
	return texts, numbers, nil
}
