package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pod is a sandbox of the CRI: a network that containers share.
type pod struct {
	ID             string
	CreatedAt      time.Time
	Config         *cri.PodSandboxConfig
	RuntimeHandler string

	Ready   bool
	Address netip.Addr // unset on the machine's own network, and once the pod has stopped
}

func (p *pod) onMachineNetwork() bool {
	return p.Config.GetLinux().GetSecurityContext().GetNamespaceOptions().GetNetwork() == cri.NamespaceMode_NODE
}

func (p *pod) name() string {
	return p.Config.GetMetadata().GetNamespace() + "/" + p.Config.GetMetadata().GetName()
}

func (p *pod) state() cri.PodSandboxState {
	if p.Ready {
		return cri.PodSandboxState_SANDBOX_READY
	}
	return cri.PodSandboxState_SANDBOX_NOTREADY
}

func (s *server) podFile(id string) string { return filepath.Join(s.podsDirectory(), id+".json") }

// networkNamespaceOf is empty for a pod on the machine's own network.
func (s *server) networkNamespaceOf(p *pod) string {
	if p.onMachineNetwork() {
		return ""
	}
	return s.network.namespacePath(p.ID)
}

func (s *server) loadPods() error {
	files, err := filepath.Glob(filepath.Join(s.podsDirectory(), "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		p, err := readState[pod](file)
		if err != nil {
			return err
		}
		s.pods[p.ID] = p
		if s.lastAddress.Less(p.Address) {
			s.lastAddress = p.Address
		}
		if p.Ready && (p.onMachineNetwork() || s.network.isConnected(p.ID)) {
			continue
		}
		// It was being made or unmade, or the machine has restarted.
		if err := s.closePod(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) findPod(id string) (*pod, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if p := s.pods[id]; p != nil {
		return p, nil
	}
	return nil, notFound("pod sandbox", id)
}

func (s *server) RunPodSandbox(_ context.Context, request *cri.RunPodSandboxRequest) (*cri.RunPodSandboxResponse, error) {
	p := &pod{ID: newID(), CreatedAt: time.Now(), Config: request.Config, RuntimeHandler: request.RuntimeHandler}
	if err := s.reservePod(p); err != nil {
		return nil, err
	}
	if err := s.openPod(p); err != nil {
		return nil, errors.Join(fmt.Errorf("run pod %s: %w", p.name(), err), s.removePod(p))
	}
	slog.Info("pod runs", "pod", p.name(), "id", p.ID, "address", p.Address)
	return &cri.RunPodSandboxResponse{PodSandboxId: p.ID}, nil
}

// reservePod makes the pod known, which keeps its address from others.
func (s *server) reservePod(p *pod) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !p.onMachineNetwork() {
		inUse := map[netip.Addr]bool{}
		for _, other := range s.pods {
			inUse[other.Address] = true
		}
		address, err := s.network.freeAddress(s.lastAddress, inUse)
		if err != nil {
			return err
		}
		p.Address, s.lastAddress = address, address
	}
	s.pods[p.ID] = p
	return nil
}

func (s *server) openPod(p *pod) error {
	if err := writeState(s.podFile(p.ID), p); err != nil {
		return err
	}
	if directory := p.Config.GetLogDirectory(); directory != "" {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
	}
	if !p.onMachineNetwork() {
		if err := s.network.connect(p.ID, p.Address); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	p.Ready = true
	return writeState(s.podFile(p.ID), p)
}

// closePod gives back the pod's network. It may be called again.
func (s *server) closePod(p *pod) error {
	if !p.onMachineNetwork() {
		if err := s.network.disconnect(p.ID); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.pods[p.ID] == nil { // removed meanwhile
		return nil
	}
	p.Ready, p.Address = false, netip.Addr{}
	return writeState(s.podFile(p.ID), p)
}

func (s *server) containersOf(p *pod) []*container {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var containers []*container
	for _, c := range s.containers {
		if c.PodID == p.ID {
			containers = append(containers, c)
		}
	}
	return containers
}

func (s *server) stopPod(p *pod) error {
	for _, c := range s.containersOf(p) {
		if err := s.stopContainer(c, 0); err != nil {
			return err
		}
	}
	return s.closePod(p)
}

func (s *server) removePod(p *pod) error {
	if err := s.stopPod(p); err != nil {
		return err
	}
	for _, c := range s.containersOf(p) {
		if err := s.removeContainer(c); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.pods, p.ID)
	if err := os.Remove(s.podFile(p.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (s *server) StopPodSandbox(_ context.Context, request *cri.StopPodSandboxRequest) (*cri.StopPodSandboxResponse, error) {
	if p, err := s.findPod(request.PodSandboxId); err == nil {
		if err := s.stopPod(p); err != nil {
			return nil, err
		}
		slog.Info("pod stopped", "pod", p.name(), "id", p.ID)
	}
	return &cri.StopPodSandboxResponse{}, nil
}

func (s *server) RemovePodSandbox(_ context.Context, request *cri.RemovePodSandboxRequest) (*cri.RemovePodSandboxResponse, error) {
	if p, err := s.findPod(request.PodSandboxId); err == nil {
		if err := s.removePod(p); err != nil {
			return nil, err
		}
		slog.Info("pod removed", "pod", p.name(), "id", p.ID)
	}
	return &cri.RemovePodSandboxResponse{}, nil
}

func (s *server) PodSandboxStatus(_ context.Context, request *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	p, err := s.findPod(request.PodSandboxId)
	if err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	network := &cri.PodSandboxNetworkStatus{}
	if p.Address.IsValid() {
		network.Ip = p.Address.String()
	}
	return &cri.PodSandboxStatusResponse{Status: &cri.PodSandboxStatus{
		Id:             p.ID,
		Metadata:       p.Config.Metadata,
		State:          p.state(),
		CreatedAt:      p.CreatedAt.UnixNano(),
		Network:        network,
		Linux:          &cri.LinuxPodSandboxStatus{Namespaces: &cri.Namespace{Options: p.Config.GetLinux().GetSecurityContext().GetNamespaceOptions()}},
		Labels:         p.Config.Labels,
		Annotations:    p.Config.Annotations,
		RuntimeHandler: p.RuntimeHandler,
	}}, nil
}

func (s *server) ListPodSandbox(_ context.Context, request *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	filter := request.GetFilter()
	response := &cri.ListPodSandboxResponse{}
	for _, p := range s.pods {
		if !strings.HasPrefix(p.ID, filter.GetId()) ||
			filter.GetState() != nil && filter.GetState().State != p.state() ||
			!selects(filter.GetLabelSelector(), p.Config.Labels) {
			continue
		}
		response.Items = append(response.Items, &cri.PodSandbox{
			Id:             p.ID,
			Metadata:       p.Config.Metadata,
			State:          p.state(),
			CreatedAt:      p.CreatedAt.UnixNano(),
			Labels:         p.Config.Labels,
			Annotations:    p.Config.Annotations,
			RuntimeHandler: p.RuntimeHandler,
		})
	}
	return response, nil
}
