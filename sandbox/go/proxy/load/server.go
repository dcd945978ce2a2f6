package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"sandbox/proxy/credentials"
)

// status is what a test reads at /status.
type status struct {
	counts
	// Proxies of simulated pods that are held here, those of them that have had
	// a leaf, and those whose leaf has ended.
	Simulated int `json:"simulated"`
	Ready     int `json:"ready"`
	Ended     int `json:"ended"`
	// Pods that run, and are ready.
	Running int `json:"running"`
	// Of the simulated ones' leaves, since the load began.
	Renewals renewals `json:"renewals"`
}

type renewals struct {
	OK     int `json:"ok"`
	Failed int `json:"failed"`
}

func (r *renewals) add(stats credentials.Stats) {
	r.OK += stats.OK
	r.Failed += stats.Failures
}

// proxy is one of /proxies.
type proxy struct {
	Pod      string `json:"pod"`
	Identity string `json:"identity"`
	// Of a pod that runs: where its proxy is called. Empty while it is not ready.
	Address string `json:"address,omitempty"`
	// Of a simulated one: the end of its leaf, and its renewals.
	Expiration *time.Time `json:"expiration,omitempty"`
	Renewals   renewals   `json:"renewals"`
}

func (l *load) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { write(w, l.status()) })
	mux.HandleFunc("GET /proxies", func(w http.ResponseWriter, _ *http.Request) { write(w, l.proxies()) })
	// Where callers in pods that run tell whom they have met.
	mux.HandleFunc("POST /meetings", func(w http.ResponseWriter, request *http.Request) {
		var told meeting
		if err := json.NewDecoder(request.Body).Decode(&told); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		l.tally.add(told)
	})
	return mux
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}

func (l *load) proxies() []proxy {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := []proxy{}
	for _, p := range l.peers {
		one := proxy{Pod: p.pod, Identity: p.identity}
		if p.proxy == nil {
			one.Address = p.address
		} else {
			stats := p.proxy.Stats()
			one.Expiration = &stats.Expiration
			one.Renewals.add(stats)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b proxy) int { return strings.Compare(a.Pod, b.Pod) })
	return all
}

func (l *load) status() status {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	s := status{counts: l.tally.copy(), Renewals: l.retired}
	for _, p := range l.peers {
		if p.proxy == nil {
			if p.isReady() {
				s.Running++
			}
			continue
		}
		s.Simulated++
		stats := p.proxy.Stats()
		s.Renewals.add(stats)
		if stats.OK > 0 {
			s.Ready++
			if stats.Expiration.Before(time.Now()) {
				s.Ended++
			}
		}
	}
	return s
}
