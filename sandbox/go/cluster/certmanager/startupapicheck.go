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

// startupAPICheck is what its arguments say: what to ask, and how long.
type startupAPICheck struct {
	timeout, interval time.Duration
	cluster           *genericclioptions.ConfigFlags
	logging           *logs.Options
}

// runStartupAPICheck asks the API server for a CertificateRequest, as a dry run:
// it succeeds once the CRDs are there and the webhook answers.
func runStartupAPICheck(ctx context.Context, args []string) error {
	settings, err := startupAPICheckSettings(args)
	if err != nil {
		return err
	}
	if err := logf.ValidateAndApply(settings.logging); err != nil {
		return err
	}
	config, err := settings.cluster.ToRESTConfig()
	if err != nil {
		return err
	}
	namespace, _, err := settings.cluster.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return err
	}
	checker, err := cmapichecker.New(config, namespace)
	if err != nil {
		return err
	}
	if err := settings.check(ctx, checker); err != nil {
		return err
	}
	fmt.Println("The cert-manager API is ready")
	return nil
}

func startupAPICheckSettings(args []string) (*startupAPICheck, error) {
	if len(args) < 2 || !slices.Equal(args[:2], []string{"check", "api"}) {
		return nil, errors.New("usage: cert-manager startupapicheck check api [--wait duration] [--interval duration]")
	}
	settings := &startupAPICheck{cluster: genericclioptions.NewConfigFlags(true), logging: logs.NewOptions()}
	flags := pflag.NewFlagSet("cert-manager", pflag.ContinueOnError)
	flags.DurationVar(&settings.timeout, "wait", 0, "how long to try; 0 is once")
	flags.DurationVar(&settings.interval, "interval", 5*time.Second, "time between attempts")
	settings.cluster.AddFlags(flags)
	logf.AddFlagsNonDeprecated(settings.logging, flags)
	flags.Lookup("v").NoOptDefVal = "2" // The chart passes a bare -v.
	return settings, parseFlags(flags, args[2:])
}

func (settings *startupAPICheck) check(ctx context.Context, checker cmapichecker.Interface) error {
	var lastError error
	ready := func(ctx context.Context) (bool, error) {
		err := checker.Check(ctx)
		if err == nil {
			return true, nil
		}
		lastError = err
		if simple := cmapichecker.TranslateToSimpleError(err); simple != nil {
			lastError = simple
		}
		logf.FromContext(ctx).V(logf.InfoLevel).Info("Not ready", "err", lastError, "underlyingError", err)
		return false, nil
	}
	if settings.timeout == 0 {
		_, _ = ready(ctx)
		return lastError
	}
	if err := wait.PollUntilContextTimeout(ctx, settings.interval, settings.timeout, true, ready); err != nil {
		return fmt.Errorf("waited %s for cert-manager's API: %w", settings.timeout, errors.Join(err, lastError))
	}
	return nil
}
