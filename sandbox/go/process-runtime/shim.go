package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// The file descriptor that a child reports its failure on.
	reportDescriptor = 3
	// Longer lines are split, as in every runtime.
	maximumLogLineBytes = 16 << 10
	// How long output may come after the program has ended; its pipes may have
	// been handed on to others.
	lastOutputTimeout = 2 * time.Second
)

// superviseContainer is a container's shim: the parent of its program, which
// writes its log and its exit status whether or not the runtime is there.
func superviseContainer(arguments []string) error {
	directory := arguments[0]
	report := openReport()
	ended, err := startContainer(directory)
	if err != nil {
		fmt.Fprint(report, err)
		return err
	}
	report.Close()
	return ended()
}

func openReport() *os.File {
	unix.CloseOnExec(reportDescriptor)
	return os.NewFile(reportDescriptor, "report")
}

// startContainer returns once the program runs; ended waits for its end.
func startContainer(directory string) (ended func() error, err error) {
	if _, err := lockDirectory(directory); err != nil { // until this process ends
		return nil, fmt.Errorf("the container has a shim already: %w", err)
	}
	spec, err := readState[containerSpec](specPath(directory))
	if err != nil {
		return nil, err
	}
	log := &containerLog{path: spec.LogPath}
	if err := log.reopen(); err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGHUP, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT)

	program := exec.Command("/proc/self/exe", "container-init", directory)
	program.Args[0] = "process-runtime"
	program.Env = []string{}
	program.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  unix.SIGKILL,
	}
	output := sync.WaitGroup{}
	var writers []*os.File
	for _, stream := range []string{"stdout", "stderr"} {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		writers = append(writers, writer)
		output.Go(func() { log.copy(stream, reader) })
	}
	program.Stdout, program.Stderr = writers[0], writers[1]
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	program.ExtraFiles = []*os.File{writer}

	// The program inherits the network of this thread, which stays there.
	if err := enterNetworkNamespace(spec.NetworkNamespace); err != nil {
		return nil, fmt.Errorf("enter the pod's network: %w", err)
	}
	err = program.Start()
	for _, file := range append(writers, writer) {
		file.Close()
	}
	if err != nil {
		return nil, err
	}
	// Executing the program closes the pipe.
	failure, err := io.ReadAll(reader)
	if err == nil && len(failure) > 0 {
		err = errors.New(string(failure))
	}
	identity, findErr := findProcess(program.Process.Pid) // at least a zombie: nobody has waited for it
	if err = errors.Join(err, findErr); err == nil {
		err = writeState(processPath(directory), startedProcess{process: identity, StartedAt: time.Now()})
	}
	if err != nil {
		program.Process.Kill()
		program.Wait()
		return nil, err
	}
	go func() {
		for received := range signals {
			if received != unix.SIGHUP {
				program.Process.Signal(received)
			} else if err := log.reopen(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	return func() error {
		program.Wait() // its error repeats the state
		finished := time.Now()
		drained := make(chan struct{})
		go func() { output.Wait(); close(drained) }()
		select {
		case <-drained:
		case <-time.After(lastOutputTimeout):
		}
		exit := exitStatus{Code: exitCode(program.ProcessState), Reason: "Completed", FinishedAt: finished}
		if exit.Code != 0 {
			exit.Reason = "Error"
		}
		return writeState(exitPath(directory), exit)
	}, nil
}

// exitCode is 128 and the signal's number for what a signal has ended, as in
// every runtime.
func exitCode(state *os.ProcessState) int32 {
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int32(status.Signal())
	}
	return int32(state.ExitCode())
}

// containerLog writes the CRI's log format.
type containerLog struct {
	path  string
	mutex sync.Mutex
	file  *os.File // nil: no log
}

func (l *containerLog) reopen() error {
	if l.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.file != nil {
		l.file.Close()
	}
	l.file = file
	return nil
}

func (l *containerLog) copy(stream string, from io.Reader) {
	lines := bufio.NewReaderSize(from, maximumLogLineBytes)
	for {
		line, partial, err := lines.ReadLine()
		if err != nil {
			return
		}
		tag := "F"
		if partial {
			tag = "P"
		}
		l.mutex.Lock()
		if l.file != nil {
			fmt.Fprintf(l.file, "%s %s %s %s\n", time.Now().Format(time.RFC3339Nano), stream, tag, line)
		}
		l.mutex.Unlock()
	}
}

// initializeContainer is a container's first process: it makes the file system
// around itself and becomes the program.
func initializeContainer(arguments []string) error {
	report := openReport()
	err := becomeProgram(arguments[0])
	fmt.Fprint(report, err)
	return err
}

func becomeProgram(directory string) error {
	spec, err := readState[containerSpec](specPath(directory))
	if err != nil {
		return err
	}
	if spec.Hostname != "" {
		if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
			return fmt.Errorf("set host name %q: %w", spec.Hostname, err)
		}
	}
	unix.Umask(0o022)
	if err := enterRoot(spec, filepath.Join(directory, "root")); err != nil {
		return err
	}
	if err := unix.Chdir(spec.workingDirectory()); err != nil {
		return fmt.Errorf("enter working directory %s: %w", spec.workingDirectory(), err)
	}
	if err := limitPrivileges(spec.securityContext()); err != nil {
		return err
	}
	user, err := credentialOf(spec.securityContext())
	if err != nil {
		return err
	}
	if err := becomeUser(user); err != nil {
		return err
	}
	// Another user's process has lost the parent-death signal.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if parentHasDied() {
		return errors.New("the shim has died")
	}
	path, err := lookPath(spec.Command.Arguments[0], spec.Environment)
	if err != nil {
		return err
	}
	return fmt.Errorf("execute %s: %w", path, syscall.Exec(path, spec.Command.Arguments, spec.Environment))
}

// parentHasDied asks the report's pipe: the parent's number is hidden by the
// PID namespace.
func parentHasDied() bool {
	report := []unix.PollFd{{Fd: reportDescriptor, Events: unix.POLLOUT}}
	count, err := unix.Poll(report, 0)
	return err == nil && count > 0 && report[0].Revents&unix.POLLERR != 0
}
