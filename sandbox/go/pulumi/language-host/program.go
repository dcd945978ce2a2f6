package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// exitReported is how the SDK ends a program whose error the user has seen.
const exitReported = 32

// Run runs a program to its end. A failure of the program is an answer, not an
// error of the call.
func (host *languageHost) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	ctx, cancel := host.untilCancelled(ctx)
	defer cancel()
	command, err := host.program(ctx, request)
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	err = run(command, command.Wait)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case ctx.Err() != nil:
		// Whoever cancelled knows.
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &exit) && exit.ExitCode() == exitReported:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended with %s", exit)}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("cannot run the program: %s", err)}, nil
	}
}

func (host *languageHost) program(ctx context.Context, request *pulumirpc.RunRequest) (*exec.Cmd, error) {
	if request.AttachDebugger {
		return nil, errors.New("--attach-debugger: this language host cannot; set `nodeargs: --inspect-brk` in Pulumi.yaml")
	}
	node, err := findNode()
	if err != nil {
		return nil, err
	}
	script, err := sdkScript(request.Info.ProgramDirectory, "run")
	if err != nil {
		return nil, err
	}
	options, err := parseOptions(request.Info)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(configuration(request.Config))
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(append([]string{}, request.ConfigSecretKeys...))
	if err != nil {
		return nil, err
	}

	args := append(options.nodeArgs, script)
	for _, flag := range [][2]string{
		{"--monitor", request.MonitorAddress},
		{"--engine", host.engine},
		{"--organization", request.Organization},
		{"--project", request.Project},
		{"--root-directory", request.Info.RootDirectory},
		{"--stack", request.Stack},
		{"--pwd", request.Info.ProgramDirectory},
		{"--parallel", strconv.Itoa(int(request.Parallel))},
		{"--tracing", host.tracing},
	} {
		if flag[1] != "" {
			args = append(args, flag[0], flag[1])
		}
	}
	if request.DryRun {
		args = append(args, "--dry-run")
	}
	args = append(args, request.Info.EntryPoint)
	args = append(args, request.Args...)

	command := exec.CommandContext(ctx, node, args...)
	command.Dir = request.Info.ProgramDirectory
	// Configuration can hold secrets, and any user can read a process's arguments.
	command.Env = slices.Concat(os.Environ(), options.environment, []string{
		"PULUMI_CONFIG=" + string(config),
		"PULUMI_CONFIG_SECRET_KEYS=" + string(secretKeys),
	})
	// Node.js makes pipes that it is handed non-blocking, for this process too, so
	// it gets pipes of its own. The engine shows what arrives here.
	command.Stdout, command.Stderr = struct{ io.Writer }{os.Stdout}, struct{ io.Writer }{os.Stderr}
	return command, nil
}

// configuration gives keys the form that every SDK understands, old ones
// included: `<namespace>:config:<name>`.
func configuration(config map[string]string) map[string]string {
	keyed := make(map[string]string, len(config))
	for key, value := range config {
		namespace, name, _ := strings.Cut(key, ":")
		keyed[namespace+":config:"+strings.TrimPrefix(name, "config:")] = value
	}
	return keyed
}
