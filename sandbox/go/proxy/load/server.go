package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
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
	// Renewals of the simulated ones' leaves.
	Renewals struct {
		OK     int `json:"ok"`
		Failed int `json:"failed"`
	} `json:"renewals"`
}

// proxy is one of /proxies.
type proxy struct {
	Pod      string `json:"pod"`
	Identity string `json:"identity"`
	// Of a pod that runs: where its proxy is called. Empty while it is not ready.
	Address string `json:"address,omitempty"`
	// Of a simulated one: the end of its leaf, and what became of its renewals.
	Expiration *time.Time `json:"expiration,omitempty"`
	OK         int        `json:"ok"`
	Failed     int        `json:"failed"`
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
			one.Expiration, one.OK, one.Failed = &stats.Expiration, stats.OK, stats.Failures
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b proxy) int { return strings.Compare(a.Pod, b.Pod) })
	return all
}

func (l *load) status() (s status) {
	for _, one := range l.proxies() {
		if one.Expiration == nil {
			if one.Address != "" {
				s.Running++
			}
			continue
		}
		s.Simulated++
		if one.OK > 0 {
			s.Ready++
			if one.Expiration.Before(time.Now()) {
				s.Ended++
			}
		}
		s.Renewals.OK += one.OK
		s.Renewals.Failed += one.Failed
	}
	s.counts = l.tally.copy()
	return s
}
