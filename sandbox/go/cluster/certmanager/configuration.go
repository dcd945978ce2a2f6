package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cert-manager/cert-manager/internal/apis/config/shared"
	sharedconversion "github.com/cert-manager/cert-manager/internal/apis/config/shared/v1alpha1"
	sharedv1alpha1 "github.com/cert-manager/cert-manager/pkg/apis/config/shared/v1alpha1"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/server/tls"
	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
)

// parse reads arguments into what addFlags binds. The file that --config names
// is read in between, by load: it wins over defaults, and an argument over it.
func parse(args []string, addFlags func(*pflag.FlagSet), load func(file string) error) error {
	var file string
	parseOnce := func() error {
		// A flag set of its own each time: a list that is parsed again would grow.
		flags := pflag.NewFlagSet("cert-manager", pflag.ContinueOnError)
		flags.StringVar(&file, "config", "", "file that holds the component's configuration; arguments win over it")
		addFlags(flags)
		return parseFlags(flags, args)
	}
	if err := parseOnce(); err != nil || file == "" {
		return err
	}
	if err := load(file); err != nil {
		return fmt.Errorf("--config=%s: %w", file, err)
	}
	return parseOnce()
}

// parseFlags refuses what is not a flag, too.
func parseFlags(flags *pflag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument: %s", flags.Arg(0))
	}
	return nil
}

// decode reads a configuration file strictly: an unknown field is an error.
// Those of its fields that are paths are relative to the file.
func decode(file string, into runtime.Object, addToScheme func(*runtime.Scheme) error, paths ...*string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := addToScheme(scheme); err != nil {
		return err
	}
	_, _, err = serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(content, nil, into)
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(filepath.Dir(file), *path)
		}
	}
	return err
}

// applyProcessSettings sets what holds for the whole process.
func applyProcessSettings(gates map[string]bool, logging *logsapi.LoggingConfiguration) error {
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(gates); err != nil {
		return fmt.Errorf("--feature-gates: %w", err)
	}
	return logf.ValidateAndApply(logging)
}

func addProcessFlags(flags *pflag.FlagSet, gates *map[string]bool, logging *logsapi.LoggingConfiguration) {
	flags.Var(cliflag.NewMapStringBool(gates), "feature-gates", "features to switch on or off, <name>=true|false")
	logf.AddFlags(logging, flags)
}

func addLeaderElectionFlags(flags *pflag.FlagSet, config *sharedv1alpha1.LeaderElectionConfig) {
	flags.BoolVar(config.Enabled, "leader-elect", *config.Enabled, "let one instance at a time work")
	flags.StringVar(&config.Namespace, "leader-election-namespace", config.Namespace, "namespace of the lease")
	durationVar(flags, config.LeaseDuration, "leader-election-lease-duration", "how long others wait before they take over")
	durationVar(flags, config.RenewDeadline, "leader-election-renew-deadline", "how long the leader tries to renew before it gives up")
	durationVar(flags, config.RetryPeriod, "leader-election-retry-period", "time between attempts")
}

func addProfilerFlags(flags *pflag.FlagSet, enabled *bool, address *string) {
	flags.BoolVar(enabled, "enable-profiling", *enabled, "serve Go's profiler")
	flags.StringVar(address, "profiler-address", *address, "host:port of the profiler")
}

func addMetricsFlags(flags *pflag.FlagSet, address *string, config *sharedv1alpha1.TLSConfig) {
	flags.StringVar(address, "metrics-listen-address", *address, "host:port of the metrics")
	flags.StringVar(&config.Filesystem.CertFile, "metrics-tls-cert-file", config.Filesystem.CertFile, "certificate of the metrics server")
	flags.StringVar(&config.Filesystem.KeyFile, "metrics-tls-private-key-file", config.Filesystem.KeyFile, "its private key")
	durationVar(flags, config.Dynamic.LeafDuration, "metrics-dynamic-serving-leaf-duration", "lifetime of a certificate that is issued for the metrics server")
	flags.StringVar(&config.Dynamic.SecretNamespace, "metrics-dynamic-serving-ca-secret-namespace", config.Dynamic.SecretNamespace, "namespace of the Secret that holds its CA")
	flags.StringVar(&config.Dynamic.SecretName, "metrics-dynamic-serving-ca-secret-name", config.Dynamic.SecretName, "name of that Secret")
	flags.StringSliceVar(&config.Dynamic.DNSNames, "metrics-dynamic-serving-dns-names", config.Dynamic.DNSNames, "DNS names of that certificate")
	flags.StringSliceVar(&config.CipherSuites, "metrics-tls-cipher-suites", config.CipherSuites, "TLS cipher suites, default Go's")
	flags.StringVar(&config.MinTLSVersion, "metrics-tls-min-version", config.MinTLSVersion, "oldest TLS version, default Go's")
}

func durationVar(flags *pflag.FlagSet, duration *sharedv1alpha1.Duration, name, usage string) {
	flags.DurationVar(&duration.Duration.Duration, name, duration.Duration.Duration, usage)
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// certificateSource gives the certificate of a metrics server, or nil where it
// serves in plain text.
func certificateSource(config *sharedv1alpha1.TLSConfig, managedBy string, cluster *rest.Config) (tls.CertificateSource, error) {
	var source shared.TLSConfig
	if err := sharedconversion.Convert_v1alpha1_TLSConfig_To_shared_TLSConfig(config, &source, nil); err != nil {
		return nil, err
	}
	switch {
	case source.FilesystemConfigProvided():
		return &tls.FileCertificateSource{CertPath: source.Filesystem.CertFile, KeyPath: source.Filesystem.KeyFile}, nil
	case source.DynamicConfigProvided():
		return &tls.DynamicSource{
			DNSNames: source.Dynamic.DNSNames,
			Authority: &authority.DynamicAuthority{
				SecretNamespace: source.Dynamic.SecretNamespace,
				SecretName:      source.Dynamic.SecretName,
				SecretLabels:    map[string]string{"app.kubernetes.io/managed-by": managedBy},
				LeafDuration:    source.Dynamic.LeafDuration,
				RESTConfig:      cluster,
			},
		}, nil
	default:
		return nil, nil
	}
}
