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

// writeState writes a value so that a reader sees the whole file or none. It
// may hold secrets of a pod's environment, so only its owner can read it.
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
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
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

// lockDirectory takes a directory for as long as the file is open here or in a
// process that was started with it: the kernel lets go of it, however they end.
func lockDirectory(path string) (*os.File, error) { return flock(path, unix.LOCK_EX|unix.LOCK_NB) }

func isLocked(path string) bool {
	file, err := flock(path, unix.LOCK_SH|unix.LOCK_NB)
	file.Close()
	return errors.Is(err, unix.EWOULDBLOCK)
}

// awaitUnlocked returns once nobody holds the directory.
func awaitUnlocked(path string) error {
	file, err := flock(path, unix.LOCK_SH)
	file.Close()
	return err
}

func flock(path string, how int) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(file.Fd()), how)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// process identifies a process even after its number is another's.
type process struct {
	PID            int
	StartTimeTicks string // since boot, as /proc/<pid>/stat has it
}

func findProcess(pid int) (process, error) {
	stat, err := processStat(pid)
	return process{PID: pid, StartTimeTicks: stat[22]}, err
}

// open returns a pidfd, or ESRCH if the process has ended.
func (p process) open() (pidfd int, err error) {
	if pidfd, err = unix.PidfdOpen(p.PID, 0); err != nil {
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

// processStat returns the fields of /proc/<pid>/stat by their numbers in
// proc_pid_stat(5); the first two are left out.
func processStat(pid int) (fields [53]string, err error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return fields, unix.ESRCH
	}
	// The command's name, in parentheses, may itself hold some.
	rest := content[strings.LastIndexByte(string(content), ')')+1:]
	copy(fields[3:], strings.Fields(string(rest)))
	return fields, nil
}
