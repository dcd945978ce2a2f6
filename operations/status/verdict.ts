/** What is wrong with a mesh's status, and how to mend it. */
import { type Certificate, certificateNamespace, conditionOf, isIssuing } from "../../mesh/certManager.ts";
import { type CertManagerProgram, certManagerPrograms } from "../../mesh/certManagerPrograms.ts";
import {
  isSameCertificate,
  type ParsedCertificate,
  quotedName,
} from "../../rules/credentials/certificate.ts";
import { chainToAnchor } from "../../rules/credentials/chain.ts";
import { checkCredentials } from "../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import type { Finding } from "../../rules/finding.ts";
import { durationMilliseconds } from "../../rules/lifetimes/duration.ts";
import { identityDeploymentName, trustRootsName } from "../../rules/linkerdNames.ts";
import { broken } from "../../rules/rules.ts";
import { awaitReload, describeObjects, isDelivered, restartController, withAnchorAdvice } from "../advice.ts";
import { formatSpan, formatTime, serial } from "../format.ts";
import { dataPlaneProblems } from "./dataPlaneVerdict.ts";
import { emergencyProblem } from "./emergency.ts";
import type { IdentityController, MeshStatus } from "./read.ts";
import type { Credential, Signer } from "./renewal.ts";
import type { ServedCertificate, WebhookCredential } from "./webhooks.ts";

/** cert-manager renews within seconds; a renewal that is this late is not happening. */
const renewalGraceMilliseconds = 5 * 60_000;

/**
 * None if every credential is valid, every identity controller has loaded the stored issuer, and what renews them is there.
 *
 * The anchors and the issuer are judged by the rules of `npm run -s check`, whose warnings are left to it, but for those of
 * an anchor's end.
 *
 * @param warnBefore how early that is warned of; by default, as everywhere.
 */
export function problemsOf(status: MeshStatus, warnBefore?: string): readonly Finding[] {
  const { issuer, trust, readAt, webhooks, controllers, renewal, unknown } = status;
  const isDistributed = trust.distributedSha256 !== undefined;
  const findings = checkCredentials(
    { bundle: trust.bundle, ...(issuer.pem === undefined ? {} : { issuer: issuer.pem }) },
    { ...trust.purpose, now: readAt, warnBefore },
    parseCertificate,
  );
  return [
    ...withAnchorAdvice(findings, trust.bundle.field, isDistributed).filter(
      ({ severity, rule }) => severity === "error" || rule.startsWith("anchor-ends"),
    ),
    issuer.pem === undefined ? notStored(status, issuer) : undefined,
    ...programProblems(renewal?.programs),
    // Without cert-manager, its Certificates may be gone as well.
    ...(renewal?.programs?.length === 0 ? [] : [issuer, ...webhooks]).map((credential) =>
      notRenewed(status, credential),
    ),
    ...(renewal?.signers ?? []).map(signerProblem),
    ...(renewal?.certificates ?? []).map((certificate) => renewalProblem(status, certificate)),
    ...webhooks.flatMap((webhook) => webhookProblems(status, webhook)),
    controllers.length === 0 ? noController(status) : undefined,
    ...controllers.flatMap((controller) => [
      bundleProblem(status, controller),
      controllerProblem(status, controller),
      leafLifeProblem(status, controller),
    ]),
    ...dataPlaneProblems(status),
    ...status.emergencies.map(emergencyProblem),
    ...[...new Set(unknown)].map(notKnown),
  ].filter((finding) => finding !== undefined);
}

function notKnown(reason: string): Finding {
  return broken("status-known", {
    field: "--context",
    message: `This could not be seen, and what it would tell is not known: ${reason}`,
  });
}

/** A Secret of cert-manager's without its Certificate: nothing renews it. */
function notRenewed({ namespace }: MeshStatus, credential: Credential): Finding | undefined {
  const { secretName, writtenFor, renewedBy } = credential;
  if (writtenFor === undefined || renewedBy !== undefined) return undefined;
  return broken("certificate-exists", {
    field: `Certificate ${namespace}/${writtenFor}`,
    message: `The Certificate does not exist, and nobody else has written the Secret ${namespace}/${secretName} since cert-manager did for it, so nothing may renew it.`,
    fix: "Bring it back: pulumi up --refresh. With identityIssuerSource: secret, whoever keeps the Secret has to write it.",
  });
}

function programProblems(programs: readonly CertManagerProgram[] | undefined): Finding[] {
  if (programs === undefined) return [];
  const problem = (field: string, message: string, fix?: string) =>
    broken("cert-manager-running", { field, message, fix });
  if (programs.length === 0) {
    const message =
      "cert-manager is not on the cluster: it has no Deployment of its controller, webhook or cainjector.";
    return [
      problem(
        "cert-manager",
        message,
        "Install it again. If this program's Helm release of it was uninstalled: pulumi up --refresh.",
      ),
    ];
  }
  return Object.entries(certManagerPrograms).flatMap(([component, label]) => {
    const running = programs.filter((program) => program.component === component);
    if (running.some(({ availableReplicas }) => availableReplicas > 0)) return [];
    const [program] = running;
    if (program === undefined) {
      const labels = `app.kubernetes.io/name=${label}, app.kubernetes.io/component=${component}`;
      return problem(
        "cert-manager",
        `cert-manager's ${component} is not on the cluster: no Deployment has the labels ${labels}.`,
      );
    }
    const { namespace, name } = program;
    const message = `cert-manager's ${component} is not running: none of its pods is available.`;
    return problem(
      `Deployment ${namespace}/${name}`,
      message,
      describeObjects(namespace, `deployment ${name}`),
    );
  });
}

function signerProblem({ group, kind, name, namespace, ...signer }: Signer): Finding | undefined {
  const { isKnown, isNamespaced, issuer, secret, signs } = signer;
  const field = `${kind} ${isNamespaced ? `${namespace}/` : ""}${name}`;
  const purpose = `It signs ${signs.join(", ")}, whose next renewal fails.`;
  if (issuer === undefined) {
    return broken("issuer-exists", {
      field,
      message: isKnown
        ? `The issuer does not exist. ${purpose}`
        : `The cluster has no kind ${kind} in the API group ${group}. ${purpose}`,
      fix: "If it is this program's: pulumi up --refresh. Otherwise install or create it.",
    });
  }
  if (secret !== undefined && secret.lacks.length > 0) {
    const lack = secret.exists ? `has no ${secret.lacks.join(" and no ")}` : "does not exist";
    return broken("issuer-secret", {
      field: `Secret ${secret.namespace}/${secret.name}`,
      message: `The Secret ${lack}, and the ${field} needs it. ${purpose}`,
    });
  }
  const ready = conditionOf(issuer, "Ready");
  // An issuer of another group need not say whether it is.
  if (ready?.status === "True" || (ready === undefined && group !== "cert-manager.io")) return undefined;
  return broken("issuer-ready", {
    field,
    message: `The issuer is not Ready: ${ready?.message ?? "cert-manager has not looked at it"}. ${purpose}`,
    fix: describeObjects(namespace, `${kind.toLowerCase()}.${group} ${name}`),
  });
}

function notStored({ namespace }: MeshStatus, { secretName, unreadable, renewedBy }: Credential): Finding {
  return broken("stored-certificate", {
    field: `Secret ${namespace}/${secretName}`,
    message: unreadable!,
    fix: describeObjects(namespace, `certificate ${renewedBy?.metadata.name ?? secretName}`),
  });
}

function webhookProblems(status: MeshStatus, webhook: WebhookCredential): (Finding | undefined)[] {
  const { namespace, readAt } = status;
  const { certificate, intermediates, caBundle, serverName, renewedBy } = webhook;
  if (certificate === undefined) return [notStored(status, webhook)];
  const field = `Secret ${namespace}/${webhook.secretName}`;
  const fix =
    renewedBy === undefined
      ? "Upgrade the linkerd-control-plane chart, which makes new webhook certificates."
      : describeObjects(namespace, `certificate ${renewedBy.metadata.name}`);
  const { reason } = chainToAnchor(certificate, intermediates, caBundle, readAt);
  return [
    certificate.x509.checkHost(serverName) === undefined
      ? broken("webhook-name", {
          field,
          message: `The certificate is not for ${serverName}, by which the API server calls the ${webhook.name}.`,
          fix,
        })
      : undefined,
    reason === undefined
      ? undefined
      : broken("webhook-chain", {
          field,
          message: `The API server will not trust the ${webhook.name}: ${reason}`,
          fix,
        }),
    ...webhook.served.map((served) => servedProblem(status, webhook, served)),
  ];
}

/** What a pod serves may be older than what is stored, for as long as the kubelet takes. */
function servedProblem(
  { namespace, readAt }: MeshStatus,
  { name, certificate, caBundle, serverName }: WebhookCredential,
  { podName, chain, failure }: ServedCertificate,
): Finding | undefined {
  const field = `Pod ${namespace}/${podName}`;
  if (chain === undefined) {
    return broken("webhook-served", {
      field,
      message: `The ${name} does not answer with a certificate: ${failure}`,
      fix: `See its log: kubectl -n ${namespace} logs ${podName} --all-containers. To ask it, a user needs get and create on pods/portforward.`,
    });
  }
  const [served, ...intermediates] = chain as [ParsedCertificate, ...ParsedCertificate[]];
  if (isSameCertificate(served, certificate!)) return undefined;
  const { reason } = chainToAnchor(served, intermediates, caBundle, readAt);
  const isFor = served.x509.checkHost(serverName) !== undefined;
  if (reason === undefined && isFor && !isDelivered(certificate!, readAt)) return undefined;
  const refused = isFor ? reason : `it is not for ${serverName}.`;
  return broken("webhook-served", {
    field,
    message:
      `The ${name} serves certificate ${serial(served)}, and its Secret holds ${serial(certificate!)}. ` +
      (refused === undefined
        ? `The API server accepts it until ${formatTime(served.x509.validToDate)}.`
        : `The API server refuses it: ${refused}`),
    fix: `Restart it: kubectl -n ${namespace} delete pod ${podName}`,
  });
}

/** The most telling thing that is wrong with a renewal. */
function renewalProblem(status: MeshStatus, renewedBy: Certificate): Finding | undefined {
  const { readAt } = status;
  const namespace = certificateNamespace(renewedBy, status);
  const describe = describeObjects(namespace, `certificate ${renewedBy.metadata.name}`);
  const field = `Certificate ${namespace}/${renewedBy.metadata.name}`;
  const { failedIssuanceAttempts = 0, renewalTime } = renewedBy.status ?? {};
  if (failedIssuanceAttempts > 0) {
    const { message: reason = "no message" } = conditionOf(renewedBy, "Issuing") ?? {};
    const message = `${failedIssuanceAttempts} failed attempts to issue: ${reason}`;
    return broken("certificate-issued", { field, message, fix: describe });
  }
  const ready = conditionOf(renewedBy, "Ready");
  if (ready?.status !== "True" && !isIssuing(renewedBy)) {
    const message = `The Certificate is not ready: ${ready?.message ?? "cert-manager has not looked at it"}.`;
    return broken("certificate-ready", { field, message, fix: describe });
  }
  const late = renewalTime === undefined ? 0 : readAt.getTime() - Date.parse(renewalTime);
  if (late <= renewalGraceMilliseconds) return undefined;
  return broken("certificate-renewed", {
    field,
    message: `The Certificate should have been renewed ${formatSpan(late)} ago.`,
  });
}

function noController({ namespace }: MeshStatus): Finding {
  return broken("controller-running", {
    field: `Deployment ${namespace}/${identityDeploymentName}`,
    message: "No identity controller is running.",
    fix: describeObjects(namespace, `deployment ${identityDeploymentName}`),
  });
}

/** Identity cuts every leaf to the earliest end in its chain, and says so nowhere. */
function leafLifeProblem(
  { namespace, trust }: MeshStatus,
  { podName, proof }: IdentityController,
): Finding | undefined {
  if (proof === undefined) return undefined;
  const { issuanceLifetime } = trust.purpose;
  const { validFromDate, validToDate } = proof.leaf.x509;
  const life = validToDate.getTime() - validFromDate.getTime();
  if (life >= durationMilliseconds(issuanceLifetime)) return undefined;
  const first = proof.intermediates.toSorted(
    (one, other) => one.x509.validToDate.getTime() - other.x509.validToDate.getTime(),
  )[0];
  const isIssuer = first === undefined || isSameCertificate(first, proof.issuer);
  return broken("leaf-life", {
    field: `Pod ${namespace}/${podName}`,
    message:
      `The leaves that identity signs live ${formatSpan(life)}, and not ${issuanceLifetime}: ` +
      `they are cut to the end of ${isIssuer ? "the identity issuer" : `${quotedName(first)}, which is in their chain`}, at ${formatTime(validToDate)}. ` +
      "All of them end then, and no proxy comes back without a restart.",
    fix: isIssuer
      ? "Renew the issuer: npm run -s renew."
      : "Finish the rotation before, or have the older generation vouch anew (docs/rotation.md).",
  });
}

/** A controller reads its anchors at its start only; if the chart keeps them, it restarts with them. */
function bundleProblem(
  { namespace, trust: { distributedSha256 }, dataPlane }: MeshStatus,
  { podName, bundleSha256 }: IdentityController,
): Finding | undefined {
  const held = dataPlane?.bundles.find(({ pods }) =>
    pods.some((pod) => pod.namespace === namespace && pod.name === podName),
  );
  const isOther =
    held === undefined || held.state === "unknown"
      ? distributedSha256 !== undefined && bundleSha256 !== undefined && bundleSha256 !== distributedSha256
      : held.state !== "current";
  if (!isOther) return undefined;
  return broken("controller-anchors", {
    field: `Pod ${namespace}/${podName}`,
    message:
      `The identity controller was started with other trust anchors than ConfigMap ${namespace}/${trustRootsName} ` +
      "has now. It would refuse an issuer below a new one.",
  });
}

function controllerProblem(status: MeshStatus, controller: IdentityController): Finding | undefined {
  const { issuer, namespace, lastReload, readAt } = status;
  const { podName, proof, failure } = controller;
  const field = `Pod ${namespace}/${podName}`;
  if (proof === undefined) {
    return broken("controller-answers", {
      field,
      message: `The identity controller gave no certificate: ${failure}`,
      fix:
        `See its log: kubectl -n ${namespace} logs ${podName} --container identity. ` +
        'To ask it, a user needs "create" on serviceaccounts/token, and "get" and "create" on pods/portforward.',
    });
  }
  if (issuer.certificate === undefined || isSameCertificate(proof.issuer, issuer.certificate)) {
    return undefined;
  }
  const mismatch =
    `The identity controller has loaded issuer ${serial(proof.issuer)}, ` +
    `but Secret ${namespace}/${issuer.secretName} holds ${serial(issuer.certificate)}`;
  if (lastReload?.reason === "IssuerUpdateSkipped") {
    return broken("issuer-refused", {
      field,
      message: `${mismatch}, which it refused: ${lastReload.message}`,
      fix: `Mend what it says. It looks at the Secret again only when that changes, or after: ${restartController(namespace)}`,
    });
  }
  return broken("issuer-loaded", {
    field,
    message: `${mismatch}.`,
    fix: awaitReload(namespace, issuer.certificate, readAt),
  });
}
