package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

// languageHost answers the engine's calls. What it leaves out, the embedded
// server refuses as unimplemented.
type languageHost struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	// alive ends with the host, by stop.
	alive context.Context
	stop  context.CancelFunc
	// programs ends when what runs must end, by cancel.
	programs context.Context
	cancel   context.CancelFunc
	// engine is the address of the engine's own service.
	engine  string
	tracing string
}

// watchEngine ends the host when its engine no longer answers.
func (host *languageHost) watchEngine() error {
	return rpcutil.Healthcheck(host.alive, host.engine, healthCheckInterval, host.stop)
}

// Handshake learns the engine's address where it did not come as an argument.
func (host *languageHost) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	host.engine = request.EngineAddress
	return &pulumirpc.LanguageHandshakeResponse{}, host.watchEngine()
}

// Cancel ends every program and plugin that runs.
func (host *languageHost) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	host.cancel()
	return &emptypb.Empty{}, nil
}

// GetPluginInfo gives the version of this host.
func (host *languageHost) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// About gives the Node.js that runs the program, for `pulumi about`.
func (host *languageHost) About(ctx context.Context, _ *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	node, err := findNode()
	if err != nil {
		return nil, err
	}
	output, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", node, err)
	}
	return &pulumirpc.AboutResponse{Executable: node, Version: strings.TrimSpace(string(output))}, nil
}

// InstallDependencies runs npm, for `pulumi install`. `pulumi up` does not call
// it: the program's own `npm ci` has run before.
func (host *languageHost) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest, server pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(server, request.IsTerminal)
	if err != nil {
		return err
	}
	ctx, cancel := host.untilCancelled(server.Context())
	defer cancel()
	npm, err := npmInstall(ctx, request.Info)
	if err != nil {
		return err
	}
	npm.Stdout, npm.Stderr = stdout, stderr
	if err := run(npm, npm.Wait); err != nil {
		_ = closer.Close()
		return fmt.Errorf("npm install in %s: %w", npm.Dir, err)
	}
	return closer.Close()
}

func npmInstall(ctx context.Context, info *pulumirpc.ProgramInfo) (*exec.Cmd, error) {
	options, err := parseOptions(info)
	if err != nil {
		return nil, err
	}
	if manager := options.packageManager; !slices.Contains([]string{"", "auto", "npm"}, manager) {
		return nil, fmt.Errorf("runtime option packagemanager of Pulumi.yaml is %s: this language host knows npm only", manager)
	}
	npm := exec.CommandContext(ctx, "npm", "install")
	if options.production {
		npm.Args = append(npm.Args, "--omit=dev")
	}
	npm.Dir = info.ProgramDirectory
	return npm, nil
}

// GetRequiredPackages names the providers whose SDKs the program has installed.
func (host *languageHost) GetRequiredPackages(
	_ context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	packages, err := installedPackages(request.Info.ProgramDirectory, true)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GetRequiredPackagesResponse{Packages: providers(packages)}, nil
}

// GetProgramDependencies names the npm packages that the program has installed.
func (host *languageHost) GetProgramDependencies(
	_ context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	packages, err := installedPackages(request.Info.ProgramDirectory, request.TransitiveDependencies)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, installed := range packages {
		response.Dependencies = append(response.Dependencies,
			&pulumirpc.DependencyInfo{Name: installed.Name, Version: installed.Version})
	}
	return response, nil
}
