package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
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

// execution is a command to run in a running container. On a terminal, out gets
// what err would get.
type execution struct {
	command  []string
	in       io.Reader // may be nil
	out, err io.Writer
	terminal bool
	resize   <-chan remotecommand.TerminalSize
}

// execute runs a command in a container's namespaces as the container's user.
func (s *server) execute(ctx context.Context, containerID string, e execution) (exitCode int32, err error) {
	c, started, err := s.findRunning(containerID)
	if err != nil {
		return 0, err
	}
	user, err := credentialOf(c.securityContext())
	if err != nil {
		return 0, err
	}
	err = onOwnThread(func() error {
		if err := enterContainer(started.Program); err != nil {
			return err
		}
		path, err := lookPath(e.command[0], c.Environment)
		if errors.Is(err, os.ErrNotExist) && c.Command.StandInFor != "" {
			// A lifecycle hook of an image that is not there has nothing to do.
			slog.Info("command skipped: not in the stand-in", "container", c.name(), "command", e.command[0])
			return nil
		}
		if err := errors.Join(err, limitPrivileges(c.securityContext())); err != nil {
			return err
		}
		process := exec.CommandContext(ctx, path)
		process.Args, process.Env, process.Dir = e.command, c.Environment, c.workingDirectory()
		process.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: user}
		process.Cancel = func() error { return unix.Kill(-process.Process.Pid, unix.SIGKILL) }
		process.WaitDelay = lastOutputTimeout
		run := e.runOnPipes
		if e.terminal {
			run = e.runOnTerminal
		}
		err = run(process)
		if process.ProcessState == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		exitCode = exitCodeOf(process.ProcessState)
		return nil
	})
	return exitCode, err
}

// enterContainer moves the calling thread.
func enterContainer(program process) error {
	pidfd, err := program.open()
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	// Threads share their root directory and umask until they are told not to.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	unix.Umask(0o022)
	return unix.Setns(pidfd, unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWNET|unix.CLONE_NEWUTS|unix.CLONE_NEWIPC)
}

func (e execution) runOnPipes(process *exec.Cmd) error {
	process.Stdout, process.Stderr = e.out, e.err
	if e.in != nil {
		// Not process.Stdin, whose end would be waited for.
		stdin, err := process.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(stdin, e.in)
			stdin.Close()
		}()
	}
	return process.Run()
}

func (e execution) runOnTerminal(process *exec.Cmd) error {
	terminal, err := pty.Start(process)
	if err != nil {
		return err
	}
	defer terminal.Close()
	if e.in != nil {
		go io.Copy(terminal, e.in)
	}
	go func() {
		for size := range e.resize {
			pty.Setsize(terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width})
		}
	}()
	shown := make(chan struct{})
	go func() {
		io.Copy(e.out, terminal) // until nobody has the terminal any more
		close(shown)
	}()
	err = process.Wait()
	select {
	case <-shown:
	case <-time.After(lastOutputTimeout):
	}
	return err
}

func (s *server) ExecSync(ctx context.Context, request *cri.ExecSyncRequest) (*cri.ExecSyncResponse, error) {
	if len(request.Cmd) == 0 {
		return nil, errNoCommand
	}
	if request.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(request.Timeout)*time.Second)
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	code, err := s.execute(ctx, request.ContainerId, execution{command: request.Cmd, out: &stdout, err: &stderr})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, status.Errorf(codes.DeadlineExceeded, "command %q has not ended within %d s", request.Cmd[0], request.Timeout)
	}
	if err != nil {
		return nil, err
	}
	return &cri.ExecSyncResponse{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: code}, nil
}
