/** How long the trust anchor and the identity issuer live, as their resources say it. */
import type { Finding } from "../rules/finding.ts";
import { isLater } from "../rules/known.ts";
import { parseDuration } from "../rules/lifetimes/duration.ts";
import { checkLifetimes } from "../rules/lifetimes/identityIssuer.ts";
import { trustAnchorName } from "../rules/linkerdNames.ts";
import { type Mesh, meshesOf, types } from "./mesh.ts";
import { type Refusal, type Resource, type RuleSettings, read, refusalsOf, textAt } from "./resource.ts";

/** Refuses lives that do not fit each other, and those outside of what a team has set. */
export function* checkLives(stack: readonly Resource[], settings: RuleSettings): Iterable<Refusal> {
  for (const mesh of meshesOf(stack)) {
    const { issuer, controlPlane } = mesh;
    const ofIssuer = {
      ...durationsOf(issuer),
      issuanceLifetime: at(controlPlane, "values.identity.issuer.issuanceLifetime"),
      clockSkewAllowance: at(controlPlane, "values.identity.issuer.clockSkewAllowance"),
    };
    const anchors = anchorsOf(mesh);
    const found = new Map<string, Finding>();
    for (const { life } of anchors.length > 0 ? anchors : [{ life: undefined }]) {
      for (const finding of checkLifetimes(ofIssuer, life)) found.set(finding.message, finding);
    }
    yield* refusalsOf(found.values(), issuer ?? controlPlane);
    yield* anchors.flatMap(({ resource, life }) => tooShort(resource, life, settings));
    yield* tooLong(issuer, settings);
  }
}

interface AnchorLife {
  readonly resource: Resource;
  /** Hours; or durations, if the cluster keeps it. */
  readonly life: number | ReturnType<typeof durationsOf>;
}

/** Those that are made here. The life of one that is given is in its certificate. */
function anchorsOf({ anchors, clusterAnchor }: Mesh): AnchorLife[] {
  const made = anchors.flatMap(({ parts }) => parts).filter(({ type }) => type === types.root);
  const kept = clusterAnchor.filter((one) => textAt(one, "spec.secretName") === trustAnchorName);
  return [
    ...made.flatMap((resource) => {
      const life = read(resource, "validityPeriodHours");
      return typeof life === "number" ? [{ resource, life }] : [];
    }),
    ...kept.map((resource) => ({ resource, life: durationsOf(resource) })),
  ];
}

function durationsOf(certificate: Resource | undefined) {
  // cert-manager that does not renew it has no time for that.
  const [duration, renewBefore] = ["spec.duration", "spec.renewBefore"].map((path) => at(certificate, path));
  return { duration, renewBefore };
}

function at(resource: Resource | undefined, path: string): string | object | undefined {
  const value = resource && read(resource, path);
  return typeof value === "string" || isLater(value) ? value : undefined;
}

function tooShort(resource: Resource, life: AnchorLife["life"], { anchorAtLeast }: RuleSettings): Refusal[] {
  const duration = typeof life === "number" ? `${life}h` : life.duration;
  if (typeof duration !== "string" || !isLonger(anchorAtLeast, duration)) return [];
  return [
    {
      resource,
      message: `The trust anchor lives ${duration}, less than ${anchorAtLeast}: at its end, every pod of the mesh has been restarted with another one, or fails.`,
      fix: "Make trustAnchor.validityPeriodHours or trustAnchor.duration longer; or set anchorAtLeast of this rule.",
    },
  ];
}

function tooLong(issuer: Resource | undefined, { issuerAtMost }: RuleSettings): Refusal[] {
  const duration = issuer && textAt(issuer, "spec.duration");
  if (duration === undefined || !isLonger(duration, issuerAtMost)) return [];
  return [
    {
      resource: issuer,
      message: `The identity issuer lives ${duration}, more than ${issuerAtMost}: for so long, a stolen key of it makes identities of the mesh.`,
      fix: "Make identityIssuer.duration shorter, since cert-manager renews it; or set issuerAtMost of this rule.",
    },
  ];
}

/** What is no duration is another finding. */
function isLonger(one: string, other: string): boolean {
  try {
    return parseDuration(one) > parseDuration(other);
  } catch {
    return false;
  }
}
