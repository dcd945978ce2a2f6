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

	"github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// RunPlugin runs a policy pack or a component package written for Node.js, and
// sends its output to the engine.
func (host *languageHost) RunPlugin(
	request *pulumirpc.RunPluginRequest, server pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	_, stdout, stderr, err := rpcutil.MakeRunPluginStreams(server, false)
	if err != nil {
		return err
	}
	ctx, cancel := host.untilCancelled(server.Context())
	defer cancel()
	if request.Kind == "analyzer" {
		err = runPolicyPack(ctx, request, stdout, stderr)
	} else {
		err = runPackage(ctx, request, stdout, stderr)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return server.Send(&pulumirpc.RunPluginResponse{
			Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(exit.ExitCode())},
		})
	}
	return err
}

func runPackage(ctx context.Context, request *pulumirpc.RunPluginRequest, stdout, stderr io.Writer) error {
	command, err := plugin(ctx, request, "run-plugin", slices.Concat([]string{request.Info.ProgramDirectory}, request.Args))
	if err != nil {
		return err
	}
	command.Dir = request.Pwd
	command.Stdout, command.Stderr = stdout, stderr
	return run(command, command.Wait)
}

// runPolicyPack starts a policy pack once the engine has told the stack's
// configuration, which the pack takes from its environment when it starts.
func runPolicyPack(ctx context.Context, request *pulumirpc.RunPluginRequest, stdout, stderr io.Writer) error {
	command, err := plugin(ctx, request, "run-policy-pack", slices.Concat(request.Args, []string{request.Info.ProgramDirectory}))
	if err != nil {
		return err
	}
	proxy, stdout, err := sdk.NewPolicyProxy(ctx, stdout)
	if err != nil {
		return err
	}
	stack, err := proxy.AwaitConfiguration(ctx)
	if err != nil {
		return fmt.Errorf("awaited the stack's configuration from the engine: %w", err)
	}
	if stack != nil {
		config, err := json.Marshal(stack.Config)
		if err != nil {
			return err
		}
		command.Env = append(command.Env,
			"PULUMI_NODEJS_ORGANIZATION="+stack.Organization,
			"PULUMI_NODEJS_PROJECT="+stack.Project,
			"PULUMI_NODEJS_STACK="+stack.Stack,
			"PULUMI_NODEJS_DRY_RUN="+strconv.FormatBool(stack.DryRun),
			"PULUMI_CONFIG="+string(config),
		)
	}
	// Policy packs find their package.json from the working directory.
	command.Dir = request.Info.ProgramDirectory
	command.Stdout, command.Stderr = stdout, stderr
	return run(command, func() error { return proxy.Attach(ctx, command) })
}

func plugin(ctx context.Context, request *pulumirpc.RunPluginRequest, script string, args []string) (*exec.Cmd, error) {
	if request.AttachDebugger {
		return nil, errors.New("--attach-debugger: this language host cannot attach one to a plugin")
	}
	node, err := findNode()
	if err != nil {
		return nil, err
	}
	path, err := sdkScript(request.Info.ProgramDirectory, script)
	if err != nil {
		return nil, err
	}
	options, err := parseOptions(request.Info)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, node, slices.Concat(options.nodeArgs, []string{path}, args)...)
	environment := request.Env
	if len(environment) == 0 {
		environment = os.Environ()
	}
	command.Env = slices.Concat(environment, options.environment)
	return command, nil
}
