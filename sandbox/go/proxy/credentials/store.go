package credentials

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Store holds a proxy's leaf, and makes of it and of the anchors what its
// connections need. Before the first leaf, it sends no client certificate, and
// accepts no connection.
type Store struct {
	identity string
	anchors  *x509.CertPool
	ready    chan struct{} // closed with the first leaf

	mutex sync.Mutex
	leaf  *tls.Certificate
	stats Stats
}

// Stats are what has become of the proxy's leaf.
type Stats struct {
	Expiration, Refresh time.Time // zero without a leaf
	OK, Errors          int       // leaves that were taken, and refused
	Failures            int       // renewals that failed, for whatever reason; no metric tells them
}

func NewStore(identity string, anchors *x509.CertPool) *Store {
	return &Store{identity: identity, anchors: anchors, ready: make(chan struct{})}
}

// Ready is closed once there has been a leaf: a proxy that is ready stays so.
func (s *Store) Ready() <-chan struct{} { return s.ready }

func (s *Store) Stats() Stats {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.stats
}

// Replace takes a new leaf, if it leads to one of the proxy's own anchors. If
// not, the old one stays.
func (s *Store) Replace(chain [][]byte, key crypto.PrivateKey, expiration time.Time) error {
	leaf, err := s.verify(chain)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil {
		s.stats.Errors++
		return err
	}
	if s.leaf == nil {
		close(s.ready)
	}
	s.leaf = &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}
	s.stats.OK++
	s.stats.Refresh, s.stats.Expiration = time.Now(), expiration
	return nil
}

// verify takes the chain as a client would that calls this proxy.
func (s *Store) verify(chain [][]byte) (*x509.Certificate, error) {
	options := x509.VerifyOptions{Roots: s.anchors, Intermediates: x509.NewCertPool(), DNSName: s.identity}
	var leaf *x509.Certificate
	for _, der := range chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if leaf == nil {
			leaf = certificate
		} else {
			options.Intermediates.AddCert(certificate)
		}
	}
	if leaf == nil {
		return nil, errors.New("no certificate")
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		err = &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{leaf}, Err: err}
	} else {
		err = requireReadable(chains)
	}
	if err != nil {
		refusal, _ := RefusalOf(err)
		return nil, fmt.Errorf("invalid peer certificate: %s: %w", refusal, err)
	}
	return leaf, nil
}

func (s *Store) countFailure() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.stats.Failures++
}

func (s *Store) current() *tls.Certificate {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.leaf
}

// Client is for a connection to the proxy with that identity. Its own leaf is
// sent whatever anchors the other one names, also when it has ended.
func (s *Store) Client(server string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: server,
		RootCAs:    s.anchors,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if leaf := s.current(); leaf != nil {
				return leaf, nil
			}
			return &tls.Certificate{}, nil
		},
		VerifyConnection: verifyConnection,
	}
}

// Server is for the proxy's listeners. A client without a certificate is let
// in, as one that has not got its first leaf yet has to be by identity's proxy;
// a certificate that does not lead to one of the anchors is refused.
func (s *Store) Server() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientCAs:              s.anchors,
		ClientAuth:             tls.VerifyClientCertIfGiven,
		SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if leaf := s.current(); leaf != nil {
				return leaf, nil
			}
			return nil, errors.New("no leaf yet")
		},
		VerifyConnection: verifyConnection,
	}
}

func verifyConnection(state tls.ConnectionState) error {
	if len(state.VerifiedChains) == 0 { // a client without a certificate
		return nil
	}
	return requireReadable(state.VerifiedChains)
}
