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
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
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

// Address of the machine on the bridge that every pod is attached to.
const (
	bridgeName    = "pods"
	bridgeAddress = "10.244.0.1/16"
)

// hidden are the host's folders that the machine has empty ones of its own in
// place of, so that nothing it writes there reaches the host.
var hidden = []string{"/run", "/var/log", "/var/lib"}

// firstProcess is the machine's process 1.
func firstProcess(keep, command []string) error {
	if err := prepareMounts(keep); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	if err := prepareNetwork(); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	child := exec.Command(command[0], command[1:]...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{os.NewFile(listener, "listener")}
	// A signal that ends the machine goes to its command, which ends it in order.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := child.Start(); err != nil {
		return err
	}
	go func() {
		for s := range signals {
			_ = child.Process.Signal(s)
		}
	}()
	code, err := reapUntil(child.Process.Pid)
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

// reapUntil takes the exit status of every process that ends, orphans
// included, until the process pid is among them.
func reapUntil(pid int) (int, error) {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case ended == pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case ended == pid:
			return status.ExitStatus(), nil
		}
	}
}

// prepareMounts gives the machine its own /proc and empty folders in place of
// the hidden ones. Paths to keep that lie in a hidden folder come back.
func prepareMounts(keep []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	open := map[string]int{}
	for _, path := range keep {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return err
		}
		if !isHidden(real) {
			continue
		}
		fd, err := unix.Open(real, unix.O_PATH, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", real, err)
		}
		open[real] = fd
	}
	for _, folder := range hidden {
		if err := unix.Mount("machine", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	for path, fd := range open {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", fd), path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		unix.Close(fd)
	}
	// A CNI plugin finds its folders below /run: those of the host, /etc/cni and /opt/cni, are not the machine's.
	for _, folder := range []string{
		"/run/machine", "/run/cni/net.d", "/run/cni/bin",
		"/var/lib/kubelet", "/var/log/pods", "/var/log/containers",
	} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	return unix.Sethostname([]byte("sandbox"))
}

func isHidden(path string) bool {
	return slices.ContainsFunc(hidden, func(folder string) bool { return strings.HasPrefix(path, folder+"/") })
}

// prepareNetwork brings up loopback and the bridge that pods are attached to.
func prepareNetwork() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	address, err := netlink.ParseAddr(bridgeAddress)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(bridge, address); err != nil {
		return err
	}
	return netlink.LinkSetUp(bridge)
}
