package main

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A program that ignores the interrupt, and whatever it started, are gone when
// run returns.
func TestRunLeavesNoProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, "sh", "-c", `trap "" INT; sleep 1000 & echo $!; wait`)
	output, input := io.Pipe()
	command.Stdout = input
	go func() {
		defer cancel()
		line, _ := bufio.NewReader(output).ReadString('\n')
		if _, err := strconv.Atoi(strings.TrimSpace(line)); err != nil {
			t.Errorf("want the child's process ID, got %q", line)
		}
	}()
	if err := run(command, command.Wait); err == nil {
		t.Error("want the error of a cancelled process, got none")
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Kill(-command.Process.Pid, 0)
		if err == syscall.ESRCH {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the process group still exists: %v", err)
		}
	}
}
