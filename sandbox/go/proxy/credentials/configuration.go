// Package credentials does with the credentials of a mesh's proxy what
// linkerd2-proxy does (linkerd/app/src/env/identity.rs, linkerd/proxy/identity-client
// and linkerd/meshtls of its sources), and nothing else: it reads the anchors
// once, asks the identity service for a leaf, and has it renewed.
package credentials

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	defaultMinRefresh = 10 * time.Second
	defaultMaxRefresh = 24 * time.Hour
)

// Configuration is what a proxy reads of its environment when it starts.
type Configuration struct {
	Identity       string // the name that the leaf is for
	Anchors        *x509.CertPool
	SkippedAnchors int
	// The identity service: host and port, and the identity of the proxy
	// before it, which is empty on loopback, where there is none in between.
	Service, ServiceIdentity string

	Directory string // where the key and the signing request are put
	TokenFile string

	MinRefresh, MaxRefresh time.Duration

	Inbound, Outbound, Admin string // addresses to listen on

	Linkerd210 bool // which has no policy service yet, and other metrics
}

// ReadConfiguration reads the variables that the injector and the charts set,
// of Linkerd 2.10 and later.
func ReadConfiguration(getenv func(string) string) (c Configuration, err error) {
	get := func(name string) string {
		value := getenv("LINKERD2_PROXY_IDENTITY_" + name)
		if value == "" {
			err = errors.Join(err, fmt.Errorf("LINKERD2_PROXY_IDENTITY_%s must be set", name))
		}
		return value
	}
	c.Identity, c.Directory, c.TokenFile = get("LOCAL_NAME"), get("DIR"), get("TOKEN_FILE")
	c.Service = get("SVC_ADDR")
	if host, port, _ := net.SplitHostPort(c.Service); isLoopback(host) {
		c.Service = net.JoinHostPort(strings.TrimSuffix(host, "."), port)
	} else {
		c.ServiceIdentity = get("SVC_NAME")
	}
	if bundle := get("TRUST_ANCHORS"); bundle != "" {
		var invalid error
		if c.Anchors, c.SkippedAnchors, invalid = ParseAnchors(bundle); invalid != nil {
			err = errors.Join(err, fmt.Errorf("LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS: %w", invalid))
		}
	}
	duration := func(name string, standard time.Duration) time.Duration {
		value := getenv("LINKERD2_PROXY_IDENTITY_" + name)
		if value == "" {
			return standard
		}
		parsed, invalid := parseDuration(value)
		if invalid != nil {
			err = errors.Join(err, fmt.Errorf("LINKERD2_PROXY_IDENTITY_%s: %w", name, invalid))
		}
		return parsed
	}
	c.MinRefresh = duration("MIN_REFRESH", defaultMinRefresh)
	c.MaxRefresh = duration("MAX_REFRESH", defaultMaxRefresh)
	c.Inbound = cmp.Or(getenv("LINKERD2_PROXY_INBOUND_LISTEN_ADDR"), "0.0.0.0:4143")
	c.Outbound = cmp.Or(getenv("LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR"), "127.0.0.1:4140")
	c.Admin = cmp.Or(getenv("LINKERD2_PROXY_ADMIN_LISTEN_ADDR"), "127.0.0.1:4191")
	c.Linkerd210 = getenv("LINKERD2_PROXY_POLICY_SVC_ADDR") == ""
	return c, err
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "localhost." || net.ParseIP(host).IsLoopback()
}

var durationPattern = regexp.MustCompile(`^\s*(\d+)(ms|s|m|h|d)?\s*$`)

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// parseDuration reads linkerd2-proxy's durations, which are not Go's: a whole
// number and one unit, days included.
func parseDuration(text string) (time.Duration, error) {
	parts := durationPattern.FindStringSubmatch(text)
	if parts == nil || parts[2] == "" && parts[1] != "0" {
		return 0, fmt.Errorf("%q is not a duration, expected a whole number and ms, s, m, h or d", text)
	}
	number, err := strconv.ParseInt(parts[1], 10, 32)
	return time.Duration(number) * durationUnits[parts[2]], err
}
