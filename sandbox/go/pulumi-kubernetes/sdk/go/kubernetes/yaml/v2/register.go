// Package v2 registers the objects of YAML and of Helm's templates, for the
// components kubernetes:yaml/v2 and kubernetes:helm.sh/v4.
package v2

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// RegisterResource registers one object.
func RegisterResource(
	ctx *pulumi.Context, apiVersion, kind, name string, inputs pulumi.Input, options ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	var object pulumi.CustomResourceState
	if err := ctx.RegisterResource("kubernetes:"+apiVersion+":"+kind, name, inputs, &object, options...); err != nil {
		return nil, err
	}
	return &object, nil
}
