package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// manifest is the part of a package.json that says what a package is and needs.
type manifest struct {
	Name                 string
	Version              string
	Dependencies         map[string]string
	DevDependencies      map[string]string
	OptionalDependencies map[string]string
	PeerDependencies     map[string]string
	Pulumi               struct {
		// Resource is true for the SDK of a provider.
		Resource                  bool
		Name                      string
		Version                   string
		Server                    string
		Parameterization          *pulumirpc.PackageParameterization
		ExtensionParameterization *pulumirpc.PackageParameterization
	}
}

// installedPackages gives the packages that the program in a directory can
// reach: those that its package.json names and, if transitive, those that they
// name in turn, each where Node.js finds it. So neither a policy pack inside
// the program's directory nor a package that nothing needs is among them.
func installedPackages(directory string, transitive bool) ([]manifest, error) {
	file, err := findUpwards(directory, "package.json")
	if err != nil {
		return nil, err
	}
	if file == "" {
		return nil, fmt.Errorf("%s: no package.json there or in a folder above it; make one with `npm init`", directory)
	}
	program, err := readManifest(file)
	if err != nil {
		return nil, err
	}
	visited := map[string]bool{}
	var packages []manifest
	var visit func(from string, names map[string]string) error
	visit = func(from string, names map[string]string) error {
		for name := range names {
			// npm leaves out what is optional or meant for another platform; anything
			// else that is missing fails the program's own import, with its name.
			file, err := findUpwards(from, filepath.Join("node_modules", name, "package.json"))
			if err != nil {
				return err
			}
			if file == "" || visited[file] {
				continue
			}
			visited[file] = true
			installed, err := readManifest(file)
			if err != nil {
				return err
			}
			packages = append(packages, installed)
			if !transitive {
				continue
			}
			for _, needed := range []map[string]string{
				installed.Dependencies, installed.OptionalDependencies, installed.PeerDependencies,
			} {
				if err := visit(filepath.Dir(file), needed); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, needed := range []map[string]string{
		program.Dependencies, program.DevDependencies, program.OptionalDependencies, program.PeerDependencies,
	} {
		if err := visit(filepath.Dir(file), needed); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(packages, func(a, b manifest) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return packages, nil
}

// providers gives the provider of each package that is a provider's SDK.
func providers(packages []manifest) []*pulumirpc.PackageDependency {
	var found []*pulumirpc.PackageDependency
	for _, installed := range packages {
		if !installed.Pulumi.Resource {
			continue
		}
		found = append(found, &pulumirpc.PackageDependency{
			Kind: "resource",
			// The provider of @pulumi/tls is called tls.
			Name: cmp.Or(installed.Pulumi.Name, path.Base(installed.Name)),
			// Some packages carry their "v" themselves.
			Version:          "v" + strings.TrimPrefix(cmp.Or(installed.Pulumi.Version, installed.Version), "v"),
			Server:           installed.Pulumi.Server,
			Parameterization: installed.Pulumi.Parameterization,
			Extension:        installed.Pulumi.ExtensionParameterization,
		})
	}
	return found
}

func readManifest(file string) (manifest, error) {
	var read manifest
	content, err := os.ReadFile(file)
	if err != nil {
		return read, err
	}
	if err := json.Unmarshal(content, &read); err != nil {
		return read, fmt.Errorf("%s: %w", file, err)
	}
	return read, nil
}

// findUpwards gives the real path of a file in a directory or the nearest one
// above it, which is how Node.js finds modules; none is an empty path.
func findUpwards(directory, name string) (string, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return "", err
	}
	for {
		file, err := filepath.EvalSymlinks(filepath.Join(directory, name))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", nil
		}
		directory = parent
	}
}
