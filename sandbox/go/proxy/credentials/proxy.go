package credentials

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Proxy has a leaf, and has it renewed for as long as it runs.
type Proxy struct {
	Configuration
	*Store

	Key            *ecdsa.PrivateKey
	SigningRequest []byte // DER

	token   func(context.Context) ([]byte, error)
	certify func(context.Context, Request) (Response, error)
	log     *slog.Logger
}

// NewProxy makes the proxy's key and its signing request, as
// linkerd2-proxy-identity does at each start. The ServiceAccount's token is
// asked for before each call.
func NewProxy(c Configuration, token func(context.Context) ([]byte, error), log *slog.Logger) (*Proxy, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: c.Identity}, DNSNames: []string{c.Identity}}
	request, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, err
	}
	if c.SkippedAnchors > 0 {
		log.Warn(fmt.Sprintf("Skipped %d invalid trust anchors", c.SkippedAnchors))
	}
	p := &Proxy{Configuration: c, Store: NewStore(c.Identity, c.Anchors), Key: key, SigningRequest: request, token: token, log: log}
	p.certify = func(ctx context.Context, request Request) (Response, error) {
		connection, err := p.connectToIdentity(ctx)
		if err != nil {
			return Response{}, err
		}
		return Certify(ctx, connection, request)
	}
	return p, nil
}

// Run has the leaf made and renewed until the context ends. What fails is tried
// again when the leaf that is there is due, or after MinRefresh. The log has
// linkerd2-proxy's own sentences.
func (p *Proxy) Run(ctx context.Context) {
	var expiration time.Time
	for ctx.Err() == nil {
		if renewed, err := p.renew(ctx); err == nil {
			expiration = renewed
			p.log.Info("Certified identity", "id", p.Identity, "expiration", expiration)
		} else if ctx.Err() == nil {
			p.countFailure()
			p.log.Error("Failed to obtain identity", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(refreshIn(time.Until(expiration), p.MinRefresh, p.MaxRefresh)):
		}
	}
}

// refreshIn is 70 % of the life that the leaf has left, within the bounds.
func refreshIn(left, minimum, maximum time.Duration) time.Duration {
	if left <= 0 {
		return minimum
	}
	return max(minimum, min(left*7/10, maximum))
}

func (p *Proxy) renew(ctx context.Context) (expiration time.Time, err error) {
	token, err := p.token(ctx)
	if err != nil {
		return time.Time{}, err
	}
	response, err := p.certify(ctx, Request{Identity: p.Identity, Token: token, SigningRequest: p.SigningRequest})
	if err != nil {
		return time.Time{}, err
	}
	if !response.ValidUntil.After(time.Now()) {
		return time.Time{}, errors.New("certificate already expired")
	}
	return response.ValidUntil, p.Replace(response.Chain, p.Key, response.ValidUntil)
}
