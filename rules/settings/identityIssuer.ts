/** Where the mesh's identity issuer comes from, if it is not a trust anchor of this program that signs it. */
import { posix } from "node:path";
import { decodePem } from "../credentials/pem.ts";
import { lostLines } from "../credentials/pemText.ts";
import type { Finding } from "../finding.ts";
import { isLater, isPlainObject, known } from "../known.ts";
import { broken } from "../rules.ts";
import { defaults } from "./defaults.ts";
import { checkChoice, checkParts } from "./parts.ts";
import type { IdentityIssuerRef, Settings, VaultSettings } from "./settings.ts";

export const certManagerGroup = "cert-manager.io";

/** Checks who signs the identity issuer, and who keeps its Secret. */
export function* checkIdentityIssuer({ identityIssuer }: Settings): Iterable<Finding> {
  const { source, issuerRef, vault } = identityIssuer;
  yield* checkChoice("identity-issuer-source", "identityIssuer.source", source, ["certManager", "secret"]);
  if (source === "secret") yield* checkUnused(identityIssuer);
  if (issuerRef !== undefined && vault !== undefined) {
    yield broken("one-issuer-source", {
      field: "identityIssuer.vault",
      message: "identityIssuer.issuerRef is set as well, and a Certificate has one issuer.",
      fix: "Remove one of them.",
    });
  }
  if (issuerRef !== undefined) yield* checkReference("identityIssuer.issuerRef", issuerRef);
  if (vault !== undefined) yield* checkVault("identityIssuer.vault", vault);
}

/** Refuses what says how this program's Certificate is made, if it makes none. */
function* checkUnused(identityIssuer: Settings["identityIssuer"]): Iterable<Finding> {
  const { duration, renewBefore } = defaults.identityIssuer;
  const unused = { issuerRef: undefined, vault: undefined, duration, renewBefore };
  for (const [name, standard] of Object.entries(unused)) {
    if (identityIssuer[name as keyof typeof unused] === standard) continue;
    yield broken("other-identity-issuer-source", {
      field: `identityIssuer.${name}`,
      message: "This says how a Certificate is made, and with identityIssuer.source: secret there is none.",
      fix: "Remove it, or set identityIssuer.source to certManager.",
    });
  }
}

function* checkReference(field: string, reference: IdentityIssuerRef): Iterable<Finding> {
  const shape = checkParts(field, reference, ["name"], ["kind", "group"]);
  yield* shape;
  const { kind = "Issuer", group = certManagerGroup } = reference;
  const name = known(kind);
  if (shape.length > 0 || known(group) !== certManagerGroup || name === undefined) return;
  if (name === "Issuer" || name === "ClusterIssuer") return;
  yield broken("issuer-kind", {
    field: `${field}.kind`,
    message: `${certManagerGroup} has no kind "${name}", only Issuer and ClusterIssuer.`,
    fix: "Write one of them, or set group to that of the external issuer.",
  });
}

function* checkVault(field: string, vault: VaultSettings): Iterable<Finding> {
  if (!isPlainObject(vault)) {
    yield* checkParts(field, vault, ["server", "path", "auth"], []);
    return;
  }
  const { auth, ...parts } = vault;
  yield* checkParts(field, parts, ["server", "path"], ["caBundlePem", "namespace"]);
  yield* checkAuthentication(`${field}.auth`, auth);
  const { server, path, caBundlePem: bundle } = parts;
  if (isText(server) && !/^https:\/\/[^/?#@\s]+\/?$/.test(server)) {
    yield broken("vault-server", {
      field: `${field}.server`,
      message: `This must be a URL with https:// and nothing after the port, because a token is sent there.`,
    });
  }
  if (isText(path)) yield* checkVaultPath(`${field}.path`, path);
  if (!isText(bundle)) return;
  const types = decodePem(bundle).blocks.map(({ type }) => type);
  const lost = types.length === 0 ? lostLines(bundle) : undefined;
  if (types.length === 0 || types.some((type) => type !== "CERTIFICATE")) {
    yield broken("vault-ca-bundle", {
      field: `${field}.caBundlePem`,
      message: `This must hold certificates in PEM, and nothing else; it holds ${types.join(", ") || `nothing in PEM${lost ? `: ${lost.what}` : ""}`}.`,
      fix: lost?.fix,
    });
  }
}

/** Checks the path to which cert-manager adds `/v1` and, as Go's `path.Join`, no second slash. */
function* checkVaultPath(field: string, path: string): Iterable<Finding> {
  const asked = posix.join("/", path).replace(/\/$/, "");
  const [, withoutVersion] = /^\/v1\/(?!root\/|issuer\/)(.+)$/.exec(asked) ?? [];
  if (!/^\/.+\/sign-intermediate$/.test(asked)) {
    yield broken("vault-path", {
      field,
      message: `"${path}" does not end in /sign-intermediate behind a mount's name: a role's path answers with a leaf, which cannot sign.`,
    });
  } else if (withoutVersion !== undefined) {
    yield broken("vault-path", {
      field,
      message: `"${path}" starts with v1, which cert-manager puts before the path by itself: it would ask for /v1${asked}.`,
      fix: `Write it as ${withoutVersion}.`,
    });
  }
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function* checkAuthentication(field: string, auth: unknown): Iterable<Finding> {
  if (isLater(auth)) return;
  const methods = ["kubernetes", "appRole", "tokenSecretRef"];
  const given = isPlainObject(auth) ? Object.keys(auth).filter((name) => auth[name] !== undefined) : [];
  const [method = ""] = given;
  if (!isPlainObject(auth) || given.length !== 1 || !methods.includes(method)) {
    yield broken("vault-auth", {
      field,
      message: `This has ${given.join(", ") || "nothing"}; cert-manager logs in with exactly one of ${methods.join(", ")}.`,
      fix: "Set one of them. A token or a secret ID is in a Secret, which is named here.",
    });
  } else if (method === "kubernetes") {
    yield* checkParts(`${field}.kubernetes`, auth.kubernetes, ["role"], ["mountPath", "serviceAccount"]);
  } else if (method === "tokenSecretRef") {
    yield* checkParts(`${field}.tokenSecretRef`, auth.tokenSecretRef, ["name", "key"], []);
  } else if (!isPlainObject(auth.appRole)) {
    yield* checkParts(`${field}.appRole`, auth.appRole, ["path", "roleId", "secretRef"], []);
  } else {
    const { secretRef, ...parts } = auth.appRole;
    yield* checkParts(`${field}.appRole`, parts, ["path", "roleId"], []);
    yield* checkParts(`${field}.appRole.secretRef`, secretRef, ["name", "key"], []);
  }
}
