package credentials

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

func storeOf(t *testing.T, anchors ...authority) *Store {
	pool, _, err := ParseAnchors(bundle(anchors...))
	check(t, err)
	return NewStore(identity, pool)
}

// withLeaf gives a store whose leaf is not verified: it may be one that its
// owner would not take today.
func withLeaf(t *testing.T, anchors []authority, notAfter time.Time, behind ...authority) *Store {
	s := storeOf(t, anchors...)
	chain, key := newLeaf(t, notAfter, behind...)
	s.leaf = &tls.Certificate{Certificate: chain, PrivateKey: key}
	return s
}

// meet lets one proxy call another, and says why either refused.
func meet(t *testing.T, client, server *Store) (byClient, byServer error) {
	t.Helper()
	near, far := net.Pipe()
	served := make(chan error)
	go func() { served <- server.Receive(far) }()
	byClient = client.Meet(t.Context(), near, identity)
	return byClient, <-served
}

func refusalOf(err error) Refusal {
	refusal, _ := RefusalOf(err)
	return refusal
}

func TestLeafThatLeadsNowhereIsRefusedAndTheOldOneStays(t *testing.T) {
	old, foreign := newRoot(t, "old"), newRoot(t, "foreign")
	s := storeOf(t, old)
	select {
	case <-s.Ready():
		t.Fatal("ready without a leaf")
	default:
	}
	end := time.Now().Add(time.Minute).Truncate(time.Second)
	first, key := newLeaf(t, end, sign(t, named("issuer"), &old, nil))
	check(t, s.Replace(first, key, end))
	<-s.Ready()

	for name, root := range map[Refusal]authority{UnknownIssuer: foreign, BadSignature: newRoot(t, "old")} {
		chain, key := newLeaf(t, end, sign(t, named("issuer"), &root, nil))
		expect(t, "refusal", refusalOf(s.Replace(chain, key, end.Add(time.Hour))), name)
	}
	ended, key := newLeaf(t, time.Now().Add(-time.Minute), sign(t, named("issuer"), &old, nil))
	expect(t, "refusal", refusalOf(s.Replace(ended, key, end)), Expired)
	other := NewStore("other."+identity, s.anchors)
	expect(t, "refusal", refusalOf(other.Replace(first, key, end)), NotValidForName)

	expect(t, "the leaf is the first", &s.leaf.Certificate[0][0], &first[0][0])
	stats := s.Stats()
	expect(t, "taken", stats.OK, 1)
	expect(t, "refused", stats.Errors, 3)
	expect(t, "expiration", stats.Expiration, end)
}

// The table of who accepts what while anchors rotate by cross-signing.
func TestCrossSigning(t *testing.T) {
	old, next, foreign := newRoot(t, "old"), newRoot(t, "next"), newRoot(t, "foreign")
	cross := sign(t, named("next"), &old, next.key)
	issuerOfOld, issuerOfNext := sign(t, named("issuer"), &old, nil), sign(t, named("issuer"), &next, nil)
	end := time.Now().Add(time.Minute)
	leaves := map[string][]authority{
		"of old":        {issuerOfOld},
		"of next":       {issuerOfNext},
		"of next, with": {issuerOfNext, cross},
	}
	trusts := map[string][]authority{"old": {old}, "both": {old, next}, "next": {next}, "foreign": {foreign}}
	accepted := map[string]bool{
		"of old/old": true, "of old/both": true,
		"of next/both": true, "of next/next": true,
		"of next, with/old": true, "of next, with/both": true, "of next, with/next": true,
	}
	for leaf, behind := range leaves {
		for trust, anchors := range trusts {
			t.Run(leaf+"/"+trust, func(t *testing.T) {
				wanted := UnknownIssuer
				if accepted[leaf+"/"+trust] {
					wanted = ""
				}
				// The one that is not looked at trusts everyone.
				everyone := []authority{old, next, foreign}
				bearer := withLeaf(t, everyone, end, behind...)
				verifier := withLeaf(t, anchors, end, issuerOfOld)
				byClient, _ := meet(t, verifier, bearer)
				expect(t, "the client's refusal", refusalOf(byClient), wanted)
				byClient, byServer := meet(t, bearer, verifier)
				expect(t, "the server's refusal", refusalOf(byServer), wanted)
				expect(t, "what the client is told", refusalOf(byClient), wanted)
			})
		}
	}
}

func TestEndOfWhatIsInTheChain(t *testing.T) {
	old, next := newRoot(t, "old"), newRoot(t, "next")
	template := named("next")
	template.NotAfter = time.Now().Add(-time.Minute)
	cross := sign(t, template, &old, next.key)
	issuer := sign(t, named("issuer"), &next, nil)
	bearer := withLeaf(t, []authority{old, next}, time.Now().Add(time.Minute), issuer, cross)
	for refusal, anchors := range map[Refusal][]authority{Expired: {old}, "": {next}} {
		byClient, _ := meet(t, storeOf(t, anchors...), bearer)
		expect(t, "refusal", refusalOf(byClient), refusal)
	}
}

// An ended leaf is sent all the same, and so its proxy is let in nowhere: not
// by identity's proxy either, from which the next leaf would come. Without a
// leaf it was.
func TestEndedLeaf(t *testing.T) {
	root := newRoot(t, "root")
	issuer := sign(t, named("issuer"), &root, nil)
	trusted := []authority{root}
	live := withLeaf(t, trusted, time.Now().Add(time.Minute), issuer)
	ended := withLeaf(t, trusted, time.Now().Add(-time.Minute), issuer)
	byClient, byServer := meet(t, ended, live)
	expect(t, "as a client", refusalOf(byServer), Expired)
	expect(t, "as it is told", refusalOf(byClient), Expired)
	byClient, _ = meet(t, live, ended)
	expect(t, "as a server", refusalOf(byClient), Expired)
	byClient, byServer = meet(t, storeOf(t, root), live)
	if byClient != nil || byServer != nil {
		t.Errorf("without a leaf: %v, %v", byClient, byServer)
	}
	// Whatever anchors the server asks for.
	foreign := withLeaf(t, []authority{root, newRoot(t, "more")}, time.Now().Add(time.Minute), newRoot(t, "foreign"))
	_, byServer = meet(t, foreign, live)
	expect(t, "a foreign leaf", refusalOf(byServer), UnknownIssuer)
}

func TestBrokenConnectionIsNoRefusal(t *testing.T) {
	near, far := net.Pipe()
	far.Close()
	err := storeOf(t, newRoot(t, "root")).Meet(t.Context(), near, identity)
	if _, refused := RefusalOf(err); err == nil || refused {
		t.Error(err)
	}
}
