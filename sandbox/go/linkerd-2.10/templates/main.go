// Command templates prepares a release build of linkerd2 2.10 in this module's
// vendor folder: it packs the charts that the proxy injector carries into a Go
// file, as upstream's `go generate` does.
package main

import (
	"log"

	"github.com/linkerd/linkerd2/pkg/charts/static"
	"github.com/shurcooL/vfsgen"
)

func main() {
	err := vfsgen.Generate(static.Templates, vfsgen.Options{
		Filename:     "vendor/github.com/linkerd/linkerd2/pkg/charts/static/packed.go",
		PackageName:  "static",
		BuildTags:    "prod",
		VariableName: "Templates",
	})
	if err != nil {
		log.Fatal(err)
	}
}
