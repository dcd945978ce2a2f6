// Command proxy stands in for linkerd2-proxy, which is written in Rust and
// cannot be built here: it does with a proxy's credentials what that one does,
// and nothing else. Traffic it carries only as far as that shows whose
// certificate is accepted: to the identity controller beside it, and of mesh-load.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"sandbox/proxy/credentials"
)

// What a proxy holds is small, and there are many of them on one machine.
func init() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(25)
}

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := run(ctx, log); err != nil {
		log.Error("cannot run", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	configuration, err := credentials.ReadConfiguration(os.Getenv)
	if err != nil {
		return err
	}
	token := func(context.Context) ([]byte, error) { return readToken(configuration.TokenFile) }
	if _, err := token(ctx); err != nil {
		return err
	}
	proxy, err := credentials.NewProxy(configuration, token, log)
	if err != nil {
		return err
	}
	if err := writeDocuments(proxy); err != nil {
		return err
	}
	drained := make(chan struct{})
	incoming := func(listener net.Listener) {
		(&inbound{Proxy: proxy}).serve(ctx, listener)
		close(drained)
	}
	// All ports are taken at once; a proxy answers on the first two once it has
	// a leaf.
	for _, server := range []struct {
		address string
		serve   func(net.Listener)
		ready   <-chan struct{}
	}{
		{configuration.Inbound, incoming, proxy.Ready()},
		{configuration.Outbound, outbound{proxy}.serve, proxy.Ready()},
		{configuration.Admin, admin{proxy}.serve, nil},
	} {
		listener, err := net.Listen("tcp", server.address)
		if err != nil {
			return err
		}
		go func() {
			if server.ready != nil {
				<-server.ready
			}
			server.serve(listener)
		}()
	}
	go remindOfIdentity(proxy, log)
	proxy.Run(ctx)
	select {
	case <-proxy.Ready():
		<-drained
	default:
	}
	return nil
}

func readToken(path string) ([]byte, error) {
	token, err := os.ReadFile(path)
	if err == nil && len(token) == 0 {
		err = fmt.Errorf("%s: token is empty", path)
	}
	return token, err
}

// writeDocuments puts the key and the signing request where
// linkerd2-proxy-identity puts them: in memory that only this container has.
func writeDocuments(proxy *credentials.Proxy) error {
	key, err := x509.MarshalPKCS8PrivateKey(proxy.Key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(proxy.Directory, "key.p8"), key, 0o600),
		os.WriteFile(filepath.Join(proxy.Directory, "csr.der"), proxy.SigningRequest, 0o600))
}

func remindOfIdentity(proxy *credentials.Proxy, log *slog.Logger) {
	for {
		select {
		case <-proxy.Ready():
			return
		case <-time.After(15 * time.Second):
			log.Warn("Waiting for identity to be initialized...")
		}
	}
}
