package main

import (
	"context"
	"os"
	"strconv"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Linux counts CPU time for user space in hundredths of a second everywhere.
const nanosecondsPerTick = 10_000_000

// usage of a container's program and of those children that it has waited for.
type usage struct{ cpuNanoseconds, residentBytes uint64 }

func usageOf(pid int) (usage, error) {
	stat, err := processStat(pid)
	var u usage
	for _, field := range stat[14:18] { // utime, stime, cutime, cstime
		ticks, _ := strconv.ParseUint(field, 10, 64)
		u.cpuNanoseconds += ticks * nanosecondsPerTick
	}
	pages, _ := strconv.ParseUint(stat[24], 10, 64) // rss
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

// statsOf returns nil for a container that does not run.
func (s *server) statsOf(c *container) (*cri.ContainerStats, usage) {
	_, started, err := s.findRunning(c.ID)
	if err != nil {
		return nil, usage{}
	}
	used, err := usageOf(started.Program.PID)
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

func (s *server) statsOfAll(containers []*container) (all []*cri.ContainerStats, total usage) {
	for _, c := range containers {
		if stats, used := s.statsOf(c); stats != nil {
			all = append(all, stats)
			total.cpuNanoseconds += used.cpuNanoseconds
			total.residentBytes += used.residentBytes
		}
	}
	return all, total
}

func (s *server) ContainerStats(_ context.Context, request *cri.ContainerStatsRequest) (*cri.ContainerStatsResponse, error) {
	c, err := s.findContainer(request.ContainerId)
	if err != nil {
		return nil, err
	}
	stats, _ := s.statsOf(c)
	return &cri.ContainerStatsResponse{Stats: stats}, nil
}

func (s *server) ListContainerStats(_ context.Context, request *cri.ListContainerStatsRequest) (*cri.ListContainerStatsResponse, error) {
	filter := request.GetFilter()
	all, _ := s.statsOfAll(s.selectContainers(filter.GetId(), filter.GetPodSandboxId(), nil, filter.GetLabelSelector()))
	return &cri.ListContainerStatsResponse{Stats: all}, nil
}

func (s *server) statsOfPod(p pod) *cri.PodSandboxStats {
	containers, total := s.statsOfAll(s.selectContainers("", p.ID, nil, nil))
	now := time.Now()
	return &cri.PodSandboxStats{
		Attributes: &cri.PodSandboxAttributes{Id: p.ID, Metadata: p.Config.Metadata, Labels: p.Config.Labels, Annotations: p.Config.Annotations},
		Linux:      &cri.LinuxPodSandboxStats{Cpu: total.cpu(now), Memory: total.memory(now), Containers: containers},
	}
}

func (s *server) PodSandboxStats(_ context.Context, request *cri.PodSandboxStatsRequest) (*cri.PodSandboxStatsResponse, error) {
	p, err := s.findPod(request.PodSandboxId)
	if err != nil {
		return nil, err
	}
	return &cri.PodSandboxStatsResponse{Stats: s.statsOfPod(*p)}, nil
}

func (s *server) ListPodSandboxStats(_ context.Context, request *cri.ListPodSandboxStatsRequest) (*cri.ListPodSandboxStatsResponse, error) {
	filter := request.GetFilter()
	response := &cri.ListPodSandboxStatsResponse{}
	for _, p := range s.selectPods(filter.GetId(), nil, filter.GetLabelSelector()) {
		response.Stats = append(response.Stats, s.statsOfPod(p))
	}
	return response, nil
}
