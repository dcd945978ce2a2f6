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
