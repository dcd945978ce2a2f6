package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

const dialTimeout = 10 * time.Second

var (
	errNoCommand = status.Error(codes.InvalidArgument, "cmd is empty, expected a command")
	errNoAttach  = status.Error(codes.Unimplemented, "attach is not supported: a container's input is empty, and its output is in its log")
)

// startStreaming serves exec and port-forward to the kubelet, which is on the
// same machine; each URL holds a token for one request.
func (s *server) startStreaming() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	config := streaming.DefaultConfig
	config.BaseURL = &url.URL{Scheme: "http", Host: listener.Addr().String()}
	s.streaming, err = streaming.NewServer(config, streams{s})
	if err != nil {
		return err
	}
	go func() { slog.Error("streaming ended", "error", http.Serve(listener, s.streaming)) }()
	return nil
}

func (s *server) Exec(_ context.Context, request *cri.ExecRequest) (*cri.ExecResponse, error) {
	if len(request.Cmd) == 0 {
		return nil, errNoCommand
	}
	if _, _, err := s.findRunning(request.ContainerId); err != nil {
		return nil, err
	}
	return s.streaming.GetExec(request)
}

func (s *server) PortForward(_ context.Context, request *cri.PortForwardRequest) (*cri.PortForwardResponse, error) {
	if _, err := s.findPod(request.PodSandboxId); err != nil {
		return nil, err
	}
	return s.streaming.GetPortForward(request)
}

func (s *server) Attach(context.Context, *cri.AttachRequest) (*cri.AttachResponse, error) {
	return nil, errNoAttach
}

// streams is what the streaming server calls back.
type streams struct{ server *server }

func (s streams) Exec(ctx context.Context, containerID string, command []string, in io.Reader, out, err io.WriteCloser, terminal bool, resize <-chan remotecommand.TerminalSize) error {
	code, failure := s.server.execute(ctx, containerID, execution{command, in, out, err, terminal, resize})
	if failure == nil && code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", code), Code: int(code)}
	}
	return failure
}

func (s streams) Attach(context.Context, string, io.Reader, io.WriteCloser, io.WriteCloser, bool, <-chan remotecommand.TerminalSize) error {
	return errNoAttach
}

func (s streams) PortForward(_ context.Context, podID string, port int32, stream io.ReadWriteCloser) error {
	p, err := s.server.findPod(podID)
	if err != nil {
		return err
	}
	connection, err := dialInside(s.server.networkNamespaceOf(p), int(port))
	if err != nil {
		return fmt.Errorf("port %d of pod %s: %w", port, p.name(), err)
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, stream)
		connection.CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}

// dialInside connects to a port of the pod's loopback device.
func dialInside(networkNamespace string, port int) (*net.TCPConn, error) {
	var connection net.Conn
	err := onOwnThread(func() error {
		if err := enterNetwork(networkNamespace); err != nil {
			return err
		}
		var failures error
		for _, address := range []string{"127.0.0.1", "::1"} {
			var err error
			connection, err = net.DialTimeout("tcp", net.JoinHostPort(address, strconv.Itoa(port)), dialTimeout)
			if err == nil {
				return nil
			}
			failures = errors.Join(failures, err)
		}
		return failures
	})
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}
