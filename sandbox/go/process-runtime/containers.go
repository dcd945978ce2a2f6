package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	startTimeout = time.Minute      // of the shim, which only mounts and executes
	killTimeout  = 10 * time.Second // from SIGKILL to the end of the shim
)

// container is what the server knows of a container. Its directory holds the
// same: container.json once it is created, process.json once its program runs,
// exit.json once that has ended. The last two are the shim's.
type container struct {
	containerSpec
	directory string

	starting bool
	process  *startedProcess
	exit     *exitStatus
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

type startedProcess struct {
	process
	StartedAt time.Time
}

type exitStatus struct {
	Code       int32
	Reason     string
	Message    string
	FinishedAt time.Time
}

func (c *container) state() cri.ContainerState {
	switch {
	case c.exit != nil:
		return cri.ContainerState_CONTAINER_EXITED
	case c.process != nil:
		return cri.ContainerState_CONTAINER_RUNNING
	default:
		return cri.ContainerState_CONTAINER_CREATED
	}
}

func (c *container) name() string { return c.PodName + "/" + c.Config.GetMetadata().GetName() }

func specPath(directory string) string    { return filepath.Join(directory, "container.json") }
func processPath(directory string) string { return filepath.Join(directory, "process.json") }
func exitPath(directory string) string    { return filepath.Join(directory, "exit.json") }

func (s *server) loadContainers() error {
	directories, err := filepath.Glob(filepath.Join(s.containersDirectory(), "*"))
	if err != nil {
		return err
	}
	for _, directory := range directories {
		spec, err := readState[containerSpec](specPath(directory))
		if err != nil {
			return err
		}
		if spec == nil || s.pods[spec.PodID] == nil { // was being created or removed
			if err := os.RemoveAll(directory); err != nil {
				return err
			}
			continue
		}
		c := &container{containerSpec: *spec, directory: directory, ended: make(chan struct{})}
		s.containers[c.ID] = c
		if err := s.adoptContainer(c); err != nil {
			return fmt.Errorf("adopt container %s: %w", c.name(), err)
		}
	}
	return nil
}

// adoptContainer takes up what a container's shim has done so far.
func (s *server) adoptContainer(c *container) error {
	// A shim that is about to start its program soon says so, or ends.
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		locked := isLocked(c.directory)
		var err error
		if c.process, err = readState[startedProcess](processPath(c.directory)); err != nil {
			return err
		}
		if c.process != nil || !locked {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("its shim started no program within %s", startTimeout)
		}
	}
	var err error
	if c.exit, err = readState[exitStatus](exitPath(c.directory)); err != nil {
		return err
	}
	switch {
	case c.exit != nil:
		close(c.ended)
	case c.process != nil:
		go s.awaitExit(c)
	}
	return nil
}

// awaitExit returns once the container's shim has ended.
func (s *server) awaitExit(c *container) {
	err := awaitUnlocked(c.directory)
	exit, readErr := readState[exitStatus](exitPath(c.directory))
	if exit == nil {
		// The shim was killed, and the program with it.
		exit = &exitStatus{Code: 128 + int32(unix.SIGKILL), Reason: "Error", Message: "the container's shim was killed", FinishedAt: time.Now()}
		err = errors.Join(err, readErr, writeState(exitPath(c.directory), exit))
	}
	slog.Info("container ended", "container", c.name(), "id", c.ID, "code", exit.Code, "error", err)
	s.setExit(c, exit)
}

func (s *server) setExit(c *container, exit *exitStatus) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	c.exit = exit
	close(c.ended)
}

func (s *server) findContainer(id string) (*container, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	return nil, notFound("container", id)
}

// findRunning returns a running container and its process.
func (s *server) findRunning(id string) (*container, process, error) {
	c, err := s.findContainer(id)
	if err != nil {
		return nil, process{}, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if state := c.state(); state != cri.ContainerState_CONTAINER_RUNNING {
		return nil, process{}, status.Errorf(codes.FailedPrecondition, "container %s is %s, not running", c.name(), state)
	}
	return c, c.process.process, nil
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
	c.directory = filepath.Join(s.containersDirectory(), c.ID)
	if err := os.Mkdir(c.directory, 0o700); err != nil {
		return nil, err
	}
	if err := writeState(specPath(c.directory), c.containerSpec); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.directory))
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.containers[c.ID] = c
	return &cri.CreateContainerResponse{ContainerId: c.ID}, nil
}

// environmentOf is what an image would set, then what the pod sets, then the
// API server's real address: nothing here forwards that of its Service.
func (s *server) environmentOf(p *pod, config *cri.ContainerConfig) []string {
	environment := []string{"PATH=" + containerPath, "HOME=/", "HOSTNAME=" + p.Config.Hostname}
	for _, variable := range config.Envs {
		environment = append(environment, variable.Key+"="+string(variable.Value))
	}
	return lastOfEach(append(environment,
		"KUBERNETES_SERVICE_HOST="+s.apiServer.Addr().String(),
		fmt.Sprintf("KUBERNETES_SERVICE_PORT=%d", s.apiServer.Port()),
		fmt.Sprintf("KUBERNETES_SERVICE_PORT_HTTPS=%d", s.apiServer.Port())))
}

// lastOfEach drops every variable that a later one of the same name replaces.
func lastOfEach(environment []string) []string {
	last := map[string]int{}
	for i, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		last[name] = i
	}
	var kept []string
	for i, variable := range environment {
		if name, _, _ := strings.Cut(variable, "="); last[name] == i {
			kept = append(kept, variable)
		}
	}
	return kept
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
		exit := &exitStatus{Code: 128, Reason: "StartError", Message: err.Error(), FinishedAt: time.Now()}
		err = errors.Join(err, writeState(exitPath(c.directory), exit))
		s.setExit(c, exit)
		slog.Error("container not started", "container", c.name(), "id", c.ID, "error", err)
		return nil, err
	}
	s.mutex.Lock()
	c.process = started
	s.mutex.Unlock()
	go s.awaitExit(c)
	slog.Info("container runs", "container", c.name(), "id", c.ID, "program", c.Command.Arguments[0], "pid", started.PID)
	return &cri.StartContainerResponse{}, nil
}

// startShim returns once the program runs.
func startShim(directory string) (*startedProcess, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	stderr, err := os.Create(filepath.Join(directory, "shim.log"))
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	shim := exec.Command("/proc/self/exe", "container", directory)
	shim.Args[0] = "process-runtime"
	shim.Env = []string{} // none, not ours
	shim.Dir = "/"
	shim.Stderr = stderr
	shim.ExtraFiles = []*os.File{writer}
	shim.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // nothing that ends us ends it
	err = shim.Start()
	writer.Close()
	if err != nil {
		return nil, err
	}
	go shim.Wait() // its exit status says nothing that its files do not

	// The shim writes why it failed, or closes the pipe once it has succeeded.
	if err := reader.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return nil, err
	}
	failure, err := io.ReadAll(reader)
	if err != nil {
		shim.Process.Kill()
		return nil, fmt.Errorf("await the shim's word: %w", err)
	}
	if len(failure) > 0 {
		return nil, errors.New(string(failure))
	}
	started, err := readState[startedProcess](processPath(directory))
	if err == nil && started == nil {
		err = errors.New("the shim ended before it started the program")
	}
	return started, err
}

func (s *server) StopContainer(_ context.Context, request *cri.StopContainerRequest) (*cri.StopContainerResponse, error) {
	if c, err := s.findContainer(request.ContainerId); err == nil {
		if err := s.stopContainer(c, time.Duration(request.Timeout)*time.Second); err != nil {
			return nil, err
		}
	}
	return &cri.StopContainerResponse{}, nil
}

// stopContainer returns once the container has ended. The program is the first
// process of a PID namespace: what it leaves behind is killed with it.
func (s *server) stopContainer(c *container, gracePeriod time.Duration) error {
	s.mutex.Lock()
	started, state := c.process, c.state()
	s.mutex.Unlock()
	if state != cri.ContainerState_CONTAINER_RUNNING {
		return nil
	}
	if gracePeriod > 0 {
		if err := started.signal(c.stopSignal()); err != nil {
			return fmt.Errorf("stop container %s: %w", c.name(), err)
		}
		select {
		case <-c.ended:
			return nil
		case <-time.After(gracePeriod):
		}
	}
	if err := started.signal(unix.SIGKILL); err != nil {
		return fmt.Errorf("kill container %s: %w", c.name(), err)
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(killTimeout):
		return fmt.Errorf("container %s (pid %d) has not ended %s after SIGKILL", c.name(), started.PID, killTimeout)
	}
}

func (c *container) stopSignal() unix.Signal {
	if signal := unix.SignalNum(c.Config.StopSignal.String()); signal != 0 {
		return signal
	}
	return unix.SIGTERM
}

func (s *server) RemoveContainer(_ context.Context, request *cri.RemoveContainerRequest) (*cri.RemoveContainerResponse, error) {
	if c, err := s.findContainer(request.ContainerId); err == nil {
		if err := s.removeContainer(c); err != nil {
			return nil, err
		}
	}
	return &cri.RemoveContainerResponse{}, nil
}

func (s *server) removeContainer(c *container) error {
	if err := s.stopContainer(c, 0); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.containers, c.ID)
	// Its mounts were in a namespace that ended with it: only files are left.
	return os.RemoveAll(c.directory)
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
	if c.process != nil {
		answer.StartedAt = c.process.StartedAt.UnixNano()
	}
	if c.exit != nil {
		answer.ExitCode, answer.Reason, answer.Message = c.exit.Code, c.exit.Reason, c.exit.Message
		answer.FinishedAt = c.exit.FinishedAt.UnixNano()
	}
	return &cri.ContainerStatusResponse{Status: answer}, nil
}

func (s *server) ListContainers(_ context.Context, request *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	filter := request.GetFilter()
	response := &cri.ListContainersResponse{}
	for _, c := range s.containers {
		if !strings.HasPrefix(c.ID, filter.GetId()) ||
			!strings.HasPrefix(c.PodID, filter.GetPodSandboxId()) ||
			filter.GetState() != nil && filter.GetState().State != c.state() ||
			!selects(filter.GetLabelSelector(), c.Config.Labels) {
			continue
		}
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
func (s *server) ReopenContainerLog(ctx context.Context, request *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	c, running, err := s.findRunning(request.ContainerId)
	if err != nil {
		return nil, err
	}
	shim, err := parentOf(running)
	if err != nil {
		return nil, err
	}
	if err := shim.signal(unix.SIGHUP); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(killTimeout); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(c.LogPath); err == nil {
			return &cri.ReopenContainerLogResponse{}, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, fmt.Errorf("the shim of container %s has not created %s again", c.name(), c.LogPath)
		}
	}
}
