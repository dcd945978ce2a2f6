// Command machine makes the sandbox's machine: a process in namespaces of its
// own, which is the root of everything that the sandbox runs.
//
//	machine start [--keep <path> ...] -- <command> [argument ...]
//
// start makes the machine, prints the process ID of its first process as the
// host sees it, and ends. That first process prepares the machine's mounts and
// network, runs the command as its child, passes signals on to it, reaps every
// orphan, and ends with it; the kernel then ends whatever is left. So killing
// the first process ends the whole machine.
//
// File descriptor 3 reaches the command: it is a socket that listens on the
// host's loopback, the machine's one way out. What the machine prints goes to
// file descriptor 4; what start itself has to say goes to its standard error.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
)

// File descriptors that the caller passes on.
const (
	listener = 3
	log      = 4
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "machine:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	separator := slices.Index(args, "--")
	if separator < 1 || separator == len(args)-1 {
		return errors.New("usage: machine start [--keep <path> ...] -- <command> [argument ...]")
	}
	var keep []string
	for i := 1; i+1 < separator; i += 2 {
		if args[i] != "--keep" {
			return fmt.Errorf("unknown argument %q", args[i])
		}
		keep = append(keep, args[i+1])
	}
	switch command := args[separator+1:]; args[0] {
	case "start":
		return start(args)
	case "first-process":
		return firstProcess(keep, command)
	default:
		return fmt.Errorf("unknown command %q", args[0])
	}
}

// start runs this program again as the first process of new namespaces. Root
// needs no user namespace; anyone else becomes root of one.
func start(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	first := exec.Command(self, append([]string{"first-process"}, args[1:]...)...)
	first.Stdout = os.NewFile(log, "log")
	first.Stderr = first.Stdout
	first.ExtraFiles = []*os.File{os.NewFile(listener, "listener")}
	first.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	if os.Geteuid() != 0 {
		first.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		first.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		first.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if err := first.Start(); err != nil {
		return fmt.Errorf("cannot make namespaces: %w", err)
	}
	fmt.Println(first.Process.Pid)
	return first.Process.Release()
}
