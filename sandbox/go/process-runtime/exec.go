package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// How long output may come after a command has ended: it may have left others
// behind that hold its pipes.
const outputTimeout = time.Second

// execution is one command to run in a running container. With a terminal,
// out gets what stderr would have got too.
type execution struct {
	command  []string
	in       io.Reader // may be nil
	out, err io.Writer
	terminal bool
	resize   <-chan remotecommand.TerminalSize
}

// execute runs a command as the container's user in its namespaces, and
// returns its exit code.
func (s *server) execute(ctx context.Context, containerID string, e execution) (exitCode int32, err error) {
	c, running, err := s.findRunning(containerID)
	if err != nil {
		return 0, err
	}
	user, err := credentialOf(c.securityContext())
	if err != nil {
		return 0, err
	}
	err = onOwnThread(func() error {
		path, err := enterContainer(c, running, e.command[0])
		if errors.Is(err, os.ErrNotExist) && c.Command.StandInFor != "" {
			// A lifecycle hook of the image that is not there has nothing to do.
			slog.Info("command of a stand-in skipped", "container", c.name(), "command", e.command[0])
			return nil
		}
		if err != nil {
			return err
		}
		exitCode, err = e.run(ctx, c, user, path)
		return err
	})
	return exitCode, err
}

// enterContainer moves the calling thread, and finds the command there.
func enterContainer(c *container, running process, name string) (path string, err error) {
	pidfd, err := running.open()
	if err != nil {
		return "", err
	}
	defer unix.Close(pidfd)
	// A mount namespace has its own root and working directory.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return "", err
	}
	const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
	if err := unix.Setns(pidfd, namespaces); err != nil {
		return "", err
	}
	return lookPath(name, c.Environment)
}

// run is called on a thread that is in the container.
func (e execution) run(ctx context.Context, c *container, user *syscall.Credential, path string) (int32, error) {
	if err := limitPrivileges(c.securityContext()); err != nil {
		return 0, err
	}
	unix.Umask(0o022)
	process := exec.CommandContext(ctx, path)
	process.Args = e.command
	process.Env = c.Environment
	process.Dir = c.workingDirectory()
	process.WaitDelay = outputTimeout
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: user}
	process.Cancel = func() error { return unix.Kill(-process.Process.Pid, unix.SIGKILL) }
	var err error
	if e.terminal {
		err = e.runOnTerminal(process)
	} else {
		err = e.runOnPipes(process)
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if _, failed := errors.AsType[*exec.ExitError](err); failed || err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return exitCode(process.ProcessState), nil
	}
	return 0, err
}

func (e execution) runOnPipes(process *exec.Cmd) error {
	process.Stdout, process.Stderr = e.out, e.err
	if e.in != nil {
		// Not process.Stdin: its end is not the command's.
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
	ours, theirs, err := pty.Open()
	if err != nil {
		return err
	}
	defer ours.Close()
	process.Stdin, process.Stdout, process.Stderr = theirs, theirs, theirs
	process.SysProcAttr.Setctty = true
	err = process.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	if e.in != nil {
		go io.Copy(ours, e.in)
	}
	go func() {
		for size := range e.resize {
			pty.Setsize(ours, &pty.Winsize{Rows: size.Height, Cols: size.Width})
		}
	}()
	shown := make(chan struct{})
	go func() {
		io.Copy(e.out, ours) // ends with EIO once nobody has the terminal
		close(shown)
	}()
	err = process.Wait()
	select {
	case <-shown:
	case <-time.After(outputTimeout):
	}
	return err
}

func (s *server) ExecSync(ctx context.Context, request *cri.ExecSyncRequest) (*cri.ExecSyncResponse, error) {
	if len(request.Cmd) == 0 {
		return nil, status.Error(codes.InvalidArgument, "cmd is empty, expected a command")
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
