package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
)

const lockTimeout = 5 * time.Second

type serverOptions struct {
	state     string
	images    []image
	network   network
	apiServer netip.AddrPort
}

// server implements the CRI. Everything it knows is also on disk: pods in
// <state>/pods, containers in <state>/containers, and the processes themselves
// belong to shims, so that the server can be killed and started at any time.
type server struct {
	cri.UnimplementedRuntimeServiceServer
	cri.UnimplementedImageServiceServer

	serverOptions
	streaming streaming.Server
	lock      *os.File // on the state, until this process ends

	mutex       sync.Mutex // guards what follows, and every pod's and container's changing fields
	pods        map[string]*pod
	containers  map[string]*container
	lastAddress netip.Addr // most recently given to a pod
}

func newServer(options serverOptions) (*server, error) {
	state, err := filepath.Abs(options.state)
	if err != nil {
		return nil, err
	}
	options.state, options.network.namespaces = state, filepath.Join(state, "netns")
	s := &server{serverOptions: options, pods: map[string]*pod{}, containers: map[string]*container{}}
	for _, directory := range []string{state, s.podsDirectory(), s.containersDirectory(), s.network.namespaces} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return nil, err
		}
	}
	// One that was killed may have left a child that is not yet a shim.
	for deadline := time.Now().Add(lockTimeout); s.lock == nil; time.Sleep(10 * time.Millisecond) {
		if s.lock, err = lockDirectory(state); err != nil && time.Now().After(deadline) {
			return nil, fmt.Errorf("%s has been in use by another process-runtime for %s: %w", state, lockTimeout, err)
		}
	}
	if err := errors.Join(s.loadPods(), s.loadContainers()); err != nil {
		return nil, err
	}
	return s, s.startStreaming()
}

func (s *server) podsDirectory() string       { return filepath.Join(s.state, "pods") }
func (s *server) containersDirectory() string { return filepath.Join(s.state, "containers") }

// newID returns an identifier as random and as long as containerd's.
func newID() string {
	id := make([]byte, 32)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

func find[T any](s *server, kind string, all map[string]*T, id string) (*T, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if found := all[id]; found != nil {
		return found, nil
	}
	return nil, status.Errorf(codes.NotFound, "no %s %q", kind, id)
}

func hasLabels(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}

func (s *server) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{Version: "0.1.0", RuntimeName: "process", RuntimeVersion: "1.0.0", RuntimeApiVersion: "v1"}, nil
}

func (s *server) Status(context.Context, *cri.StatusRequest) (*cri.StatusResponse, error) {
	return &cri.StatusResponse{Status: &cri.RuntimeStatus{Conditions: []*cri.RuntimeCondition{
		{Type: cri.RuntimeReady, Status: true},
		{Type: cri.NetworkReady, Status: true},
	}}}, nil
}

func (s *server) RuntimeConfig(context.Context, *cri.RuntimeConfigRequest) (*cri.RuntimeConfigResponse, error) {
	return &cri.RuntimeConfigResponse{Linux: &cri.LinuxRuntimeConfiguration{CgroupDriver: cri.CgroupDriver_CGROUPFS}}, nil
}

// There are no cgroups here: resources are accepted and not enforced.

func (s *server) UpdateRuntimeConfig(context.Context, *cri.UpdateRuntimeConfigRequest) (*cri.UpdateRuntimeConfigResponse, error) {
	return &cri.UpdateRuntimeConfigResponse{}, nil
}

func (s *server) UpdateContainerResources(context.Context, *cri.UpdateContainerResourcesRequest) (*cri.UpdateContainerResourcesResponse, error) {
	return &cri.UpdateContainerResourcesResponse{}, nil
}

func (s *server) UpdatePodSandboxResources(context.Context, *cri.UpdatePodSandboxResourcesRequest) (*cri.UpdatePodSandboxResourcesResponse, error) {
	return &cri.UpdatePodSandboxResourcesResponse{}, nil
}
