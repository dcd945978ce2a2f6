package main

import (
	"fmt"

	"github.com/google/shlex"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// options are the runtime options of Pulumi.yaml, `runtime: {name: nodejs, options: …}`.
type options struct {
	// nodeArgs are arguments of Node.js itself, from `nodeargs`.
	nodeArgs []string
	// environment tells the SDK how to load TypeScript.
	environment []string
	// packageManager and production say how `pulumi install` works.
	packageManager string
	production     bool
}

func parseOptions(info *pulumirpc.ProgramInfo) (options, error) {
	parsed := options{}
	typescript := true
	var nodeArgs, tsconfig string
	for name, value := range info.Options.AsMap() {
		var ok bool
		switch name {
		case "typescript":
			typescript, ok = value.(bool)
		case "nodeargs":
			nodeArgs, ok = value.(string)
		case "tsconfig":
			tsconfig, ok = value.(string)
		case "packagemanager":
			parsed.packageManager, ok = value.(string)
		case "production":
			parsed.production, ok = value.(bool)
		default:
			return parsed, fmt.Errorf("runtime option %s of Pulumi.yaml is unknown; "+
				"there are typescript, nodeargs, tsconfig, packagemanager and production", name)
		}
		if !ok {
			return parsed, fmt.Errorf("runtime option %s of Pulumi.yaml has the wrong type: %v", name, value)
		}
	}
	if typescript {
		parsed.environment = append(parsed.environment, "PULUMI_NODEJS_TYPESCRIPT=true")
	}
	if tsconfig != "" {
		parsed.environment = append(parsed.environment, "PULUMI_NODEJS_TSCONFIG_PATH="+tsconfig)
	}
	var err error
	if parsed.nodeArgs, err = shlex.Split(nodeArgs); err != nil {
		return parsed, fmt.Errorf("runtime option nodeargs of Pulumi.yaml: %q: %w", nodeArgs, err)
	}
	return parsed, nil
}
