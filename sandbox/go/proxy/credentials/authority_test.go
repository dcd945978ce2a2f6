package credentials

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

const identity = "web.shop.serviceaccount.identity.linkerd.cluster.local"

// authority is a certificate that signs others, with its key.
type authority struct {
	*x509.Certificate
	key crypto.Signer
}

var serial = big.NewInt(0)

// sign makes a certificate of a template: by itself without a signer, and for
// a new key without one. What the template leaves open is an authority's, from
// an hour ago to in an hour.
func sign(t *testing.T, template x509.Certificate, signer *authority, key crypto.Signer) authority {
	t.Helper()
	if key == nil {
		key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	}
	serial.Add(serial, big.NewInt(1))
	template.SerialNumber = new(big.Int).Set(serial)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.NotBefore = cmp.Or(template.NotBefore, time.Now().Add(-time.Hour))
	if template.DNSNames == nil {
		template.BasicConstraintsValid, template.IsCA = true, true
	}
	if signer == nil {
		signer = &authority{&template, key}
	}
	der := must(x509.CreateCertificate(rand.Reader, &template, signer.Certificate, key.Public(), signer.key))(t)
	return authority{must(x509.ParseCertificate(der))(t), key}
}

func named(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}}
}

func newRoot(t *testing.T, name string) authority { return sign(t, named(name), nil, nil) }

// newLeaf gives a leaf, and behind it what is given, its signer first.
func newLeaf(t *testing.T, notAfter time.Time, behind ...authority) ([][]byte, crypto.Signer) {
	leaf := sign(t, x509.Certificate{DNSNames: []string{identity}, NotAfter: notAfter}, &behind[0], nil)
	chain := [][]byte{leaf.Raw}
	for _, one := range behind {
		chain = append(chain, one.Raw)
	}
	return chain, leaf.key
}

func bundle(anchors ...authority) string {
	var text []byte
	for _, anchor := range anchors {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: anchor.Raw})...)
	}
	return string(text)
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return value
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expect[T comparable](t *testing.T, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: %v, expected %v", what, got, wanted)
	}
}
