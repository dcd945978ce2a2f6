package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	reportDescriptor = 3 // where a child reports to its parent
	lockDescriptor   = 4 // a shim's hold on its container's directory
	startTimeout     = time.Minute
	// How long output may come after a program has ended: what it has started
	// elsewhere may hold its pipes.
	lastOutputTimeout = 2 * time.Second
)

// startReporting starts a process of this program's own and returns once it has
// closed its report: with what it has reported, or nil.
func startReporting(process *exec.Cmd) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	process.Args[0] = "process-runtime"
	process.Env = []string{} // none, not this process's
	process.ExtraFiles = append([]*os.File{writer}, process.ExtraFiles...)
	err = process.Start()
	writer.Close()
	if err != nil {
		return err
	}
	if err := reader.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	failure, err := io.ReadAll(reader)
	if err == nil && len(failure) > 0 {
		err = errors.New(string(failure))
	}
	if err != nil {
		process.Process.Kill()
	}
	return err
}

// report is the other end. Executing another program closes it.
func report() *os.File {
	unix.CloseOnExec(reportDescriptor)
	return os.NewFile(reportDescriptor, "report")
}

// startShim returns once the container's program runs.
func startShim(directory containerDirectory) (*startRecord, error) {
	// The shim is born with the lock, so that a container is never without one
	// while it has a shim.
	lock, err := lockDirectory(string(directory))
	if err != nil {
		return nil, fmt.Errorf("it has a shim already: %w", err)
	}
	defer lock.Close()
	log, err := os.Create(directory.shimLog())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	shim := exec.Command("/proc/self/exe", "container", string(directory))
	shim.Dir = "/"
	shim.Stderr = log
	shim.ExtraFiles = []*os.File{lock}
	shim.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what ends the runtime does not end it
	err = startReporting(shim)
	if shim.Process != nil {
		go shim.Wait() // what it did is in its files
	}
	if err != nil {
		return nil, err
	}
	started, err := readState[startRecord](directory.started())
	if err == nil && started == nil {
		err = errors.New("its shim was killed before the program ran")
	}
	return started, err
}

// superviseContainer is a container's shim: the parent of its program, which
// writes its log and how it ended whether or not the runtime is there.
func superviseContainer(arguments []string) error {
	report := report()
	unix.CloseOnExec(lockDescriptor)
	ended, err := startProgram(containerDirectory(arguments[0]))
	if err != nil {
		fmt.Fprint(report, err)
		return err
	}
	report.Close()
	return ended()
}

// startProgram returns once the program runs; ended, once it has ended.
func startProgram(directory containerDirectory) (ended func() error, err error) {
	spec, err := readState[containerSpec](directory.spec())
	if err != nil {
		return nil, err
	}
	log := &containerLog{path: spec.LogPath}
	if err := log.reopen(); err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGHUP, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT)

	program := exec.Command("/proc/self/exe", "container-init", string(directory))
	program.Stdout, program.Stderr = log.stream("stdout"), log.stream("stderr")
	program.WaitDelay = lastOutputTimeout
	program.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  unix.SIGKILL,
	}
	// The program inherits the network of this thread, which stays there.
	if err := enterNetwork(spec.NetworkNamespace); err != nil {
		return nil, fmt.Errorf("enter the pod's network: %w", err)
	}
	if err := startReporting(program); err != nil {
		return nil, err
	}
	record := startRecord{At: time.Now()}
	var errProgram, errShim error
	record.Program, errProgram = findProcess(program.Process.Pid) // maybe a zombie: it was not waited for
	record.Shim, errShim = findProcess(os.Getpid())
	if err := errors.Join(errProgram, errShim, writeState(directory.started(), record)); err != nil {
		program.Process.Kill()
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
		program.Wait() // its error repeats the state, or says that output may be missing
		exit := exitRecord{At: time.Now(), Code: exitCodeOf(program.ProcessState), Reason: "Completed"}
		if exit.Code != 0 {
			exit.Reason = "Error"
		}
		return errors.Join(log.flush(), writeState(directory.exit(), exit))
	}, nil
}

// exitCodeOf is 128 and the signal's number for what a signal has ended, as in
// every runtime.
func exitCodeOf(state *os.ProcessState) int32 {
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int32(status.Signal())
	}
	return int32(state.ExitCode())
}

// initializeContainer is a container's first process: it makes the file system
// around itself and becomes the program.
func initializeContainer(arguments []string) error {
	report := report()
	err := becomeProgram(containerDirectory(arguments[0]))
	fmt.Fprint(report, err)
	return err
}

func becomeProgram(directory containerDirectory) error {
	spec, err := readState[containerSpec](directory.spec())
	if err != nil {
		return err
	}
	if spec.Hostname != "" {
		if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
			return fmt.Errorf("set host name %q: %w", spec.Hostname, err)
		}
	}
	unix.Umask(0o022)
	if err := enterRoot(spec, directory.root()); err != nil {
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
