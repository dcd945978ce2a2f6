/**
 * `npm run -s credentials`: every TLS credential of Linkerd's control plane, how long it is valid, when it is renewed, and
 * which issuer the running identity controllers have loaded.
 */
import type { X509Certificate } from "node:crypto";
import { get } from "node:http";
import { text } from "node:stream/consumers";
import type { V1MutatingWebhook, V1ValidatingWebhook } from "@kubernetes/client-node";
import { parseBundle } from "../../mesh/certificateChain.ts";
import { type Certificate, findAnchorCertificate, listCertificates } from "../../mesh/certManager.ts";
import { type Cluster, found } from "../../mesh/cluster.ts";
import {
  type LoadedIssuer,
  listReloadEvents,
  loadedIssuers,
  type ReloadEvent,
  readTrust,
} from "../../mesh/identityController.ts";
import { withPortForward } from "../../mesh/portForward.ts";
import { issuerSecretName, readCertificate, type StoredCertificate } from "../../mesh/storedCertificate.ts";
import { exitAllRight, exitProblem, runCommand } from "../command.ts";
import { credentialsJson, credentialsTable } from "./table.ts";
import { problemsOf } from "./verdict.ts";

/** A certificate in a Secret, and the cert-manager Certificate that renews it; absent where nothing does. */
export interface Credential extends StoredCertificate {
  readonly renewedBy?: Certificate;
}

/** A webhook's serving certificate. */
export interface WebhookCredential extends Credential {
  readonly name: string;
  /** The name by which the API server calls the webhook. */
  readonly serverName: string;
  /** What the API server verifies the certificate against. */
  readonly caBundle: readonly X509Certificate[];
}

export interface IdentityController extends LoadedIssuer {
  /** When the loaded issuer expires by the controller's metric, which older controllers do not have. */
  readonly metricNotAfter?: Date;
  /** Why the metrics could not be read. */
  readonly metricFailure?: string;
}

export interface Credentials {
  readonly context: string;
  readonly namespace: string;
  readonly trustDomain: string;
  readonly readAt: Date;
  /** The live bundle, in its order. */
  readonly anchors: readonly X509Certificate[];
  /** Hash of the bundle's text, where trust-manager distributes it: the anchor is kept on the cluster then. */
  readonly distributedSha256?: string;
  /** The cert-manager Certificate of such an anchor. */
  readonly anchorRenewedBy?: Certificate;
  readonly issuer: Credential;
  readonly webhooks: readonly WebhookCredential[];
  readonly controllers: readonly IdentityController[];
  /** The identity controllers' last word on a reload. */
  readonly lastReload?: ReloadEvent;
}

const adminPort = 9990;
const issuerMetric = "issuer_cert_ttl_seconds";

const webhooks = [
  { name: "proxy injector", kind: "Mutating", prefix: "linkerd-proxy-injector" },
  { name: "profile validator", kind: "Validating", prefix: "linkerd-sp-validator" },
  { name: "policy validator", kind: "Validating", prefix: "linkerd-policy-validator" },
] as const;

/**
 * Reads all credentials from the cluster, and asks every identity controller for a certificate.
 *
 * @throws where Linkerd is not installed or the cluster cannot be read. A credential that is missing or broken is no error
 * here: it is told as what it is.
 */
export async function readCredentials(cluster: Cluster): Promise<Credentials> {
  const [trust, certificates] = await Promise.all([readTrust(cluster), listCertificates(cluster)]);
  const renewedBy = (secretName: string) => {
    const certificate = certificates.find(({ spec }) => spec.secretName === secretName);
    return certificate === undefined ? {} : { renewedBy: certificate };
  };
  const [anchorRenewedBy, issuer, webhookCredentials, loaded, events] = await Promise.all([
    trust.distributedSha256 === undefined ? undefined : findAnchorCertificate(cluster),
    readCertificate(cluster, issuerSecretName),
    Promise.all(webhooks.map((webhook) => readWebhook(cluster, webhook))),
    loadedIssuers(cluster, trust),
    listReloadEvents(cluster),
  ]);
  const lastReload = events.at(-1);
  return {
    context: cluster.context,
    namespace: cluster.namespace,
    trustDomain: trust.domain,
    readAt: new Date(),
    anchors: trust.anchors,
    ...(trust.distributedSha256 === undefined ? {} : { distributedSha256: trust.distributedSha256 }),
    ...(anchorRenewedBy === undefined ? {} : { anchorRenewedBy }),
    issuer: { ...issuer, ...renewedBy(issuer.secretName) },
    webhooks: webhookCredentials
      .filter((webhook) => webhook !== undefined)
      .map((webhook) => ({ ...webhook, ...renewedBy(webhook.secretName) })),
    controllers: await Promise.all(loaded.map((controller) => withMetric(cluster, controller))),
    ...(lastReload === undefined ? {} : { lastReload }),
  };
}

/** `undefined` where this version of Linkerd has no such webhook. */
async function readWebhook(
  cluster: Cluster,
  { name, kind, prefix }: (typeof webhooks)[number],
): Promise<WebhookCredential | undefined> {
  const configurationName = `${prefix}-webhook-config`;
  const { admission } = cluster;
  const [stored, configuration] = await Promise.all([
    readCertificate(cluster, `${prefix}-k8s-tls`),
    found<{ webhooks?: (V1MutatingWebhook | V1ValidatingWebhook)[] }>(
      `${kind}WebhookConfiguration ${configurationName}`,
      kind === "Mutating"
        ? admission.readMutatingWebhookConfiguration({ name: configurationName })
        : admission.readValidatingWebhookConfiguration({ name: configurationName }),
    ),
  ]);
  const clientConfig = configuration?.webhooks?.[0]?.clientConfig;
  if (clientConfig === undefined) return undefined;
  const { service, caBundle = "" } = clientConfig;
  return {
    ...stored,
    name,
    serverName: `${service?.name}.${service?.namespace}.svc`,
    caBundle: parseBundle(Buffer.from(caBundle, "base64").toString()),
  };
}

async function withMetric(cluster: Cluster, controller: LoadedIssuer): Promise<IdentityController> {
  if (controller.proof === undefined) return controller;
  try {
    const metrics = await withPortForward(cluster, controller.podName, adminPort, (localPort) =>
      fetchText(`http://127.0.0.1:${localPort}/metrics`, cluster.signal),
    );
    const seconds = metricValue(metrics, issuerMetric);
    if (seconds === undefined) return controller;
    return { ...controller, metricNotAfter: new Date(Date.now() + seconds * 1000) };
  } catch (error) {
    if (cluster.signal.aborted) throw error;
    return { ...controller, metricFailure: (error as Error).message };
  }
}

async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { signal, agent: false }, (response) => text(response).then(resolve, reject)).on(
      "error",
      reject,
    );
  });
}

/** The value of a metric without labels in Prometheus' text format; `undefined` where it is not there. */
export function metricValue(metrics: string, name: string): number | undefined {
  const value = metrics
    .split("\n")
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length);
  return value === undefined ? undefined : Number(value);
}

/** Runs the command with this process's arguments, and sets its exit code. */
export const main = () =>
  runCommand({
    name: "credentials",
    description:
      "Shows the TLS credentials of Linkerd's control plane: trust anchors, identity issuer and webhook certificates, " +
      "with their validity and next renewal, and which issuer the running identity controllers have loaded.",
    timeout: "30s",
    exitCodes: "0 where all are valid and the loaded issuer is the stored one; 2 otherwise.",
    run: async (cluster, { json }) => {
      const credentials = await readCredentials(cluster);
      const problems = problemsOf(credentials);
      console.log(json ? credentialsJson(credentials, problems) : credentialsTable(credentials, problems));
      return problems.length === 0 ? exitAllRight : exitProblem;
    },
  });

if (import.meta.main) await main();
