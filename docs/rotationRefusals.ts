/**
 * Ways past the gates of a rotation, and the words in which each is refused; `…` stands for what differs from case to case.
 * Tests try every one of them, so that docs/rotation-gates.md says nothing that none has seen.
 */

export interface Refusal {
  /** What someone does, as a noun phrase that begins a sentence. */
  readonly does: string;
  /** What they are told, or a part of it. */
  readonly words: string;
}

type Refusals = Readonly<Record<string, Refusal>>;

/** By what the settings say alone: refused by `check`, by a preview and by `pulumi up`. */
const settings = {
  signerNotListed: {
    does: "A generation signs that is not in the list",
    words: "2 is not among trustAnchorGenerations [1]: no proxy would trust what it signs.",
  },
  newestFirst: {
    does: "The generations are listed in another order",
    words: "[2, 1] is not a list of whole numbers from 1 on, each once, the oldest first.",
  },
  listedTwice: {
    does: "A generation is listed twice",
    words: "[1, 1] is not a list of whole numbers from 1 on, each once, the oldest first.",
  },
  noneListed: {
    does: "No generation is listed any more",
    words: "[] is not a list of whole numbers from 1 on, each once, the oldest first.",
  },
  signerWithoutKey: {
    does: "A root signs that was given without its key",
    words: "Generation 2 is provided without its private key, so it cannot sign.",
  },
  keysExchanged: {
    does: "The keys of two generations are exchanged",
    words: 'The key does not belong to certificate 1, "root.linkerd.cluster.local"',
  },
  sameTwice: {
    does: "One root is given for two generations",
    words: "This is the certificate of generation 1 as well, and a generation is an anchor of its own.",
  },
  namesakes: {
    does: "Two roots have one name, and no key identifiers",
    words: "have the same subject, …, but different keys, and no key identifiers to tell them apart.",
  },
  givenUnlisted: {
    does: "A root is given for a generation that is not listed",
    words: "trustAnchorGenerations [1] does not list generation 2.",
  },
  givenLeaf: {
    does: "A certificate is given that is no authority",
    words: "is not an authority (CA:FALSE), so it cannot sign for the mesh.",
  },
  givenEnded: { does: "A root signs that has ended", words: "expired at …; the time is …" },
  shortLived: {
    does: "A root would end before what is below it",
    words: "the anchor would expire before the first certificates below it.",
  },
  bundleInValues: {
    does: "The bundle is set among the chart's values",
    words: "linkerdControlPlaneValues.identityTrustAnchorsPEM: This value may not be set.",
  },
  crossOfForeignKey: {
    does: "A cross certificate is for another key",
    words: 'has another key than the root that it is given for, "root-2.linkerd.cluster.local".',
  },
  crossOfOtherSubject: {
    does: "A cross certificate is for another name",
    words: 'has another subject than the root that it is given for, "root-2.linkerd.cluster.local".',
  },
  crossOtherIdentifier: {
    does: "A cross certificate calls the root's key otherwise",
    words: "names its key 0a0c; the root that it is given for, …, names it 0a0b.",
  },
  crossByStranger: {
    does: "A cross certificate is signed by someone else, in the old root's name",
    words: "is signed by someone else, not by the root of the generation before",
  },
  crossByItself: {
    does: "The new root is given as its own cross certificate",
    words: "is signed by its own key, not by the root of the generation before",
  },
  crossEnded: { does: "A cross certificate has ended", words: "expired at …; the time is …" },
  crossTooShort: {
    does: "A cross certificate ends before the issuer that it follows",
    words: "must outlive it: from then on, every proxy's certificate has expired when it is issued.",
  },
  crossNoAuthority: {
    does: "A cross certificate is no authority",
    words: "is not an authority (CA:FALSE), so it cannot sign for the mesh.",
  },
  crossWithoutRoom: {
    does: "A cross certificate allows no authority below it",
    words: "it allows 0 authorities below it (path length), and there must be 1.",
  },
  crossNotMade: {
    does: "A root has a subject that cannot be written into a cross certificate here",
    words: "has an e-mail address in its subject, which Pulumi's TLS provider cannot write there.",
  },
  clusterKeepsIt: {
    does: "Generations are set of an anchor that the cluster keeps",
    words: 'is about an anchor of trustAnchorSource "stack"; the source is "cluster".',
  },
} as const satisfies Refusals;

/** By what the mesh that runs shows: refused by a preview and by `pulumi up`, whoever has edited the stack's file. */
const update = {
  swapped: {
    does: "The only anchor is replaced by the next one: `[1]` becomes `[2]`",
    words: "It is not in the bundle of the running mesh …, and no generation that is vouches for it",
  },
  signsUnknown: {
    does: "The next one joins and signs at once, with `crossSignTrustAnchors: false`",
    words: "It is not in the bundle of the running mesh …, and no generation that is vouches for it",
  },
  leap: {
    does: "Two rotations at once: `[1]` becomes `[2, 3]`, and 3 signs",
    words: "It is not in the bundle of the running mesh …, and no generation that is vouches for it",
  },
  broughtBack: {
    does: "A generation that was deleted signs again: `[2]` becomes `[1, 2]`",
    words: "Generation 1 is to sign. It is not in the bundle of the running mesh",
  },
  begunLate: {
    does: "A rotation begins by the word of a root that ends soon",
    words: "Less than 2160h is left until then (trustAnchorRotationAllowance), and all proxies fail",
  },
  lifeChanged: {
    does: "The life of anchors is changed together with a step",
    words: "With 90000 h it would be replaced by another one under the same name, which no proxy trusts.",
  },
  stoppedVouching: {
    does: "`crossSignTrustAnchors: false` while a pod holds the old root alone",
    words: "with nobody to vouch for it, and 1 pod would refuse all that it signs: … StatefulSet shop/db.",
  },
  takenOut: {
    does: "The old generation is taken out while a pod holds it alone",
    words: "with nobody to vouch for it, and 1 pod would refuse all that it signs: … StatefulSet shop/db.",
  },
  signsBack: {
    does: "The old generation signs again while a pod holds the new root alone",
    words: "Generation 1 is to sign, with nobody to vouch for it, and 1 pod would refuse all that it signs",
  },
  takenBack: {
    does: "The new generation is taken out while a pod holds it alone",
    words: "Generation 1 is to sign, with nobody to vouch for it, and 1 pod would refuse all that it signs",
  },
  unknownBundle: {
    does: "A pod carries another hash than that of the bundle that it holds",
    words:
      "Whether 1 pod would accept that is not known, … holds another bundle than the one whose hash it carries.",
  },
  namesakeHeld: {
    does: "A rotation that was taken back is begun again, and a pod holds the root of the first time",
    words: "Generation 2 is to sign, with nobody to vouch for it, and 1 pod would refuse all that it signs",
  },
  sameNumber: {
    does: "Another root is given under the number of the one that signs",
    words: "It is not in the bundle of the running mesh …, and no generation that is vouches for it",
  },
  sameNumberAside: {
    does: "Another root is given under the number of one that does not sign",
    words: '[1, 2] would take "company" out of the bundle of the running mesh',
  },
  madeInstead: {
    does: "A root that was given is no longer, so that Pulumi would make one in its place",
    words: "It is not in the bundle of the running mesh …, and no generation that is vouches for it",
  },
  protectedStill: {
    does: "The old generation is taken out while it vouches",
    words: "and generation 1 is protected in the stack's state: Pulumi would refuse to delete an anchor",
  },
  unprotectedAtOnce: {
    does: "The same, with `protectTrustAnchors: false` in the same edit",
    words: "and generation 1 is protected in the stack's state: Pulumi would refuse to delete an anchor",
  },
  madeAnew: {
    does: "An anchor that signs is made anew: `pulumi up --replace`, with `--ignore-protect`, or by a state that has lost its key",
    words: "Generation 1 would be made anew, as another anchor under the same name.",
  },
  neededElsewhere: {
    does: "A root is taken out to which the issuer leads that someone else signs (`identityIssuerSource`, `identityIssuerRef`, `vaultIssuer`)",
    words:
      "Someone else signs the identity issuer, and what is in Secret linkerd/linkerd-identity-issuer leads to no anchor that would stay.",
  },
  configMapEdited: {
    does: "The new root is written into the mesh's ConfigMap by hand, so that it looks trusted",
    words: "It is not in the bundle of the running mesh (Helm release linkerd/linkerd-control-plane",
  },
  issuerReplaced: {
    does: "The issuer's Secret is replaced by hand by one of a foreign root",
    words: "leads to no trust anchor",
  },
  trustDomainChanged: {
    does: "The trust domain is changed together with a step",
    words: 'With "example.com" every identity would change, and its trust anchors be replaced.',
  },
  keeperChanged: {
    does: "The anchor is handed to the cluster in the middle of a rotation",
    words: "The trust anchor of the mesh that runs is kept by the stack. With … it would be replaced.",
  },
} as const satisfies Refusals;

/** By what cannot be seen: refused by `pulumi up`. A preview changes nothing, and warns of it. */
const unseen = {
  clusterNotReached: {
    does: "`pulumi up` where the cluster cannot be reached",
    words: "The cluster cannot be asked, and nothing more is changed without that",
  },
  podsNotListed: {
    does: "`pulumi up` by a user who may not list pods, so that nobody speaks for them",
    words:
      "Whether the pods of the mesh accept its trust anchors as they are going to be cannot be seen, and nothing is changed without that: Pods of every namespace: pods is forbidden",
  },
  bundleNotRead: {
    does: "`pulumi up` by a user who may not read what the mesh is set to",
    words: "and nothing is changed without that: ConfigMap linkerd/linkerd-config: configmaps is forbidden",
  },
} as const satisfies Refusals;

/** By what the mesh shows to `rotate`: the step is not taken, and its gate is shown shut. */
const command = {
  noController: {
    does: "`rotate begin` while no identity controller runs",
    words:
      "Every identity controller has loaded the issuer that is stored. no identity controller is running",
  },
  laggingReplica: {
    does: "`rotate begin` while one replica of identity has missed a renewal",
    words: "linkerd-identity-2: it signs with another one",
  },
  silentReplica: {
    does: "`rotate begin` while a replica does not answer",
    words: "Every identity controller has loaded the issuer that is stored. linkerd-identity-1: no answer",
  },
  noIssuer: {
    does: "`rotate begin` without an issuer that can be read",
    words: "there is no issuer that can be read",
  },
  tooLittleLife: {
    does: "`rotate begin` with less life of the old root than a rotation takes",
    words: "Generation 1 lasts for 2160h more, in which every pod is restarted once. it ends at …",
  },
  notInBundle: {
    does: "`rotate begin` on a mesh that does not trust the generation that signs",
    words: "it is not in the bundle of the running mesh",
  },
  activatedEarly: {
    does: "`rotate activate` while a pod holds the old root alone",
    words: "Every pod of the mesh was started with generation 2. 1 of 1 pod was not: StatefulSet shop/db",
  },
  finishedEarly: {
    does: "`rotate finish` while a pod holds the old root alone",
    words: "Every pod of the mesh was started with generation 2. 1 of 2 pods was not: StatefulSet shop/db",
  },
  finishedWithNamesake: {
    does: "`rotate finish` while a pod holds the root of a rotation that was taken back",
    words: "Every pod of the mesh was started with generation 2. 1 of 1 pod was not: StatefulSet shop/db",
  },
  finishedUnknown: {
    does: "`rotate finish` while nobody can tell what a pod holds",
    words: "Every pod of the mesh was started with generation 2. 1 of 1 pod was not: StatefulSet shop/db",
  },
  finishedOutside: {
    does: "`rotate finish` while there are workloads outside of the cluster",
    words: "2 ExternalWorkloads, of which only whoever runs them can say so (--external-workloads-hold-it)",
  },
  leafVouchedFor: {
    does: "The second `rotate finish` while a proxy has a certificate that the old root vouches for",
    words: "shop/db-0: its certificate is still vouched for, and ends at …",
  },
  leafOfTheOld: {
    does: "The second `rotate finish` while a certificate of the old root is alive",
    words:
      'Every proxy has renewed its certificate since generation 2 signs alone. shop/db-0: "web" leads to no trust anchor',
  },
  proxySilent: {
    does: "The second `rotate finish` while a proxy does not answer, and what it had before may be alive",
    words:
      "Every proxy has renewed its certificate since generation 2 signs alone. shop/db-0: connection refused",
  },
  droppedEarly: {
    does: "`rotate abort` while a certificate is alive that leads to the new root alone",
    words: 'leads to generation 1. shop/db-0: "web" leads to no trust anchor',
  },
  cutShort: {
    does: "The next step after one since which certificates are cut short",
    words: "linkerd-identity-1 gives certificates of 7200 s, less than 24h",
  },
  notAccepted: {
    does: "The next step after one since which a pod would refuse what is given",
    words: '1 pod with "root.linkerd.cluster.local" would refuse it',
  },
} as const satisfies Refusals;

/** By real commands, on a mesh of which pods hold the old root alone, while a rotation is under way. */
const cluster = {
  noTerminal: {
    does: "`rotate begin` from a script, without `--yes`",
    words: "There is no terminal to ask on: give --yes, or --edit.",
  },
  begunTwice: {
    does: "`rotate begin` while a rotation is under way",
    words: "There is nothing to begin: generation 2 signs, and generation 1 vouches for it.",
  },
  ignoredProtection: {
    does: "The old generation taken out with `pulumi up --skip-preview --ignore-protect`",
    words: "and generation 1 is protected in the stack's state",
  },
  targeted: {
    does: "`crossSignTrustAnchors: false` with `pulumi up --target` of the identity issuer alone",
    words: "with nobody to vouch for it, and … pods would refuse all that it signs",
  },
  replaced: {
    does: "`pulumi up --replace` of the key that signs, with `--ignore-protect`",
    words: "Generation 2 would be made anew, as another anchor under the same name.",
  },
  signerElsewhereEarly: {
    does: "`identityIssuerRef` names an issuer below the next root while pods hold the old root alone",
    words: "Issuer.cert-manager.io company-3 is to sign, and … pods would refuse all that it signs",
  },
} as const satisfies Refusals;

export const refusals = { settings, update, unseen, command, cluster } as const;

/** Whether a text has these words. */
export function says(text: string, { words }: Refusal): boolean {
  let place = 0;
  return words.split("…").every((part) => {
    const found = text.indexOf(part, place);
    place = found + part.length;
    return found >= 0;
  });
}
