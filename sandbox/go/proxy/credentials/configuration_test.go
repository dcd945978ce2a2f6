package credentials

import (
	"strings"
	"testing"
	"time"
)

func environment(t *testing.T, changes map[string]string) func(string) string {
	variables := map[string]string{
		"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS": bundle(newRoot(t, "root")),
		"LINKERD2_PROXY_IDENTITY_LOCAL_NAME":    identity,
		"LINKERD2_PROXY_IDENTITY_DIR":           "/var/run/linkerd/identity/end-entity",
		"LINKERD2_PROXY_IDENTITY_TOKEN_FILE":    "/var/run/secrets/tokens/linkerd-identity-token",
		"LINKERD2_PROXY_IDENTITY_SVC_ADDR":      "linkerd-identity-headless.linkerd.svc.cluster.local.:8080",
		"LINKERD2_PROXY_IDENTITY_SVC_NAME":      "linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local",
		"LINKERD2_PROXY_INBOUND_LISTEN_ADDR":    "[::]:4143",
		"LINKERD2_PROXY_POLICY_SVC_ADDR":        "linkerd-policy.linkerd.svc.cluster.local.:8090",
	}
	for name, value := range changes {
		variables[name] = value
	}
	return func(name string) string { return variables[name] }
}

func TestConfiguration(t *testing.T) {
	c := must(ReadConfiguration(environment(t, nil)))(t)
	expect(t, "identity", c.Identity, identity)
	expect(t, "service's identity", c.ServiceIdentity, "linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local")
	expect(t, "inbound", c.Inbound, "[::]:4143")
	expect(t, "least pause", c.MinRefresh, 10*time.Second)
	expect(t, "longest pause", c.MaxRefresh, 24*time.Hour)
	expect(t, "Linkerd 2.10", c.Linkerd210, false)

	c = must(ReadConfiguration(environment(t, map[string]string{
		"LINKERD2_PROXY_IDENTITY_MAX_REFRESH": "6h",
		// In the pod of identity itself.
		"LINKERD2_PROXY_IDENTITY_SVC_ADDR": "localhost.:8080",
	})))(t)
	expect(t, "longest pause", c.MaxRefresh, 6*time.Hour)
	expect(t, "service", c.Service, "localhost:8080") // only so is it in every /etc/hosts
	expect(t, "service's identity", c.ServiceIdentity, "")
}

func TestConfigurationOfLinkerd210(t *testing.T) {
	c := must(ReadConfiguration(environment(t, map[string]string{"LINKERD2_PROXY_POLICY_SVC_ADDR": ""})))(t)
	expect(t, "Linkerd 2.10", c.Linkerd210, true)
}

func TestConfigurationThatIsIncomplete(t *testing.T) {
	_, err := ReadConfiguration(environment(t, map[string]string{
		"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS": "", "LINKERD2_PROXY_IDENTITY_SVC_NAME": "", "LINKERD2_PROXY_IDENTITY_MIN_REFRESH": "1.5s",
	}))
	wanted := []string{
		"LINKERD2_PROXY_IDENTITY_SVC_NAME must be set",
		"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS must be set",
		`LINKERD2_PROXY_IDENTITY_MIN_REFRESH: "1.5s" is not a duration, expected a whole number and ms, s, m, h or d`,
	}
	expect(t, "error", err.Error(), strings.Join(wanted, "\n"))
}

func TestDurations(t *testing.T) {
	for text, wanted := range map[string]time.Duration{
		"0": 0, "10000ms": 10 * time.Second, " 30s ": 30 * time.Second, "5m": 5 * time.Minute, "6h": 6 * time.Hour, "365d": 365 * 24 * time.Hour,
	} {
		expect(t, text, must(parseDuration(text))(t), wanted)
	}
	for _, text := range []string{"", "1", "1 s", "1y", "-1s", "1h30m"} {
		if parsed, err := parseDuration(text); err == nil {
			t.Errorf("%q: %s", text, parsed)
		}
	}
}
