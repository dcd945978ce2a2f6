package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"

	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/apis/config/webhook/validation"
	cmwebhook "github.com/cert-manager/cert-manager/internal/webhook"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/configfile"
	webhookconfigfile "github.com/cert-manager/cert-manager/pkg/webhook/configfile"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
	"github.com/spf13/pflag"
)

// runWebhook serves admission (by default on port 6443, in the chart 10250),
// health (6080) and metrics (9402).
func runWebhook(ctx context.Context, args []string) error {
	config, err := webhookConfiguration(args)
	if err != nil {
		return err
	}
	if err := applyProcessSettings(config.FeatureGates, &config.Logging); err != nil {
		return err
	}
	server, err := cmwebhook.NewCertManagerWebhookServer(logf.FromContext(ctx), *config)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

func webhookConfiguration(args []string) (*config.WebhookConfiguration, error) {
	config, err := options.NewWebhookConfiguration()
	if err != nil {
		return nil, err
	}
	addFlags := func(flags *pflag.FlagSet) { options.AddConfigFlags(flags, config) }
	load := func(file string) error {
		path, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		loader, err := configfile.NewConfigurationFSLoader(nil, path)
		if err != nil {
			return err
		}
		loaded := webhookconfigfile.New()
		if err := loader.Load(loaded); err != nil {
			return err
		}
		loaded.Config.DeepCopyInto(config)
		return nil
	}
	if err := parse(args, addFlags, load); err != nil {
		return nil, err
	}
	config.KubeConfig = cmp.Or(config.KubeConfig, os.Getenv("KUBECONFIG"))
	return config, validation.ValidateWebhookConfiguration(config, nil).ToAggregate()
}
