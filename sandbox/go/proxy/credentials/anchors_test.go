package credentials

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"
)

func TestAnchors(t *testing.T) {
	root := newRoot(t, "root")
	template := named("unreadable")
	template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	skipped := sign(t, template, nil, nil)
	for name, c := range map[string]struct {
		bundle  string
		skipped int
		err     string
	}{
		"one":                     {bundle(root), 0, ""},
		"text before":             {"# the mesh's root\n" + bundle(root), 0, ""},
		"an unreadable one":       {bundle(root, skipped), 1, ""},
		"an unreadable one alone": {bundle(skipped), 1, "no trust roots loaded"},
		"blank lines behind":      {bundle(root) + "\n\n", 0, "not a PEM certificate"},
		"no certificate":          {"none", 0, "not a PEM certificate"},
		"a broken one":            {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 0, "x509: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, skipped, err := ParseAnchors(c.bundle)
			expect(t, "skipped", skipped, c.skipped)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, expected %q", err, c.err)
			}
		})
	}
}

// An anchor is a name and a key: neither its end nor anything else of its
// certificate is looked at.
func TestAnchorIsNameAndKey(t *testing.T) {
	template := named("old")
	template.NotBefore, template.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	template.MaxPathLenZero, template.ExtKeyUsage = true, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	root := sign(t, template, nil, nil)
	issuer := sign(t, named("issuer"), &root, nil)
	chain, key := newLeaf(t, time.Now().Add(time.Minute), issuer)
	check(t, storeOf(t, root).Replace(chain, key, time.Now()))
}

func TestRSA(t *testing.T) {
	key := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	root := sign(t, named("root"), nil, key)
	for algorithm, wanted := range map[x509.SignatureAlgorithm]Refusal{x509.SHA256WithRSA: "", x509.SHA256WithRSAPSS: Other} {
		template := named("issuer")
		template.SignatureAlgorithm = algorithm
		issuer := sign(t, template, &root, nil)
		chain, key := newLeaf(t, time.Now().Add(time.Minute), issuer)
		refusal, _ := RefusalOf(storeOf(t, root).Replace(chain, key, time.Now()))
		expect(t, algorithm.String(), refusal, wanted)
	}
}
