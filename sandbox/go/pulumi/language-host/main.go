// Command pulumi-language-nodejs is the Pulumi engine's language host for
// Node.js: it runs programs, policy packs and component packages.
//
// Upstream's own host lives in a module that Go's module proxy does not serve,
// so this one implements the same protocol for what the sandbox needs. It hands
// the engine's own monitor address to the program, so every feature of the
// engine reaches it: resource hooks and policies included. Code generation
// (`pulumi convert`, SDKs), Bun and debuggers are left to upstream's: each is
// refused, never ignored.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// version is set by the linker: the engine's version, whose protocol this is.
var version = "0.0.0"

// healthCheckInterval is how often the host looks whether its engine lives, so
// that it outlives a killed engine by no more than this.
const healthCheckInterval = 10 * time.Second

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-nodejs:", err)
		os.Exit(1)
	}
}

// serve answers the engine until the engine ends it, or is gone.
func serve() error {
	tracing := flag.String("tracing", "", "Zipkin endpoint that the program sends its traces to")
	runtime := flag.String("runtime", "nodejs", "runtime of the program: nodejs")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *showVersion {
		fmt.Println(version)
		return nil
	}
	if *runtime != "nodejs" {
		return fmt.Errorf("-runtime %q: this language host runs nodejs only", *runtime)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A write to a killed engine must not kill the host before it has ended the
	// programs, as a broken standard output does by default.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	programs, cancel := context.WithCancel(ctx)
	defer cancel()
	host := &languageHost{
		alive: ctx, stop: stop, programs: programs, cancel: cancel, engine: flag.Arg(0), tracing: *tracing,
	}
	if host.engine != "" {
		if err := host.watchEngine(); err != nil {
			return err
		}
	}

	stopped := make(chan bool)
	context.AfterFunc(ctx, func() { close(stopped) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stopped,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
			return nil
		},
	})
	if err != nil {
		return err
	}
	// The engine reads the port from the first line.
	fmt.Println(handle.Port)
	return <-handle.Done
}
