/** No chart makes credentials by itself: cert-manager does, and renews them. */
import { isLater } from "../rules/known.ts";
import { controlPlaneWebhooks, vizWebhooks, type Webhook } from "../rules/linkerdNames.ts";
import { controlPlaneReleases, meshesOf, types } from "./mesh.ts";
import { hasUnknown, type Refusal, type Resource, read, textAt } from "./resource.ts";

const scheme = "identity.issuer.scheme";

/** Refuses a release whose chart would make the credentials of its webhooks, or the identity issuer's Secret. */
export function* checkChartCredentials(release: Resource): Iterable<Refusal> {
  const webhooks = webhooksOf(release);
  if (webhooks === undefined || isLater(release.properties.values)) return;
  const valueIn = (path: string) => read(release, `values.${path}`);
  const own = webhooks.filter(({ valuesKey }) => {
    const isExternal = valueIn(`${valuesKey}.externalSecret`);
    return !isLater(isExternal) && isExternal !== true;
  });
  if (own.length > 0) {
    yield {
      resource: release,
      message: `${listOf(own.map(({ valuesKey }) => `${valuesKey}.externalSecret`))} of ${nameOf(release)} is not true: the chart makes that webhook's certificate itself. It lives a year, nothing renews it, and each upgrade makes it anew.`,
      fix: "Set webhooks.rotateCredentials (rotateWebhookCredentials) to true. Linkerd before 2.12 takes its webhooks' certificates from its chart alone: switch this rule off for such a stack.",
    };
  }
  const given = webhooks
    .flatMap(({ valuesKey }) => [`${valuesKey}.crtPEM`, `${valuesKey}.keyPEM`])
    .filter((path) => {
      const value = valueIn(path);
      return !isLater(value) && value !== undefined && value !== "";
    });
  if (given.length > 0) {
    yield {
      resource: release,
      message: `${listOf(given)} of ${nameOf(release)} is set: a certificate that nothing renews.`,
      fix: "Remove it: cert-manager keeps this webhook's credentials.",
    };
  }
  if (!isControlPlane(release)) return;
  const kind = valueIn(scheme);
  if (isLater(kind) || kind === "kubernetes.io/tls") return;
  yield {
    resource: release,
    message: `${scheme} of ${nameOf(release)} is ${JSON.stringify(kind) ?? "not set"}: the chart makes the identity issuer's Secret itself, with a key from its values, and cert-manager writes another.`,
    fix: `Set ${scheme} to kubernetes.io/tls.`,
  };
}

/** Refuses webhooks that the API server has no way to verify: it ignores them, and pods come up outside of the mesh. */
export function* checkWebhookAuthorities(stack: readonly Resource[]): Iterable<Refusal> {
  const known = new Map(stack.map((one) => [one.urn, one]));
  const anchors = meshesOf(stack).flatMap((mesh) => mesh.anchors.flatMap(({ all }) => all));
  for (const release of stack) {
    // The provider leaves out of a release's values what is not known yet.
    const sources = (release.madeFrom.values ?? []).flatMap((urn) => known.get(urn) ?? []);
    if (sources.some((one) => !anchors.includes(one) && hasUnknown(one.properties))) continue;
    const lacking = (webhooksOf(release) ?? []).filter(({ valuesKey }) =>
      ["injectCaFrom", "injectCaFromSecret", "caBundle"].every((key) =>
        ["", undefined].includes(read(release, `values.${valuesKey}.${key}`) as string),
      ),
    );
    const open = lacking.filter(
      ({ valuesKey }) => read(release, `values.${valuesKey}.externalSecret`) === true,
    );
    if (open.length === 0) continue;
    yield {
      resource: release,
      message: `Nothing gives the API server the CA of ${listOf(open.map(({ valuesKey }) => valuesKey))} in ${nameOf(release)}: neither injectCaFrom, injectCaFromSecret nor caBundle is set. It ignores a webhook that it cannot verify, and pods come up outside of the mesh.`,
      fix: "Set injectCaFrom to the Certificate, namespace/name, that cert-manager keeps for this webhook.",
    };
  }
}

function webhooksOf(release: Resource): readonly Webhook[] | undefined {
  if (release.type !== types.release) return undefined;
  if (isControlPlane(release)) return controlPlaneWebhooks;
  return textAt(release, "name") === "linkerd-viz" ? vizWebhooks : undefined;
}

const isControlPlane = (release: Resource) => controlPlaneReleases.includes(textAt(release, "name") ?? "");
const nameOf = (release: Resource) =>
  `release ${textAt(release, "namespace") ?? "default"}/${textAt(release, "name")}`;
const listOf = (names: readonly string[]) => names.join(", ");
