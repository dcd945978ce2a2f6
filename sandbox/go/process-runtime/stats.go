package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Linux counts CPU time for user space in hundredths of a second everywhere.
const nanosecondsPerTick = 10_000_000

// usage of a container's program and of those children that it has waited for.
type usage struct{ cpuNanoseconds, residentBytes uint64 }

func usageOf(pid int) (usage, error) {
	fields, err := processStat(pid)
	if err != nil {
		return usage{}, err
	}
	var u usage
	for _, ticks := range fields[13:17] { // utime, stime, cutime, cstime
		n, err := strconv.ParseUint(ticks, 10, 64)
		if err != nil {
			return usage{}, err
		}
		u.cpuNanoseconds += n * nanosecondsPerTick
	}
	pages, err := strconv.ParseUint(fields[23], 10, 64)
	u.residentBytes = pages * uint64(os.Getpagesize())
	return u, err
}

func (u usage) cpu(at time.Time) *cri.CpuUsage {
	return &cri.CpuUsage{Timestamp: at.UnixNano(), UsageCoreNanoSeconds: &cri.UInt64Value{Value: u.cpuNanoseconds}}
}

func (u usage) memory(at time.Time) *cri.MemoryUsage {
	resident := &cri.UInt64Value{Value: u.residentBytes}
	return &cri.MemoryUsage{Timestamp: at.UnixNano(), WorkingSetBytes: resident, UsageBytes: resident, RssBytes: resident}
}

// containerStats are nil for a container that does not run.
func (s *server) containerStats(c *container) (*cri.ContainerStats, usage) {
	_, running, err := s.findRunning(c.ID)
	if err != nil {
		return nil, usage{}
	}
	used, err := usageOf(running.PID)
	if err != nil {
		return nil, usage{}
	}
	now := time.Now()
	return &cri.ContainerStats{
		Attributes: &cri.ContainerAttributes{Id: c.ID, Metadata: c.Config.Metadata, Labels: c.Config.Labels, Annotations: c.Config.Annotations},
		Cpu:        used.cpu(now),
		Memory:     used.memory(now),
	}, used
}

func (s *server) ContainerStats(_ context.Context, request *cri.ContainerStatsRequest) (*cri.ContainerStatsResponse, error) {
	c, _, err := s.findRunning(request.ContainerId)
	if err != nil {
		return nil, err
	}
	stats, _ := s.containerStats(c)
	return &cri.ContainerStatsResponse{Stats: stats}, nil
}

func (s *server) ListContainerStats(_ context.Context, request *cri.ListContainerStatsRequest) (*cri.ListContainerStatsResponse, error) {
	filter := request.GetFilter()
	response := &cri.ListContainerStatsResponse{}
	for _, c := range s.allContainers() {
		if strings.HasPrefix(c.ID, filter.GetId()) && strings.HasPrefix(c.PodID, filter.GetPodSandboxId()) && selects(filter.GetLabelSelector(), c.Config.Labels) {
			if stats, _ := s.containerStats(c); stats != nil {
				response.Stats = append(response.Stats, stats)
			}
		}
	}
	return response, nil
}

func (s *server) podStats(p *pod) *cri.PodSandboxStats {
	var total usage
	linux := &cri.LinuxPodSandboxStats{}
	for _, c := range s.containersOf(p) {
		if stats, used := s.containerStats(c); stats != nil {
			linux.Containers = append(linux.Containers, stats)
			total.cpuNanoseconds += used.cpuNanoseconds
			total.residentBytes += used.residentBytes
		}
	}
	now := time.Now()
	linux.Cpu, linux.Memory = total.cpu(now), total.memory(now)
	return &cri.PodSandboxStats{
		Attributes: &cri.PodSandboxAttributes{Id: p.ID, Metadata: p.Config.Metadata, Labels: p.Config.Labels, Annotations: p.Config.Annotations},
		Linux:      linux,
	}
}

func (s *server) PodSandboxStats(_ context.Context, request *cri.PodSandboxStatsRequest) (*cri.PodSandboxStatsResponse, error) {
	p, err := s.findPod(request.PodSandboxId)
	if err != nil {
		return nil, err
	}
	return &cri.PodSandboxStatsResponse{Stats: s.podStats(p)}, nil
}

func (s *server) ListPodSandboxStats(_ context.Context, request *cri.ListPodSandboxStatsRequest) (*cri.ListPodSandboxStatsResponse, error) {
	filter := request.GetFilter()
	response := &cri.ListPodSandboxStatsResponse{}
	for _, p := range s.allPods() {
		if strings.HasPrefix(p.ID, filter.GetId()) && selects(filter.GetLabelSelector(), p.Config.Labels) {
			response.Stats = append(response.Stats, s.podStats(p))
		}
	}
	return response, nil
}
