package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/cmapichecker"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/component-base/logs"
)

// runStartupAPICheck asks the API server for a Certificate request, as a dry
// run: it succeeds once the CRDs are there and the webhook answers.
func runStartupAPICheck(ctx context.Context, args []string) error {
	if len(args) < 2 || !slices.Equal(args[:2], []string{"check", "api"}) {
		return errors.New("usage: cert-manager startupapicheck check api [--wait duration] [--interval duration]")
	}
	flags := pflag.NewFlagSet("cert-manager", pflag.ContinueOnError)
	timeout := flags.Duration("wait", 0, "how long to try; 0 is once")
	interval := flags.Duration("interval", 5*time.Second, "time between attempts")
	cluster := genericclioptions.NewConfigFlags(true)
	cluster.AddFlags(flags)
	logging := logs.NewOptions()
	logf.AddFlagsNonDeprecated(logging, flags)
	flags.Lookup("v").NoOptDefVal = "2" // The chart passes a bare -v.
	if err := parseFlags(flags, args[2:]); err != nil {
		return err
	}
	if err := logf.ValidateAndApply(logging); err != nil {
		return err
	}

	config, err := cluster.ToRESTConfig()
	if err != nil {
		return err
	}
	namespace, _, err := cluster.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return err
	}
	checker, err := cmapichecker.New(config, namespace)
	if err != nil {
		return err
	}
	log := logf.FromContext(ctx)
	var lastError error
	check := func(ctx context.Context) (bool, error) {
		err := checker.Check(ctx)
		if err == nil {
			return true, nil
		}
		if simple := cmapichecker.TranslateToSimpleError(err); simple != nil {
			lastError = simple
		} else {
			lastError = err
		}
		log.V(logf.InfoLevel).Info("Not ready", "err", lastError, "underlyingError", err)
		return false, nil
	}
	if *timeout == 0 {
		if ready, _ := check(ctx); !ready {
			return lastError
		}
	} else if err := wait.PollUntilContextTimeout(ctx, *interval, *timeout, true, check); err != nil {
		return fmt.Errorf("waited %s for cert-manager's API: %w", *timeout, errors.Join(err, lastError))
	}
	fmt.Println("The cert-manager API is ready")
	return nil
}
