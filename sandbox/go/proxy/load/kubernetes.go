package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// cluster is the API server, as a pod's ServiceAccount may ask it. The library
// for it would take a minute to build.
type cluster struct {
	server string
	client *http.Client
	token  func() ([]byte, error)
}

const accountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

func connect() (*cluster, error) {
	authority, err := os.ReadFile(filepath.Join(accountDirectory, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	token := func() ([]byte, error) { return os.ReadFile(filepath.Join(accountDirectory, "token")) } // the kubelet renews it
	return &cluster{"https://" + address, &http.Client{Transport: transport}, token}, nil
}

// request gives the body of the answer, for the caller to close.
func (c *cluster) request(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{"Authorization": {"Bearer " + string(token)}, "Content-Type": {"application/json"}}
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return answer.Body, nil
}

func (c *cluster) ask(ctx context.Context, method, path string, body, answer any) error {
	content, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer content.Close()
	return json.NewDecoder(content).Decode(answer)
}

type metadata struct {
	Namespace, Name, UID, ResourceVersion string
	DeletionTimestamp                     string
}

type pod struct {
	Metadata metadata
	Spec     struct {
		NodeName, ServiceAccountName string
		InitContainers, Containers   []container
		Volumes                      []struct {
			Projected struct {
				Sources []struct {
					ServiceAccountToken struct {
						Audience string
					}
				}
			}
		}
	}
	Status struct {
		PodIP      string
		Conditions []struct{ Type, Status string }
	}
}

type container struct {
	Name string
	Env  []variable
}

type variable struct {
	Name, Value string
	ValueFrom   struct {
		FieldRef        struct{ FieldPath string }
		ConfigMapKeyRef struct{ Name, Key string }
	}
}

// followPods gives the pods with those labels as they are now, and then each
// that changes or goes, until the connection ends.
func (c *cluster) followPods(ctx context.Context, selector string, listed func([]pod), changed, gone func(pod)) error {
	query := url.Values{"labelSelector": {selector}}
	var list struct {
		Metadata metadata
		Items    []pod
	}
	if err := c.ask(ctx, http.MethodGet, "/api/v1/pods?"+query.Encode(), nil, &list); err != nil {
		return err
	}
	listed(list.Items)
	query.Set("watch", "true")
	query.Set("resourceVersion", list.Metadata.ResourceVersion)
	events, err := c.request(ctx, http.MethodGet, "/api/v1/pods?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer events.Close()
	for decoder := json.NewDecoder(events); ; {
		var event struct {
			Type   string
			Object pod
		}
		if err := decoder.Decode(&event); err != nil {
			return err
		}
		switch event.Type {
		case "ADDED", "MODIFIED":
			changed(event.Object)
		case "DELETED":
			gone(event.Object)
		default:
			return fmt.Errorf("the watch of pods has ended: %s", event.Type)
		}
	}
}

func (c *cluster) configMapText(ctx context.Context, namespace, name, key string) (string, error) {
	var configMap struct{ Data map[string]string }
	err := c.ask(ctx, http.MethodGet, fmt.Sprintf("/api/v1/namespaces/%s/configmaps/%s", namespace, name), nil, &configMap)
	return configMap.Data[key], err
}

// tokenSource gives a token that is bound to the pod, as the kubelet does: a
// new one before the old one ends.
func (c *cluster) tokenSource(p pod) func(context.Context) ([]byte, error) {
	const lifetime = 24 * time.Hour
	path := fmt.Sprintf("/api/v1/namespaces/%s/serviceaccounts/%s/token", p.Metadata.Namespace, p.Spec.ServiceAccountName)
	request := map[string]any{"spec": map[string]any{
		"audiences":         p.tokenAudiences(),
		"expirationSeconds": int(lifetime.Seconds()),
		"boundObjectRef":    map[string]string{"apiVersion": "v1", "kind": "Pod", "name": p.Metadata.Name, "uid": p.Metadata.UID},
	}}
	var token []byte
	var renewal time.Time
	return func(ctx context.Context) ([]byte, error) {
		if time.Now().Before(renewal) {
			return token, nil
		}
		var answer struct{ Status struct{ Token string } }
		if err := c.ask(ctx, http.MethodPost, path, request, &answer); err != nil {
			return nil, err
		}
		token, renewal = []byte(answer.Status.Token), time.Now().Add(lifetime*8/10)
		return token, nil
	}
}
