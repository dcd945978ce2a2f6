package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree writes files below a new directory and gives its path.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func names(packages []manifest) []string {
	found := []string{}
	for _, installed := range packages {
		found = append(found, installed.Name+"@"+installed.Version)
	}
	return found
}

func TestInstalledPackagesFollowsWhatTheProgramNeeds(t *testing.T) {
	root := tree(t, map[string]string{
		"package.json":                               `{"dependencies": {"a": "1", "absent": "1"}, "devDependencies": {"@pulumi/tls": "5"}}`,
		"node_modules/a/package.json":                `{"name": "a", "version": "1.0.0", "dependencies": {"b": "2"}, "devDependencies": {"d": "1"}}`,
		"node_modules/a/node_modules/b/package.json": `{"name": "b", "version": "2.0.0", "dependencies": {"a": "1"}}`,
		"node_modules/b/package.json":                `{"name": "b", "version": "1.0.0"}`,
		"node_modules/d/package.json":                `{"name": "d", "version": "1.0.0"}`,
		"node_modules/@pulumi/tls/package.json":      `{"name": "@pulumi/tls", "version": "v5.0.1"}`,
		"policy/node_modules/p/package.json":         `{"name": "p", "version": "1.0.0", "pulumi": {"resource": true}}`,
	})
	for _, test := range []struct {
		transitive bool
		want       []string
	}{
		{false, []string{"@pulumi/tls@v5.0.1", "a@1.0.0"}},
		{true, []string{"@pulumi/tls@v5.0.1", "a@1.0.0", "b@2.0.0"}},
	} {
		packages, err := installedPackages(root, test.transitive)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(packages); !slices.Equal(got, test.want) {
			t.Errorf("transitive %v: got %v, want %v", test.transitive, got, test.want)
		}
	}
}

func TestProvidersGivesNameAndVersionOfThePlugin(t *testing.T) {
	root := tree(t, map[string]string{
		"package.json": `{"dependencies": {"@pulumi/tls": "5", "@pulumi/kubernetes": "4", "@pulumi/pulumi": "3"}}`,
		"node_modules/@pulumi/pulumi/package.json":     `{"name": "@pulumi/pulumi", "version": "3.0.0"}`,
		"node_modules/@pulumi/tls/package.json":        `{"name": "@pulumi/tls", "version": "v5.0.1", "pulumi": {"resource": true}}`,
		"node_modules/@pulumi/kubernetes/package.json": `{"name": "@pulumi/kubernetes", "version": "4.18.0", "pulumi": {"resource": true, "name": "k8s", "version": "4.18.1"}}`,
		"node_modules/@pulumi/unneeded/package.json":   `{"name": "@pulumi/unneeded", "version": "1.0.0", "pulumi": {"resource": true}}`,
	})
	packages, err := installedPackages(root, true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, provider := range providers(packages) {
		got = append(got, provider.Kind+" "+provider.Name+" "+provider.Version)
	}
	if want := []string{"resource k8s v4.18.1", "resource tls v5.0.1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
