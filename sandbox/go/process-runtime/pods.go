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

	State   cri.PodSandboxState
	Address netip.Addr // unset on the machine's own network, and once the pod has stopped
}

func (p *pod) name() string {
	return p.Config.GetMetadata().GetNamespace() + "/" + p.Config.GetMetadata().GetName()
}

func (p *pod) namespaces() *cri.NamespaceOption {
	return p.Config.GetLinux().GetSecurityContext().GetNamespaceOptions()
}

func (p *pod) isOnMachineNetwork() bool { return p.namespaces().GetNetwork() == cri.NamespaceMode_NODE }

func (s *server) podFile(id string) string { return filepath.Join(s.podsDirectory(), id+".json") }

// networkNamespaceOf is empty for a pod on the machine's own network.
func (s *server) networkNamespaceOf(p *pod) string {
	if p.isOnMachineNetwork() {
		return ""
	}
	return s.network.namespacePath(p.ID)
}

func (s *server) loadPods() error {
	files, err := filepath.Glob(s.podFile("*"))
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
		if p.State == cri.PodSandboxState_SANDBOX_READY && (p.isOnMachineNetwork() || s.network.isConnected(p.ID)) {
			continue
		}
		// It was being made or unmade, or the machine has restarted.
		if err := s.closePod(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) findPod(id string) (*pod, error) { return find(s, "pod sandbox", s.pods, id) }

// selectPods returns copies, as they are now.
func (s *server) selectPods(filter *cri.PodSandboxFilter) []pod {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var selected []pod
	for _, p := range s.pods {
		if strings.HasPrefix(p.ID, filter.GetId()) && (filter.GetState() == nil || filter.State.State == p.State) &&
			hasLabels(p.Config.Labels, filter.GetLabelSelector()) {
			selected = append(selected, *p)
		}
	}
	return selected
}

func (s *server) RunPodSandbox(_ context.Context, request *cri.RunPodSandboxRequest) (*cri.RunPodSandboxResponse, error) {
	p := &pod{
		ID:             newID(),
		CreatedAt:      time.Now(),
		Config:         request.Config,
		RuntimeHandler: request.RuntimeHandler,
		State:          cri.PodSandboxState_SANDBOX_NOTREADY,
	}
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
func (s *server) reservePod(p *pod) (err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !p.isOnMachineNetwork() {
		inUse := map[netip.Addr]bool{}
		for _, other := range s.pods {
			inUse[other.Address] = true
		}
		if p.Address, err = s.network.freeAddress(s.lastAddress, inUse); err != nil {
			return err
		}
		s.lastAddress = p.Address
	}
	s.pods[p.ID] = p
	return writeState(s.podFile(p.ID), p)
}

func (s *server) openPod(p *pod) error {
	if directory := p.Config.GetLogDirectory(); directory != "" {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
	}
	if !p.isOnMachineNetwork() {
		if err := s.network.connect(p.ID, p.Address); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	p.State = cri.PodSandboxState_SANDBOX_READY
	return writeState(s.podFile(p.ID), p)
}

// closePod gives the pod's network back. It may be called again.
func (s *server) closePod(p *pod) error {
	if err := s.network.disconnect(p.ID); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.pods[p.ID] == nil { // removed meanwhile
		return nil
	}
	p.State, p.Address = cri.PodSandboxState_SANDBOX_NOTREADY, netip.Addr{}
	return writeState(s.podFile(p.ID), p)
}

func (s *server) stopPod(p *pod) error {
	for _, c := range s.selectContainers(&cri.ContainerFilter{PodSandboxId: p.ID}) {
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
	for _, c := range s.selectContainers(&cri.ContainerFilter{PodSandboxId: p.ID}) {
		if err := s.removeContainer(c); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.pods, p.ID)
	return os.RemoveAll(s.podFile(p.ID))
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
		State:          p.State,
		CreatedAt:      p.CreatedAt.UnixNano(),
		Network:        network,
		Linux:          &cri.LinuxPodSandboxStatus{Namespaces: &cri.Namespace{Options: p.namespaces()}},
		Labels:         p.Config.Labels,
		Annotations:    p.Config.Annotations,
		RuntimeHandler: p.RuntimeHandler,
	}}, nil
}

func (s *server) ListPodSandbox(_ context.Context, request *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	response := &cri.ListPodSandboxResponse{}
	for _, p := range s.selectPods(request.GetFilter()) {
		response.Items = append(response.Items, &cri.PodSandbox{
			Id:             p.ID,
			Metadata:       p.Config.Metadata,
			State:          p.State,
			CreatedAt:      p.CreatedAt.UnixNano(),
			Labels:         p.Config.Labels,
			Annotations:    p.Config.Annotations,
			RuntimeHandler: p.RuntimeHandler,
		})
	}
	return response, nil
}
