package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"sandbox/proxy/credentials"
)

// load holds the proxies of simulated pods, and has proxies meet.
type load struct {
	cluster *cluster
	node    string // whose pods are simulated

	mutex   sync.Mutex
	peers   map[string]*peer // by the pod's UID
	retired renewals         // of simulated pods that are gone
	tally   tally
}

// peer is a proxy that others meet: one of a pod that runs, or one that is here
// in place of a simulated pod's.
type peer struct {
	pod      string // its namespace and name
	identity string
	inbound  string             // port of the proxy
	address  string             // of a pod that runs; empty while it is not ready
	proxy    *credentials.Proxy // of a simulated pod
	stop     context.CancelFunc
}

// follow keeps the peers as the pods are, until the context ends.
func (l *load) follow(ctx context.Context, selector string) {
	changed := func(p pod) { l.change(ctx, p) }
	listed := func(pods []pod) {
		there := map[string]bool{}
		for _, p := range pods {
			there[p.Metadata.UID] = true
			changed(p)
		}
		for uid := range l.peers { // written by this goroutine alone
			if !there[uid] {
				l.remove(uid)
			}
		}
	}
	for ctx.Err() == nil {
		err := l.cluster.followPods(ctx, selector, listed, changed, func(p pod) { l.remove(p.Metadata.UID) })
		slog.Info("the watch of pods begins again", "reason", err)
		time.Sleep(time.Second)
	}
}

func (l *load) change(ctx context.Context, p pod) {
	known := l.peers[p.Metadata.UID]
	switch {
	case p.Metadata.DeletionTimestamp != "":
		l.remove(p.Metadata.UID)
		return
	case p.Spec.NodeName == "":
		return
	case known == nil:
		var err error
		if known, err = l.start(ctx, p); err != nil {
			slog.Error("cannot run a pod's proxy", "pod", p.name(), "error", err)
			return
		}
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.peers[p.Metadata.UID] = known
	if known.address = ""; p.isReady() {
		known.address = net.JoinHostPort(p.Status.PodIP, known.inbound)
	}
}

// start makes a peer of a pod. A simulated one's proxy has the anchors that the
// pod was given when it was made, for as long as the pod is there.
func (l *load) start(ctx context.Context, p pod) (*peer, error) {
	getenv, err := p.proxyEnvironment(ctx, l.cluster)
	if err != nil {
		return nil, err
	}
	configuration, err := credentials.ReadConfiguration(getenv)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(configuration.Inbound)
	if err != nil {
		return nil, err
	}
	started := &peer{pod: p.name(), identity: configuration.Identity, inbound: port, stop: func() {}}
	if p.Spec.NodeName != l.node {
		return started, nil
	}
	started.proxy, err = credentials.NewProxy(configuration, l.cluster.tokenSource(p), slog.With("pod", p.name()))
	if err != nil {
		return nil, err
	}
	ctx, started.stop = context.WithCancel(ctx)
	go started.proxy.Run(ctx)
	return started, nil
}

func (l *load) remove(uid string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if known := l.peers[uid]; known != nil {
		known.stop()
		if known.proxy != nil {
			l.retired.add(known.proxy.Stats())
		}
		delete(l.peers, uid)
	}
}

func (p peer) isReady() bool {
	if p.proxy == nil {
		return p.address != ""
	}
	select {
	case <-p.proxy.Ready():
		return true
	default:
		return false
	}
}

// ready gives the peers that have a leaf, as they are now.
func (l *load) ready() (all []peer) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, one := range l.peers {
		if one.isReady() {
			all = append(all, *one)
		}
	}
	return all
}

// run has so many simulated proxies a second each call any other one. One that
// cannot begin in time, since so many are under way, is left out.
func (l *load) run(ctx context.Context, perSecond int) {
	const atOnce = 16
	places := make(chan struct{}, atOnce)
	for ticks := time.NewTicker(time.Second / time.Duration(perSecond)); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		all := l.ready()
		if len(all) < 2 {
			continue
		}
		client, server := all[rand.IntN(len(all))], all[rand.IntN(len(all))]
		if client.pod == server.pod || client.proxy == nil {
			continue
		}
		select {
		case places <- struct{}{}:
			go func() {
				l.tally.count(client.pod, server.pod, meet(ctx, client, server))
				<-places
			}()
		default:
		}
	}
}

func meet(ctx context.Context, client, server peer) error {
	connection, err := server.connect(ctx)
	if err != nil {
		return err
	}
	return client.proxy.Meet(ctx, connection, server.identity)
}

// connect calls a pod at its address, and a simulated one in memory.
func (p peer) connect(ctx context.Context) (net.Conn, error) {
	if p.proxy == nil {
		return credentials.Dialer.DialContext(ctx, "tcp", p.address)
	}
	near, far := net.Pipe()
	go p.proxy.Receive(far)
	return near, nil
}
