// Package kubernetes stands in for upstream's SDK of the same path, in as far
// as the provider uses it: for the components that read YAML and Helm's
// templates. Upstream's has generated types of every kind of object in every
// version; compiling them takes half of the provider's build, and the provider
// tells the engine the same without them.
package kubernetes

import "reflect"

// UntypedArgs are the inputs of an object of any kind.
type UntypedArgs map[string]any

// ElementType is the type of the inputs once they are known.
func (UntypedArgs) ElementType() reflect.Type { return reflect.TypeFor[map[string]any]() }
