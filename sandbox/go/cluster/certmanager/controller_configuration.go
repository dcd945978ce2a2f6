package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/cert-manager/cert-manager/internal/apis/config/shared"
	sharedconversion "github.com/cert-manager/cert-manager/internal/apis/config/shared/v1alpha1"
	"github.com/cert-manager/cert-manager/internal/apis/config/shared/validation"
	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	"github.com/cert-manager/cert-manager/pkg/apis/config/controller/v1alpha1"
	sharedv1alpha1 "github.com/cert-manager/cert-manager/pkg/apis/config/shared/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/util"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
)

func controllerConfiguration(args []string) (*v1alpha1.ControllerConfiguration, error) {
	config := &v1alpha1.ControllerConfiguration{}
	load := func(file string) error {
		*config = v1alpha1.ControllerConfiguration{}
		metrics := &config.MetricsTLSConfig.Filesystem
		if err := decode(file, config, v1alpha1.AddToScheme, &config.KubeConfig, &metrics.CertFile, &metrics.KeyFile); err != nil {
			return err
		}
		setControllerDefaults(config)
		return nil
	}
	setControllerDefaults(config)
	if err := parse(args, func(flags *pflag.FlagSet) { addControllerFlags(flags, config) }, load); err != nil {
		return nil, err
	}
	config.KubeConfig = cmp.Or(config.KubeConfig, os.Getenv("KUBECONFIG"))
	return config, validateController(config)
}

// setControllerDefaults gives every field its upstream default. Upstream's own
// function lies in a package that needs the Venafi SDK.
func setControllerDefaults(config *v1alpha1.ControllerConfiguration) {
	config.ClusterResourceNamespace = cmp.Or(config.ClusterResourceNamespace, "kube-system")
	setDefault(&config.KubernetesAPIQPS, 20)
	setDefault(&config.KubernetesAPIBurst, 50)
	sharedconversion.SetDefaults_LeaderElectionConfig(&config.LeaderElectionConfig.LeaderElectionConfig)
	// Flags write where the fields point to: not into upstream's own defaults.
	config.LeaderElectionConfig = *config.LeaderElectionConfig.DeepCopy()
	setDefault(&config.LeaderElectionConfig.HealthzTimeout, duration(20*time.Second))
	if len(config.Controllers) == 0 {
		config.Controllers = []string{"*"}
	}
	setDefault(&config.IssuerAmbientCredentials, false)
	setDefault(&config.ClusterIssuerAmbientCredentials, true)
	setDefault(&config.EnableCertificateOwnerRef, false)
	if len(config.CopiedAnnotationPrefixes) == 0 {
		config.CopiedAnnotationPrefixes = []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}
	}
	setDefault(&config.NumberOfConcurrentWorkers, 5)
	setDefault(&config.MaxConcurrentChallenges, 60)
	config.MetricsListenAddress = cmp.Or(config.MetricsListenAddress, "0.0.0.0:9402")
	sharedconversion.SetDefaults_DynamicServingConfig(&config.MetricsTLSConfig.Dynamic)
	config.HealthzListenAddress = cmp.Or(config.HealthzListenAddress, "0.0.0.0:9403")
	setDefault(&config.EnablePprof, false)
	config.PprofAddress = cmp.Or(config.PprofAddress, "localhost:6060")
	setDefault(&config.CertificateRequestMinimumBackoffDuration, duration(time.Hour))
	setDefault(&config.CertificateRequestMaximumBackoffDuration, duration(32*time.Hour))
	logsapi.SetRecommendedLoggingConfiguration(&config.Logging)

	shim := &config.IngressShimConfig
	shim.DefaultIssuerKind = cmp.Or(shim.DefaultIssuerKind, "Issuer")
	shim.DefaultIssuerGroup = cmp.Or(shim.DefaultIssuerGroup, certmanager.GroupName)
	if len(shim.DefaultAutoCertificateAnnotations) == 0 {
		shim.DefaultAutoCertificateAnnotations = []string{"kubernetes.io/tls-acme"}
	}
	gateway := &config.GatewayAPIConfig
	// The older fields count where the newer ones are absent.
	setDefault(&config.EnableGatewayAPI, false)
	setDefault(&config.EnableGatewayAPIListenerSet, false)
	setDefault(&gateway.Enabled, *config.EnableGatewayAPI)
	setDefault(&gateway.EnableListenerSet, *config.EnableGatewayAPIListenerSet)

	limits := &config.PEMSizeLimitsConfig
	setDefault(&limits.MaxCertificateSize, 36500)
	setDefault(&limits.MaxPrivateKeySize, 13000)
	setDefault(&limits.MaxChainLength, 95000)
	setDefault(&limits.MaxBundleSize, 330000)

	http01 := &config.ACMEHTTP01Config
	http01.SolverImage = cmp.Or(http01.SolverImage, "quay.io/jetstack/cert-manager-acmesolver:"+util.AppVersion)
	http01.SolverResourceRequestCPU = cmp.Or(http01.SolverResourceRequestCPU, "10m")
	http01.SolverResourceRequestMemory = cmp.Or(http01.SolverResourceRequestMemory, "64Mi")
	http01.SolverResourceLimitsCPU = cmp.Or(http01.SolverResourceLimitsCPU, "100m")
	http01.SolverResourceLimitsMemory = cmp.Or(http01.SolverResourceLimitsMemory, "64Mi")
	setDefault(&http01.SolverRunAsNonRoot, true)
	setDefault(&config.ACMEDNS01Config.RecursiveNameserversOnly, false)
	setDefault(&config.ACMEDNS01Config.CheckRetryPeriod, duration(10*time.Second))
}

func duration(duration time.Duration) sharedv1alpha1.Duration {
	return *sharedv1alpha1.DurationFromTime(duration)
}

func addControllerFlags(flags *pflag.FlagSet, config *v1alpha1.ControllerConfiguration) {
	flags.StringVar(&config.KubeConfig, "kubeconfig", config.KubeConfig, "kubeconfig file")
	flags.StringVar(&config.APIServerHost, "master", config.APIServerHost, "address of the API server")
	flags.Float32Var(config.KubernetesAPIQPS, "kube-api-qps", *config.KubernetesAPIQPS, "requests a second to the API server")
	flags.Int32Var(config.KubernetesAPIBurst, "kube-api-burst", *config.KubernetesAPIBurst, "requests at once to the API server")
	flags.StringVar(&config.ClusterResourceNamespace, "cluster-resource-namespace", config.ClusterResourceNamespace, "namespace of the Secrets of ClusterIssuers")
	flags.StringVar(&config.Namespace, "namespace", config.Namespace, "the one namespace to watch, default all; ClusterIssuers are off then")
	addLeaderElectionFlags(flags, &config.LeaderElectionConfig.LeaderElectionConfig)
	durationVar(flags, config.LeaderElectionConfig.HealthzTimeout, "internal-healthz-leader-election-timeout", "how long after its lease ends a leader still counts as healthy")
	flags.StringSliceVar(&config.Controllers, "controllers", config.Controllers, "controllers to run: * for the default ones, <name>, or -<name> to leave one out")
	flags.Int32Var(config.NumberOfConcurrentWorkers, "concurrent-workers", *config.NumberOfConcurrentWorkers, "workers of each controller")
	flags.BoolVar(config.ClusterIssuerAmbientCredentials, "cluster-issuer-ambient-credentials", *config.ClusterIssuerAmbientCredentials, "let ClusterIssuers use credentials of the environment")
	flags.BoolVar(config.IssuerAmbientCredentials, "issuer-ambient-credentials", *config.IssuerAmbientCredentials, "let Issuers use credentials of the environment")
	flags.BoolVar(config.EnableCertificateOwnerRef, "enable-certificate-owner-ref", *config.EnableCertificateOwnerRef, "delete a certificate's Secret with its Certificate")
	flags.StringSliceVar(&config.CopiedAnnotationPrefixes, "copied-annotation-prefixes", config.CopiedAnnotationPrefixes, "annotations that are copied from a Certificate to its requests")
	durationVar(flags, config.CertificateRequestMinimumBackoffDuration, "certificate-request-minimum-backoff-duration", "first wait after a failed request")
	durationVar(flags, config.CertificateRequestMaximumBackoffDuration, "certificate-request-maximum-backoff-duration", "longest wait after a failed request")

	shim := &config.IngressShimConfig
	flags.StringSliceVar(&shim.DefaultAutoCertificateAnnotations, "auto-certificate-annotations", shim.DefaultAutoCertificateAnnotations, "annotations by which an Ingress asks for a certificate")
	flags.StringSliceVar(&shim.ExtraCertificateAnnotations, "extra-certificate-annotations", shim.ExtraCertificateAnnotations, "annotations that are copied from an Ingress to its Certificate")
	flags.StringVar(&shim.DefaultIssuerName, "default-issuer-name", shim.DefaultIssuerName, "issuer of Ingresses that name none")
	flags.StringVar(&shim.DefaultIssuerKind, "default-issuer-kind", shim.DefaultIssuerKind, "its kind")
	flags.StringVar(&shim.DefaultIssuerGroup, "default-issuer-group", shim.DefaultIssuerGroup, "its API group")
	gateway := &config.GatewayAPIConfig
	flags.BoolVar(gateway.Enabled, "enable-gateway-api", *gateway.Enabled, "issue certificates for Gateways")
	flags.BoolVar(gateway.EnableListenerSet, "enable-gateway-api-listenerset", *gateway.EnableListenerSet, "issue certificates for ListenerSets")
	flags.StringSliceVar(&gateway.ExtraProtocols, "gateway-api-extra-protocols", gateway.ExtraProtocols, "protocols of Gateway listeners that use TLS, besides HTTPS and TLS")

	limits := &config.PEMSizeLimitsConfig
	flags.Int32Var(limits.MaxCertificateSize, "max-certificate-size", *limits.MaxCertificateSize, "bytes of a certificate, at most")
	flags.Int32Var(limits.MaxPrivateKeySize, "max-private-key-size", *limits.MaxPrivateKeySize, "bytes of a private key, at most")
	flags.Int32Var(limits.MaxChainLength, "max-certificate-chain-length", *limits.MaxChainLength, "bytes of a certificate chain, at most")
	flags.Int32Var(limits.MaxBundleSize, "max-certificate-bundle-size", *limits.MaxBundleSize, "bytes of a bundle, at most")

	http01 := &config.ACMEHTTP01Config
	flags.StringVar(&http01.SolverImage, "acme-http01-solver-image", http01.SolverImage, "image of HTTP-01 solvers")
	flags.StringVar(&http01.SolverResourceRequestCPU, "acme-http01-solver-resource-request-cpu", http01.SolverResourceRequestCPU, "their CPU request")
	flags.StringVar(&http01.SolverResourceRequestMemory, "acme-http01-solver-resource-request-memory", http01.SolverResourceRequestMemory, "their memory request")
	flags.StringVar(&http01.SolverResourceLimitsCPU, "acme-http01-solver-resource-limits-cpu", http01.SolverResourceLimitsCPU, "their CPU limit")
	flags.StringVar(&http01.SolverResourceLimitsMemory, "acme-http01-solver-resource-limits-memory", http01.SolverResourceLimitsMemory, "their memory limit")
	flags.BoolVar(http01.SolverRunAsNonRoot, "acme-http01-solver-run-as-non-root", *http01.SolverRunAsNonRoot, "run them as another user than root")
	flags.StringVar(&http01.SolverRuntimeClassName, "acme-http01-solver-runtime-class-name", http01.SolverRuntimeClassName, "their RuntimeClass")
	flags.StringSliceVar(&http01.SolverNameservers, "acme-http01-solver-nameservers", http01.SolverNameservers, "name servers of the HTTP-01 self-check")
	flags.Var(cliflag.NewMapStringString(&http01.SolverExtraLabels), "acme-http01-solver-extra-labels", "labels of their objects, <key>=<value>")
	dns01 := &config.ACMEDNS01Config
	flags.StringSliceVar(&dns01.RecursiveNameservers, "dns01-recursive-nameservers", dns01.RecursiveNameservers, "name servers of the DNS-01 self-check")
	flags.BoolVar(dns01.RecursiveNameserversOnly, "dns01-recursive-nameservers-only", *dns01.RecursiveNameserversOnly, "ask no others")
	durationVar(flags, dns01.CheckRetryPeriod, "dns01-check-retry-period", "time between self-checks")
	flags.Int32Var(config.MaxConcurrentChallenges, "max-concurrent-challenges", *config.MaxConcurrentChallenges, "challenges at once")

	addMetricsFlags(flags, &config.MetricsListenAddress, &config.MetricsTLSConfig)
	flags.StringVar(&config.HealthzListenAddress, "internal-healthz-listen-address", config.HealthzListenAddress, "host:port of the health checks")
	addProfilerFlags(flags, config.EnablePprof, &config.PprofAddress)
	addProcessFlags(flags, &config.FeatureGates, &config.Logging)
}

func validateController(config *v1alpha1.ControllerConfiguration) error {
	http01 := &config.ACMEHTTP01Config
	for _, quantity := range []struct{ name, value string }{
		{"request-cpu", http01.SolverResourceRequestCPU},
		{"request-memory", http01.SolverResourceRequestMemory},
		{"limits-cpu", http01.SolverResourceLimitsCPU},
		{"limits-memory", http01.SolverResourceLimitsMemory},
	} {
		if _, err := resource.ParseQuantity(quantity.value); err != nil {
			return fmt.Errorf("--acme-http01-solver-resource-%s=%s: %w", quantity.name, quantity.value, err)
		}
	}
	var election shared.LeaderElectionConfig
	if err := sharedconversion.Convert_v1alpha1_LeaderElectionConfig_To_shared_LeaderElectionConfig(
		&config.LeaderElectionConfig.LeaderElectionConfig, &election, nil); err != nil {
		return err
	}
	var metrics shared.TLSConfig
	if err := sharedconversion.Convert_v1alpha1_TLSConfig_To_shared_TLSConfig(&config.MetricsTLSConfig, &metrics, nil); err != nil {
		return err
	}
	invalid := validation.ValidateLeaderElectionConfig(&election, field.NewPath("leaderElectionConfig"))
	invalid = append(invalid, validation.ValidateTLSConfig(&metrics, field.NewPath("metricsTLSConfig"))...)
	return invalid.ToAggregate()
}
