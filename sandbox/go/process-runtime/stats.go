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

func cpuUsage(at int64, nanoseconds uint64) *cri.CpuUsage {
	return &cri.CpuUsage{Timestamp: at, UsageCoreNanoSeconds: &cri.UInt64Value{Value: nanoseconds}}
}

func memoryUsage(at int64, residentBytes uint64) *cri.MemoryUsage {
	resident := &cri.UInt64Value{Value: residentBytes}
	return &cri.MemoryUsage{Timestamp: at, WorkingSetBytes: resident, UsageBytes: resident, RssBytes: resident}
}

// statsOf counts a container's program and those children that it has waited
// for. It returns nil for a container that does not run.
func (s *server) statsOf(c *container) *cri.ContainerStats {
	_, started, err := s.findRunning(c.ID)
	if err != nil {
		return nil
	}
	stat, err := processStat(started.Program.PID)
	if err != nil {
		return nil
	}
	var nanoseconds uint64
	for _, field := range stat[14:18] { // utime, stime, cutime, cstime
		ticks, _ := strconv.ParseUint(field, 10, 64)
		nanoseconds += ticks * nanosecondsPerTick
	}
	pages, _ := strconv.ParseUint(stat[24], 10, 64) // rss
	now := time.Now().UnixNano()
	return &cri.ContainerStats{
		Attributes: &cri.ContainerAttributes{Id: c.ID, Metadata: c.Config.Metadata, Labels: c.Config.Labels, Annotations: c.Config.Annotations},
		Cpu:        cpuUsage(now, nanoseconds),
		Memory:     memoryUsage(now, pages*uint64(os.Getpagesize())),
	}
}

func (s *server) statsOfAll(containers []*container) (all []*cri.ContainerStats) {
	for _, c := range containers {
		if stats := s.statsOf(c); stats != nil {
			all = append(all, stats)
		}
	}
	return all
}

func (s *server) ContainerStats(_ context.Context, request *cri.ContainerStatsRequest) (*cri.ContainerStatsResponse, error) {
	c, err := s.findContainer(request.ContainerId)
	if err != nil {
		return nil, err
	}
	return &cri.ContainerStatsResponse{Stats: s.statsOf(c)}, nil
}

func (s *server) ListContainerStats(_ context.Context, request *cri.ListContainerStatsRequest) (*cri.ListContainerStatsResponse, error) {
	filter := request.GetFilter()
	containers := s.selectContainers(&cri.ContainerFilter{
		Id: filter.GetId(), PodSandboxId: filter.GetPodSandboxId(), LabelSelector: filter.GetLabelSelector(),
	})
	return &cri.ListContainerStatsResponse{Stats: s.statsOfAll(containers)}, nil
}

func (s *server) statsOfPod(p pod) *cri.PodSandboxStats {
	containers := s.statsOfAll(s.selectContainers(&cri.ContainerFilter{PodSandboxId: p.ID}))
	var nanoseconds, residentBytes uint64
	for _, c := range containers {
		nanoseconds += c.Cpu.UsageCoreNanoSeconds.Value
		residentBytes += c.Memory.RssBytes.Value
	}
	now := time.Now().UnixNano()
	return &cri.PodSandboxStats{
		Attributes: &cri.PodSandboxAttributes{Id: p.ID, Metadata: p.Config.Metadata, Labels: p.Config.Labels, Annotations: p.Config.Annotations},
		Linux:      &cri.LinuxPodSandboxStats{Cpu: cpuUsage(now, nanoseconds), Memory: memoryUsage(now, residentBytes), Containers: containers},
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
	for _, p := range s.selectPods(&cri.PodSandboxFilter{Id: filter.GetId(), LabelSelector: filter.GetLabelSelector()}) {
		response.Stats = append(response.Stats, s.statsOfPod(p))
	}
	return response, nil
}
