package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// writeState writes a value so that a reader sees either the whole file or
// none. It may hold secrets of a pod's environment, so only its owner reads it.
func writeState(path string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

// readState returns nil without an error when there is no such file.
func readState[T any](path string) (*T, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value := new(T)
	if err := json.Unmarshal(content, value); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return value, nil
}

// lockDirectory takes a directory for as long as this process lives, however
// it ends: the kernel lets go of the lock.
func lockDirectory(path string) (int, error) {
	return flockDirectory(path, unix.LOCK_EX|unix.LOCK_NB)
}

// awaitUnlocked returns once no process holds the directory.
func awaitUnlocked(path string) error {
	fd, err := flockDirectory(path, unix.LOCK_SH)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func isLocked(path string) bool {
	fd, err := flockDirectory(path, unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		unix.Close(fd)
	}
	return errors.Is(err, unix.EWOULDBLOCK)
}

func flockDirectory(path string, how int) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	for {
		switch err = unix.Flock(fd, how); err {
		case nil:
			return fd, nil
		case unix.EINTR:
		default:
			unix.Close(fd)
			return -1, err
		}
	}
}

// process identifies a process even after its number was given to another one.
type process struct {
	PID            int
	StartTimeTicks string // since boot, as /proc/<pid>/stat says
}

func findProcess(pid int) (process, error) {
	fields, err := processStat(pid)
	if err != nil {
		return process{}, err
	}
	return process{PID: pid, StartTimeTicks: fields[21]}, nil
}

// parentOf returns the shim of a container's program.
func parentOf(p process) (process, error) {
	fields, err := processStat(p.PID)
	if err != nil {
		return process{}, err
	}
	parent, err := strconv.Atoi(fields[3])
	if err != nil {
		return process{}, err
	}
	return findProcess(parent)
}

// open returns a pidfd, or ESRCH if the process has ended.
func (p process) open() (int, error) {
	pidfd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return -1, err
	}
	if now, err := findProcess(p.PID); err != nil || now != p {
		unix.Close(pidfd)
		return -1, unix.ESRCH
	}
	return pidfd, nil
}

// signal sends a signal; a process that has ended is no error.
func (p process) signal(signal unix.Signal) error {
	pidfd, err := p.open()
	if err == nil {
		defer unix.Close(pidfd)
		err = unix.PidfdSendSignal(pidfd, signal, nil, 0)
	}
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// processStat returns the fields of /proc/<pid>/stat, numbered from 0: proc(5)
// numbers them from 1.
func processStat(pid int) ([]string, error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, unix.ESRCH
	}
	// The command's name, in parentheses, may hold spaces and parentheses.
	end := strings.LastIndexByte(string(content), ')')
	fields := append([]string{strconv.Itoa(pid), ""}, strings.Fields(string(content[end+1:]))...)
	if len(fields) < 24 {
		return nil, fmt.Errorf("/proc/%d/stat has %d fields, expected at least 24", pid, len(fields))
	}
	return fields, nil
}
