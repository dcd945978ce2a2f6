import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import type { RotatingLinkerdArgs } from "../../../components/index.ts";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../../../infra/config.ts";
import { requireFit } from "../../../infra/gates/clusterFit.ts";
import { lookWith } from "../../../infra/gates/looks.ts";
import { namespacesBefore } from "../../../infra/gates/run.ts";
import { authority } from "../../certificates.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
/** Why something could not be looked at. */
let unseen: string[] = [];
const profiles = "serviceprofiles.linkerd.io";
const httpRoutes = "httproutes.gateway.networking.k8s.io";
const others = ["grpcroutes", "tcproutes", "tlsroutes"].map((name) => `${name}.gateway.networking.k8s.io`);

const version = (linkerdControlPlaneChartVersion: string, installGatewayApi = false) =>
  argumentsOf({ linkerdNamespace: "mesh", linkerdControlPlaneChartVersion, installGatewayApi });
const newest = version("2026.8.3");
const installing = version("2025.4.1", true);

interface Definition {
  readonly name: string;
  /** Namespace and name of the Helm release that owns it. */
  readonly owner?: string;
  readonly policy?: string;
}

function fit(wanted: RotatingLinkerdArgs, cluster = Promise.resolve(api.cluster)): Promise<void> {
  const look = lookWith(cluster);
  const run = { look, namespace: namespacesBefore(look), settings: resolve(wanted) };
  return requireFit({
    ...run,
    installer: "Pulumi stack o/p/dev",
    isPreview: false,
    onUnseen: ({ message }) => unseen.push(message),
    onUnproven: ({ message }) => unseen.push(message),
    spell: inConfiguration,
  });
}

/** Looks at a cluster of one minor version, with these definitions. */
function look(
  wanted: RotatingLinkerdArgs,
  minor: string,
  definitions: readonly Definition[] = [],
): Promise<void> {
  const versionInfo = { major: "1", minor, gitVersion: `v1.${Number.parseInt(minor, 10)}.0` };
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  api.objects = {
    "/version": versionInfo,
    ...Object.fromEntries(
      definitions.map(({ name, owner, policy }) => {
        const [namespace, release] = owner?.split("/") ?? [];
        const annotations = {
          ...(owner && { "meta.helm.sh/release-namespace": namespace, "meta.helm.sh/release-name": release }),
          ...(policy && { "helm.sh/resource-policy": policy }),
        };
        return [`${path}/${name}`, { metadata: { name, annotations } }];
      }),
    ),
  };
  return fit(wanted);
}

test("the first and the last version of Kubernetes pass, their neighbours are refused", async () => {
  const legacy = { controlPlane: { chart: "linkerd2", chartVersion: "2.10.2", namespace: "mesh" } };
  for (const minor of ["16", "24"]) await look(legacy, minor);
  const tooNew =
    /Linkerd 2\.10 needs Kubernetes 1\.16 to 1\.24, and the cluster runs v1\.25\.0: it always has a PodSec/;
  await assert.rejects(look(legacy, "25"), tooNew);
  await assert.rejects(look(legacy, "15"), /runs v1\.15\.0/);
  await look(newest, "31+", [{ name: httpRoutes }]);
  await assert.rejects(
    look(newest, "30+", [{ name: httpRoutes }]),
    /needs Kubernetes 1\.31 or newer, and the cluster runs v1\.30\.0\./,
  );
});

test("definitions of the Gateway API that are someone else's are refused, each with its owner", async () => {
  const found = [{ name: httpRoutes, owner: "traefik/traefik-crds" }, { name: others[0]! }];
  await assert.rejects(look(installing, "31", found), ({ message }: Error) => {
    assert.match(message, /^2 settings are not right/);
    assert.match(message, /has the definition httproutes\S+, from the Helm release traefik\/traefik-crds/);
    assert.match(message, /has the definition grpcroutes\S+, which no Helm release owns/);
    return true;
  });
  await look(version("2025.4.1"), "31", found);
});

test("definitions that this release would delete, and every route with them, are refused unless Helm keeps them", async () => {
  const owner = "mesh/linkerd-crds";
  const own = { name: httpRoutes, owner };
  for (const wanted of [version("2025.4.1"), version("1.12.7"), version("2024.5.1")]) {
    await assert.rejects(look(wanted, "31", [own, { name: others[0]! }]), ({ message }: Error) => {
      assert.match(
        message,
        /release mesh\/linkerd-crds has installed httproutes\S+, and would now delete it/,
      );
      assert.match(
        message,
        /kubectl annotate customresourcedefinition httproutes\S+ helm\.sh\/resource-policy=keep/,
      );
      assert.doesNotMatch(message, /grpcroutes/);
      return true;
    });
    await look(wanted, "31", [{ ...own, policy: "keep" }]);
  }
  // A part of them goes as well if another chart installs less.
  const older = version("2024.5.1", true);
  const tcpRoutes = [own, { name: others[1]!, owner }];
  await assert.rejects(look(older, "31", tcpRoutes), /has installed tcproutes/);
});

test("definitions of this release pass, and so do those that an older Linkerd does not install", async () => {
  const own = [httpRoutes, ...others].map((name) => ({ name, owner: "mesh/linkerd-crds" }));
  await look(installing, "31", own);
  await look(installing, "31");
  await look(version("2024.5.1", true), "31", [{ name: others[0]! }]);
});

test("a cluster that cannot be asked is told of, and of a chart that is not known nothing but the namespaces and releases is asked", async () => {
  api.requests = [];
  await look(version("0.1.0"), "12");
  assert.deepEqual(api.requests.map((request) => request.split("?")[0]).sort(), [
    "GET /api/v1/namespaces/cert-manager",
    "GET /api/v1/namespaces/mesh",
    "GET /api/v1/secrets",
  ]);
  unseen = [];
  await fit(newest, Promise.reject(new Error('Context "x" is not in the kubeconfig.')));
  assert.deepEqual([...new Set(unseen)], ['Context "x" is not in the kubeconfig.']);
});

test("definitions of another cert-manager, or of another Linkerd, are refused, each with the way on", async () => {
  const certificates = "certificates.cert-manager.io";
  const own = { name: certificates, owner: "cert-manager/cert-manager" };
  await look(newest, "31", [{ name: httpRoutes }, own, { name: profiles, owner: "mesh/linkerd-crds" }]);
  await assert.rejects(
    look(newest, "31", [
      { name: httpRoutes },
      { name: certificates },
      { name: profiles, owner: "linkerd/linkerd-crds" },
    ]),
    ({ message }: Error) => {
      assert.match(message, /^2 settings are not right/);
      assert.match(
        message,
        /installCertManager: The cluster has cert-manager already: .* is no Helm release's/,
      );
      assert.match(
        message,
        /linkerdNamespace: The cluster has a Linkerd already: .* the Helm release linkerd\/linkerd-crds's/,
      );
      return true;
    },
  );
  const foreign = argumentsOf({ linkerdNamespace: "mesh", installCertManager: false });
  await look(foreign, "31", [{ name: httpRoutes }, { name: certificates, owner: "pki/certs" }]);
});

test("a user who may not see definitions still hears of a Kubernetes that is too old", async () => {
  const forbidden = Object.fromEntries(
    [httpRoutes, ...others].map((name) => [
      `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`,
      new Refusal(403, "customresourcedefinitions is forbidden"),
    ]),
  );
  api.objects = { "/version": { major: "1", minor: "20", gitVersion: "v1.20.0" }, ...forbidden };
  await assert.rejects(fit(newest), /the cluster runs v1\.20\.0/);
});

test("a generation that the running mesh does not trust is refused if it is to sign, wherever Linkerd has its bundle", async () => {
  const anchor = async (name: string) => (await authority({ commonName: name })).certificate.toString();
  const [first, second] = await Promise.all(["root", "root-2"].map((name) => anchor(`${name}.linkerd.x`)));
  const signing = { generations: [1, 2], signing: 2, crossSign: false, validityPeriodHours: 49 };
  const old = { chart: "linkerd2", chartVersion: "2.10.2", namespace: "mesh" };
  const at = (name: string) => `/api/v1/namespaces/mesh/configmaps/${name}`;
  for (const [wanted, minor, running] of [
    [
      newest,
      "31",
      (text: string) => ({ [at("linkerd-identity-trust-roots")]: { data: { "ca-bundle.crt": text } } }),
    ],
    [
      { controlPlane: old },
      "24",
      (text: string) => ({
        [at("linkerd-config")]: { data: { values: JSON.stringify({ identityTrustAnchorsPEM: text }) } },
      }),
    ],
  ] as const) {
    const args = { ...wanted, trustAnchor: signing };
    const check = (text: string) => {
      const begun = look(args, minor, [{ name: httpRoutes }]);
      api.objects = { ...api.objects, ...running(text) };
      return begun;
    };
    await assert.rejects(
      check(first!),
      /signingGeneration: Generation 2 is to sign\. It is not in the bundle/,
    );
    await check(`${first}${second}`.trimEnd());
    await look(args, minor, [{ name: httpRoutes }]);
  }
});

test("where no pod is admitted without the injector, the namespaces that it waits for have to be left out", async (context) => {
  const log = context.mock.method(pulumi.log, "warn", async () => {});
  const disabled = { "config.linkerd.io/admission-webhooks": "disabled" };
  const warnedOf = async (values: Readonly<Record<string, unknown>>, namespace = "pki", labels = {}) => {
    log.mock.resetCalls();
    api.objects = {
      "/version": { major: "1", minor: "24", gitVersion: "v1.24.0" },
      "/apis/apps/v1/deployments": { items: [{ metadata: { namespace } }, { metadata: { namespace } }] },
      [`/api/v1/namespaces/${namespace}`]: { metadata: { labels } },
      "/api/v1/namespaces/kube-system": { metadata: { labels } },
    };
    api.requests = [];
    const args = argumentsOf({ linkerdControlPlaneChartVersion: "1.16.11", ...values });
    await fit(args);
    return log.mock.calls.map(({ arguments: [message] }) => `${message}`);
  };
  const foreign = { installCertManager: false };
  const failing = { linkerdControlPlaneValues: { webhookFailurePolicy: "Fail" } };
  for (const values of [
    { ...foreign, highAvailability: true },
    { ...foreign, ...failing },
  ]) {
    const [warning, ...others] = await warnedOf(values);
    assert.deepEqual(others, []);
    assert.match(warning!, /^Namespace pki: No pod here is admitted while .* which highAvailability sets/);
    assert.match(warning!, /kubectl label namespace pki config\.linkerd\.io\/admission-webhooks=disabled/);
    assert.deepEqual(await warnedOf(values, "pki", disabled), []);
    assert.deepEqual(await warnedOf(values, "cert-manager"), [], "the chart leaves it out by its name");
  }
  const ignoring = { linkerdControlPlaneValues: { webhookFailurePolicy: "Ignore" } };
  for (const values of [foreign, { ...foreign, highAvailability: true, ...ignoring }, failing]) {
    assert.deepEqual(await warnedOf(values), []);
    assert.ok(!api.requests.some((request) => /namespaces\/(pki|kube-system)$/.test(request)));
  }
  // Its chart leaves out nothing by name.
  const legacy = { linkerdControlPlaneChart: "linkerd2", linkerdControlPlaneChartVersion: "2.10.2" };
  const namespaces = (await warnedOf({ ...foreign, ...failing, ...legacy }, "cert-manager")).map(
    (warning) => /^Namespace (\S+):/.exec(warning)?.[1],
  );
  assert.deepEqual(namespaces, ["kube-system", "cert-manager"]);
});

test("a guard needs admission policies, and lets in the controllers of someone else's that write what it guards", async () => {
  const deployments = "/apis/apps/v1/deployments";
  const runs = (namespace: string, serviceAccountName?: string) => ({
    metadata: { namespace },
    spec: { template: { spec: { serviceAccountName } } },
  });
  const check = (values: Readonly<Record<string, unknown>>, minor: string, of: object = {}) => {
    api.objects = {
      "/version": { major: "1", minor, gitVersion: `v1.${minor}.0` },
      [deployments]: (query: URLSearchParams) => {
        const name = query.get("labelSelector")!.replace("app.kubernetes.io/name=", "");
        return { items: (of as Record<string, unknown[]>)[name] ?? [] };
      },
    };
    api.requests = [];
    const linkerd = { linkerdControlPlaneChartVersion: "1.16.11" };
    return fit(argumentsOf({ ...linkerd, guardCredentials: true, ...values }));
  };
  await assert.rejects(
    check({}, "29"),
    /guardCredentials: The cluster runs Kubernetes v1\.29\.0, and ValidatingAdmissionPolicies are there from 1\.30 on/,
  );
  await check({ guardCredentials: false }, "29");
  await check({}, "30");
  assert.ok(!api.requests.some((request) => request.includes(deployments)));

  const foreign = { installCertManager: false };
  const elsewhere = { "cert-manager": [runs("pki", "issuing")] };
  await assert.rejects(
    check(foreign, "31", elsewhere),
    /credentialWriters: cert-manager runs in namespace pki as system:serviceaccount:pki:issuing, .*\n.*Or set certManagerNamespace,/,
  );
  await check({ ...foreign, certManagerNamespace: "pki" }, "31", elsewhere);
  for (const writer of ["system:serviceaccount:pki:issuing", "system:serviceaccounts:pki"]) {
    await check({ ...foreign, credentialWriters: [writer] }, "31", elsewhere);
  }
  await check(foreign, "31", { "cert-manager": [runs("another"), runs("cert-manager", "issuing")] });
  unseen = [];
  await check(foreign, "31");
  // The releases are not there to be looked at.
  assert.deepEqual(
    unseen.filter((message) => !message.startsWith("Secrets of all namespaces")),
    [],
  );
  await check({ ...foreign, guardCredentials: false }, "31", elsewhere);

  const distributed = { trustAnchorSource: "cluster", installTrustManager: false };
  const trustManager = { "trust-manager": [runs("trust")] };
  await assert.rejects(
    check(distributed, "31", trustManager),
    /trust-manager runs in namespace trust as system:serviceaccount:trust:default/,
  );
  await check({ ...distributed, installTrustManager: true }, "31", trustManager);
  await check({ installTrustManager: false }, "31", trustManager);
});

test("namespaces that are not to be made have to be there, those that are not installed to do not", async () => {
  const settings = {
    createLinkerdNamespace: false,
    createCertManagerNamespace: false,
    createLinkerdVizNamespace: false,
    linkerdNamespace: "mesh",
  };
  const check = (values: Readonly<Record<string, unknown>>, there: readonly string[] = []) => {
    const begun = look(argumentsOf({ ...settings, ...values }), "31", [{ name: httpRoutes }]);
    const found = there.map((name) => [`/api/v1/namespaces/${name}`, { metadata: { name } }]);
    api.objects = { ...api.objects, ...Object.fromEntries(found) };
    return begun;
  };
  await assert.rejects(check({}), ({ message }: Error) => {
    assert.match(message, /^2 settings are not right/);
    assert.match(message, /createLinkerdNamespace: Namespace mesh does not exist/);
    assert.match(message, /createCertManagerNamespace: Namespace cert-manager does not exist/);
    return true;
  });
  await check({}, ["mesh", "cert-manager"]);
  await assert.rejects(
    check({ installLinkerdViz: true }, ["mesh", "cert-manager"]),
    /createLinkerdVizNamespace: Namespace linkerd-viz does not exist/,
  );
  await check({ installCertManager: false }, ["mesh"]);
});

test("another life of an anchor that the cluster keeps is refused, however it is written", async () => {
  const check = (
    clusterTrustAnchorDuration: string,
    duration: string | undefined,
    namespace = "cert-manager",
  ) => {
    const wanted = { trustAnchorSource: "cluster", clusterTrustAnchorDuration, linkerdNamespace: "mesh" };
    const begun = look(argumentsOf(wanted), "31", [{ name: httpRoutes }]);
    const items = [{ metadata: { namespace }, spec: { duration } }];
    api.objects = { ...api.objects, "/apis/cert-manager.io/v1/certificates": { items } };
    return begun;
  };
  await check("87600h", "87600h0m0s");
  await check("87600h", undefined);
  await check("80000h", "87600h", "elsewhere");
  await assert.rejects(
    check("80000h", "87600h0m0s"),
    /clusterTrustAnchorDuration: .* has the duration 87600h0m0s\. With "80000h" it would be replaced .*\n.*Set it back to "87600h0m0s"/,
  );
});
