package credentials

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ParseAnchors reads a bundle as the two programs of the proxy's image do, one
// after the other: linkerd2-proxy-identity, in Go, refuses text that is not
// certificates alone; linkerd2-proxy then skips each certificate that its
// verifier cannot read, and counts it.
func ParseAnchors(bundle string) (anchors *x509.CertPool, skipped int, err error) {
	certificates, err := parseBundle([]byte(bundle))
	if err != nil {
		return nil, 0, err
	}
	anchors = x509.NewCertPool()
	for _, certificate := range certificates {
		if isReadable(certificate) {
			anchors.AddCert(asAnchor(certificate))
		} else {
			skipped++
		}
	}
	if skipped == len(certificates) {
		return nil, skipped, errors.New("no trust roots loaded")
	}
	return anchors, skipped, nil
}

func parseBundle(text []byte) (certificates []*x509.Certificate, err error) {
	for len(text) > 0 {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("not a PEM certificate")
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("no certificates found")
	}
	return certificates, nil
}

// readableExtensions are those that rustls-webpki knows. A certificate with
// another one that is critical is none to it.
var readableExtensions = []asn1.ObjectIdentifier{
	{2, 5, 29, 15}, // key usage
	{2, 5, 29, 17}, // subject alternative name
	{2, 5, 29, 19}, // basic constraints
	{2, 5, 29, 30}, // name constraints
	{2, 5, 29, 31}, // CRL distribution points
	{2, 5, 29, 37}, // extended key usage
}

func isReadable(certificate *x509.Certificate) bool {
	for _, extension := range certificate.Extensions {
		if extension.Critical && !slices.ContainsFunc(readableExtensions, extension.Id.Equal) {
			return false
		}
	}
	return true
}

// asAnchor keeps what rustls-webpki keeps of a trust anchor, which is its name,
// its key and its constraints of names: neither its end, nor its usages, nor
// the length of paths.
func asAnchor(certificate *x509.Certificate) *x509.Certificate {
	anchor := *certificate
	anchor.NotBefore, anchor.NotAfter = time.Time{}, time.Unix(1<<40, 0)
	anchor.BasicConstraintsValid, anchor.IsCA, anchor.MaxPathLen = true, true, -1
	anchor.KeyUsage, anchor.ExtKeyUsage, anchor.UnknownExtKeyUsage = 0, nil, nil
	return &anchor
}

// verifiedSignatures are those of certificates that linkerd2-proxy accepts: no
// RSA-PSS, which Go accepts.
var verifiedSignatures = []x509.SignatureAlgorithm{
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
	x509.PureEd25519,
}

// requireReadable is what Go's own verification of chains lacks: one of them
// has to consist of what linkerd2-proxy reads and accepts.
func requireReadable(chains [][]*x509.Certificate) error {
	isRead := func(certificate *x509.Certificate) bool {
		return isReadable(certificate) && slices.Contains(verifiedSignatures, certificate.SignatureAlgorithm)
	}
	for _, chain := range chains {
		if belowAnchor := chain[:len(chain)-1]; !slices.ContainsFunc(belowAnchor, func(c *x509.Certificate) bool { return !isRead(c) }) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s", errUnreadable, chains[0][0].SignatureAlgorithm)
}

var errUnreadable = errors.New("unsupported signature or extension in a certificate")
