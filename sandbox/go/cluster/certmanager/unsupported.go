package main

import (
	"context"
	"fmt"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/issuer"
)

// unsupportedIssuer is a kind of issuer that this program leaves out: ACME needs
// the SDKs of many clouds, Venafi one that Go's module proxy does not serve. Its
// Issuers say so in their status.
type unsupportedIssuer string

func init() {
	for _, kind := range []string{apiutil.IssuerACME, apiutil.IssuerVenafi} {
		issuer.RegisterIssuer(kind, func(*controller.Context) (issuer.Interface, error) {
			return unsupportedIssuer(kind), nil
		})
	}
}

func (kind unsupportedIssuer) Setup(_ context.Context, issuer cmapi.GenericIssuer) error {
	err := fmt.Errorf("this cert-manager has no %s issuers; it has ca, selfSigned and vault", kind)
	apiutil.SetIssuerCondition(issuer, issuer.GetGeneration(), cmapi.IssuerConditionReady, cmmeta.ConditionFalse, "Unsupported", err.Error())
	return err
}
