/** What renews a mesh's credentials: cert-manager's programs, and the issuers that sign for it, up to the last one. */
import { parse } from "yaml";
import { type Certificate, certificateNamespace } from "../../mesh/certManager.ts";
import { type CertManagerProgram, listCertManagerPrograms } from "../../mesh/certManagerPrograms.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { findIssuer, type IssuerLookup, secretOf } from "../../mesh/issuers.ts";
import { found, ifAllowed } from "../../mesh/requests.ts";
import type { StoredCertificate } from "../../mesh/storedCertificate.ts";
import { certificatesOf } from "../../mesh/trust.ts";
import type { HelmValues } from "../../rules/charts/values.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";

/** A certificate in a Secret, and the cert-manager Certificate that renews it; absent if nothing does. */
export interface Credential extends StoredCertificate {
  readonly renewedBy?: Certificate | undefined;
}

export interface Renewal {
  /** Every Certificate that has a part in it. */
  readonly certificates: readonly Certificate[];
  /** Absent if they may not be looked at. */
  readonly programs?: readonly CertManagerProgram[] | undefined;
  readonly signers: readonly Signer[];
  /** How cert-manager is configured, as Helm values: by its arguments and its ConfigMap. Absent if that may not be seen. */
  readonly configured?: HelmValues | undefined;
}

/** An issuer that signs Certificates of the mesh. */
export interface Signer extends IssuerLookup {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Names of the Certificates. */
  readonly signs: string[];
  /** The Secret with which it signs or logs in, if it has one that can be looked at. */
  readonly secret?: {
    readonly namespace: string;
    readonly name: string;
    readonly exists: boolean;
    /** Keys that it should have. */
    readonly lacks: readonly string[];
    /** Of `tls.crt`: what it signs with, and what it hands out beside that. */
    readonly certificates: readonly ParsedCertificate[];
  };
}

/**
 * Looks at what renews some Certificates, and at what renews the authorities of their issuers.
 *
 * @param others Certificates of the mesh's namespace, which may keep the Secret of such an authority.
 * @param onForbidden hears what this user may not look at.
 */
export async function readRenewal(
  mesh: Mesh,
  renewed: readonly Certificate[],
  others: readonly Certificate[],
  onForbidden: (reason: string) => void,
): Promise<Renewal> {
  const programs = await ifAllowed(listCertManagerPrograms(mesh), onForbidden);
  const { clusterResourceNamespace } = programs?.find(({ component }) => component === "controller") ?? {};
  const certificates = [...renewed];
  const signers = new Map<string, Signer>();
  // An issuer that is itself renewed is looked at in its turn.
  for (const certificate of certificates) {
    const { kind = "Issuer", group = "cert-manager.io", name } = certificate.spec.issuerRef;
    const namespace = certificateNamespace(certificate, mesh);
    const key = [group, kind, kind === "ClusterIssuer" ? "" : namespace, name].join("/");
    const known = signers.get(key);
    if (known !== undefined) {
      known.signs.push(certificate.metadata.name);
      continue;
    }
    const lookup = await ifAllowed(findIssuer(mesh, namespace, { group, kind, name }), onForbidden);
    if (lookup === undefined) continue;
    const { issuer, isNamespaced } = lookup;
    const needed = issuer && secretOf(issuer);
    const place = isNamespaced ? namespace : clusterResourceNamespace;
    const read = (secretName: string, secretNamespace: string) => {
      const request = mesh.core.readNamespacedSecret({ name: secretName, namespace: secretNamespace });
      const secret = found(`Secret ${secretNamespace}/${secretName}`, request);
      return ifAllowed(
        secret.then((known) => ({ secret: known })),
        onForbidden,
      );
    };
    const held = needed && place !== undefined ? await read(needed.name, place) : undefined;
    signers.set(key, {
      ...lookup,
      ...{ group, kind, name, namespace, signs: [certificate.metadata.name] },
      ...(held && {
        secret: {
          namespace: place!,
          name: needed!.name,
          exists: held.secret !== undefined,
          lacks: needed!.keys.filter((one) => !held.secret?.data?.[one]),
          certificates: certificatesOf({
            field: `Secret ${place}/${needed!.name}, tls.crt`,
            text: Buffer.from(held.secret?.data?.["tls.crt"] ?? "", "base64").toString(),
          }),
        },
      }),
    });
    const keepsSecret = (one: Certificate) =>
      one.spec.secretName === needed?.name && certificateNamespace(one, mesh) === place;
    certificates.push(...others.filter((one) => keepsSecret(one) && !certificates.includes(one)));
  }
  const controller = programs?.find(({ component }) => component === "controller");
  const configured = controller && (await ifAllowed(readConfiguration(mesh, controller), onForbidden));
  return { certificates, programs, configured, signers: [...signers.values()] };
}

async function readConfiguration(
  { core }: Mesh,
  { namespace, args, configMap: name }: CertManagerProgram,
): Promise<HelmValues> {
  if (name === undefined) return { extraArgs: [...args] };
  const read = core.readNamespacedConfigMap({ name, namespace });
  const configMap = await found(`ConfigMap ${namespace}/${name}`, read);
  return { extraArgs: [...args], config: parse(configMap?.data?.["config.yaml"] ?? "{}") };
}
