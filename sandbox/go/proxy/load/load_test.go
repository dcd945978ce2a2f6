package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"sandbox/proxy/credentials"
)

const injected = `{
	"metadata": {"namespace": "shop", "name": "web-1", "uid": "1"},
	"spec": {
		"nodeName": "simulated", "serviceAccountName": "web",
		"containers": [
			{"name": "web", "env": [{"name": "LINKERD2_PROXY_IDENTITY_DIR", "value": "/other"}]},
			{"name": "linkerd-proxy", "env": [
				{"name": "_pod_ns", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
				{"name": "_pod_sa", "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}},
				{"name": "LINKERD2_PROXY_IDENTITY_LOCAL_NAME", "value": "$(_pod_sa).$(_pod_ns).serviceaccount.identity.linkerd.cluster.local"},
				{"name": "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", "valueFrom": {"configMapKeyRef": {"name": "roots", "key": "ca-bundle.crt"}}}
			]}
		],
		"volumes": [{"projected": {"sources": [{"serviceAccountToken": {"audience": "identity.l5d.io"}}, {"configMap": {}}]}}]
	},
	"status": {"conditions": [{"type": "Ready", "status": "True"}]}
}`

func TestInjectedPod(t *testing.T) {
	var p pod
	if err := json.Unmarshal([]byte(injected), &p); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(w, `{"data": {"ca-bundle.crt": "anchors of %s"}}`, request.URL.Path)
	}))
	defer server.Close()
	getenv, err := p.proxyEnvironment(t.Context(), &cluster{server: server.URL, client: server.Client(), token: func() ([]byte, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	for name, wanted := range map[string]string{
		"LINKERD2_PROXY_IDENTITY_LOCAL_NAME":    "web.shop.serviceaccount.identity.linkerd.cluster.local",
		"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS": "anchors of /api/v1/namespaces/shop/configmaps/roots",
		"LINKERD2_PROXY_IDENTITY_DIR":           "",
	} {
		if got := getenv(name); got != wanted {
			t.Errorf("%s is %q, expected %q", name, got, wanted)
		}
	}
	if audiences := p.tokenAudiences(); len(audiences) != 1 || audiences[0] != "identity.l5d.io" {
		t.Error(audiences)
	}
	if !p.isReady() {
		t.Error("not ready")
	}
}

func TestTally(t *testing.T) {
	var counted tally
	counted.count("a", "b", nil)
	counted.count("a", "b", net.ErrClosed)
	for range kept {
		counted.count("a", "b", &net.OpError{Op: "remote error", Err: fmt.Errorf("tls: expired certificate")})
	}
	counted.add(meeting{Client: "c", Error: "UnknownIssuer", Reason: credentials.UnknownIssuer})
	seen := counted.copy()
	if seen.Handshakes != 1 || seen.Unreachable != 1 || seen.Refused[credentials.Expired] != kept || seen.Refused[credentials.UnknownIssuer] != 1 {
		t.Errorf("%+v", seen)
	}
	if len(seen.Last) != kept || seen.Last[kept-1].Client != "c" {
		t.Errorf("%+v", seen.Last)
	}
}
