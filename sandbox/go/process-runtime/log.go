package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Longer lines are written in parts, as in every runtime.
const maximumLogLineBytes = 16 << 10

// containerLog is a file in the CRI's log format.
type containerLog struct {
	path string // empty: no log

	mutex   sync.Mutex
	file    *os.File
	streams []*logStream
}

// logStream is the container's standard output or standard error.
type logStream struct {
	log     *containerLog
	name    string
	pending []byte // the start of a line
}

func (l *containerLog) stream(name string) io.Writer {
	stream := &logStream{log: l, name: name}
	l.streams = append(l.streams, stream)
	return stream
}

// reopen opens the log, or opens it anew after it was renamed.
func (l *containerLog) reopen() error {
	if l.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.file.Close() // nil at first, which it says
	l.file = file
	return nil
}

// Write never fails: a log that cannot be written must not end the program.
func (s *logStream) Write(output []byte) (int, error) {
	s.log.mutex.Lock()
	defer s.log.mutex.Unlock()
	s.pending = append(s.pending, output...)
	for {
		end := bytes.IndexByte(s.pending, '\n')
		switch {
		case end >= 0 && end <= maximumLogLineBytes:
			s.writeLine("F", s.pending[:end])
			s.pending = s.pending[end+1:]
		case len(s.pending) > maximumLogLineBytes:
			s.writeLine("P", s.pending[:maximumLogLineBytes])
			s.pending = s.pending[maximumLogLineBytes:]
		default:
			return len(output), nil
		}
	}
}

func (s *logStream) writeLine(tag string, line []byte) error {
	_, err := fmt.Fprintf(s.log.file, "%s %s %s %s\n", time.Now().Format(time.RFC3339Nano), s.name, tag, line)
	return err
}

// flush writes what the program has left without an end of line.
func (l *containerLog) flush() (err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, stream := range l.streams {
		if len(stream.pending) > 0 {
			err = errors.Join(err, stream.writeLine("F", stream.pending))
		}
	}
	return err
}
