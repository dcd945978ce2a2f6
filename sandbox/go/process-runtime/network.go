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

// network joins each pod to the bridge: a network namespace, which a bind mount
// keeps, and a pair of virtual Ethernet devices.
type network struct {
	bridge     string
	podCIDR    netip.Prefix
	gateway    netip.Addr
	namespaces string // directory of the bind mounts
}

func (n network) namespacePath(podID string) string { return filepath.Join(n.namespaces, podID) }

// deviceName is the machine's end of the pair; Linux allows 15 characters.
func (n network) deviceName(podID string) string { return "veth" + podID[:11] }

// freeAddress returns the first address after last, and then from the start,
// that is not in use: what was just freed is not another pod's at once.
func (n network) freeAddress(last netip.Addr, inUse map[netip.Addr]bool) (netip.Addr, error) {
	first := n.podCIDR.Masked().Addr()
	candidate := last
	if !n.podCIDR.Contains(last) {
		candidate = first
	}
	for range 1 << (first.BitLen() - n.podCIDR.Bits()) {
		candidate = candidate.Next()
		if !n.podCIDR.Contains(candidate.Next()) { // the broadcast address
			candidate = first
		} else if candidate != n.gateway && !inUse[candidate] {
			return candidate, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("every address of %s is in use by a pod", n.podCIDR)
}

// connect makes the pod's network. After an error the caller disconnects.
func (n network) connect(podID string, address netip.Addr) error {
	machine, err := netns.Get()
	if err != nil {
		return err
	}
	defer machine.Close()
	if err := os.WriteFile(n.namespacePath(podID), nil, 0o600); err != nil {
		return err
	}
	if err := onOwnThread(func() error { return n.makeNamespace(podID, address, machine) }); err != nil {
		return fmt.Errorf("make the pod's network namespace: %w", err)
	}
	bridge, err := netlink.LinkByName(n.bridge)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", n.bridge, err)
	}
	device, err := netlink.LinkByName(n.deviceName(podID))
	if err != nil {
		return err
	}
	return errors.Join(netlink.LinkSetMaster(device, bridge), netlink.LinkSetUp(device))
}

// makeNamespace moves the calling thread into a new network namespace, whose
// Ethernet device ends in the machine's.
func (n network) makeNamespace(podID string, address netip.Addr, machine netns.NsHandle) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := unix.Mount("/proc/thread-self/ns/net", n.namespacePath(podID), "", unix.MS_BIND, ""); err != nil {
		return err
	}
	// As in every container engine, low ports need no privilege in a pod.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0); err != nil {
		return err
	}
	ethernet := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: n.deviceName(podID), PeerNamespace: netlink.NsFd(machine)}
	if err := netlink.LinkAdd(ethernet); err != nil {
		return fmt.Errorf("add a pair of Ethernet devices: %w", err)
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	subnet := &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(n.podCIDR.Bits(), address.BitLen())}
	if err := errors.Join(netlink.LinkSetUp(loopback), netlink.LinkSetUp(ethernet), netlink.AddrAdd(ethernet, &netlink.Addr{IPNet: subnet})); err != nil {
		return fmt.Errorf("set address %s: %w", address, err)
	}
	if err := netlink.RouteAdd(&netlink.Route{Gw: n.gateway.AsSlice()}); err != nil {
		return fmt.Errorf("add the default route by %s: %w", n.gateway, err)
	}
	return nil
}

// disconnect removes what there is of the pod's network.
func (n network) disconnect(podID string) error {
	// The pair goes with the namespace too, but only some time later.
	device, err := netlink.LinkByName(n.deviceName(podID))
	if err == nil {
		err = netlink.LinkDel(device)
	}
	if _, absent := errors.AsType[netlink.LinkNotFoundError](err); err != nil && !absent {
		return fmt.Errorf("delete %s: %w", n.deviceName(podID), err)
	}
	if n.isConnected(podID) {
		if err := unix.Unmount(n.namespacePath(podID), unix.MNT_DETACH); err != nil {
			return err
		}
	}
	return os.RemoveAll(n.namespacePath(podID))
}

// isConnected says whether the pod has a network namespace: after a restart of
// the machine, only the file that it was mounted on is left.
func (n network) isConnected(podID string) bool {
	var filesystem unix.Statfs_t
	err := unix.Statfs(n.namespacePath(podID), &filesystem)
	return err == nil && filesystem.Type == unix.NSFS_MAGIC
}

// enterNetwork moves the calling thread; without a path it stays where it is.
func enterNetwork(namespacePath string) error {
	if namespacePath == "" {
		return nil
	}
	namespace, err := netns.GetFromPath(namespacePath)
	if err != nil {
		return err
	}
	defer namespace.Close()
	return netns.Set(namespace)
}

// onOwnThread runs f on a thread that ends with it: whatever namespaces f
// enters, nothing else ever runs in them.
func onOwnThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		result <- f()
	}()
	return <-result
}
