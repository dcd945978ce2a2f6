// Command process-runtime is a CRI runtime whose containers are plain
// processes. A real kubelet drives it, so that pods have real volumes, probes,
// restarts, logs and status without images and without a container engine.
//
// It runs as root of a private machine: of the host, or of a user namespace in
// which only root is mapped. The machine has mounted its own /proc and a tmpfs
// on /run, /var/lib and /var/log, and has created the bridge.
//
// A container has mount, PID, UTS and IPC namespaces of its own, and shares its
// pod's network. What it cannot have here: limits of resources, a PID or IPC
// namespace shared with others, added capabilities, attach.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const usageLine = `Usage: process-runtime serve --socket PATH --state DIRECTORY --images FILE --bridge NAME --pod-cidr CIDR --gateway ADDRESS --api-server ADDRESS:PORT`

// The kubelet's own limit for messages of a runtime.
const maximumMessageBytes = 16 << 20

var commands = map[string]func(arguments []string) error{
	"serve": serve,
	// What follows is started by serve itself.
	"container":      superviseContainer,
	"container-init": initializeContainer,
	"stand-in":       standIn,
}

// The main goroutine keeps the main thread, so that no other goroutine can
// take it into another namespace (see onOwnThread), and so that a container's
// parent-death signal, which is tied to a thread, means the shim.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, usageLine)
		os.Exit(2)
	}
	err := commands[os.Args[1]](os.Args[2:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "process-runtime %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func serve(arguments []string) error {
	var options serverOptions
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	socket := flags.String("socket", "", "Unix socket to serve the CRI on")
	flags.StringVar(&options.state, "state", "", "directory of everything that outlives the runtime")
	imagesFile := flags.String("images", "", "JSON file that says which program stands for which image")
	flags.StringVar(&options.network.bridge, "bridge", "pods", "bridge that joins the pods' networks")
	flags.TextVar(&options.network.podCIDR, "pod-cidr", netip.Prefix{}, "network that pods get their addresses from")
	flags.TextVar(&options.network.gateway, "gateway", netip.Addr{}, "address of the bridge, the pods' default route")
	flags.TextVar(&options.apiServer, "api-server", netip.AddrPort{}, "address at which pods reach the API server")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var missing error
	flags.VisitAll(func(f *flag.Flag) {
		if f.Value.String() == "" {
			missing = errors.Join(missing, fmt.Errorf("--%s is required: %s", f.Name, f.Usage))
		}
	})
	if missing != nil {
		return missing
	}
	images, err := readImages(*imagesFile)
	if err != nil {
		return err
	}
	options.images = images

	unix.Umask(0o077) // what containers are told may be secret
	s, err := newServer(options)
	if err != nil {
		return err
	}
	if err := os.Remove(*socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", *socket)
	if err != nil {
		return err
	}
	g := grpc.NewServer(grpc.MaxRecvMsgSize(maximumMessageBytes), grpc.MaxSendMsgSize(maximumMessageBytes))
	cri.RegisterRuntimeServiceServer(g, s)
	cri.RegisterImageServiceServer(g, s)
	return g.Serve(listener)
}
