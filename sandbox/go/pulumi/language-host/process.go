package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// gracePeriod is how long a program has to end after an interrupt. The engine
// gives the host itself 5 seconds.
const gracePeriod = 3 * time.Second

// untilCancelled gives a context that ends with a call, and when the engine
// cancels or ends the host.
func (host *languageHost) untilCancelled(call context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(call)
	context.AfterFunc(host.programs, cancel)
	return ctx, cancel
}

// run starts a process in a process group of its own and waits for its end. The
// whole group ends with it and with its context, so nothing outlives a Ctrl-C;
// where the host itself is killed, the kernel kills the process.
func run(command *exec.Cmd, wait func() error) error {
	// The kernel kills the process when the thread that started it ends, so the
	// thread stays until the process has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) }
	command.WaitDelay = gracePeriod
	if err := command.Start(); err != nil {
		return err
	}
	defer func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }()
	if err := wait(); !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	// The process succeeded; only something that it left behind held its output.
	return nil
}

func findNode() (string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return "", fmt.Errorf("no Node.js: %w", err)
	}
	return node, nil
}

// sdkScript gives the path of a script of @pulumi/pulumi, as the program in a
// directory has it installed.
func sdkScript(directory, name string) (string, error) {
	script, err := findUpwards(directory, filepath.Join("node_modules/@pulumi/pulumi/cmd", name))
	if err == nil && script == "" {
		err = fmt.Errorf("%s: @pulumi/pulumi is not installed there or in a folder above it; run `npm install`", directory)
	}
	return script, err
}
