// Command mesh-load has proxies of a mesh open connections to each other all
// the time, and counts how many are refused, and why. It holds the proxies of
// simulated pods, which only the API server knows, in one process:
//
//	mesh-load hold --node simulated --selector mesh-load=true
//
// and it is the application in pods that run, where it calls others through its
// pod's proxy:
//
//	mesh-load call --load http://mesh-load.mesh-load.svc:8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

var commands = map[string]func(ctx context.Context, arguments []string) error{"hold": hold, "call": call}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "Usage: mesh-load hold|call [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "mesh-load %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func hold(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("hold", flag.ContinueOnError)
	node := flags.String("node", "simulated", "node whose pods' proxies are held")
	selector := flags.String("selector", "mesh-load=true", "labels of the pods that meet")
	perSecond := flags.Int("rate", 50, "how many connections a second are begun")
	listen := flags.String("listen", ":8080", "address of /status and /proxies")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *perSecond < 1 {
		return fmt.Errorf("--rate is %d, expected at least 1", *perSecond)
	}
	cluster, err := connect()
	if err != nil {
		return err
	}
	l := &load{cluster: cluster, node: *node, peers: map[string]*peer{}}
	go l.follow(ctx, *selector)
	go l.run(ctx, *perSecond)
	server := &http.Server{Addr: *listen, Handler: l.handler()}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func call(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("call", flag.ContinueOnError)
	load := flags.String("load", "", "URL of the mesh-load that holds")
	pause := flags.Duration("pause", time.Second, "time between two calls")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *load == "" {
		return errors.New("--load is required: URL of the mesh-load that holds")
	}
	debug.SetGCPercent(25) // there is one in each pod
	caller{load: *load, pod: os.Getenv("POD_NAMESPACE") + "/" + os.Getenv("POD_NAME")}.run(ctx, *pause)
	return nil
}
