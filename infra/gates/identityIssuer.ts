/**
 * Looks at the identity issuer that the cluster really holds, right before the control plane is created or changed, and at
 * the end of a run that finds nothing to change.
 *
 * cert-manager calls a Certificate Ready whatever its issuer has answered: a leaf instead of an authority, or an authority
 * that leads to none of the mesh's anchors; and nobody has looked at a Secret that someone else writes. With a wrong one, a
 * new identity controller ends at once, and a running one stops issuing when its current issuer expires.
 */
import { setTimeout } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { requireSound } from "../../components/validation.ts";
import type { Cluster } from "../../mesh/cluster.ts";
import { found, statusOf } from "../../mesh/requests.ts";
import { valueAt } from "../../rules/charts/values.ts";
import type { Purpose } from "../../rules/credentials/credentials.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import type { StoredIssuer } from "../../rules/credentials/storedIssuer.ts";
import type { Finding } from "../../rules/finding.ts";
import { known } from "../../rules/known.ts";
import { durationMilliseconds } from "../../rules/lifetimes/duration.ts";
import { identityIssuerName, trustRootsKey, trustRootsName } from "../../rules/linkerdNames.ts";
import { plannedAnchors, plannedBundle } from "../../rules/mesh/anchorChange.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { findRunningBundle } from "./misfits.ts";
import { inputsOf, type ReleaseInputs, releaseType } from "./registration.ts";

const pollMilliseconds = 1000;
const controlPlanes = ["linkerd-control-plane", "linkerd2"];

type Core = Pick<Cluster, "core">;

/** Lets no control plane change before its identity issuer has passed; previews are let through. */
export class IssuerGate {
  readonly #cluster: Promise<Core>;
  /** The release of the control plane, until its issuer has been checked. */
  #unchecked: Promise<ReleaseInputs> | undefined;

  constructor(cluster: Promise<Core>) {
    this.#cluster = cluster;
  }

  transform(): pulumi.ResourceTransform {
    const check = new pulumi.ResourceHook("look at the identity issuer", async ({ newInputs }) => {
      this.#unchecked = undefined;
      await checkIssuerOf(this.#cluster, await inputsOf(newInputs));
    });
    const hooks = { beforeCreate: [check], beforeUpdate: [check] };
    return ({ type, props, opts }) => {
      if (type !== releaseType || !controlPlanes.includes(props.name)) return undefined;
      this.#unchecked = inputsOf(props);
      // Whoever awaits it hears of its failure.
      this.#unchecked.catch(() => {});
      return { props, opts: pulumi.mergeOptions(opts, { hooks }) };
    };
  }

  /**
   * Checks the issuer of a control plane that has not changed: with another signer it changes nothing of the release, and no
   * hook has run.
   */
  async finish(): Promise<void> {
    if (this.#unchecked !== undefined) await checkIssuerOf(this.#cluster, await this.#unchecked);
  }
}

/**
 * Passes if the control plane's issuer is fit for it.
 *
 * @throws pulumi.RunError with what is wrong with the issuer, if it cannot be read, or if it does not exist within the
 *   release's timeout.
 */
export async function checkIssuerOf(cluster: Promise<Core>, release: ReleaseInputs): Promise<void> {
  const { namespace, values = {}, timeout } = release;
  let stored: StoredIssuer | undefined;
  let bundle: PemText;
  try {
    const { core } = await cluster;
    stored = await awaitIssuer(core, namespace, timeout);
    bundle = await bundleOf(core, namespace, values);
  } catch (error) {
    throw new pulumi.RunError(
      `The identity issuer in namespace ${namespace} cannot be read, and the control plane is not changed before it has ` +
        `been checked: ${(error as Error).message}${
          [401, 403].includes(statusOf((error as Error).cause ?? error) ?? 0)
            ? ' This user needs "get" on Secrets and ConfigMaps of that namespace.'
            : ""
        }`,
    );
  }
  if (stored === undefined) {
    throw new pulumi.RunError(
      `Secret ${namespace}/${identityIssuerName} does not exist after ${timeout} s (helmTimeoutSeconds), and Linkerd's ` +
        "identity controller does not start without it. Write it with tls.crt, tls.key and ca.crt, and run pulumi up again.",
    );
  }
  await requireFit(stored, bundle, purposeOf(values));
}

/**
 * Looks at the Secret of someone else before anything is changed, if it is there: no part of the update can mend it.
 *
 * @throws pulumi.RunError with what is wrong with the issuer.
 */
export async function checkHeldIssuer(cluster: Promise<Core>, settings: Settings): Promise<void> {
  const { source, issuanceLifetime, clockSkewAllowance } = settings.identityIssuer;
  const [namespace, trustDomain, issuance, skew] = [
    settings.controlPlane.namespace,
    settings.trustDomain,
    issuanceLifetime,
    clockSkewAllowance,
  ].map(known);
  const planned = plannedAnchors(settings);
  if (source !== "secret" || !planned || !namespace || !trustDomain || !issuance || !skew) return;
  const looked = cluster.then(async ({ core }) => ({
    stored: await readIssuer(core, namespace),
    bundle: plannedBundle(
      await findRunningBundle({ core }, settings.controlPlane.family!, namespace),
      planned,
    ),
  }));
  // What cannot be read now is read, and told of, before the control plane.
  const { stored, bundle } = await looked.catch(() => ({ stored: undefined, bundle: undefined }));
  if (stored !== undefined && bundle !== undefined) {
    await requireFit(stored, bundle, purposeFor(trustDomain, issuance, skew));
  }
}

async function requireFit(stored: StoredIssuer, bundle: PemText, purpose: Purpose): Promise<void> {
  // Previews do without what reads certificates, which takes longer to load than this whole program.
  const [{ checkStoredIssuer }, { parseCertificate }] = await Promise.all([
    import("../../rules/credentials/storedIssuer.ts"),
    import("../../rules/credentials/parseCertificate.ts"),
  ]);
  const findings = checkStoredIssuer(stored, bundle, purpose, parseCertificate);
  // An anchor that has ended does no harm beside the one that signs, and cannot leave if nothing may change.
  const isLeaving = ({ rule, field }: Finding) => rule === "expired" && field === bundle.field;
  requireSound(findings.map((one) => (isLeaving(one) ? { ...one, severity: "warning" } : one)));
}

/** The Secret, if it holds anything. */
async function readIssuer(core: Cluster["core"], namespace: string): Promise<StoredIssuer | undefined> {
  const field = `Secret ${namespace}/${identityIssuerName}`;
  const read = core.readNamespacedSecret({ name: identityIssuerName, namespace });
  const { data = {} } = (await found(field, read)) ?? {};
  return Object.keys(data).length > 0 ? { field, data } : undefined;
}

/** The Secret once it holds anything; `undefined` if it does not after that many seconds. */
async function awaitIssuer(
  core: Cluster["core"],
  namespace: string,
  timeoutSeconds: number,
): Promise<StoredIssuer | undefined> {
  const end = Date.now() + timeoutSeconds * 1000;
  for (let told = false; ; told = true) {
    const stored = await readIssuer(core, namespace);
    if (stored !== undefined || Date.now() >= end) return stored;
    if (!told) {
      pulumi.log.info(
        `Waiting for Secret ${namespace}/${identityIssuerName} to be written, with tls.crt, tls.key and ca.crt, for ${timeoutSeconds} s at most.`,
      );
    }
    await setTimeout(pollMilliseconds);
  }
}

/** The anchors that the control plane is given: among its values, or in the ConfigMap that someone else keeps. */
async function bundleOf(core: Cluster["core"], namespace: string, values: object): Promise<PemText> {
  if (valueAt(values, "identity.externalCA") !== true) {
    return { field: "The mesh's trust anchors", text: String(valueAt(values, "identityTrustAnchorsPEM")) };
  }
  const field = `ConfigMap ${namespace}/${trustRootsName}`;
  const configMap = await found(field, core.readNamespacedConfigMap({ name: trustRootsName, namespace }));
  return { field, text: configMap?.data?.[trustRootsKey] ?? "" };
}

function purposeOf(values: object): Purpose {
  const [trustDomain, issuance, skew] = [
    "identityTrustDomain",
    "identity.issuer.issuanceLifetime",
    "identity.issuer.clockSkewAllowance",
  ].map((path) => String(valueAt(values, path)));
  return purposeFor(trustDomain!, issuance!, skew!);
}

export function purposeFor(
  trustDomain: string,
  issuanceLifetime: string,
  clockSkewAllowance: string,
): Purpose {
  // By the cluster's clock, which may be so much ahead, an issuer of this moment is valid already.
  const now = new Date(Date.now() + durationMilliseconds(clockSkewAllowance));
  // The anchors' ends are told of where the anchors are made, in previews as well.
  return { trustDomain, issuanceLifetime, clockSkewAllowance, warnBefore: "0", now };
}
