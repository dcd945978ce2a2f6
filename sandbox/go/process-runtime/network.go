package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// network joins each pod to the bridge: a network namespace, kept by a bind
// mount of its own, and a pair of virtual Ethernet devices.
type network struct {
	bridge     string
	podCIDR    netip.Prefix
	gateway    netip.Addr
	namespaces string // directory of the bind mounts
}

func (n network) namespacePath(podID string) string { return filepath.Join(n.namespaces, podID) }

// deviceName is the machine's end of the pair; Linux allows 15 characters.
func (n network) deviceName(podID string) string { return "veth" + podID[:11] }

// freeAddress returns the first address after last, in turn, that is not in
// use: an address just freed is not handed to another pod at once.
func (n network) freeAddress(last netip.Addr, inUse map[netip.Addr]bool) (netip.Addr, error) {
	first := n.podCIDR.Masked().Addr()
	candidate := last
	if !n.podCIDR.Contains(last) {
		candidate = first
	}
	for start := candidate; ; {
		candidate = candidate.Next()
		// The last address of a network is its broadcast address.
		if !n.podCIDR.Contains(candidate) || !n.podCIDR.Contains(candidate.Next()) {
			candidate = first
		} else if candidate != n.gateway && !inUse[candidate] {
			return candidate, nil
		}
		if candidate == start {
			return netip.Addr{}, fmt.Errorf("every address of %s is in use by a pod", n.podCIDR)
		}
	}
}

// connect creates the pod's network. The caller disconnects after an error.
func (n network) connect(podID string, address netip.Addr) error {
	path := n.namespacePath(podID)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	if err := onOwnThread(func() error { return createNetworkNamespace(path) }); err != nil {
		return fmt.Errorf("create network namespace: %w", err)
	}
	namespace, err := netns.GetFromPath(path)
	if err != nil {
		return err
	}
	defer namespace.Close()
	bridge, err := netlink.LinkByName(n.bridge)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", n.bridge, err)
	}
	pair := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: n.deviceName(podID), MasterIndex: bridge.Attrs().Index},
		PeerName:      "eth0",
		PeerNamespace: netlink.NsFd(namespace),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("create %s: %w", pair.Name, err)
	}
	if err := netlink.LinkSetUp(pair); err != nil {
		return fmt.Errorf("set %s up: %w", pair.Name, err)
	}
	inside, err := netlink.NewHandleAt(namespace)
	if err != nil {
		return err
	}
	defer inside.Close()
	return n.configure(inside, address)
}

func (n network) configure(inside *netlink.Handle, address netip.Addr) error {
	loopback, err := inside.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := inside.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	ethernet, err := inside.LinkByName("eth0")
	if err != nil {
		return err
	}
	subnet := &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(n.podCIDR.Bits(), address.BitLen())}
	if err := inside.AddrAdd(ethernet, &netlink.Addr{IPNet: subnet}); err != nil {
		return fmt.Errorf("add address %s: %w", address, err)
	}
	if err := inside.LinkSetUp(ethernet); err != nil {
		return fmt.Errorf("set eth0 up: %w", err)
	}
	if err := inside.RouteAdd(&netlink.Route{LinkIndex: ethernet.Attrs().Index, Gw: n.gateway.AsSlice()}); err != nil {
		return fmt.Errorf("add default route via %s: %w", n.gateway, err)
	}
	return nil
}

// disconnect removes what is there of the pod's network.
func (n network) disconnect(podID string) error {
	// The pair would go with the namespace, but only some time later.
	link, err := netlink.LinkByName(n.deviceName(podID))
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if _, absent := errors.AsType[netlink.LinkNotFoundError](err); err != nil && !absent {
		return fmt.Errorf("delete %s: %w", n.deviceName(podID), err)
	}
	path := n.namespacePath(podID)
	if n.isConnected(podID) {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// isConnected says whether the pod has a network namespace: after a restart of
// the machine only the file that it was mounted on is left.
func (n network) isConnected(podID string) bool {
	var filesystem unix.Statfs_t
	err := unix.Statfs(n.namespacePath(podID), &filesystem)
	return err == nil && filesystem.Type == unix.NSFS_MAGIC
}

func createNetworkNamespace(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	// As in every container engine, low ports need no privilege inside a pod.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0); err != nil {
		return err
	}
	return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
}

// enterNetworkNamespace moves the calling thread; no path means that it stays.
func enterNetworkNamespace(path string) error {
	if path == "" {
		return nil
	}
	namespace, err := netns.GetFromPath(path)
	if err != nil {
		return err
	}
	defer namespace.Close()
	return netns.Set(namespace)
}

// onOwnThread runs f on a thread that ends with it: whichever namespaces f
// enters, nothing else ever runs in them.
func onOwnThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		result <- f()
	}()
	return <-result
}
