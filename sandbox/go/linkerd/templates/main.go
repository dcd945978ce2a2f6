// Command templates prepares a release build of linkerd2 in this module's vendor
// folder: it packs the charts that linkerd2's programs carry into Go files, as
// upstream's `go generate` does. (A development build reads its charts, when it
// runs, from the folder that it was built in.)
package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	jaeger "github.com/linkerd/linkerd2/jaeger/static"
	multicluster "github.com/linkerd/linkerd2/multicluster/static"
	linkerd "github.com/linkerd/linkerd2/pkg/charts/static"
	viz "github.com/linkerd/linkerd2/viz/static"
	"github.com/shurcooL/vfsgen"
)

var packages = []struct {
	folder string
	charts http.FileSystem
}{
	{"pkg/charts/static", linkerd.Templates},
	{"jaeger/static", jaeger.Templates},
	{"multicluster/static", multicluster.Templates},
	{"viz/static", viz.Templates},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	for _, p := range packages {
		options := vfsgen.Options{
			Filename:     filepath.Join("vendor", "github.com/linkerd/linkerd2", p.folder, "packed.go"),
			PackageName:  "static",
			BuildTags:    "prod",
			VariableName: "Templates",
		}
		if err := vfsgen.Generate(p.charts, options); err != nil {
			return err
		}
	}
	return nil
}
