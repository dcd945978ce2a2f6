package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Docker's and containerd's default capabilities without those that need a
// device or an audit system.
const containerCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID |
	1<<unix.CAP_KILL | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETPCAP |
	1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_SETFCAP

// limitPrivileges concerns what the calling thread executes next: it is bound
// to what root of a container may do.
func limitPrivileges(security *cri.LinuxContainerSecurityContext) error {
	if security.GetPrivileged() {
		return nil
	}
	for capability := range uintptr(unix.CAP_LAST_CAP + 1) {
		if containerCapabilities&(1<<capability) != 0 {
			continue
		}
		// EINVAL: a kernel that does not know this capability does not grant it.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// credentialOf is the user and the groups that the pod asks for. What the
// machine's user namespace does not map stays root, which is nobody there but
// the machine's owner.
func credentialOf(security *cri.LinuxContainerSecurityContext) (*syscall.Credential, error) {
	users, err := readIDMap("/proc/self/uid_map")
	if err != nil {
		return nil, err
	}
	groups, err := readIDMap("/proc/self/gid_map")
	if err != nil {
		return nil, err
	}
	user := &syscall.Credential{}
	if id := security.GetRunAsUser().GetValue(); users.contains(id) {
		user.Uid = uint32(id)
	}
	if id := security.GetRunAsGroup().GetValue(); groups.contains(id) {
		user.Gid = uint32(id)
	}
	for _, id := range security.GetSupplementalGroups() {
		if groups.contains(id) {
			user.Groups = append(user.Groups, uint32(id))
		}
	}
	setgroups, err := os.ReadFile("/proc/self/setgroups")
	user.NoSetGroups = err == nil && strings.TrimSpace(string(setgroups)) == "deny"
	return user, nil
}

// becomeUser changes the whole process.
func becomeUser(user *syscall.Credential) error {
	if !user.NoSetGroups {
		groups := make([]int, len(user.Groups))
		for i, group := range user.Groups {
			groups[i] = int(group)
		}
		if err := syscall.Setgroups(groups); err != nil {
			return fmt.Errorf("set groups %v: %w", groups, err)
		}
	}
	if err := syscall.Setgid(int(user.Gid)); err != nil {
		return fmt.Errorf("set group %d: %w", user.Gid, err)
	}
	if err := syscall.Setuid(int(user.Uid)); err != nil {
		return fmt.Errorf("set user %d: %w", user.Uid, err)
	}
	return nil
}

// idMap is a user namespace's mapping, as user_namespaces(7) describes it.
type idMap []syscall.SysProcIDMap

func readIDMap(path string) (idMap, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var mapped idMap
	for line := range strings.Lines(string(content)) {
		var extent syscall.SysProcIDMap
		if _, err := fmt.Sscan(line, &extent.ContainerID, &extent.HostID, &extent.Size); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		mapped = append(mapped, extent)
	}
	return mapped, nil
}

func (m idMap) contains(id int64) bool {
	return slices.ContainsFunc(m, func(extent syscall.SysProcIDMap) bool {
		return int(id) >= extent.ContainerID && int(id) < extent.ContainerID+extent.Size
	})
}
