/** Every TLS credential of Linkerd's control plane, as a cluster has it and as its identity controllers use it. */
import { get } from "node:http";
import { text } from "node:stream/consumers";
import type { V1MutatingWebhook, V1ValidatingWebhook } from "@kubernetes/client-node";
import { type Certificate, certificates, findAnchorCertificate } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import {
  controllerEvents,
  type LoadedIssuer,
  loadedIssuers,
  type ReloadEvent,
  reloadEvents,
} from "../../mesh/identityController.ts";
import { withPortForward } from "../../mesh/portForward.ts";
import { found, ifAllowed } from "../../mesh/requests.ts";
import { readStoredCertificate, type StoredCertificate } from "../../mesh/storedCertificate.ts";
import { certificatesOf, readTrust, type Trust } from "../../mesh/trust.ts";
import { listObjects } from "../../mesh/watch.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";
import {
  controlPlaneWebhooks,
  identityIssuerName,
  type Webhook,
  webhookServerName,
} from "../../rules/linkerdNames.ts";

import { type Renewal, readRenewal } from "./renewal.ts";

/** A certificate in a Secret, and the cert-manager Certificate that renews it; absent if nothing does. */
export interface Credential extends StoredCertificate {
  readonly renewedBy?: Certificate | undefined;
}

export interface WebhookCredential extends Credential {
  readonly name: string;
  /** The name by which the API server calls the webhook. */
  readonly serverName: string;
  /** What the API server verifies the certificate against. */
  readonly caBundle: readonly ParsedCertificate[];
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
  readonly readAt: Date;
  readonly trust: Pick<Trust, "purpose" | "bundle" | "anchors" | "distributedSha256">;
  /** The cert-manager Certificate of an anchor that is kept on the cluster. */
  readonly anchorRenewedBy?: Certificate | undefined;
  /** What renews them; absent if cert-manager has no part in it. */
  readonly renewal?: Renewal | undefined;
  /** What this user may not look at, and why. */
  readonly unknown: readonly string[];
  readonly issuer: Credential;
  readonly webhooks: readonly WebhookCredential[];
  readonly controllers: readonly IdentityController[];
  /** The identity controllers' last word on a reload. */
  readonly lastReload?: ReloadEvent | undefined;
}

const adminPort = 9990;
const issuerMetric = "issuer_cert_ttl_seconds";

/**
 * Reads all credentials from the cluster, and asks every identity controller for a certificate.
 *
 * @throws Error if Linkerd is not installed or the cluster cannot be read. A credential that is missing or broken is no
 * error here; it is returned as what it is.
 */
export async function readCredentials(mesh: Mesh): Promise<Credentials> {
  const [trust, renewers] = await Promise.all([readTrust(mesh), listObjects(certificates(mesh))]);
  const renewed = <Stored extends StoredCertificate>(stored: Stored): Stored & Credential => ({
    ...stored,
    renewedBy: renewers.find(({ spec }) => spec.secretName === stored.secretName),
  });
  const unknown: string[] = [];
  const onForbidden = (reason: string) => unknown.push(reason);
  const [anchorRenewedBy, issuer, webhooks, controllers, events] = await Promise.all([
    trust.isDistributed ? ifAllowed(findAnchorCertificate(mesh), onForbidden) : undefined,
    readStoredCertificate(mesh, identityIssuerName),
    Promise.all(controlPlaneWebhooks.map((webhook) => readWebhook(mesh, webhook))),
    loadedIssuers(mesh, trust).then((loaded) =>
      Promise.all(loaded.map((controller) => withMetric(mesh, controller))),
    ),
    listObjects(controllerEvents(mesh)),
  ]);
  const renewedIssuer = renewed(issuer);
  const renewedWebhooks = webhooks.filter((webhook) => webhook !== undefined).map(renewed);
  const credentials: readonly Credential[] = [renewedIssuer, ...renewedWebhooks];
  const certificatesOfMesh = [anchorRenewedBy, ...credentials.map(({ renewedBy }) => renewedBy)].filter(
    (certificate) => certificate !== undefined,
  );
  const isOfCertManager =
    certificatesOfMesh.length > 0 || credentials.some(({ writtenFor }) => writtenFor !== undefined);
  return {
    context: mesh.context,
    namespace: mesh.namespace,
    readAt: new Date(),
    trust,
    anchorRenewedBy,
    renewal: isOfCertManager ? await readRenewal(mesh, certificatesOfMesh, renewers, onForbidden) : undefined,
    unknown,
    issuer: renewedIssuer,
    webhooks: renewedWebhooks,
    controllers,
    lastReload: reloadEvents(events).at(-1),
  };
}

/** `undefined` if this version of Linkerd has no such webhook. */
async function readWebhook(
  mesh: Mesh,
  { valuesKey, serviceName, secretName, configuration: { kind, name } }: Webhook,
): Promise<WebhookCredential | undefined> {
  const { admission } = mesh;
  const field = `${kind}WebhookConfiguration ${name}`;
  const [stored, configuration] = await Promise.all([
    readStoredCertificate(mesh, secretName),
    found<{ webhooks?: (V1MutatingWebhook | V1ValidatingWebhook)[] }>(
      field,
      kind === "Mutating"
        ? admission.readMutatingWebhookConfiguration({ name })
        : admission.readValidatingWebhookConfiguration({ name }),
    ),
  ]);
  const clientConfig = configuration?.webhooks?.[0]?.clientConfig;
  if (clientConfig === undefined) return undefined;
  const { service, caBundle = "" } = clientConfig;
  return {
    ...stored,
    // Such as "proxy injector", of proxyInjector.
    name: valuesKey.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
    serverName: webhookServerName(service?.name ?? serviceName, service?.namespace ?? mesh.namespace),
    caBundle: certificatesOf({ field, text: Buffer.from(caBundle, "base64").toString() }),
  };
}

async function withMetric(mesh: Mesh, controller: LoadedIssuer): Promise<IdentityController> {
  if (controller.proof === undefined) return controller;
  try {
    const metrics = await withPortForward(mesh, controller.podName, adminPort, (localPort) =>
      fetchText(`http://127.0.0.1:${localPort}/metrics`, mesh.signal),
    );
    const seconds = metricValue(metrics, issuerMetric);
    if (seconds === undefined) return controller;
    return { ...controller, metricNotAfter: new Date(Date.now() + seconds * 1000) };
  } catch (error) {
    if (mesh.signal.aborted) throw error;
    return { ...controller, metricFailure: (error as Error).message };
  }
}

function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = get(url, { signal, agent: false }, (response) => text(response).then(resolve, reject));
  request.on("error", reject);
  return promise;
}

/** The value of a metric without labels in Prometheus' text format; `undefined` if it is not there. */
export function metricValue(metrics: string, name: string): number | undefined {
  const value = metrics
    .split("\n")
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length);
  return value === undefined ? undefined : Number(value);
}
