/**
 * Asks an issuer that is not of this stack for a certificate on trial, before it may sign the identity issuer of a mesh.
 *
 * cert-manager writes into the Secret that the mesh uses whatever an issuer answers: a leaf, or an authority that leads to
 * no anchor of the mesh. The identity controller that runs would refuse it, and the next one would not start.
 */
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { requireSound, type Spelling } from "../../components/validation.ts";
import type { Cluster } from "../../mesh/cluster.ts";
import { found } from "../../mesh/requests.ts";
import type { Trial } from "../../mesh/trialRequest.ts";
import { verdictOf } from "../../rules/finding.ts";
import { known } from "../../rules/known.ts";
import { identityIssuerCommonName, identityIssuerName, vaultIssuerName } from "../../rules/linkerdNames.ts";
import { keptBundle, plannedAnchors, plannedBundle } from "../../rules/mesh/anchorChange.ts";
import { broken } from "../../rules/rules.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import { type Settings, signedElsewhere } from "../../rules/settings/settings.ts";
import { findPodsRefusingIssuer } from "./anchorHolders.ts";
import { purposeFor } from "./identityIssuer.ts";
import { findMissing, type Referring } from "./issuerReferences.ts";
import { findRunningBundle } from "./misfits.ts";
import { certificateType, inputsOf, issuerType } from "./registration.ts";

type Reference = Trial["issuerRef"];

/** What is read of the settings, once all of it is known. */
interface Mesh {
  readonly namespace: string;
  readonly trustDomain: string;
  readonly duration: string;
  readonly issuanceLifetime: string;
  readonly clockSkewAllowance: string;
  readonly helmTimeoutSeconds: number;
}

/** What has to be tried of the Certificates and Issuers of a stack. */
export class SignerTrial {
  readonly #cluster: Promise<Cluster>;
  readonly #settings: Settings;
  readonly #spell: Spelling;
  /** The setting that names the signer; absent if it is of this stack. */
  readonly #field: string | undefined;
  readonly #passed = new Set<string>();

  /** @param spell puts findings into the words of the caller's own settings. */
  constructor(cluster: Promise<Cluster>, settings: Settings, spell: Spelling) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#spell = spell;
    this.#field = settings.identityIssuer.source === "secret" ? undefined : signedElsewhere(settings);
  }

  /**
   * Tries a new signer before anything is changed, if a mesh runs and the signer is there.
   *
   * @throws pulumi.RunError with why it is not fit.
   */
  async first(): Promise<void> {
    const { identityIssuer, controlPlane, certManager } = this.#settings;
    const namespace = known(controlPlane.namespace);
    const client = await this.#cluster.catch(() => undefined);
    if (client === undefined || namespace === undefined) return;
    const { removeTrial } = await import("../../mesh/trialRequest.ts");
    // Of a run that was interrupted.
    await removeTrial({ ...client, namespace }).catch(() => {});
    const { issuerRef, vault } = identityIssuer;
    if (this.#field === undefined) return;
    const { name, kind = "Issuer", group = certManagerGroup } = issuerRef ?? { name: vaultIssuerName };
    const wanted = { group, kind, name };
    const { tokenSecretRef, appRole } = vault?.auth ?? {};
    const secret = tokenSecretRef ?? appRole?.secretRef ?? {};
    // What only the engine knows is looked at by the hooks.
    if (Object.values({ ...wanted, ...secret }).some((part) => known(part) === undefined)) return;
    const certificate: Promise<Referring | undefined> = client.custom.getNamespacedCustomObject({
      group: certManagerGroup,
      version: "v1",
      namespace,
      plural: "certificates",
      name: identityIssuerName,
    });
    // Where it cannot be read, the hook looks again.
    const current = await found("Certificate", certificate).catch(() => undefined);
    if (isDeepStrictEqual(current?.spec.issuerRef, wanted)) return;
    const spec = vault === undefined ? { issuerRef: wanted } : { vault };
    const referring = { metadata: { name: identityIssuerName, namespace }, spec } as Referring;
    requireSound((await findMissing(this.#cluster, referring, certManager.install)).map(this.#spell));
    const running = await findRunningBundle(client, controlPlane.family!, namespace).catch(() => undefined);
    if (vault === undefined && running !== undefined) await this.#tryOut(wanted as Reference);
  }

  /** Tries whatever else is going to sign, right before cert-manager is told of it. */
  transform(): pulumi.ResourceTransform {
    if (this.#field === undefined) return () => undefined;
    const hook = new pulumi.ResourceHook("identity-issuer-signer", async ({ newInputs, oldInputs }) => {
      // One that was imported has no spec.
      const [{ metadata, spec }, current] = await inputsOf<[Referring, Partial<Referring>?]>([
        newInputs,
        oldInputs,
      ]);
      if (metadata.name === identityIssuerName && spec.issuerRef !== undefined) {
        if (!isDeepStrictEqual(spec.issuerRef, current?.spec?.issuerRef)) await this.#tryOut(spec.issuerRef);
      } else if (metadata.name === vaultIssuerName && current !== undefined) {
        // One that is new signs nothing before the Certificate names it.
        const reference = { group: certManagerGroup, kind: "Issuer", name: vaultIssuerName };
        await this.#tryOut(reference, onTrial(spec, metadata.namespace));
      }
    });
    const hooks = { beforeCreate: [hook], beforeUpdate: [hook] };
    return ({ type, props, opts }) =>
      type === certificateType || type === issuerType
        ? { props, opts: pulumi.mergeOptions(opts, { hooks }) }
        : undefined;
  }

  /** @param issuerSpec what the issuer is going to be, if it is another than the one that is there. */
  async #tryOut(issuerRef: Reference, issuerSpec?: object): Promise<void> {
    const key = JSON.stringify([issuerRef, issuerSpec]);
    if (this.#passed.has(key)) return;
    const { controlPlane, trustDomain, helmTimeoutSeconds } = this.#settings;
    const { duration, issuanceLifetime, clockSkewAllowance } = this.#settings.identityIssuer;
    const mesh = await inputsOf<Mesh>({
      ...{ namespace: controlPlane.namespace, trustDomain, helmTimeoutSeconds },
      ...{ duration, issuanceLifetime, clockSkewAllowance },
    });
    const { namespace } = mesh;
    const cluster = await this.#cluster;
    const { core, custom } = cluster;
    const running = await findRunningBundle({ core }, controlPlane.family!, namespace);
    const planned = plannedAnchors(this.#settings);
    const kept = running && planned ? keptBundle(running, planned) : running;
    const bundle = kept ?? (planned && plannedBundle(undefined, planned));
    // Without any, no mesh runs that could be harmed.
    if (bundle === undefined) return;
    const issuer = `${issuerRef.kind}.${issuerRef.group} ${issuerRef.name}`;
    pulumi.log.info(`Asking ${issuer} for a certificate on trial, before it signs the identity issuer.`);
    const [{ requestOnTrial }, { checkCredentials }, { parseCertificate }] = await Promise.all([
      import("../../mesh/trialRequest.ts"),
      import("../../rules/credentials/credentials.ts"),
      import("../../rules/credentials/parseCertificate.ts"),
    ]);
    const commonName = identityIssuerCommonName(namespace, mesh.trustDomain);
    const trial = { issuerRef, issuerSpec, commonName, duration: mesh.duration };
    const field = `${this.#field}, what ${issuer} has signed on trial`;
    const signer = { name: issuer, field: this.#field! };
    const refusing = (text: string) =>
      findPodsRefusingIssuer(cluster, signer, text, namespace).catch(({ message }: Error) => [
        broken("signer-accepted", {
          field: signer.field,
          message: `${issuer} is to sign, and whether the pods of the mesh accept that cannot be seen: ${message}`,
        }),
      ]);
    const answer = requestOnTrial({ custom, namespace }, trial, mesh.helmTimeoutSeconds);
    const findings = await answer.then(
      async (text) => {
        const purpose = purposeFor(mesh.trustDomain, mesh.issuanceLifetime, mesh.clockSkewAllowance);
        const unfit = checkCredentials({ bundle, issuer: { field, text } }, purpose, parseCertificate);
        if (running === undefined || verdictOf(unfit) === "error") return unfit;
        return [...unfit, ...(await refusing(text))];
      },
      ({ message }: Error) => [
        broken("signer-trial", { field: this.#field!, message: `${issuer} has signed nothing: ${message}` }),
      ],
    );
    requireSound(findings.map(this.#spell));
    this.#passed.add(key);
  }
}

/** An Issuer of Vault's under another name, whose tokens are for those who know it by its own. */
function onTrial({ vault }: Referring["spec"], namespace: string): object {
  const { auth } = vault!;
  const login = auth.kubernetes;
  if (login === undefined) return { vault };
  const audiences = [`vault://${namespace}/${vaultIssuerName}`];
  const serviceAccountRef = { ...login.serviceAccountRef, audiences };
  return { vault: { ...vault, auth: { kubernetes: { ...login, serviceAccountRef } } } };
}
