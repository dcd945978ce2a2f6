// Package random holds what is generated from the provider: see the module's
// documentation.
package random

import _ "embed"

// Schema is the Pulumi schema of the provider's resources.
//
//go:embed schema.json
var Schema []byte

// Metadata is what the bridge keeps about how they map to Terraform's.
//
//go:embed bridge-metadata.json
var Metadata []byte
