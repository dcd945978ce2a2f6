package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"time"

	"github.com/cert-manager/cert-manager/internal/apis/config/cainjector"
	cainjectorconversion "github.com/cert-manager/cert-manager/internal/apis/config/cainjector/v1alpha1"
	"github.com/cert-manager/cert-manager/internal/apis/config/cainjector/validation"
	"github.com/cert-manager/cert-manager/internal/kube"
	"github.com/cert-manager/cert-manager/pkg/apis/config/cainjector/v1alpha1"
	cmscheme "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/scheme"
	controllers "github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/util"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	kubescheme "k8s.io/client-go/kubernetes/scheme"
	cliflag "k8s.io/component-base/cli/flag"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// crdTimeout is how long the CA injector waits for cert-manager's CRDs.
const crdTimeout = 5 * time.Minute

// runCAInjector injects CA bundles, and serves metrics on port 9402.
func runCAInjector(ctx context.Context, args []string) error {
	config, err := cainjectorConfiguration(args)
	if err != nil {
		return err
	}
	if err := applyProcessSettings(config.FeatureGates, &config.Logging); err != nil {
		return err
	}
	manager, err := cainjectorManager(config)
	if err != nil {
		return err
	}
	if *config.EnableDataSourceConfig.Certificates {
		if err := awaitCertificateCRD(ctx, manager); err != nil {
			return err
		}
	}
	injectable := config.EnableInjectableConfig
	err = controllers.RegisterAllInjectors(ctx, manager, controllers.SetupOptions{
		Namespace:                    config.Namespace,
		IgnoreNamespaces:             config.IgnoreNamespaces,
		EnableCertificatesDataSource: *config.EnableDataSourceConfig.Certificates,
		EnabledReconcilersFor: map[string]bool{
			controllers.MutatingWebhookConfigurationName:   *injectable.MutatingWebhookConfigurations,
			controllers.ValidatingWebhookConfigurationName: *injectable.ValidatingWebhookConfigurations,
			controllers.APIServiceName:                     *injectable.APIServices,
			controllers.CustomResourceDefinitionName:       *injectable.CustomResourceDefinitions,
		},
	})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}

func cainjectorConfiguration(args []string) (*v1alpha1.CAInjectorConfiguration, error) {
	config := &v1alpha1.CAInjectorConfiguration{}
	setDefaults := func() {
		cainjectorconversion.SetObjectDefaults_CAInjectorConfiguration(config)
		// Flags write where the fields point to: not into upstream's own defaults.
		config = config.DeepCopy()
	}
	load := func(file string) error {
		config = &v1alpha1.CAInjectorConfiguration{}
		metrics := &config.MetricsTLSConfig.Filesystem
		if err := decode(file, config, v1alpha1.AddToScheme, &config.KubeConfig, &metrics.CertFile, &metrics.KeyFile); err != nil {
			return err
		}
		setDefaults()
		return nil
	}
	setDefaults()
	if err := parse(args, func(flags *pflag.FlagSet) { addCAInjectorFlags(flags, config) }, load); err != nil {
		return nil, err
	}
	config.KubeConfig = cmp.Or(config.KubeConfig, os.Getenv("KUBECONFIG"))
	var validated cainjector.CAInjectorConfiguration
	if err := cainjectorconversion.Convert_v1alpha1_CAInjectorConfiguration_To_cainjector_CAInjectorConfiguration(config, &validated, nil); err != nil {
		return nil, err
	}
	return config, validation.ValidateCAInjectorConfiguration(&validated, nil).ToAggregate()
}

func addCAInjectorFlags(flags *pflag.FlagSet, config *v1alpha1.CAInjectorConfiguration) {
	flags.StringVar(&config.KubeConfig, "kubeconfig", config.KubeConfig, "kubeconfig file")
	flags.StringVar(&config.Namespace, "namespace", config.Namespace, "the one namespace to watch, default all")
	flags.StringSliceVar(&config.IgnoreNamespaces, "ignore-namespaces", config.IgnoreNamespaces, "namespaces whose Secrets are left alone")
	addLeaderElectionFlags(flags, &config.LeaderElectionConfig)
	for _, source := range []struct {
		enabled *bool
		name    string
	}{
		{config.EnableDataSourceConfig.Certificates, "enable-certificates-data-source"},
		{config.EnableInjectableConfig.ValidatingWebhookConfigurations, "enable-validatingwebhookconfigurations-injectable"},
		{config.EnableInjectableConfig.MutatingWebhookConfigurations, "enable-mutatingwebhookconfigurations-injectable"},
		{config.EnableInjectableConfig.CustomResourceDefinitions, "enable-customresourcedefinitions-injectable"},
		{config.EnableInjectableConfig.APIServices, "enable-apiservices-injectable"},
	} {
		flags.BoolVar(source.enabled, source.name, *source.enabled, "watch these objects")
	}
	addProfilerFlags(flags, &config.EnablePprof, &config.PprofAddress)
	addProcessFlags(flags, &config.FeatureGates, &config.Logging)
	addMetricsFlags(flags, &config.MetricsListenAddress, &config.MetricsTLSConfig)
}

func cainjectorManager(config *v1alpha1.CAInjectorConfiguration) (ctrl.Manager, error) {
	cluster, err := kube.BuildClientConfig("", config.KubeConfig)
	if err != nil {
		return nil, err
	}
	// The name is the field manager, too, without which server-side apply fails.
	cluster = util.RestConfigWithUserAgent(cluster, "cainjector")

	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(kubescheme.AddToScheme, cmscheme.AddToScheme, apiextensionsv1.AddToScheme, apiregistrationv1.AddToScheme)
	if err := builder.AddToScheme(scheme); err != nil {
		return nil, err
	}
	source, err := certificateSource(&config.MetricsTLSConfig, "cert-manager-cainjector", cluster)
	if err != nil {
		return nil, err
	}
	metrics := metricsserver.Options{BindAddress: config.MetricsListenAddress}
	if source != nil {
		suites, err := cliflag.TLSCipherSuites(config.MetricsTLSConfig.CipherSuites)
		if err != nil {
			return nil, fmt.Errorf("--metrics-tls-cipher-suites: %w", err)
		}
		version, err := cliflag.TLSVersion(config.MetricsTLSConfig.MinTLSVersion)
		if err != nil {
			return nil, fmt.Errorf("--metrics-tls-min-version: %w", err)
		}
		metrics.SecureServing = true
		metrics.TLSOpts = []func(*tls.Config){func(config *tls.Config) {
			config.CipherSuites, config.MinVersion, config.GetCertificate = suites, version, source.GetCertificate
		}}
	}
	options := ctrl.Options{
		Scheme: scheme,
		// Secrets are read one by one: a cache would hold every Secret of the cluster.
		Client:                        client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Cache:                         cache.Options{ReaderFailOnMissingInformer: true},
		LeaderElection:                *config.LeaderElectionConfig.Enabled,
		LeaderElectionNamespace:       config.LeaderElectionConfig.Namespace,
		LeaderElectionID:              "cert-manager-cainjector-leader-election",
		LeaderElectionLabels:          map[string]string{"app.kubernetes.io/managed-by": "cert-manager-cainjector"},
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &config.LeaderElectionConfig.LeaseDuration.Duration.Duration,
		RenewDeadline:                 &config.LeaderElectionConfig.RenewDeadline.Duration.Duration,
		RetryPeriod:                   &config.LeaderElectionConfig.RetryPeriod.Duration.Duration,
		Metrics:                       metrics,
	}
	if config.Namespace != "" {
		options.Cache.DefaultNamespaces = map[string]cache.Config{config.Namespace: {}}
	}
	if config.EnablePprof {
		options.PprofBindAddress = config.PprofAddress
	}
	manager, err := ctrl.NewManager(cluster, options)
	if err != nil || source == nil {
		return manager, err
	}
	return manager, manager.Add(source)
}

// awaitCertificateCRD waits for what the injector watches: a chart can start it
// before the API server has the CRD.
func awaitCertificateCRD(ctx context.Context, manager ctrl.Manager) error {
	reader := manager.GetAPIReader()
	name := types.NamespacedName{Name: "certificates.cert-manager.io"}
	err := wait.PollUntilContextTimeout(ctx, time.Second, crdTimeout, true, func(ctx context.Context) (bool, error) {
		err := reader.Get(ctx, name, &apiextensionsv1.CustomResourceDefinition{})
		return err == nil, client.IgnoreNotFound(err)
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return fmt.Errorf("waited %s for CustomResourceDefinition %s: it is not there; install cert-manager's CRDs", crdTimeout, name.Name)
	}
	return err
}
