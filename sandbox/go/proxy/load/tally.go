package main

import (
	"maps"
	"sync"
	"time"

	"sandbox/proxy/credentials"
)

// kept is how many of the last refusals are told one by one.
const kept = 100

// tally counts meetings.
type tally struct {
	mutex sync.Mutex
	counts
}

type counts struct {
	// Handshakes after which each had let the other in.
	Handshakes int `json:"handshakes"`
	// Refused are those after which one had not, by the reason.
	Refused map[credentials.Refusal]int `json:"refused"`
	// Unreachable are those that did not come to that: no connection, or one
	// that broke.
	Unreachable int       `json:"unreachable"`
	Last        []meeting `json:"last"`
}

// meeting is one that failed.
type meeting struct {
	Time   time.Time           `json:"time"`
	Client string              `json:"client"`
	Server string              `json:"server"`
	Reason credentials.Refusal `json:"reason,omitempty"`
	Error  string              `json:"error"`
}

func (t *tally) count(client, server string, err error) {
	failed := meeting{Time: time.Now(), Client: client, Server: server}
	if err != nil {
		failed.Error = err.Error()
		failed.Reason, _ = credentials.RefusalOf(err)
	}
	t.add(failed)
}

// add counts a meeting: one without an error is a handshake.
func (t *tally) add(m meeting) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch {
	case m.Error == "":
		t.Handshakes++
		return
	case m.Reason == "":
		t.Unreachable++
	default:
		if t.Refused == nil {
			t.Refused = map[credentials.Refusal]int{}
		}
		t.Refused[m.Reason]++
	}
	t.Last = append(t.Last, m)
	t.Last = t.Last[max(0, len(t.Last)-kept):]
}

func (t *tally) copy() counts {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	copied := t.counts
	copied.Refused, copied.Last = map[credentials.Refusal]int{}, append([]meeting{}, t.Last...)
	maps.Copy(copied.Refused, t.Refused)
	return copied
}
