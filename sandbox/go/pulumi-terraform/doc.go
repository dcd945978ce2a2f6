// Package terraform holds two Pulumi providers, tls and random: the Terraform
// providers of those names behind Pulumi's bridge, with the names that Pulumi's
// own providers give their resources. Those are not served by Go's module proxy.
//
// Each is built in two steps, here for tls, from this folder:
//
//	flags='-trimpath -gcflags=all=-dwarf=false'
//	go run $flags ./tls/generate schema --skip-docs --skip-examples --out tls
//	go build $flags -ldflags '-s -w -X main.version=5.0.1' ./tls/resource
//
// The first writes tls/schema.json and tls/bridge-metadata.json, which the
// second embeds. They follow from the pinned versions, so they are not kept.
// Both take the same flags, so that everything is compiled once. The version is
// that of the npm package whose resources these are: the engine asks for a
// provider by it.
package terraform
