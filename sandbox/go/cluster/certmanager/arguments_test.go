package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	logsapi "k8s.io/component-base/logs/api/v1"
)

// chartArguments holds every argument that the chart's templates can render.
var chartArguments = map[string]struct {
	parse func(args []string) error
	args  []string
}{
	"deployment.yaml": {
		func(args []string) error { _, err := controllerConfiguration(args); return err },
		[]string{
			"--v=2", "--cluster-resource-namespace=cert-manager", "--leader-election-namespace=kube-system",
			"--leader-election-lease-duration=60s", "--leader-election-renew-deadline=40s", "--leader-election-retry-period=15s",
			"--acme-http01-solver-image=acmesolver:v1", "--default-issuer-name=a", "--default-issuer-kind=Issuer",
			"--default-issuer-group=cert-manager.io", "--feature-gates=ServerSideApply=true",
			"--acme-http01-solver-extra-labels=a=b", "--acme-http01-solver-extra-labels=c=d", "--max-concurrent-challenges=60",
			"--enable-certificate-owner-ref=true", "--dns01-recursive-nameservers-only=true",
			"--dns01-recursive-nameservers=8.8.8.8:53,1.1.1.1:53", "--controllers=-certificaterequests-approver",
			"--acme-http01-solver-runtime-class-name=a",
		},
	},
	"webhook-deployment.yaml": {
		func(args []string) error { _, err := webhookConfiguration(args); return err },
		[]string{
			"--v=2", "--secure-port=10250", "--feature-gates=NameConstraints=true", "--enable-client-verification=true",
			"--client-ca-path=/ca.crt", "--client-subject-names=apiserver", "--dynamic-serving-ca-secret-namespace=cert-manager",
			"--dynamic-serving-ca-secret-name=webhook-ca", "--dynamic-serving-dns-names=a", "--dynamic-serving-dns-names=b",
			"--metrics-listen-address=0",
		},
	},
	"cainjector-deployment.yaml": {
		func(args []string) error { _, err := cainjectorConfiguration(args); return err },
		[]string{
			"--v=2", "--leader-election-namespace=kube-system", "--leader-election-lease-duration=60s",
			"--leader-election-renew-deadline=40s", "--leader-election-retry-period=15s",
			"--feature-gates=ServerSideApply=true", "--metrics-listen-address=0",
		},
	},
	"startupapicheck-job.yaml": {
		func(args []string) error {
			_, err := startupAPICheckSettings(append([]string{"check", "api"}, args...))
			return err
		},
		[]string{"--wait=1m", "-v"},
	},
}

func TestEveryArgumentOfTheChartIsKnown(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager")
	list.Dir = ".." // The module that pins the version.
	output, err := list.Output()
	check(t, err)
	templates := filepath.Join(strings.TrimSpace(string(output)), "deploy/charts/cert-manager/templates")
	flag := regexp.MustCompile(`(?m)^\s*- (--[a-z0-9-]+)`)
	for file, component := range chartArguments {
		t.Run(file, func(t *testing.T) {
			template, err := os.ReadFile(filepath.Join(templates, file))
			check(t, err)
			known := []string{"--config"} // Tested below.
			for _, argument := range component.args {
				name, _, _ := strings.Cut(argument, "=")
				known = append(known, name)
			}
			found := flag.FindAllStringSubmatch(string(template), -1)
			if len(found) == 0 {
				t.Error("found no argument")
			}
			for _, match := range found {
				if !slices.Contains(known, match[1]) {
					t.Errorf("the chart can render %s, which this test does not cover", match[1])
				}
			}
			check(t, component.parse(component.args))
			for _, argument := range []string{"--nonsense", "nonsense"} {
				wantError(t, component.parse(append(component.args, argument)), argument)
			}
		})
	}
}

func TestArgumentsWinOverTheFileAndTheFileOverDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	write := func(content string) { check(t, os.WriteFile(file, []byte(content), 0o600)) }
	write(`
apiVersion: controller.config.cert-manager.io/v1alpha1
kind: ControllerConfiguration
kubeConfig: relative
numberOfConcurrentWorkers: 7
certificateRequestMaximumBackoffDuration: 1h
kubernetesAPIBurst: null
controllers: ["*", "-issuers"]
leaderElectionConfig: {leaseDuration: 100s, retryPeriod: 10s}
logging: {verbosity: 4}
`)
	config, err := controllerConfiguration([]string{"--leader-election-lease-duration=200s", "--controllers=*", "--config=" + file})
	check(t, err)
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"path relative to the file", config.KubeConfig, filepath.Join(filepath.Dir(file), "relative")},
		{"from the file", *config.NumberOfConcurrentWorkers, int32(7)},
		{"from the file", config.LeaderElectionConfig.RetryPeriod.Duration.Duration, 10 * time.Second},
		{"from the file", config.Logging.Verbosity, logsapi.VerbosityLevel(4)},
		{"from the file", contextOptions(config).CertificateRequestMaximumBackoffDuration, time.Hour},
		{"null is the default", *config.KubernetesAPIBurst, int32(50)},
		{"default", config.LeaderElectionConfig.RenewDeadline.Duration.Duration, 40 * time.Second},
		{"argument", config.LeaderElectionConfig.LeaseDuration.Duration.Duration, 200 * time.Second},
		{"argument", strings.Join(config.Controllers, " "), "*"},
	} {
		if field.got != field.want {
			t.Errorf("%s: got %v, want %v", field.name, field.got, field.want)
		}
	}
	write("apiVersion: controller.config.cert-manager.io/v1alpha1\nkind: ControllerConfiguration\nnonsense: 1\n")
	_, err = controllerConfiguration([]string{"--config=" + file})
	wantError(t, err, "nonsense")
}

func TestEnabledControllers(t *testing.T) {
	for _, test := range []struct {
		args      []string
		has, lack string
	}{
		{nil, "certificaterequests-approver", "gateway-shim"},
		{[]string{"--controllers=-certificaterequests-approver"}, "issuers", "certificaterequests-approver"},
		{[]string{"--controllers=issuers"}, "issuers", "clusterissuers"},
		{[]string{"--enable-gateway-api"}, "gateway-shim", "listenerset"},
		{[]string{"--namespace=a"}, "issuers", "clusterissuers"},
	} {
		config, err := controllerConfiguration(test.args)
		check(t, err)
		enabled, err := enabledControllers(config)
		check(t, err)
		if !enabled.Has(test.has) || enabled.Has(test.lack) {
			t.Errorf("%v: want %s and not %s, got %v", test.args, test.has, test.lack, enabled.UnsortedList())
		}
	}
	config, err := controllerConfiguration([]string{"--controllers=*,challenges"})
	check(t, err)
	_, err = enabledControllers(config)
	wantError(t, err, "challenges")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, name string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("want an error that names %s, got %v", name, err)
	}
}
