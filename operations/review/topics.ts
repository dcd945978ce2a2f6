/** What a preview's changes mean for a mesh and its credentials: one topic for each thing that a reviewer has to decide. */
import type { Part } from "../../components/parts.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import { type Change, type Difference, knownLater, releaseType, unknown, valueAtPath } from "../preview.ts";
import { few, listed, own, type Sentence, say } from "./sentence.ts";

export interface Topic {
  /** What would happen, as a part of a title. */
  readonly title: Sentence;
  /** What the reviewer has to decide. */
  readonly decide: Sentence;
  /** Which credential changes, and whose trust that touches. */
  readonly credentials?: Sentence | undefined;
  /** Which step of a rotation it is, and what comes after it. */
  readonly rotation?: Sentence;
  /** The rule by which a gate looks at the cluster before this change. */
  readonly gate?: "signer-trusted" | "signer-accepted" | "anchor-protected" | "signer-trial";
}

/** The topics of a preview, the gravest first. Every part that changes has one. */
export function topicsOf(changes: readonly Change[]): Topic[] {
  const isInstalled = controlPlaneOf(changes)?.operation === "create";
  return [...(isInstalled ? [installation(changes)] : topicsOfRunning(changes)), ...foreign(changes)];
}

function topicsOfRunning(changes: readonly Change[]): Topic[] {
  const anchors = [...changedAnchors(changes), ...leavingAnchors(changes)];
  const joining = [...joiningAnchors(changes), ...unprotectedAnchors(changes)];
  const signers = signer(changes);
  const issuers = issuer(changes);
  const webhooks = webhookCredentials(changes);
  const removed = removals(changes);
  const values = controlPlane(changes);
  // Of the control plane's values, some follow from anchors and webhooks.
  const told: Partial<Record<Part, readonly unknown[]>> = {
    "linkerd-trust-anchor": [...anchors, ...joining],
    "linkerd-identity-issuer": [...signers, ...issuers],
    "linkerd-webhooks": webhooks,
    "linkerd-control-plane": [...values, ...anchors, ...joining, ...webhooks],
  };
  const untold = changes.filter(
    ({ part }) => part !== undefined && !told[part]?.length && !removed.some((one) => one.part === part),
  );
  return [
    ...removed.map(({ topic }) => topic),
    ...anchors,
    ...signers,
    ...joining,
    ...issuers,
    ...webhooks,
    ...values,
    ...others(untold),
  ];
}

/** Resources in the state alone. */
const ownTypes = ["pulumi:pulumi:Stack", "linkerd-rotating-tls:index:RotatingLinkerd"];

const certificateType = "kubernetes:cert-manager.io/v1:Certificate";
const anchorType = "linkerd-rotating-tls:index:TrustAnchor";

const of = (changes: readonly Change[], part: Part) => changes.filter((change) => change.part === part);
const typed = (changes: readonly Change[], type: string) => changes.filter((change) => change.type === type);

/** The change of the Helm release with the control plane. */
const controlPlaneOf = (changes: readonly Change[]) =>
  typed(of(changes, "linkerd-control-plane"), releaseType)[0];

const issuerOf = (changes: readonly Change[]) =>
  typed(of(changes, "linkerd-identity-issuer"), certificateType)[0];

/** A generation of the trust anchor, by the name of its component or of its Issuers. */
const generationIn = (name: string) =>
  Number(/trust-anchor(?:-(\d+))?(?:-cross-signed)?$/.exec(name)?.[1] ?? 1);

/** What belongs to a cross certificate, which may come, go and change: no proxy trusts it by itself. */
const isOfCross = ({ name }: Change) => /-cross(?:-\w+)?$/.test(name);

const generations = (changes: readonly Change[], operation: Change["operation"]) =>
  typed(changes, anchorType)
    .filter((change) => change.operation === operation)
    .map(({ name }) => generationIn(name))
    .sort((left, right) => left - right);

/** `generation 2`, or `generations 2 and 3`. */
function named(numbers: readonly number[]): Sentence {
  const [first, ...rest] = numbers;
  return rest.length === 0 ? say`generation ${first!}` : say`generations ${listed(numbers, " and ")}`;
}

const verb = (numbers: readonly number[], plural: string) =>
  own(numbers.length === 1 ? `${plural}s` : plural);

const textAt = (value: unknown, path: string) => {
  const found = valueAtPath(value, path);
  return typeof found === "string" && found !== unknown ? found : knownLater;
};

function installation(changes: readonly Change[]): Topic {
  const release = controlPlaneOf(changes)!;
  const certificate = issuerOf(changes);
  const anchors = of(changes, "linkerd-trust-anchor");
  const isOnCluster = !anchors.some(({ type }) => type === anchorType);
  const signers = isOnCluster
    ? own(
        "Is this the right cluster and configuration for a new mesh, and may whoever can read Secrets in cert-manager's namespace sign for it?",
      )
    : say`Is this the right cluster and configuration for a new mesh, and may whoever can decrypt this stack, or read Secrets in namespace ${textAt(release.after, "namespace")}, sign for it?`;
  const isMade = anchors.some(({ type }) => type === "tls:index/privateKey:PrivateKey");
  const keeper = isOnCluster
    ? own("cert-manager makes the trust anchor, and keeps its key on the cluster.")
    : isMade
      ? own("Pulumi makes the trust anchor, and keeps its key, encrypted, in this stack's state.")
      : own("The trust anchor is given.");
  const issuer =
    certificate === undefined
      ? own("Someone else writes the identity issuer.")
      : say`cert-manager issues the identity issuer, signed by ${reference(certificate.after)}, for ${textAt(certificate.after, "spec.duration")}, and renews it ${textAt(certificate.after, "spec.renewBefore")} before its end.`;
  const webhooks =
    of(changes, "linkerd-webhooks").length > 0
      ? own("The webhooks' certificates are cert-manager's, under a CA of their own.")
      : own("The webhooks' credentials are made by the chart, and change only with an upgrade.");
  return {
    title: own("Linkerd is installed"),
    decide: signers,
    credentials: say`${keeper} Every identity of the trust domain ${textAt(release.after, "values.identityTrustDomain")} is verified by it. ${issuer} ${webhooks}`,
  };
}

/** What takes from a running mesh what it lives on. Most of it is refused before. */
function removals(changes: readonly Change[]): { readonly part: Part | undefined; readonly topic: Topic }[] {
  const grave = [
    {
      found: controlPlaneOf(changes),
      what: own("the control plane"),
      cost: own("No proxy gets a certificate, and no pod joins the mesh, until it is back."),
    },
    {
      found: typed(of(changes, "linkerd-cert-manager"), releaseType)[0],
      what: own("cert-manager"),
      cost: own("With its definitions go all Certificates of the cluster, and nothing is renewed any more."),
    },
    {
      found: typed(of(changes, "linkerd-namespace"), "kubernetes:core/v1:Namespace")[0],
      what: own("the control plane's namespace"),
      cost: own("With it goes everything that is in it."),
    },
  ];
  return grave.flatMap(({ found, what, cost }) => {
    if (found?.operation !== "delete" && found?.operation !== "replace") return [];
    const how = found.operation === "delete" ? own("removed") : own("removed and made again");
    const topic = { title: say`${what} is ${how}`, decide: say`May the mesh lose ${what}? ${cost}` };
    return { part: found.part, topic };
  });
}

/** Anchors that stay in the list, and are not the same afterwards. */
function changedAnchors(changes: readonly Change[]): Topic[] {
  const anchors = of(changes, "linkerd-trust-anchor").filter(
    (change) => change.type !== anchorType && !isOfCross(change),
  );
  const replaced = anchors.filter(({ operation }) => operation === "replace");
  const updated = anchors.filter(
    ({ operation, type }) => operation === "update" && type === "kubernetes:core/v1:Secret",
  );
  if (replaced.length > 0) {
    return [
      {
        title: own("a trust anchor is replaced in one step"),
        decide: own(
          "Refuse this, unless the mesh may break: no running proxy trusts the new anchor, and every one would have to be restarted at once. A new root is a new generation.",
        ),
        credentials: say`Replaced: ${few(replaced.map(({ name }) => name))}. That touches the trust of every identity of the mesh.`,
      },
    ];
  }
  if (updated.length === 0) return [];
  return [
    {
      title: own("a trust anchor's Secret changes"),
      decide: own("Is this the renewed certificate of the same key, from those who keep the root?"),
      credentials: say`Changed: ${few(updated.map(({ name }) => name))}. What has been signed before stays valid as long as subject and key are the same.`,
    },
  ];
}

function joiningAnchors(changes: readonly Change[]): Topic[] {
  const joining = generations(changes, "create");
  if (joining.length === 0) return [];
  const signsNow = joining.find((generation) => generation === signers(changes).after?.generation);
  return [
    {
      title:
        signsNow === undefined
          ? say`${named(joining)} of the trust anchor ${verb(joining, "join")} the bundle`
          : say`${joining.length === 1 ? own("it") : named(joining)} ${verb(joining, "join")} the bundle as well`,
      decide: say`May the mesh trust ${named(joining)} from now on? Whoever has its key can make any identity of this mesh for those pods that have started since.`,
      credentials: say`A new trust anchor, ${named(joining)}, beside those before it. Pods that start after the update trust both; those that run trust the old ones alone.`,
      // Where it signs at once, that says which step this is.
      ...(signsNow === undefined && {
        rotation: say`step 1 of 3: ${named(joining)} ${verb(joining, "join")} the bundle, and the signer stays. After \`pulumi up\`, restart the meshed pods, since a proxy reads the bundle once; then step 2, \`signingGeneration: ${joining.at(-1)!}\`, in a change of its own.`,
      }),
      gate: "signer-trusted",
    },
  ];
}

function leavingAnchors(changes: readonly Change[]): Topic[] {
  const leaving = generations(changes, "delete");
  if (leaving.length === 0) return [];
  return [
    {
      title: say`${named(leaving)} of the trust anchor ${verb(leaving, "leave")} the bundle`,
      decide: say`Does nothing in the mesh live on ${named(leaving)} any more? Since another generation has signed, every meshed pod must have been restarted, or \`issuanceLifetime\` have passed. What Pulumi has made of it, its key included, is deleted for good.`,
      credentials: say`Deleted: ${named(leaving)} of the trust anchor. Pods that start after the update refuse what it has signed.`,
      rotation: say`step 3 of 3: ${named(leaving)} ${verb(leaving, "leave")} the bundle. With it, this rotation is done; restart the meshed pods in your own time, so that those that run forget it, too.`,
      gate: "anchor-protected",
    },
  ];
}

function unprotectedAnchors(changes: readonly Change[]): Topic[] {
  const unprotected = generations(changes, "unprotect");
  if (unprotected.length === 0) return [];
  return [
    {
      title: say`${named(unprotected)} of the trust anchor may be deleted from now on`,
      decide: say`May the protection of ${named(unprotected)} be lifted? From then on, a \`pulumi destroy\`, or a list without it, deletes an anchor with its key. Set it again when that is done.`,
      credentials: say`Nothing of ${named(unprotected)} changes yet.`,
    },
  ];
}

/** A generation of the stack's own trust anchor that signs. */
interface Signer {
  readonly generation: number;
  /** Whether older generations vouch for it. */
  readonly isVouchedFor: boolean;
}

/** The generation that an issuer signs with; `undefined` for an issuer that is not the stack's own. */
function signerOf(issuerRef: unknown): Signer | undefined {
  const name = textAt(issuerRef, "name");
  const isOwn =
    valueAtPath(issuerRef, "kind") === "Issuer" &&
    valueAtPath(issuerRef, "group") === certManagerGroup &&
    /^linkerd-trust-anchor(-\d+)?(-cross-signed)?$/.test(name);
  return isOwn ? { generation: generationIn(name), isVouchedFor: name.endsWith("-cross-signed") } : undefined;
}

/** The generations that sign before and after the changes. */
function signers(changes: readonly Change[]): { readonly before?: Signer; readonly after?: Signer } {
  const certificate = issuerOf(changes);
  const [before, after] = [certificate?.before, certificate?.after].map((one) =>
    signerOf(valueAtPath(one, "spec.issuerRef")),
  );
  return { ...(before && { before }), ...(after && { after }) };
}

/** The issuer that signs a Certificate: a generation, or kind and name. */
function reference(certificate: unknown): Sentence {
  const issuerRef = valueAtPath(certificate, "spec.issuerRef");
  const signer = signerOf(issuerRef);
  if (signer !== undefined) {
    const word = signer.isVouchedFor ? own(", for which the one before vouches,") : own("");
    return say`${named([signer.generation])} of the trust anchor${word}`;
  }
  const kind = [textAt(issuerRef, "kind"), textAt(issuerRef, "group")].join(".");
  return say`${kind} ${textAt(issuerRef, "name")}`;
}

const changesAt = (change: Change, path: string) =>
  change.differences.some((one) => one.path === path || one.path.startsWith(`${path}.`));

/** Who signs the identity issuer changes. */
function signer(changes: readonly Change[]): Topic[] {
  const certificate = issuerOf(changes);
  if (certificate === undefined) return [];
  if (certificate.operation === "delete") {
    return [
      {
        title: own("someone else writes the identity issuer"),
        decide: own(
          "Who writes the identity issuer from now on, and renews it in time? cert-manager stops; what it has issued stays until its end, and the mesh with it.",
        ),
        credentials: say`cert-manager's Certificate ${textAt(certificate.before, "metadata.name")} is removed, and its Secret stays. Whoever may write that Secret can make any identity of this mesh; trusted is what leads to the bundle, which does not change by this.`,
      },
    ];
  }
  if (certificate.operation === "create") {
    return [
      {
        title: own("cert-manager issues the identity issuer"),
        decide: say`May ${reference(certificate.after)} sign for this mesh, in place of whoever has written the identity issuer until now?`,
        credentials: say`cert-manager writes a new identity issuer over the one that is there; whoever wrote it must stop.`,
        gate: "signer-trusted",
      },
    ];
  }
  if (!changesAt(certificate, "spec.issuerRef")) return [];
  const { before, after } = signers(changes);
  const from = say`Signed by ${reference(certificate.before)} until now, and by ${reference(certificate.after)} after the update`;
  if (after !== undefined && before !== undefined) {
    const joinsNow = generations(changes, "create").includes(after.generation);
    return [
      {
        title: say`${named([after.generation])} of the trust anchor signs`,
        credentials: say`A new identity issuer. ${from}${own(joinsNow ? "." : "; the bundle does not change.")}`,
        gate: after.isVouchedFor || joinsNow ? "signer-trusted" : "signer-accepted",
        ...changeOfGeneration(before, after, joinsNow),
      },
    ];
  }
  return [
    {
      title: say`${reference(certificate.after)} signs for the mesh`,
      decide: say`May ${reference(certificate.after)} sign for this mesh? Whoever controls it can make any identity of it.`,
      credentials: say`A new identity issuer. ${from}; every proxy verifies it by the bundle as it is then.`,
      gate: after === undefined ? "signer-trial" : "signer-trusted",
    },
  ];
}

/** What to decide about another generation that signs, and which step of a rotation that is. */
function changeOfGeneration(
  before: Signer,
  after: Signer,
  joinsNow: boolean,
): Pick<Topic, "decide" | "rotation"> {
  const [old, next] = [named([before.generation]), named([after.generation])];
  const restarted = say`Has every meshed pod been restarted since ${next} joined the bundle? One that has not refuses all that is signed from now on, and its connections break. Where the cluster was looked at, each pod has been asked; workloads outside of it cannot be.`;
  const then = say`then the last step, in which the generations before it leave the bundle, in a change of its own.`;
  if (after.isVouchedFor) {
    return {
      decide: say`May ${next} sign for this mesh? No pod has to be restarted for it: the generation before vouches for it, with a certificate in every proxy's chain. At that certificate's end, every proxy fails, so the rotation has to be over before that.`,
      rotation: say`step 1 of 3: ${next} signs, by the word of the generation before it. Once every meshed pod has been restarted, for whatever reason: step 2, \`rotate finish\` (\`crossSignTrustAnchors: false\`); ${then}`,
    };
  }
  if (before.isVouchedFor && before.generation === after.generation) {
    return {
      decide: restarted,
      rotation: say`step 2 of 3: ${next} signs without the word of the generation before it. If a proxy's renewal fails after \`pulumi up\`, take this back (\`rotate abort\`); if none has for as long as \`issuanceLifetime\`, ${then}`,
    };
  }
  if (joinsNow) {
    return {
      decide: say`Refuse this: ${next} would sign in the run in which it joins the bundle, when no pod trusts it yet, and no generation before it vouches for it. Let it join first, in a change of its own. Unless the key of ${old} may be in someone else's hands (\`distrustedTrustAnchors\`): then each pod that trusts nothing else is cut off until it is restarted.`,
    };
  }
  return {
    decide: restarted,
    rotation: say`${own(after.generation > before.generation ? "step 2 of 3" : "a step back")}: ${next} signs in place of ${old}. After \`pulumi up\`, restart the meshed pods, or wait for \`issuanceLifetime\`; ${then}`,
  };
}

/** The identity issuer's lifetime. */
function issuer(changes: readonly Change[]): Topic[] {
  const certificate = issuerOf(changes);
  if (certificate?.operation !== "update") return [];
  const changed = certificate.differences.filter(({ path }) =>
    ["spec.duration", "spec.renewBefore"].includes(path),
  );
  if (changed.length === 0) return [];
  const from = changed.map(
    ({ path }) =>
      say`${path.replace("spec.", "")} from ${textAt(certificate.before, path)} to ${textAt(certificate.after, path)}`,
  );
  const trust = changesAt(certificate, "spec.issuerRef")
    ? own("")
    : own(" The signer and the bundle stay, so nobody's trust changes.");
  const lives = textAt(certificate.after, "spec.duration");
  const renewed = textAt(certificate.after, "spec.renewBefore");
  return [
    {
      title: own("the identity issuer's lifetime changes"),
      decide: say`May the identity issuer live ${lives}, renewed ${renewed} before its end? A stolen key is of use for as long as it lives, and cert-manager may be down for as long as is left at its renewal.`,
      credentials: say`Identity issuer: ${few(from)}. cert-manager issues it anew if its duration changes, with a new key, which the controller loads without a restart.${trust}`,
    },
  ];
}

function webhookCredentials(changes: readonly Change[]): Topic[] {
  const certificates = typed(of(changes, "linkerd-webhooks"), certificateType);
  if (certificates.length === 0) return [];
  const names = few(certificates.map(({ before, after }) => textAt(after ?? before, "metadata.name")));
  const trust = own("The mesh's trust is not touched: the API server alone verifies webhooks.");
  if (certificates.every(({ operation }) => operation === "create")) {
    return [
      {
        title: own("cert-manager takes over the webhooks' credentials"),
        decide: own(
          "Is the update at a quiet moment? Between the new certificates and the new caBundle, for some seconds, pods can come up without a proxy.",
        ),
        credentials: say`New Certificates: ${names}; they renew themselves from then on. ${trust}`,
      },
    ];
  }
  if (certificates.every(({ operation }) => operation === "delete")) {
    return [
      {
        title: own("the chart takes the webhooks' credentials back"),
        decide: own(
          "Refuse this: the update will fail, and change nothing, while the Secrets that cert-manager has written are there. Helm does not take over what it has not made.",
        ),
        credentials: say`Removed: ${names}. The chart's own credentials live a year, and change only with an upgrade. ${trust}`,
      },
    ];
  }
  return [
    {
      title: own("the webhooks' certificates change"),
      decide: own(
        "May the webhooks' certificates be issued anew? Running webhooks serve them without a restart.",
      ),
      credentials: say`Changed: ${names}. ${trust}`,
    },
  ];
}

/** Values that follow from other changes, which have topics of their own. */
const madeValues = ["identityTrustAnchorsPEM", "proxyInjector", "profileValidator", "policyValidator"];

/** Helm's upgrade of the control plane, as far as it has no other topic. */
function controlPlane(changes: readonly Change[]): Topic[] {
  const release = controlPlaneOf(changes);
  if (release?.operation !== "update") return [];
  const isChartsOwn = valueAtPath(release.after, "values.proxyInjector.externalSecret") !== true;
  const credentials = isChartsOwn
    ? own("Those of the webhooks: the chart makes new ones at each upgrade. The mesh's trust is not touched.")
    : undefined;
  const version = textAt(release.after, "version");
  if (version !== "" && changesAt(release, "version")) {
    return [
      {
        title: say`Linkerd's chart goes from ${textAt(release.before, "version")} to ${version}`,
        decide: say`May this mesh run chart ${version}, whose release notes you have read? Meshed pods keep their proxies until they are restarted.`,
        credentials,
      },
    ];
  }
  const values = release.differences.filter(
    ({ path }) =>
      path.startsWith("values.") &&
      !madeValues.some((name) => path === `values.${name}` || path.startsWith(`values.${name}.`)),
  );
  if (values.length === 0) return [];
  return [
    {
      title: own("values of the control plane change"),
      decide: say`May the control plane run with these values? ${few(values.map(difference))}.`,
      credentials,
    },
  ];
}

const difference = ({ path, before, after }: Difference) =>
  say`${path.replace("values.", "")} from ${before ?? own("nothing")} to ${after ?? own("nothing")}`;

/** Parts without a topic of their own: what is changed, and what it costs. */
const plain = {
  "linkerd-trust-anchor": ["the trust anchor", "Every identity of the mesh is verified by it."],
  "linkerd-identity-issuer": ["the identity issuer", "It signs the certificate of every proxy."],
  "linkerd-webhooks": ["the webhooks' issuer", "The API server verifies the webhooks by it; no proxy does."],
  "linkerd-control-plane": ["the control plane's release", "What it restarts is said below."],
  "linkerd-control-plane-crds": [
    "Linkerd's definitions",
    "They are the whole cluster's, and every route and policy is of them.",
  ],
  "linkerd-cert-manager": [
    "cert-manager",
    "While it restarts, nothing is renewed, and all that has been issued stays.",
  ],
  "linkerd-trust-manager": ["trust-manager", "While it restarts, the bundle stays as it is on the cluster."],
  "linkerd-identity-vault": [
    "the Issuer for Vault",
    "With it, cert-manager logs in to the Vault that signs for this mesh.",
  ],
  "linkerd-namespace": [
    "the control plane's namespace",
    "Its labels say what may run in it, and which webhooks leave it alone.",
  ],
  "linkerd-cni": [
    "the CNI plugin",
    "It runs on every node, and pods get their network by it from their next start on.",
  ],
  "linkerd-viz": ["viz", "It sees the traffic of the mesh."],
  "linkerd-alerts": ["alerts", "Trouble with the credentials is announced by them."],
  kubernetes: [
    "the Kubernetes provider",
    "By it the cluster is reached; another cluster has nothing of this stack, and needs a stack of its own.",
  ],
} as const;

function others(changes: readonly Change[]): Topic[] {
  return Object.entries(plain).flatMap(([part, [subject, cost]]) => {
    const found = of(changes, part as Part);
    if (found.length === 0) return [];
    const done = (operation: Change["operation"]) => found.every((change) => change.operation === operation);
    const [may, does] = done("create")
      ? ["be added", "is added"]
      : done("delete")
        ? ["be removed", "is removed"]
        : ["change", "changes"];
    const shown = found.flatMap(({ differences }) => differences);
    const what = shown.length === 0 ? own("") : say` ${few(shown.map(difference))}.`;
    return [
      { title: own(`${subject} ${does}`), decide: say`${own(`May ${subject} ${may}?`)} ${own(cost)}${what}` },
    ];
  });
}

/** What is not of the mesh. */
function foreign(changes: readonly Change[]): Topic[] {
  const found = changes.filter(
    ({ part, type, name }) => part === undefined && !ownTypes.includes(type) && name !== "installation",
  );
  if (found.length === 0) return [];
  return [
    {
      title: own(
        found.length === 1 ? "one other resource changes" : `${found.length} other resources change`,
      ),
      decide: say`May these change, of which nothing is known here? ${few(found.map(({ name }) => name))}.`,
    },
  ];
}
