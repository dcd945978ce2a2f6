package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cert-manager/cert-manager/internal/controller/feature"
	"github.com/cert-manager/cert-manager/internal/pem"
	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/apis/config/controller/v1alpha1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	gateways "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	listenersets "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/listenerset"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/vault"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/metrics"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/vault"
	"github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	"github.com/cert-manager/cert-manager/pkg/healthz"
	"github.com/cert-manager/cert-manager/pkg/issuer"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/server"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"
	"github.com/cert-manager/cert-manager/pkg/util/profiling"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// shutdownTimeout is how long an HTTP server may take to answer what it has
// begun.
const shutdownTimeout = 5 * time.Second

// runController runs cert-manager's controllers while it leads, and serves
// metrics (port 9402) and health (9403) from the start.
//
// ACME and Venafi issuers are left out, as their Issuers' status says; so the
// settings of ACME, which the chart always passes, are checked and go nowhere.
func runController(ctx context.Context, args []string) error {
	config, err := controllerConfiguration(args)
	if err != nil {
		return err
	}
	if err := applyProcessSettings(config.FeatureGates, &config.Logging); err != nil {
		return err
	}
	enabled, err := enabledControllers(config)
	if err != nil {
		return err
	}
	limits := config.PEMSizeLimitsConfig
	pem.SetGlobalSizeLimits(pem.NewSizeLimitsFromConfig(int(*limits.MaxCertificateSize), int(*limits.MaxPrivateKeySize),
		int(*limits.MaxChainLength), int(*limits.MaxBundleSize)))

	group, ctx := errgroup.WithContext(ctx)
	factory, err := controller.NewContextFactory(ctx, contextOptions(config))
	if err != nil {
		return err
	}
	base, err := factory.Build()
	if err != nil {
		return err
	}
	if err := serveMetrics(ctx, group, config, base, enabled); err != nil {
		return err
	}
	if *config.EnablePprof {
		if err := serveProfiler(ctx, group, config.PprofAddress); err != nil {
			return err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.HealthzListenAddress)
	if err != nil {
		return err
	}
	health := healthz.NewServer(config.LeaderElectionConfig.HealthzTimeout.Duration.Duration)
	group.Go(func() error { return health.Start(ctx, listener) })

	elected := make(chan struct{})
	if *config.LeaderElectionConfig.Enabled {
		group.Go(func() error {
			return lead(ctx, config, factory, health.LeaderHealthzAdaptor, func() { close(elected) })
		})
	} else {
		close(elected)
	}
	select {
	case <-ctx.Done():
		return group.Wait()
	case <-elected:
	}

	logf.FromContext(ctx).Info("starting controllers", "names", sets.List(enabled))
	for name := range enabled {
		started, err := controller.Known()[name](factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		group.Go(func() error { return started.Run(int(*config.NumberOfConcurrentWorkers), ctx) })
	}
	base.SharedInformerFactory.Start(ctx.Done())
	base.KubeSharedInformerFactory.Start(ctx.Done())
	base.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	if enabled.Has(gateways.ControllerName) {
		base.GWShared.Start(ctx.Done())
	}
	return group.Wait()
}

func enabledControllers(config *v1alpha1.ControllerConfiguration) (sets.Set[string], error) {
	known := sets.KeySet(controller.Known())
	gateway := utilfeature.DefaultFeatureGate.Enabled(feature.ExperimentalGatewayAPISupport) && *config.GatewayAPIConfig.Enabled
	optional := map[string]bool{
		gateways.ControllerName:     gateway,
		listenersets.ControllerName: gateway && utilfeature.DefaultFeatureGate.Enabled(feature.ListenerSets) && *config.GatewayAPIConfig.EnableListenerSet,
	}
	clusterScoped := sets.New(clusterissuers.ControllerName)
	for name := range known {
		if strings.HasPrefix(name, "certificatesigningrequests-") {
			optional[name] = utilfeature.DefaultFeatureGate.Enabled(feature.ExperimentalCertificateSigningRequestControllers)
			clusterScoped.Insert(name)
		}
	}

	enabled, excluded := sets.New[string](), sets.New[string]()
	onlyExcludes := !slices.ContainsFunc(config.Controllers, func(name string) bool { return !strings.HasPrefix(name, "-") })
	if onlyExcludes || slices.Contains(config.Controllers, "*") {
		enabled = known.Difference(sets.KeySet(optional))
	}
	for _, name := range config.Controllers {
		name, exclude := strings.CutPrefix(name, "-")
		switch {
		case name == "*":
		case !known.Has(name):
			return nil, fmt.Errorf("--controllers: %s is not one of this program's: %s", name, strings.Join(sets.List(known), ", "))
		case exclude:
			excluded.Insert(name)
		default:
			enabled.Insert(name)
		}
	}
	for name, on := range optional {
		if on {
			enabled.Insert(name)
		}
	}
	if config.Namespace != "" {
		enabled = enabled.Difference(clusterScoped)
	}
	return enabled.Difference(excluded), nil
}

func contextOptions(config *v1alpha1.ControllerConfiguration) controller.ContextOptions {
	shim := config.IngressShimConfig
	return controller.ContextOptions{
		APIServerHost:      config.APIServerHost, //nolint:staticcheck // Deprecated is not gone.
		Kubeconfig:         config.KubeConfig,
		KubernetesAPIQPS:   *config.KubernetesAPIQPS,
		KubernetesAPIBurst: int(*config.KubernetesAPIBurst),
		Namespace:          config.Namespace,
		IssuerOptions: controller.IssuerOptions{
			ClusterResourceNamespace:        config.ClusterResourceNamespace,
			ClusterIssuerAmbientCredentials: *config.ClusterIssuerAmbientCredentials,
			IssuerAmbientCredentials:        *config.IssuerAmbientCredentials,
		},
		CertificateOptions: controller.CertificateOptions{
			EnableOwnerRef:                           *config.EnableCertificateOwnerRef,
			CopiedAnnotationPrefixes:                 config.CopiedAnnotationPrefixes,
			CertificateRequestMinimumBackoffDuration: config.CertificateRequestMinimumBackoffDuration.Duration.Duration,
			CertificateRequestMaximumBackoffDuration: config.CertificateRequestMaximumBackoffDuration.Duration.Duration,
		},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerName:                 shim.DefaultIssuerName,
			DefaultIssuerKind:                 shim.DefaultIssuerKind,
			DefaultIssuerGroup:                shim.DefaultIssuerGroup,
			DefaultAutoCertificateAnnotations: shim.DefaultAutoCertificateAnnotations,
			ExtraCertificateAnnotations:       shim.ExtraCertificateAnnotations,
			GatewayAPIExtraProtocols:          sets.New(config.GatewayAPIConfig.ExtraProtocols...),
		},
		ConfigOptions: controller.ConfigOptions{
			EnableGatewayAPI:            *config.GatewayAPIConfig.Enabled,
			EnableGatewayAPIListenerSet: *config.GatewayAPIConfig.EnableListenerSet,
		},
	}
}

// lead runs for leader, and calls elected once. It ends with its context, or
// with an error when it no longer leads: another instance does.
func lead(
	ctx context.Context, config *v1alpha1.ControllerConfiguration, factory *controller.ContextFactory,
	watchDog *leaderelection.HealthzAdaptor, elected func(),
) error {
	client, err := factory.Build("leader-election")
	if err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	settings := config.LeaderElectionConfig
	lock, err := resourcelock.NewWithLabels(resourcelock.LeasesResourceLock, settings.Namespace, "cert-manager-controller",
		client.Client.CoreV1(), client.Client.CoordinationV1(),
		// Instances can share a host name.
		resourcelock.ResourceLockConfig{Identity: hostname + "_" + string(uuid.NewUUID()), EventRecorder: client.Recorder},
		map[string]string{"app.kubernetes.io/managed-by": "cert-manager"})
	if err != nil {
		return err
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   settings.LeaseDuration.Duration.Duration,
		RenewDeadline:   settings.RenewDeadline.Duration.Duration,
		RetryPeriod:     settings.RetryPeriod.Duration.Duration,
		ReleaseOnCancel: true,
		WatchDog:        watchDog,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { elected() },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	elector.Run(ctx)
	if ctx.Err() == nil {
		return errors.New("leader election: lost the lease")
	}
	return nil
}

func serveMetrics(
	ctx context.Context, group *errgroup.Group, config *v1alpha1.ControllerConfiguration,
	base *controller.Context, enabled sets.Set[string],
) error {
	source, err := certificateSource(&config.MetricsTLSConfig, "cert-manager", base.RESTConfig)
	if err != nil {
		return err
	}
	if source != nil {
		group.Go(func() error { return source.Start(ctx) })
	}
	listener, err := server.Listen(ctx, "tcp", config.MetricsListenAddress,
		server.WithCertificateSource(source),
		server.WithTLSCipherSuites(config.MetricsTLSConfig.CipherSuites),
		server.WithTLSMinVersion(config.MetricsTLSConfig.MinTLSVersion))
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	certManager := base.SharedInformerFactory.Certmanager().V1()
	base.Metrics.SetupACMECollector(base.SharedInformerFactory.Acme().V1().Challenges().Lister())
	base.Metrics.SetupCertificateCollector(certManager.Certificates().Lister())
	base.Metrics.SetupIssuerCollector(certManager.Issuers().Lister())
	if enabled.Has(clusterissuers.ControllerName) {
		base.Metrics.SetupClusterIssuerCollector(certManager.ClusterIssuers().Lister())
	}
	serve(ctx, group, base.Metrics.NewServer(listener), listener)
	return nil
}

func serveProfiler(ctx context.Context, group *errgroup.Group, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("profiler: %w", err)
	}
	mux := http.NewServeMux()
	profiling.Install(mux)
	serve(ctx, group, &http.Server{Handler: mux, ReadHeaderTimeout: shutdownTimeout}, listener)
	return nil
}

// serve serves until ctx ends.
func serve(ctx context.Context, group *errgroup.Group, server *http.Server, listener net.Listener) {
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		return server.Shutdown(ctx)
	})
}

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
