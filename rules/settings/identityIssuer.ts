/** Where the mesh's identity issuer comes from, if it is not a trust anchor of this program that signs it. */
import { decodePem } from "../credentials/pem.ts";
import type { Finding } from "../finding.ts";
import { isLater, isPlainObject, known } from "../known.ts";
import { broken } from "../rules.ts";
import { defaults } from "./defaults.ts";
import { checkChoice, checkParts } from "./parts.ts";
import type { IdentityIssuerRef, Settings, VaultSettings } from "./settings.ts";

export const certManagerGroup = "cert-manager.io";

/** Checks who signs the identity issuer, and who keeps its Secret. */
export function checkIdentityIssuer({ identityIssuer }: Settings): Finding[] {
  const { source, issuerRef, vault } = identityIssuer;
  return [
    ...checkChoice("identity-issuer-source", "identityIssuer.source", source, ["certManager", "secret"]),
    ...(source === "secret" ? checkUnused(identityIssuer) : []),
    ...(issuerRef !== undefined && vault !== undefined
      ? [
          broken("one-issuer-source", {
            field: "identityIssuer.vault",
            message: "identityIssuer.issuerRef is set as well, and a Certificate has one issuer.",
            fix: "Remove one of them.",
          }),
        ]
      : []),
    ...(issuerRef === undefined ? [] : checkReference("identityIssuer.issuerRef", issuerRef)),
    ...(vault === undefined ? [] : checkVault("identityIssuer.vault", vault)),
  ];
}

/** Refuses what says how this program's Certificate is made, if it makes none. */
function checkUnused(identityIssuer: Settings["identityIssuer"]): Finding[] {
  const { duration, renewBefore } = defaults.identityIssuer;
  return Object.entries({ issuerRef: undefined, vault: undefined, duration, renewBefore })
    .filter(([name, standard]) => identityIssuer[name as "duration"] !== standard)
    .map(([name]) =>
      broken("other-identity-issuer-source", {
        field: `identityIssuer.${name}`,
        message: "This says how a Certificate is made, and with identityIssuer.source: secret there is none.",
        fix: "Remove it, or set identityIssuer.source to certManager.",
      }),
    );
}

function checkReference(field: string, reference: IdentityIssuerRef): Finding[] {
  const shape = checkParts(field, reference, ["name"], ["kind", "group"]);
  if (shape.length > 0) return shape;
  const { kind = "Issuer", group = certManagerGroup } = reference;
  const name = known(kind);
  if (known(group) !== certManagerGroup || name === undefined) return [];
  if (name === "Issuer" || name === "ClusterIssuer") return [];
  return [
    broken("issuer-kind", {
      field: `${field}.kind`,
      message: `${certManagerGroup} has no kind "${name}", only Issuer and ClusterIssuer.`,
      fix: "Write one of them, or set group to that of the external issuer.",
    }),
  ];
}

function checkVault(field: string, vault: VaultSettings): Finding[] {
  if (!isPlainObject(vault)) return checkParts(field, vault, ["server", "path", "auth"], []);
  const { auth, ...parts } = vault;
  const findings = [
    ...checkParts(field, parts, ["server", "path"], ["caBundlePem", "namespace"]),
    ...checkAuthentication(`${field}.auth`, auth),
  ];
  const { server, path, caBundlePem: bundle } = parts;
  if (isText(server) && !/^https:\/\/[^/?#@\s]+\/?$/.test(server)) {
    findings.push(
      broken("vault-server", {
        field: `${field}.server`,
        message: `This must be a URL with https:// and nothing after the port, because a token is sent there.`,
      }),
    );
  }
  if (isText(path) && !/^[^/].*\/sign-intermediate$/.test(path)) {
    findings.push(
      broken("vault-path", {
        field: `${field}.path`,
        message: `"${path}" must start with the mount's name, without a slash, and end in /sign-intermediate: a role's path answers with a leaf, which cannot sign.`,
      }),
    );
  }
  if (isText(bundle)) {
    const types = decodePem(bundle).blocks.map(({ type }) => type);
    if (types.length === 0 || types.some((type) => type !== "CERTIFICATE")) {
      findings.push(
        broken("vault-ca-bundle", {
          field: `${field}.caBundlePem`,
          message: `This must hold certificates in PEM, and nothing else; it holds ${types.join(", ") || "nothing in PEM"}.`,
        }),
      );
    }
  }
  return findings;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function checkAuthentication(field: string, auth: unknown): Finding[] {
  if (isLater(auth)) return [];
  const methods = ["kubernetes", "appRole", "tokenSecretRef"];
  const given = isPlainObject(auth) ? Object.keys(auth).filter((name) => auth[name] !== undefined) : [];
  const [method = ""] = given;
  if (!isPlainObject(auth) || given.length !== 1 || !methods.includes(method)) {
    return [
      broken("vault-auth", {
        field,
        message: `This has ${given.join(", ") || "nothing"}; cert-manager logs in with exactly one of ${methods.join(", ")}.`,
        fix: "Set one of them. A token or a secret ID is in a Secret, which is named here.",
      }),
    ];
  }
  if (method === "kubernetes") {
    return checkParts(`${field}.kubernetes`, auth.kubernetes, ["role"], ["mountPath", "serviceAccount"]);
  }
  if (method === "tokenSecretRef") {
    return checkParts(`${field}.tokenSecretRef`, auth.tokenSecretRef, ["name", "key"], []);
  }
  if (isLater(auth.appRole)) return [];
  const { secretRef, ...parts } = isPlainObject(auth.appRole) ? auth.appRole : {};
  return [
    ...checkParts(`${field}.appRole`, parts, ["path", "roleId"], []),
    ...checkParts(`${field}.appRole.secretRef`, secretRef, ["name", "key"], []),
  ];
}
