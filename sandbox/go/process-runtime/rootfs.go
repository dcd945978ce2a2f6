package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const containerPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// What a container sees of the machine, read-only. What is a symbolic link
// there, or absent, is so here.
var machineDirectories = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
	"/etc/alternatives", "/etc/ssl/certs", "/etc/pki/ca-trust", "/etc/pki/tls/certs",
}

var deviceFiles = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

func (s *containerSpec) securityContext() *cri.LinuxContainerSecurityContext {
	return s.Config.GetLinux().GetSecurityContext()
}

func (s *containerSpec) workingDirectory() string { return filepath.Join("/", s.Config.WorkingDir) }

// enterRoot makes the container's file system in the mount namespace of the
// calling process and leaves the machine's. Sources are taken from the machine
// before, and targets are looked up after the change of root, so that no path
// of a pod, whatever symbolic links it meets, makes anything on the machine.
func enterRoot(spec *containerSpec, root string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	mounts, err := takeMounts(spec)
	if err != nil {
		return err
	}
	if err := makeRoot(spec, root); err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	if err := changeRoot(root); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	for _, mount := range mounts {
		if err := mount.attach(); err != nil {
			return fmt.Errorf("mount %s: %w", mount.target, err)
		}
	}
	if err := os.MkdirAll(spec.workingDirectory(), 0o755); err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	security := spec.securityContext()
	if err := hideKernelFiles(security.GetMaskedPaths(), security.GetReadonlyPaths()); err != nil {
		return err
	}
	if security.GetReadonlyRootfs() {
		return unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	}
	return nil
}

// makeRoot mounts a new root with what does not come from the machine.
func makeRoot(spec *containerSpec, root string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return err
	}
	for _, directory := range []string{"proc", "dev/pts", "dev/shm", "etc", "run", "tmp", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			return err
		}
	}
	for _, shared := range []string{"tmp", "var/tmp"} {
		if err := os.Chmod(filepath.Join(root, shared), os.ModeSticky|0o777); err != nil {
			return err
		}
	}
	const safe = unix.MS_NOSUID | unix.MS_NOEXEC
	if err := errors.Join(
		unix.Mount("proc", filepath.Join(root, "proc"), "proc", safe|unix.MS_NODEV, ""),
		unix.Mount("devpts", filepath.Join(root, "dev/pts"), "devpts", safe, "newinstance,ptmxmode=0666,mode=0620"),
		unix.Mount("tmpfs", filepath.Join(root, "dev/shm"), "tmpfs", safe|unix.MS_NODEV, "mode=1777"),
	); err != nil {
		return err
	}
	links := map[string]string{
		"/var/run": "../run", "/dev/ptmx": "pts/ptmx", "/dev/fd": "/proc/self/fd",
		"/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2",
	}
	for _, directory := range machineDirectories {
		if target, err := os.Readlink(directory); err == nil {
			links[directory] = target
		}
	}
	for path, target := range links {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(target, filepath.Join(root, path)); err != nil {
			return err
		}
	}
	files := map[string]string{
		"etc/hosts":       "127.0.0.1 localhost\n::1 localhost\n",
		"etc/passwd":      fmt.Sprintf("root:x:0:0:root:/:/bin/sh\nnonroot:x:%d:%d:nonroot:/:/bin/sh\n", imageUser, imageUser),
		"etc/group":       fmt.Sprintf("root:x:0:\nnonroot:x:%d:\n", imageUser),
		"etc/resolv.conf": resolvConf(spec.DNS),
	}
	for path, content := range files {
		if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func resolvConf(dns *cri.DNSConfig) string {
	var content strings.Builder
	for _, server := range dns.GetServers() {
		fmt.Fprintln(&content, "nameserver", server)
	}
	if searches := dns.GetSearches(); len(searches) > 0 {
		fmt.Fprintln(&content, "search", strings.Join(searches, " "))
	}
	if options := dns.GetOptions(); len(options) > 0 {
		fmt.Fprintln(&content, "options", strings.Join(options, " "))
	}
	return content.String()
}

func changeRoot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	// The old root lands on top of the new one, from where it is taken away.
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	return unix.Chdir("/")
}

// detachedMount is a bind mount that is not yet anywhere.
type detachedMount struct {
	tree      int // file descriptor
	directory bool
	target    string
}

func takeMount(source, target string, attributes uint64) (detachedMount, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return detachedMount{}, fmt.Errorf("bind %s: %w", source, err)
	}
	if attributes != 0 {
		// Only adds restrictions, as a user namespace must keep those that are there.
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attributes}); err != nil {
			return detachedMount{}, fmt.Errorf("restrict mount of %s: %w", source, err)
		}
	}
	var stat unix.Stat_t
	if err := unix.Fstat(tree, &stat); err != nil {
		return detachedMount{}, err
	}
	return detachedMount{tree: tree, directory: stat.Mode&unix.S_IFMT == unix.S_IFDIR, target: target}, nil
}

func (m detachedMount) attach() error {
	directory := m.target
	if !m.directory {
		directory = filepath.Dir(m.target)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(m.target); errors.Is(err, os.ErrNotExist) { // maybe there is one that only its owner may open
		if err := os.WriteFile(m.target, nil, 0o644); err != nil {
			return err
		}
	}
	return errors.Join(
		unix.MoveMount(m.tree, "", unix.AT_FDCWD, m.target, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS),
		unix.Close(m.tree))
}

// takeMounts lists what comes from the machine, outer mounts before inner ones.
func takeMounts(spec *containerSpec) ([]detachedMount, error) {
	const machineAttributes = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID
	var mounts []detachedMount
	take := func(source, target string, attributes uint64) error {
		mount, err := takeMount(source, target, attributes)
		if err == nil {
			mounts = append(mounts, mount)
		}
		return err
	}
	for _, directory := range machineDirectories {
		if info, err := os.Lstat(directory); err != nil || !info.IsDir() {
			continue
		}
		if err := take(directory, directory, machineAttributes); err != nil {
			return nil, err
		}
	}
	for _, device := range deviceFiles {
		if err := take(device, device, 0); err != nil {
			return nil, err
		}
	}
	if err := take(spec.Command.Executable, spec.Command.Path, machineAttributes); err != nil {
		return nil, err
	}
	depth := func(mount *cri.Mount) int { return strings.Count(filepath.Clean(mount.ContainerPath), "/") }
	for _, mount := range slices.SortedStableFunc(slices.Values(spec.Config.Mounts),
		func(a, b *cri.Mount) int { return cmp.Compare(depth(a), depth(b)) }) {
		var attributes uint64
		if mount.Readonly {
			attributes = unix.MOUNT_ATTR_RDONLY
		}
		if err := take(mount.HostPath, filepath.Join("/", mount.ContainerPath), attributes); err != nil {
			return nil, err
		}
	}
	return mounts, nil
}

// hideKernelFiles restricts what the kubelet lists of /proc and /sys; what is
// not there needs no hiding.
func hideKernelFiles(masked, readOnly []string) error {
	for _, path := range readOnly {
		if err := overmount(path, path, unix.MOUNT_ATTR_RDONLY); err != nil {
			return err
		}
	}
	for _, path := range masked {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if info.IsDir() {
			err = unix.Mount("tmpfs", path, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=0")
		} else {
			err = overmount("/dev/null", path, 0)
		}
		if err != nil {
			return fmt.Errorf("mask %s: %w", path, err)
		}
	}
	return nil
}

func overmount(source, target string, attributes uint64) error {
	if _, err := os.Stat(target); err != nil {
		return nil
	}
	mount, err := takeMount(source, target, attributes)
	if err != nil {
		return err
	}
	return mount.attach()
}

// lookPath finds a command as a shell with this environment does.
func lookPath(name string, environment []string) (string, error) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, variable := range environment {
			if directories, ok := strings.CutPrefix(variable, "PATH="); ok {
				for _, directory := range filepath.SplitList(directories) {
					candidates = append(candidates, filepath.Join(directory, name))
				}
			}
		}
	}
	var err error = os.ErrNotExist
	for _, candidate := range candidates {
		if err = unix.Access(candidate, unix.X_OK); err == nil {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("command %q: %w", name, err)
}
