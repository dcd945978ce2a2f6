package credentials

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
)

// Refusal is why one side of a handshake does not accept the other's
// certificate, in rustls' words.
type Refusal string

const (
	UnknownIssuer   Refusal = "UnknownIssuer"
	BadSignature    Refusal = "BadSignature"
	Expired         Refusal = "Expired"
	NotValidYet     Refusal = "NotValidYet"
	NotValidForName Refusal = "NotValidForName"
	Other           Refusal = "Other"
)

// refusals are told apart by Go's texts: of what it has found itself, of why
// it has passed over an issuer, which it hides otherwise, and of the alerts that
// a peer sends.
var refusals = []struct {
	text string
	Refusal
}{
	{" is before ", NotValidYet},
	{" is after ", Expired},
	{"tls: expired certificate", Expired},
	{"ECDSA verification failure", BadSignature},
	{"crypto/rsa: verification error", BadSignature},
	{"certificate signed by unknown authority", UnknownIssuer},
	{"tls: unknown certificate authority", UnknownIssuer},
	{"x509: certificate is valid for ", NotValidForName},
}

// RefusalOf says why a handshake failed; false if nobody refused: the
// connection was not made, or broke.
func RefusalOf(err error) (Refusal, bool) {
	_, ownVerdict := errors.AsType[*tls.CertificateVerificationError](err)
	network, isNetwork := errors.AsType[*net.OpError](err)
	peersVerdict := isNetwork && network.Op == "remote error"
	if !ownVerdict && !peersVerdict && !errors.Is(err, errUnreadable) {
		return "", false
	}
	for _, known := range refusals {
		if strings.Contains(err.Error(), known.text) {
			return known.Refusal, true
		}
	}
	return Other, true
}
