package main

import (
	"context"
	"fmt"
	"regexp"
)

const proxyContainer = "linkerd-proxy"

func (p pod) name() string { return p.Metadata.Namespace + "/" + p.Metadata.Name }

// tokenAudiences are those of the token that the injector has had projected;
// none before Linkerd 2.11, whose proxies use the token for the API server.
func (p pod) tokenAudiences() []string {
	audiences := []string{}
	for _, volume := range p.Spec.Volumes {
		for _, source := range volume.Projected.Sources {
			if audience := source.ServiceAccountToken.Audience; audience != "" {
				audiences = append(audiences, audience)
			}
		}
	}
	return audiences
}

func (p pod) isReady() bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

var reference = regexp.MustCompile(`\$\((\w+)\)`)

// proxyEnvironment is that of the pod's proxy, as far as it bears on
// credentials, as the kubelet would make it when it starts the container.
func (p pod) proxyEnvironment(ctx context.Context, c *cluster) (func(string) string, error) {
	fields := map[string]string{
		"metadata.namespace":      p.Metadata.Namespace,
		"metadata.name":           p.Metadata.Name,
		"spec.serviceAccountName": p.Spec.ServiceAccountName,
	}
	variables := map[string]string{}
	for _, container := range append(p.Spec.InitContainers, p.Spec.Containers...) {
		if container.Name != proxyContainer {
			continue
		}
		for _, variable := range container.Env {
			value := reference.ReplaceAllStringFunc(variable.Value, func(text string) string {
				return variables[reference.FindStringSubmatch(text)[1]]
			})
			if field := variable.ValueFrom.FieldRef.FieldPath; field != "" {
				value = fields[field]
			}
			if source := variable.ValueFrom.ConfigMapKeyRef; source.Name != "" {
				text, err := c.configMapText(ctx, p.Metadata.Namespace, source.Name, source.Key)
				if err != nil {
					return nil, err
				}
				value = text
			}
			variables[variable.Name] = value
		}
		return func(name string) string { return variables[name] }, nil
	}
	return nil, fmt.Errorf("it has no container %s: it is not in the mesh", proxyContainer)
}
