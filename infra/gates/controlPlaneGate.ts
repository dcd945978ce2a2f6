/**
 * Looks at the identity issuer that the cluster really holds, right before the control plane is created or changed, and at
 * every run that finds nothing to change.
 *
 * cert-manager calls a Certificate Ready whatever its issuer has answered: a leaf where an authority was asked for, or an
 * authority that leads to none of the mesh's anchors; and a Secret that someone else writes nobody has looked at. With a
 * wrong one, a new identity controller ends at once, and a running one stops issuing when its present issuer ends.
 */
import { setTimeout } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { identityIssuerName } from "../../components/identityIssuer.ts";
import { requireSound } from "../../components/settings.ts";
import { valueAt } from "../../rules/charts/values.ts";
import type { Purpose } from "../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import { checkStoredIssuer, type StoredIssuer } from "../../rules/credentials/storedIssuer.ts";
import { parseDuration } from "../../rules/lifetimes/duration.ts";
import { known, type ReleaseInputs, releaseType } from "./interruptedReleases.ts";
import type { Kubectl } from "./kubectl.ts";

const pollMilliseconds = 1000;
const trustRootsName = "linkerd-identity-trust-roots";
const controlPlanes = ["linkerd-control-plane", "linkerd2"];

/**
 * Lets no control plane be registered with the engine before its identity issuer has passed; previews are let through.
 *
 * A transform and no hook, since hooks run only where the release itself is about to change: an issuer that has got
 * another signer changes nothing of the release.
 */
export function checkIssuerFirst(kubectl: Kubectl): pulumi.ResourceTransform {
  return async ({ type, props }) => {
    if (type === releaseType && controlPlanes.includes(props.name) && !pulumi.runtime.isDryRun()) {
      await checkIssuerOf(kubectl, await known(props));
    }
    return undefined;
  };
}

/**
 * Passes where the control plane's issuer is fit for it.
 *
 * @throws pulumi.RunError with what is wrong with the issuer, where it cannot be looked at, or where there is none
 *   within the release's timeout.
 */
export async function checkIssuerOf(kubectl: Kubectl, release: ReleaseInputs): Promise<void> {
  const { namespace, values = {}, timeout } = release;
  let stored: StoredIssuer | undefined;
  let bundle: PemText;
  try {
    stored = await awaitIssuer(kubectl, namespace, timeout);
    bundle = await bundleOf(kubectl, namespace, values);
  } catch (error) {
    throw new pulumi.RunError(
      `The identity issuer in namespace ${namespace} cannot be looked at, and the control plane is not touched before ` +
        `that: ${(error as Error).message.trim()}. ` +
        "kubectl must reach the cluster (kubeconfig, kubeContext), and may read Secrets and ConfigMaps of that namespace.",
    );
  }
  if (stored === undefined) {
    throw new pulumi.RunError(
      `Secret ${namespace}/${identityIssuerName} is not there after ${timeout} s (helmTimeoutSeconds), and Linkerd's ` +
        "identity controller does not start without it. Let it be written, with tls.crt, tls.key and ca.crt, and run pulumi up again.",
    );
  }
  requireSound(checkStoredIssuer(stored, bundle, purposeOf(values), parseCertificate));
}

/** The Secret once it holds anything; `undefined` where it has not after that many seconds. */
async function awaitIssuer(
  kubectl: Kubectl,
  namespace: string,
  timeoutSeconds: number,
): Promise<StoredIssuer | undefined> {
  const field = `Secret ${namespace}/${identityIssuerName}`;
  const end = Date.now() + timeoutSeconds * 1000;
  for (let told = false; ; told = true) {
    const found = await get(kubectl, namespace, "secret", identityIssuerName);
    if (found?.data !== undefined && Object.keys(found.data).length > 0) return { field, data: found.data };
    if (Date.now() >= end) return undefined;
    if (!told) {
      pulumi.log.info(
        `Waiting for ${field} to be written, with tls.crt, tls.key and ca.crt, for ${timeoutSeconds} s at most.`,
      );
    }
    await setTimeout(pollMilliseconds);
  }
}

/** The anchors that the control plane is given: among its values, or in the ConfigMap that someone else keeps. */
async function bundleOf(kubectl: Kubectl, namespace: string, values: object): Promise<PemText> {
  if (valueAt(values, ["identity", "externalCA"]) !== true) {
    return { field: "The mesh's trust anchors", text: String(meshValue(values, "identityTrustAnchorsPEM")) };
  }
  const found = await get(kubectl, namespace, "configmap", trustRootsName);
  return { field: `ConfigMap ${namespace}/${trustRootsName}`, text: found?.data?.["ca-bundle.crt"] ?? "" };
}

function purposeOf(values: object): Purpose {
  const clockSkewAllowance = String(valueAt(values, ["identity", "issuer", "clockSkewAllowance"]));
  return {
    trustDomain: String(meshValue(values, "identityTrustDomain")),
    issuanceLifetime: String(valueAt(values, ["identity", "issuer", "issuanceLifetime"])),
    clockSkewAllowance,
    // By the cluster's clock, which may be so much ahead, an issuer of this moment is valid already.
    now: new Date(Date.now() + Number(parseDuration(clockSkewAllowance) / 1_000_000n)),
  };
}

/** Linkerd before 2.10 has the values of the whole mesh below `global`. */
const meshValue = (values: object, name: string) =>
  valueAt(values, [name]) ?? valueAt(values, ["global", name]);

/** An object of the cluster, as far as it is read; `undefined` where it is not there. */
async function get(
  kubectl: Kubectl,
  namespace: string,
  kind: string,
  name: string,
): Promise<{ readonly data?: Readonly<Record<string, string>> } | undefined> {
  const output = await kubectl(
    "get",
    kind,
    "--namespace",
    namespace,
    name,
    "--ignore-not-found",
    "--output=json",
  );
  return output.trim() === "" ? undefined : JSON.parse(output);
}
