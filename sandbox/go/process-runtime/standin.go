package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// standIn runs in place of an image that has no program here: it answers 200
// to every HTTP request on the given ports, so that probes of the container
// succeed, until it is told to stop.
func standIn(arguments []string) error {
	flags := flag.NewFlagSet("stand-in", flag.ContinueOnError)
	ports := flags.String("ports", "", "ports to listen on, separated by commas")
	exit := flags.Bool("exit", false, "end at once, as an init container that has done its work")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *exit {
		fmt.Println("stand-in: the image of this container has no program here; nothing was done")
		return nil
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	fmt.Println("stand-in: the image of this container has no program here; only probes are answered")
	for port := range strings.FieldsFuncSeq(*ports, func(r rune) bool { return r == ',' }) {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("--ports: %q is not a port number", port)
		}
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil { // another container of the pod may have it
			fmt.Println("stand-in: not answered:", err)
			continue
		}
		fmt.Println("stand-in: answering on port", port)
		go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }))
	}
	fmt.Println("stand-in: ended by signal", <-stop)
	return nil
}
