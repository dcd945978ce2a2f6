/** What is wrong with a mesh's credentials, and how to mend it. */
import { conditionOf, isIssuing } from "../../mesh/certManager.ts";
import { isSameCertificate } from "../../rules/credentials/certificate.ts";
import { chainToAnchor } from "../../rules/credentials/chain.ts";
import { checkCredentials } from "../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import type { Finding } from "../../rules/finding.ts";
import { identityDeploymentName, trustRootsName } from "../../rules/linkerdNames.ts";
import { broken } from "../../rules/rules.ts";
import { awaitReload, describeObjects, restartController } from "../advice.ts";
import { formatSpan, serial } from "../format.ts";
import type { Credential, Credentials, IdentityController, WebhookCredential } from "./read.ts";

/** cert-manager renews within seconds; a renewal that is this late is not happening. */
const renewalGraceMilliseconds = 5 * 60_000;

/**
 * All errors; none if every credential is valid and every identity controller has loaded the stored issuer.
 *
 * The anchors and the issuer are judged by the rules of `npm run -s check`, whose warnings are left to it.
 */
export function problemsOf(credentials: Credentials): readonly Finding[] {
  const { issuer, trust, readAt, webhooks, controllers } = credentials;
  const findings = checkCredentials(
    { bundle: trust.bundle, ...(issuer.pem === undefined ? {} : { issuer: issuer.pem }) },
    { ...trust.purpose, now: readAt },
    parseCertificate,
  );
  return [
    ...findings.filter(({ severity }) => severity === "error"),
    issuer.pem === undefined ? notStored(credentials, issuer) : undefined,
    renewalProblem(credentials, issuer),
    ...webhooks.flatMap((webhook) => webhookProblems(credentials, webhook)),
    controllers.length === 0 ? noController(credentials) : undefined,
    ...controllers.flatMap((controller) => [
      bundleProblem(credentials, controller),
      controllerProblem(credentials, controller),
    ]),
  ].filter((finding) => finding !== undefined);
}

function notStored({ namespace }: Credentials, { secretName, unreadable, renewedBy }: Credential): Finding {
  return broken("stored-certificate", {
    field: `Secret ${namespace}/${secretName}`,
    message: unreadable!,
    fix: describeObjects(namespace, `certificate ${renewedBy?.metadata.name ?? secretName}`),
  });
}

function webhookProblems(credentials: Credentials, webhook: WebhookCredential): (Finding | undefined)[] {
  const { namespace, readAt } = credentials;
  const { certificate, intermediates, caBundle, serverName, renewedBy } = webhook;
  if (certificate === undefined) return [notStored(credentials, webhook)];
  const field = `Secret ${namespace}/${webhook.secretName}`;
  const fix =
    renewedBy === undefined
      ? "Upgrade the linkerd-control-plane chart, which makes new webhook certificates."
      : describeObjects(namespace, `certificate ${renewedBy.metadata.name}`);
  const { reason } = chainToAnchor(certificate, intermediates, caBundle, readAt);
  return [
    renewalProblem(credentials, webhook),
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
  ];
}

/** The most telling thing that is wrong with the renewal of a credential. */
function renewalProblem({ namespace, readAt }: Credentials, { renewedBy }: Credential): Finding | undefined {
  if (renewedBy === undefined) return undefined;
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

function noController({ namespace }: Credentials): Finding {
  return broken("controller-running", {
    field: `Deployment ${namespace}/${identityDeploymentName}`,
    message: "No identity controller is running.",
    fix: describeObjects(namespace, `deployment ${identityDeploymentName}`),
  });
}

/** A controller reads its anchors at its start only; if the chart keeps them, it restarts with them. */
function bundleProblem(
  { namespace, trust: { distributedSha256 } }: Credentials,
  { podName, bundleSha256 }: IdentityController,
): Finding | undefined {
  if (distributedSha256 === undefined || bundleSha256 === undefined || bundleSha256 === distributedSha256) {
    return undefined;
  }
  return broken("controller-anchors", {
    field: `Pod ${namespace}/${podName}`,
    message:
      `The identity controller was started with other trust anchors than ConfigMap ${namespace}/${trustRootsName} ` +
      "has now. It would refuse an issuer below a new one.",
  });
}

function controllerProblem(credentials: Credentials, controller: IdentityController): Finding | undefined {
  const { issuer, namespace, lastReload, readAt } = credentials;
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
