package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	killTimeout   = 10 * time.Second // from SIGKILL to the end of the shim
	reopenTimeout = 10 * time.Second
)

// container is what the server knows of a container. Its directory holds the
// same: spec.json once it is created; from its shim, started.json once its
// program runs and exit.json once that has ended.
type container struct {
	containerSpec
	directory containerDirectory

	starting bool
	started  *startRecord
	exit     *exitRecord
	ended    chan struct{} // closed once exit is set
}

// containerSpec is everything that the shim has to know.
type containerSpec struct {
	ID        string
	PodID     string
	PodName   string
	CreatedAt time.Time
	Config    *cri.ContainerConfig
	DNS       *cri.DNSConfig

	Hostname         string // empty: the machine's
	NetworkNamespace string // path; empty: the machine's
	LogPath          string // empty: no log
	Command          command
	Environment      []string
}

type startRecord struct {
	At            time.Time
	Program, Shim process
}

type exitRecord struct {
	At      time.Time
	Code    int32
	Reason  string
	Message string
}

type containerDirectory string

func (d containerDirectory) spec() string    { return filepath.Join(string(d), "spec.json") }
func (d containerDirectory) started() string { return filepath.Join(string(d), "started.json") }
func (d containerDirectory) exit() string    { return filepath.Join(string(d), "exit.json") }
func (d containerDirectory) root() string    { return filepath.Join(string(d), "root") }
func (d containerDirectory) shimLog() string { return filepath.Join(string(d), "shim.log") }

func (c *container) name() string { return c.PodName + "/" + c.Config.GetMetadata().GetName() }

func (c *container) state() cri.ContainerState {
	switch {
	case c.exit != nil:
		return cri.ContainerState_CONTAINER_EXITED
	case c.started != nil:
		return cri.ContainerState_CONTAINER_RUNNING
	default:
		return cri.ContainerState_CONTAINER_CREATED
	}
}

func (s *server) loadContainers() error {
	directories, err := filepath.Glob(filepath.Join(s.containersDirectory(), "*"))
	if err != nil {
		return err
	}
	for _, path := range directories {
		directory := containerDirectory(path)
		spec, err := readState[containerSpec](directory.spec())
		if err != nil {
			return err
		}
		if spec == nil { // was being created or removed
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			continue
		}
		c := &container{containerSpec: *spec, directory: directory, ended: make(chan struct{})}
		s.containers[c.ID] = c
		if err := s.adopt(c); err != nil {
			return fmt.Errorf("adopt container %s: %w", c.name(), err)
		}
	}
	return nil
}

// adopt takes up what a container's shim has done so far.
func (s *server) adopt(c *container) (err error) {
	// A shim that has just begun soon says that its program runs, or else ends.
	const timeout = 2 * startTimeout
	for deadline := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		begun := isLocked(string(c.directory))
		if c.started, err = readState[startRecord](c.directory.started()); err != nil {
			return err
		}
		if c.started != nil || !begun {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("its shim has started no program within %s", timeout)
		}
	}
	if c.exit, err = readState[exitRecord](c.directory.exit()); err != nil {
		return err
	}
	if c.exit != nil {
		close(c.ended)
	} else if c.started != nil {
		go s.awaitExit(c)
	}
	return nil
}

// awaitExit returns once the container's shim has ended.
func (s *server) awaitExit(c *container) {
	err := awaitUnlocked(string(c.directory))
	exit, readErr := readState[exitRecord](c.directory.exit())
	if exit == nil {
		exit = &exitRecord{At: time.Now(), Code: 128 + int32(unix.SIGKILL), Reason: "Error", Message: "its shim was killed, and the program with it"}
		err = errors.Join(err, readErr, writeState(c.directory.exit(), exit))
	}
	s.setExit(c, exit)
	slog.Info("container ended", "container", c.name(), "id", c.ID, "code", exit.Code)
	if err != nil {
		slog.Error("end of a container", "container", c.name(), "id", c.ID, "error", err)
	}
}

func (s *server) setExit(c *container, exit *exitRecord) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	c.exit = exit
	close(c.ended)
}

func (s *server) findContainer(id string) (*container, error) {
	return find(s, "container", s.containers, id)
}

func (s *server) findRunning(id string) (*container, *startRecord, error) {
	c, err := s.findContainer(id)
	if err != nil {
		return nil, nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if state := c.state(); state != cri.ContainerState_CONTAINER_RUNNING {
		return nil, nil, status.Errorf(codes.FailedPrecondition, "container %s is %s, not running", c.name(), state)
	}
	return c, c.started, nil
}

func (s *server) selectContainers(filter *cri.ContainerFilter) []*container {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var selected []*container
	for _, c := range s.containers {
		if strings.HasPrefix(c.ID, filter.GetId()) && strings.HasPrefix(c.PodID, filter.GetPodSandboxId()) &&
			(filter.GetState() == nil || filter.State.State == c.state()) && hasLabels(c.Config.Labels, filter.GetLabelSelector()) {
			selected = append(selected, c)
		}
	}
	return selected
}

func (s *server) CreateContainer(_ context.Context, request *cri.CreateContainerRequest) (*cri.CreateContainerResponse, error) {
	p, err := s.findPod(request.PodSandboxId)
	if err != nil {
		return nil, err
	}
	config := request.Config
	if name := config.GetLinux().GetSecurityContext().GetRunAsUsername(); name != "" {
		return nil, status.Errorf(codes.InvalidArgument, "run_as_username %q: there are no images here to look a name up in; set run_as_user", name)
	}
	command, err := s.commandOf(config)
	if err != nil {
		return nil, err
	}
	c := &container{ended: make(chan struct{}), containerSpec: containerSpec{
		ID:               newID(),
		PodID:            p.ID,
		PodName:          p.name(),
		CreatedAt:        time.Now(),
		Config:           config,
		DNS:              p.Config.DnsConfig,
		Hostname:         p.Config.Hostname,
		NetworkNamespace: s.networkNamespaceOf(p),
		Command:          command,
		Environment:      s.environmentOf(p, config),
	}}
	if config.LogPath != "" {
		c.LogPath = filepath.Join(p.Config.LogDirectory, config.LogPath)
	}
	c.directory = containerDirectory(filepath.Join(s.containersDirectory(), c.ID))
	if err := os.Mkdir(string(c.directory), 0o700); err != nil {
		return nil, err
	}
	if err := writeState(c.directory.spec(), c.containerSpec); err != nil {
		return nil, errors.Join(err, os.RemoveAll(string(c.directory)))
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.containers[c.ID] = c
	return &cri.CreateContainerResponse{ContainerId: c.ID}, nil
}

// environmentOf is what an image would set, then what the pod sets, then the
// API server's real address: nothing here forwards that of its Service.
func (s *server) environmentOf(p *pod, config *cri.ContainerConfig) []string {
	machine, _ := os.Hostname()
	variables := map[string]string{"PATH": containerPath, "HOME": "/", "HOSTNAME": cmp.Or(p.Config.Hostname, machine)}
	for _, variable := range config.Envs {
		variables[variable.Key] = string(variable.Value)
	}
	port := strconv.Itoa(int(s.apiServer.Port()))
	variables["KUBERNETES_SERVICE_HOST"] = s.apiServer.Addr().String()
	variables["KUBERNETES_SERVICE_PORT"], variables["KUBERNETES_SERVICE_PORT_HTTPS"] = port, port
	var environment []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		environment = append(environment, name+"="+variables[name])
	}
	return environment
}

func (s *server) StartContainer(_ context.Context, request *cri.StartContainerRequest) (*cri.StartContainerResponse, error) {
	c, err := s.findContainer(request.ContainerId)
	if err != nil {
		return nil, err
	}
	s.mutex.Lock()
	state, starting := c.state(), c.starting
	c.starting = true
	s.mutex.Unlock()
	if state != cri.ContainerState_CONTAINER_CREATED || starting {
		return nil, status.Errorf(codes.FailedPrecondition, "container %s was started before; it is %s", c.name(), state)
	}
	started, err := startShim(c.directory)
	if err != nil {
		err = fmt.Errorf("start container %s: %w", c.name(), err)
		exit := &exitRecord{At: time.Now(), Code: 128, Reason: "StartError", Message: err.Error()}
		err = errors.Join(err, writeState(c.directory.exit(), exit))
		s.setExit(c, exit)
		return nil, err
	}
	s.mutex.Lock()
	c.started = started
	s.mutex.Unlock()
	go s.awaitExit(c)
	slog.Info("container runs", "container", c.name(), "id", c.ID, "program", c.Command.Arguments[0], "pid", started.Program.PID)
	return &cri.StartContainerResponse{}, nil
}

func (s *server) StopContainer(_ context.Context, request *cri.StopContainerRequest) (*cri.StopContainerResponse, error) {
	c, err := s.findContainer(request.ContainerId)
	if err != nil { // gone already
		return &cri.StopContainerResponse{}, nil
	}
	return &cri.StopContainerResponse{}, s.stopContainer(c, time.Duration(request.Timeout)*time.Second)
}

// stopContainer returns once the container has ended. The program is the first
// process of a PID namespace: what it leaves behind is killed with it.
func (s *server) stopContainer(c *container, gracePeriod time.Duration) error {
	s.mutex.Lock()
	started, state := c.started, c.state()
	s.mutex.Unlock()
	if state != cri.ContainerState_CONTAINER_RUNNING {
		return nil
	}
	if gracePeriod > 0 {
		if err := started.Program.signal(c.stopSignal()); err != nil {
			return fmt.Errorf("stop container %s: %w", c.name(), err)
		}
		select {
		case <-c.ended:
			return nil
		case <-time.After(gracePeriod):
		}
	}
	if err := started.Program.signal(unix.SIGKILL); err != nil {
		return fmt.Errorf("kill container %s: %w", c.name(), err)
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(killTimeout):
		return fmt.Errorf("container %s (pid %d) has not ended %s after SIGKILL", c.name(), started.Program.PID, killTimeout)
	}
}

func (c *container) stopSignal() unix.Signal {
	return cmp.Or(unix.SignalNum(c.Config.StopSignal.String()), unix.SIGTERM)
}

func (s *server) RemoveContainer(_ context.Context, request *cri.RemoveContainerRequest) (*cri.RemoveContainerResponse, error) {
	c, err := s.findContainer(request.ContainerId)
	if err != nil { // gone already
		return &cri.RemoveContainerResponse{}, nil
	}
	return &cri.RemoveContainerResponse{}, s.removeContainer(c)
}

func (s *server) removeContainer(c *container) error {
	if err := s.stopContainer(c, 0); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.containers, c.ID)
	// Its mounts were in a namespace that ended with it: only files are left.
	return os.RemoveAll(string(c.directory))
}

func (s *server) ContainerStatus(_ context.Context, request *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	c, err := s.findContainer(request.ContainerId)
	if err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer := &cri.ContainerStatus{
		Id:          c.ID,
		Metadata:    c.Config.Metadata,
		State:       c.state(),
		CreatedAt:   c.CreatedAt.UnixNano(),
		Image:       c.Config.Image,
		ImageRef:    c.Command.imageRef(),
		Labels:      c.Config.Labels,
		Annotations: c.Config.Annotations,
		Mounts:      c.Config.Mounts,
		LogPath:     c.LogPath,
		StopSignal:  c.Config.StopSignal,
	}
	if c.started != nil {
		answer.StartedAt = c.started.At.UnixNano()
	}
	if c.exit != nil {
		answer.FinishedAt, answer.ExitCode, answer.Reason, answer.Message = c.exit.At.UnixNano(), c.exit.Code, c.exit.Reason, c.exit.Message
	}
	return &cri.ContainerStatusResponse{Status: answer}, nil
}

func (s *server) ListContainers(_ context.Context, request *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	selected := s.selectContainers(request.GetFilter())
	s.mutex.Lock()
	defer s.mutex.Unlock()
	response := &cri.ListContainersResponse{}
	for _, c := range selected {
		response.Containers = append(response.Containers, &cri.Container{
			Id:           c.ID,
			PodSandboxId: c.PodID,
			Metadata:     c.Config.Metadata,
			Image:        c.Config.Image,
			ImageRef:     c.Command.imageRef(),
			State:        c.state(),
			CreatedAt:    c.CreatedAt.UnixNano(),
			Labels:       c.Config.Labels,
			Annotations:  c.Config.Annotations,
		})
	}
	return response, nil
}

// ReopenContainerLog returns once the shim writes to a new file: the kubelet
// has renamed the old one.
func (s *server) ReopenContainerLog(_ context.Context, request *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	c, started, err := s.findRunning(request.ContainerId)
	if err != nil {
		return nil, err
	}
	if err := started.Shim.signal(unix.SIGHUP); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(reopenTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(c.LogPath); err == nil {
			return &cri.ReopenContainerLogResponse{}, nil
		}
	}
	return nil, fmt.Errorf("the shim of container %s has not made %s within %s", c.name(), c.LogPath, reopenTimeout)
}
