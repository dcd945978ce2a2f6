package credentials

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefreshIn(t *testing.T) {
	const minimum, maximum = 10 * time.Second, 24 * time.Hour
	for _, c := range []struct{ left, wanted time.Duration }{
		{-time.Hour, minimum},
		{0, minimum},
		{10 * time.Second, minimum},
		{20 * time.Second, 14 * time.Second},
		{time.Minute, 42 * time.Second},
		{24 * time.Hour, 16*time.Hour + 48*time.Minute},
		{48 * time.Hour, maximum},
	} {
		expect(t, c.left.String(), refreshIn(c.left, minimum, maximum), c.wanted)
	}
}

// life runs a proxy on a clock of its own, and gives the seconds at which it
// asks for a leaf. answer says for each time what it gets.
func life(t *testing.T, seconds int, answer func(p *Proxy, second int) (Response, error)) (p *Proxy, asked []int) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		root := newRoot(t, "root")
		pool, _, err := ParseAnchors(bundle(root))
		check(t, err)
		c := Configuration{Identity: identity, Anchors: pool, MinRefresh: defaultMinRefresh, MaxRefresh: defaultMaxRefresh}
		token := func(context.Context) ([]byte, error) { return []byte("token"), nil }
		p = must(NewProxy(c, token, slog.New(slog.DiscardHandler)))(t)
		issuer := sign(t, named("issuer"), &root, nil)
		foreign := newRoot(t, "foreign")
		p.certify = func(_ context.Context, request Request) (Response, error) {
			second := int(time.Since(begun).Seconds())
			asked = append(asked, second)
			response, err := answer(p, second)
			if err != nil {
				return Response{}, err
			}
			signer := issuer
			if response.Chain != nil {
				signer = foreign
			}
			response.Chain, _ = newLeaf(t, response.ValidUntil, signer)
			return response, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
		defer cancel()
		p.Run(ctx)
	})
	return p, asked
}

var (
	errRefused    = errors.New("refused")
	fromElsewhere = [][]byte{}
)

func until(seconds int) Response {
	return Response{ValidUntil: time.Now().Add(time.Duration(seconds) * time.Second)}
}

func TestRenewalAtSeventyPercent(t *testing.T) {
	p, asked := life(t, 300, func(*Proxy, int) (Response, error) { return until(100), nil })
	expectSeconds(t, asked, 0, 70, 140, 210, 280)
	expect(t, "taken", p.Stats().OK, 5)
}

func TestFailedRenewalIsTriedAgainAtSeventyPercentOfWhatIsLeft(t *testing.T) {
	p, asked := life(t, 135, func(_ *Proxy, second int) (Response, error) {
		if second > 0 {
			return Response{}, errRefused
		}
		return until(100), nil
	})
	// 70 % of 100, of 30, and then the least pause: also when the leaf has ended.
	expectSeconds(t, asked, 0, 70, 91, 101, 111, 121, 131)
	expect(t, "a call that fails is none of the metrics' errors", p.Stats().Errors, 0)
	expect(t, "failures", p.Stats().Failures, 6)
	expect(t, "taken", p.Stats().OK, 1)
}

func TestWithoutALeafItAsksAgainAfterTheLeastPause(t *testing.T) {
	_, asked := life(t, 35, func(*Proxy, int) (Response, error) { return Response{}, errRefused })
	expectSeconds(t, asked, 0, 10, 20, 30)
}

func TestRefusedLeafIsCountedAndTheOldOneStays(t *testing.T) {
	p, asked := life(t, 95, func(_ *Proxy, second int) (Response, error) {
		response := until(100)
		if second > 0 {
			response.Chain = fromElsewhere
		}
		return response, nil
	})
	expectSeconds(t, asked, 0, 70, 91)
	expect(t, "taken", p.Stats().OK, 1)
	expect(t, "refused", p.Stats().Errors, 2)
}

func TestEndedAnswerIsNotTaken(t *testing.T) {
	p, _ := life(t, 5, func(*Proxy, int) (Response, error) { return until(0), nil })
	expect(t, "taken", p.Stats().OK, 0)
	expect(t, "refused", p.Stats().Errors, 0)
}

func expectSeconds(t *testing.T, got []int, wanted ...int) {
	t.Helper()
	if len(got) != len(wanted) {
		t.Fatalf("asked at %v, expected %v", got, wanted)
	}
	for i := range got {
		expect(t, "asked", got[i], wanted[i])
	}
}
