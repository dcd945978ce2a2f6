// Package terraform holds two Pulumi providers, tls and random: the Terraform
// providers of those names behind Pulumi's bridge, with the names that Pulumi's
// own providers give their resources. Those are not served by Go's module proxy.
//
// The version is that of the npm package whose resources these are, set by the
// linker: the engine asks for a provider by it.
//
// They have a module of their own, since the bridge does not compile with the
// engine's version of pulumi/pkg, where plugin.NewContext takes one argument
// more. Of what both use, this one has the engine's versions, unless the bridge
// asks for newer ones, so that most of it is compiled once.
package terraform
