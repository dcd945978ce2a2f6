/** What is wrong with the credentials, and how to mend it. */

import { chainToAnchor, commonName, outsideValidity } from "../../mesh/certificateChain.ts";
import { conditionOf, isIssuing } from "../../mesh/certManager.ts";
import { deploymentName, reloadFix } from "../../mesh/identityController.ts";
import { isDelivered } from "../../mesh/storedCertificate.ts";
import { formatSpan, serial } from "../format.ts";
import type { Credential, Credentials, IdentityController } from "./credentials.ts";

export interface Problem {
  readonly what: string;
  readonly fix: string;
}

/** cert-manager renews within seconds; a renewal that is this late is not happening. */
const renewalGraceMilliseconds = 5 * 60_000;

/** All problems; none where every credential is valid and every identity controller has loaded the stored issuer. */
export function problemsOf(credentials: Credentials): readonly Problem[] {
  return [
    ...anchorProblems(credentials),
    ...issuerProblems(credentials),
    ...credentials.webhooks.flatMap((webhook) => webhookProblems(credentials, webhook)),
    ...controllerProblems(credentials),
  ];
}

function anchorProblems({ anchors, namespace, readAt }: Credentials): Problem[] {
  return anchors.flatMap((anchor) => {
    const outside = outsideValidity(anchor, readAt);
    if (outside === undefined) return [];
    return {
      what: `Trust anchor ${commonName(anchor)} ${outside}.`,
      fix: `Take it out of the bundle (ConfigMap ${namespace}/linkerd-identity-trust-roots) once a valid one signs the issuer.`,
    };
  });
}

function issuerProblems({ issuer, anchors, namespace, readAt }: Credentials): Problem[] {
  const name = `Secret ${namespace}/${issuer.secretName}`;
  const renewNow = "Renew it now: npm run -s renew";
  if (issuer.certificate === undefined) {
    return [
      {
        what: `${name}: ${issuer.unreadable}.`,
        fix: `See what cert-manager says: kubectl -n ${namespace} describe certificate ${issuer.renewedBy?.metadata.name ?? issuer.secretName}`,
      },
    ];
  }
  const problems: Problem[] = renewalProblems(issuer, namespace, readAt);
  if (!issuer.certificate.ca) {
    problems.push({
      what: `${name}: the certificate may not sign others (CA:FALSE).`,
      fix: "Set isCA: true on its Certificate, and use an issuer that honours it.",
    });
  }
  try {
    chainToAnchor(issuer.certificate, issuer.intermediates, anchors, readAt);
  } catch (error) {
    problems.push({
      what: `${name}: ${(error as Error).message}`,
      fix:
        outsideValidity(issuer.certificate, readAt) === undefined
          ? "Add the anchor that signed it to the bundle, or let an anchor of the bundle sign the issuer."
          : renewNow,
    });
  }
  return problems;
}

function webhookProblems(
  { namespace, readAt }: Credentials,
  webhook: Credentials["webhooks"][number],
): Problem[] {
  const name = `Secret ${namespace}/${webhook.secretName}`;
  const fix =
    webhook.renewedBy === undefined
      ? "Upgrade the linkerd-control-plane chart, which makes new webhook certificates."
      : `See what cert-manager says: kubectl -n ${namespace} describe certificate ${webhook.renewedBy.metadata.name}`;
  if (webhook.certificate === undefined) return [{ what: `${name}: ${webhook.unreadable}.`, fix }];
  const problems: Problem[] = renewalProblems(webhook, namespace, readAt);
  if (webhook.certificate.checkHost(webhook.serverName) === undefined) {
    problems.push({ what: `${name}: the certificate is not for ${webhook.serverName}.`, fix });
  }
  try {
    chainToAnchor(webhook.certificate, webhook.intermediates, webhook.caBundle, readAt);
  } catch (error) {
    problems.push({
      what: `${name}: the API server will not trust the ${webhook.name}: ${(error as Error).message}`,
      fix,
    });
  }
  return problems;
}

function renewalProblems({ renewedBy }: Credential, namespace: string, readAt: Date): Problem[] {
  if (renewedBy === undefined) return [];
  const name = `Certificate ${namespace}/${renewedBy.metadata.name}`;
  const fix = `See why: kubectl -n ${namespace} describe certificate ${renewedBy.metadata.name}`;
  const { failedIssuanceAttempts = 0, renewalTime } = renewedBy.status ?? {};
  if (failedIssuanceAttempts > 0) {
    const { message = "no message" } = conditionOf(renewedBy, "Issuing") ?? {};
    return [{ what: `${name}: ${failedIssuanceAttempts} failed attempts to issue: ${message}`, fix }];
  }
  const ready = conditionOf(renewedBy, "Ready");
  if (ready?.status !== "True" && !isIssuing(renewedBy)) {
    return [{ what: `${name} is not ready: ${ready?.message ?? "cert-manager has not looked at it"}.`, fix }];
  }
  const late = renewalTime === undefined ? 0 : readAt.getTime() - Date.parse(renewalTime);
  if (late > renewalGraceMilliseconds) {
    return [
      {
        what: `${name} should have been renewed ${formatSpan(late)} ago.`,
        fix: `Is cert-manager running? kubectl get pods --all-namespaces --selector app.kubernetes.io/name=cert-manager`,
      },
    ];
  }
  return [];
}

function controllerProblems(credentials: Credentials): Problem[] {
  const { controllers, namespace } = credentials;
  if (controllers.length === 0) {
    return [
      {
        what: `No identity controller is running in namespace ${namespace}.`,
        fix: `See why: kubectl -n ${namespace} describe deployment ${deploymentName}`,
      },
    ];
  }
  return controllers.flatMap((controller) =>
    [bundleProblem(credentials, controller), controllerProblem(credentials, controller)].filter(
      (problem) => problem !== undefined,
    ),
  );
}

/** A controller reads its anchors at its start only; where the chart keeps them, it restarts with them. */
function bundleProblem(
  { namespace, distributedSha256 }: Credentials,
  { podName, bundleSha256 }: IdentityController,
): Problem | undefined {
  if (distributedSha256 === undefined || bundleSha256 === undefined || bundleSha256 === distributedSha256)
    return undefined;
  return {
    what:
      `Identity controller ${podName} was started with other trust anchors than ConfigMap ` +
      `${namespace}/linkerd-identity-trust-roots has now: it would skip an issuer below a new one.`,
    fix: "Restart the control plane before the issuer is renewed: pulumi up does, since the bundle has changed.",
  };
}

function controllerProblem(credentials: Credentials, controller: IdentityController): Problem | undefined {
  const { issuer, namespace, lastReload, readAt } = credentials;
  const { podName, proof, failure } = controller;
  const restart = `kubectl -n ${namespace} rollout restart deploy/${deploymentName}`;
  if (proof === undefined) {
    return {
      what: `Identity controller ${podName} gave no certificate: ${failure}`,
      fix:
        `See its log: kubectl -n ${namespace} logs ${podName} --container identity. ` +
        'Asking it takes "create" on serviceaccounts/token, and "get" and "create" on pods/portforward.',
    };
  }
  if (issuer.certificate === undefined || proof.issuer.raw.equals(issuer.certificate.raw)) return undefined;
  const mismatch =
    `Identity controller ${podName} has loaded issuer ${serial(proof.issuer)}, ` +
    `but Secret ${namespace}/${issuer.secretName} holds ${serial(issuer.certificate)}`;
  if (lastReload?.reason === "IssuerUpdateSkipped") {
    return {
      what: `${mismatch}, which it refused: ${lastReload.message}`,
      fix: `Mend what it says; it looks at the Secret again only when that changes, or after: ${restart}`,
    };
  }
  return { what: `${mismatch}.`, fix: reloadFix(namespace, isDelivered(issuer.certificate, readAt)) };
}
