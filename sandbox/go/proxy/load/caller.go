package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sandbox/proxy/credentials"
)

// caller is what runs in a pod of the mesh: it calls other such pods through
// its pod's own proxy, and tells the load what became of it.
type caller struct {
	load string // URL
	pod  string
}

// peersFor is how long the list of pods is used.
const peersFor = 10 * time.Second

func (c caller) run(ctx context.Context, pause time.Duration) {
	var peers []proxy
	var learned time.Time
	for ; ctx.Err() == nil; time.Sleep(pause) {
		if time.Since(learned) > peersFor {
			listed, err := c.peers(ctx)
			if err != nil {
				slog.Warn("cannot learn of other pods", "error", err)
				continue
			}
			peers, learned = listed, time.Now()
		}
		if len(peers) == 0 {
			continue
		}
		other := peers[rand.IntN(len(peers))]
		if err := c.tell(ctx, c.meet(ctx, other)); err != nil {
			slog.Warn("cannot tell of a meeting", "error", err)
		}
	}
}

func (c caller) peers(ctx context.Context) (others []proxy, err error) {
	answer, err := send(ctx, http.MethodGet, c.load+"/proxies", nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var all []proxy
	err = json.NewDecoder(answer.Body).Decode(&all)
	for _, one := range all {
		if one.Address != "" && one.Pod != c.pod {
			others = append(others, one)
		}
	}
	return others, err
}

// meet asks the pod's proxy, at the port where an application's connections
// come out.
func (c caller) meet(ctx context.Context, other proxy) meeting {
	m := meeting{Time: time.Now(), Client: c.pod, Server: other.Pod}
	query := url.Values{"address": {other.Address}, "identity": {other.Identity}}
	answer, err := send(ctx, http.MethodGet, "http://127.0.0.1:4140/?"+query.Encode(), nil)
	if err != nil {
		m.Error = err.Error()
		return m
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	m.Error = strings.TrimSpace(string(text))
	if answer.StatusCode == http.StatusForbidden {
		m.Reason = credentials.Refusal(m.Error)
	}
	return m
}

func (c caller) tell(ctx context.Context, m meeting) error {
	content, err := json.Marshal(m)
	if err != nil {
		return err
	}
	answer, err := send(ctx, http.MethodPost, c.load+"/meetings", content)
	if err == nil {
		answer.Body.Close()
	}
	return err
}

func send(ctx context.Context, method, url string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

var client = http.Client{Timeout: 2 * credentials.HandshakeTimeout}
