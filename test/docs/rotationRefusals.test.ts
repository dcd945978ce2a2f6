/** Every way past a gate that docs/rotation-gates.md lists is refused, in the words that stand there. */
import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { SubjectKeyIdentifierExtension } from "@peculiar/x509";
import { resolve } from "../../components/rotatingLinkerdArgs.ts";
import { type Refusal as Listed, refusals, says } from "../../docs/rotationRefusals.ts";
import { argumentsOf, inConfiguration } from "../../infra/config.ts";
import { keepAnchors } from "../../infra/gates/anchorReplacement.ts";
import { requireFit } from "../../infra/gates/clusterFit.ts";
import { checkIssuerOf } from "../../infra/gates/identityIssuer.ts";
import { gates } from "../../infra/gates/index.ts";
import { lookWith } from "../../infra/gates/looks.ts";
import { namespacesBefore } from "../../infra/gates/run.ts";
import { bundleSha256, joinBundle } from "../../rules/credentials/bundle.ts";
import { checkIssued, type Evidence, gatesOf } from "../../rules/rotation/gates.ts";
import { stageOf } from "../../rules/rotation/stage.ts";
import type { StepName } from "../../rules/rotation/steps.ts";
import {
  authority,
  authorityExtensions,
  type Fabricated,
  hoursFromNow,
  leaf,
  now,
  parsed,
} from "../certificates.ts";
import { findingsOf, type Values } from "../configured.ts";
import { Refusal, startApiServer } from "../mesh/apiServer.ts";

const api = await startApiServer();
const mocks = { newResource: () => ({ id: "", state: {} }), call: () => ({}) };
await pulumi.runtime.setMocks(mocks, "project", "test", false, "organization");
// The SDK's mock lacks this one, which every hook calls.
Object.assign(pulumi.runtime.getMonitor()!, {
  registerResourceHook: (_: unknown, done: (error: null, response: object) => void) => done(null, {}),
});

const pemOf = ({ certificate }: Pick<Fabricated, "certificate">) => certificate.toString().trimEnd();
const keyOf = ({ privateKey }: Fabricated) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const years = hoursFromNow(87_600);
const names = ["root.linkerd.cluster.local", "root-2.linkerd.cluster.local"] as const;
const root = (commonName: string, more: object = {}) =>
  authority({ commonName, notBefore: now, notAfter: years, ...more });
const [old, next, namesake, company, stranger] = await Promise.all(
  [...names, names[1], "company", "company"].map((name) => root(name)),
);
const cross = (changes: object = {}) =>
  authority({ commonName: names[1], keys: next!, signer: old!, notAfter: hoursFromNow(8760), ...changes });

const signs = (trustAnchorGenerations: number[], signingGeneration: number, more: Values = {}) => ({
  trustAnchorGenerations,
  signingGeneration,
  ...more,
});
const alone = { crossSignTrustAnchors: false };
const giving = (provided: Readonly<Record<string, object>>) => ({ providedTrustAnchors: provided });
const whole = (one: Fabricated) => ({ certificatePem: pemOf(one), privateKeyPem: keyOf(one) });

/** What is shown to whoever types the command: the texts of what stands against it. */
type Told = Promise<readonly string[]>;
type Staging<Group extends keyof typeof refusals> = Readonly<
  Record<keyof (typeof refusals)[Group], () => Told>
>;

const told = async (made: Promise<unknown>): Told =>
  made.then(
    () => [],
    ({ message }: Error) => [message],
  );

/** What the settings alone are refused for. */
const set = async (values: Values): Told =>
  findingsOf(values)
    .filter(({ severity }) => severity === "error")
    .map(({ field, message }) => `${field}: ${message}`);

/** With generation 2 given, and a cross certificate for it. */
const vouchedWith = async (made: Promise<Pick<Fabricated, "certificate">>, given = next!): Told =>
  set(
    signs(
      [1, 2],
      2,
      giving({ 1: whole(old!), 2: { ...whole(given), crossCertificatePem: pemOf(await made) } }),
    ),
  );

const settings: Staging<"settings"> = {
  signerNotListed: () => set(signs([1], 2)),
  newestFirst: () => set(signs([2, 1], 2)),
  listedTwice: () => set(signs([1, 1], 1)),
  noneListed: () => set(signs([], 1)),
  signerWithoutKey: () => set(signs([1, 2], 2, giving({ 2: { certificatePem: pemOf(next!) } }))),
  keysExchanged: () =>
    set(
      signs(
        [1, 2],
        2,
        giving({
          1: { ...whole(old!), privateKeyPem: keyOf(next!) },
          2: { ...whole(next!), privateKeyPem: keyOf(old!) },
        }),
      ),
    ),
  sameTwice: () => set(signs([1, 2], 2, giving({ 1: whole(old!), 2: whole(old!) }))),
  givenUnlisted: () => set(signs([1], 1, giving({ 2: whole(next!) }))),
  givenLeaf: async () => {
    const certificate = await leaf({ commonName: names[1], notAfter: years });
    return set(signs([1, 2], 1, giving({ 2: { certificatePem: certificate.toString() } })));
  },
  givenEnded: async () => {
    const ended = await root(names[1], { notBefore: hoursFromNow(-9), notAfter: hoursFromNow(-1) });
    return set(signs([1, 2], 2, giving({ 1: whole(old!), 2: whole(ended) })));
  },
  namesakes: () => set(signs([1, 2], 2, giving({ 1: whole(next!), 2: whole(namesake!) }))),
  shortLived: () => set({ trustAnchorValidityPeriodHours: 72 }),
  crossOfForeignKey: () => vouchedWith(cross({ keys: namesake })),
  crossOfOtherSubject: () => vouchedWith(cross({ commonName: "root-3.linkerd.cluster.local" })),
  crossByStranger: () => vouchedWith(cross({ signer: { ...old!, privateKey: stranger!.privateKey } })),
  crossByItself: () => vouchedWith(Promise.resolve(next!)),
  crossEnded: () => vouchedWith(cross({ notBefore: hoursFromNow(-9), notAfter: hoursFromNow(-1) })),
  crossTooShort: () => vouchedWith(cross({ notAfter: hoursFromNow(47) })),
  crossNoAuthority: () => vouchedWith(cross({ extensions: [] })),
  crossWithoutRoom: () => vouchedWith(cross({ pathLength: 0 })),
  crossOtherIdentifier: async () => {
    const named = (identifier: string) => [
      ...authorityExtensions(),
      new SubjectKeyIdentifierExtension(identifier),
    ];
    const given = await root(names[1], { keys: next!, extensions: named("0a0b") });
    return vouchedWith(cross({ extensions: named("0a0c") }), given);
  },
  crossNotMade: async () => {
    const mailed = await root("root-2,E=pki@example.com");
    return set(signs([1, 2], 2, giving({ 1: whole(old!), 2: whole(mailed) })));
  },
  bundleInValues: () => set({ linkerdControlPlaneValues: { identityTrustAnchorsPEM: pemOf(stranger!) } }),
  clusterKeepsIt: () => set({ trustAnchorSource: "cluster", ...signs([1, 2], 2) }),
};

interface Mesh {
  readonly bundle: readonly Fabricated[];
  /** What each of its pods was started with; `undefined`: another bundle than the hash that it carries. */
  readonly pods?: Readonly<Record<string, readonly Fabricated[] | undefined>>;
  /** What Helm says that it has installed; absent: nothing. */
  readonly installed?: readonly Fabricated[];
  /** Which generations the state has protected; absent: it cannot be read. */
  readonly state?: Readonly<Record<number, boolean>>;
}

const inMesh = "/api/v1/namespaces/linkerd";
const textOf = (anchors: readonly Fabricated[]) => joinBundle(anchors.map(pemOf));

function objectsOf({ bundle, pods = {}, installed }: Mesh): Readonly<Record<string, unknown>> {
  const specOf = (text: string) => ({
    containers: [
      { name: "linkerd-proxy", env: [{ name: "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", value: text }] },
    ],
  });
  const listed = Object.entries(pods).map(([name, anchors]) => ({
    metadata: {
      name,
      namespace: "shop",
      creationTimestamp: hoursFromNow(-100).toISOString(),
      annotations: {
        "linkerd.io/proxy-version": "edge-26.8.3",
        "linkerd.io/trust-root-sha256": anchors === undefined ? "0a0b" : bundleSha256(textOf(anchors)),
      },
      ownerReferences: [{ kind: "StatefulSet", name: name.replace(/-\d+$/, ""), controller: true }],
    },
    spec: specOf(textOf(anchors ?? [])),
  }));
  const packed = gzipSync(
    JSON.stringify({
      info: { description: "Pulumi stack o/p/dev" },
      config: {
        identityTrustAnchorsPEM: textOf(installed ?? []),
        identityTrustDomain: "cluster.local",
      },
    }),
  );
  const release = {
    metadata: {
      name: "sh.helm.release.v1",
      namespace: "linkerd",
      labels: { name: "linkerd-control-plane", version: "1", status: "deployed" },
    },
    data: { release: Buffer.from(packed.toString("base64")).toString("base64") },
  };
  const routes = "httproutes.gateway.networking.k8s.io";
  return {
    "/version": { major: "1", minor: "31", gitVersion: "v1.31.0" },
    [`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${routes}`]: { metadata: { name: routes } },
    [inMesh]: { metadata: { name: "linkerd" } },
    [`${inMesh}/configmaps/linkerd-config`]: { data: { values: "identityTrustDomain: cluster.local" } },
    [`${inMesh}/configmaps/linkerd-identity-trust-roots`]: { data: { "ca-bundle.crt": textOf(bundle) } },
    "/api/v1/pods": { metadata: {}, items: listed },
    ...Object.fromEntries(listed.map((pod) => [`/api/v1/namespaces/shop/pods/${pod.metadata.name}`, pod])),
    "/api/v1/secrets": { items: installed === undefined ? [] : [release] },
  };
}

const newest = { linkerdControlPlaneChartVersion: "2026.8.3" };
const runOf = (values: Values) => {
  const look = lookWith(Promise.resolve(api.cluster));
  const unseen = (error: Error) => {
    throw error;
  };
  return {
    look,
    namespace: namespacesBefore(look),
    settings: resolve(argumentsOf({ ...newest, ...values })),
    installer: "Pulumi stack o/p/dev",
    isPreview: false,
    onUnseen: unseen,
    onUnproven: unseen,
    spell: inConfiguration,
  };
};

const stateOf = (anchors: Mesh["state"]) => async () => {
  if (anchors === undefined) throw new Error("no state");
  const type = "linkerd-rotating-tls:index:TrustAnchor";
  const resources = Object.entries(anchors).map(([generation, protect]) => {
    const name = `linkerd-trust-anchor${generation === "1" ? "" : `-${generation}`}`;
    return { type, protect, urn: `urn:pulumi:dev::x::${type}::${name}` };
  });
  return JSON.stringify({ deployment: { resources } });
};

/** What `pulumi up` and a preview say of these settings, on a mesh that runs. */
const onMesh = (mesh: Mesh, values: Values): Told => {
  api.objects = objectsOf(mesh);
  return told(requireFit(runOf(values), stateOf(mesh.state)));
};

const [first, second] = [old!, next!];
const both = [first, second];
const free = { 1: false, 2: false };
const given = (one: Fabricated, more: object = {}) => giving({ 1: whole(one), ...more });

const update: Staging<"update"> = {
  swapped: () => onMesh({ bundle: [first], state: free }, signs([2], 2)),
  signsUnknown: () => onMesh({ bundle: [first] }, signs([1, 2], 2, alone)),
  leap: () => onMesh({ bundle: [first] }, signs([2, 3], 3)),
  broughtBack: () => onMesh({ bundle: [second] }, signs([1, 2], 1)),
  begunLate: async () => {
    const short = { trustAnchorValidityPeriodHours: 2000 };
    const ending = await root(names[0], { notAfter: hoursFromNow(2000) });
    return onMesh({ bundle: [ending] }, signs([1, 2], 2, short));
  },
  lifeChanged: () =>
    onMesh({ bundle: [first] }, signs([1, 2], 2, { trustAnchorValidityPeriodHours: 90_000 })),
  stoppedVouching: () =>
    onMesh({ bundle: both, pods: { "db-0": [first], "web-0": both } }, signs([1, 2], 2, alone)),
  takenOut: () => onMesh({ bundle: both, pods: { "db-0": [first] }, state: free }, signs([2], 2)),
  signsBack: () => onMesh({ bundle: both, pods: { "db-0": [second] } }, signs([1, 2], 1)),
  takenBack: () => onMesh({ bundle: both, pods: { "db-0": [second] }, state: free }, signs([1], 1)),
  unknownBundle: () => onMesh({ bundle: both, pods: { "db-0": undefined } }, signs([1, 2], 2, alone)),
  namesakeHeld: () => onMesh({ bundle: both, pods: { "db-0": [first, namesake!] } }, signs([1, 2], 2, alone)),
  sameNumber: () => onMesh({ bundle: [company!] }, given(stranger!)),
  sameNumberAside: () =>
    onMesh({ bundle: [company!, second] }, signs([1, 2], 2, { ...given(stranger!), ...alone })),
  madeInstead: () => onMesh({ bundle: [company!] }, {}),
  protectedStill: () =>
    onMesh({ bundle: both, pods: { "db-0": both }, state: { 1: true, 2: true } }, signs([2], 2)),
  unprotectedAtOnce: () =>
    onMesh(
      { bundle: both, pods: { "db-0": both }, state: { 1: true, 2: true } },
      signs([2], 2, { protectTrustAnchors: false }),
    ),
  neededElsewhere: async () => {
    const signed = await authority({ commonName: "identity.linkerd.cluster.local", signer: company! });
    const data = { "tls.crt": Buffer.from(pemOf(signed)).toString("base64") };
    api.objects = {
      ...objectsOf({ bundle: [company!, second], pods: { "db-0": [company!, second] } }),
      [`${inMesh}/secrets/linkerd-identity-issuer`]: { data },
    };
    const values = { identityIssuerSource: "secret", trustAnchorGenerations: [2] };
    const texts = [true, false].map((isPreview) =>
      told(requireFit({ ...runOf(values), isPreview }, stateOf(free))),
    );
    const [preview, update] = await Promise.all(texts);
    assert.deepEqual(preview, update);
    return update!;
  },
  configMapEdited: () => onMesh({ bundle: both, installed: [first] }, signs([1, 2], 2, alone)),
  trustDomainChanged: () =>
    onMesh({ bundle: both, installed: both }, signs([1, 2], 2, { trustDomain: "example.com" })),
  keeperChanged: () => onMesh({ bundle: both, installed: both }, { trustAnchorSource: "cluster" }),
  madeAnew: async () => {
    api.objects = objectsOf({ bundle: [first] });
    const type = "tls:index/privateKey:PrivateKey";
    const name = "linkerd-trust-anchor-key";
    const transform = keepAnchors(runOf({}), Promise.resolve());
    const transformed = await transform({ custom: true, type, name, props: {}, opts: {} });
    const [hook] = (transformed!.opts.hooks as pulumi.ResourceHookBinding).beforeCreate!;
    return told(Promise.resolve((hook as pulumi.ResourceHook).callback({ urn: "", id: "", name, type })));
  },
  issuerReplaced: async () => {
    const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: stranger! });
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const [crt, key, ca] = [pemOf(issuer), keyOf(issuer), pemOf(stranger!)].map(base64);
    const data = { "tls.crt": crt, "tls.key": key, "ca.crt": ca };
    api.objects = { ...objectsOf({ bundle: both }), [`${inMesh}/secrets/linkerd-identity-issuer`]: { data } };
    const values = {
      identityTrustDomain: "cluster.local",
      identityTrustAnchorsPEM: textOf(both),
      identity: { issuer: { issuanceLifetime: "24h", clockSkewAllowance: "20s" } },
    };
    const release = { name: "linkerd-control-plane", namespace: "linkerd", timeout: 0, values };
    return told(checkIssuerOf(Promise.resolve(api.cluster), release));
  },
};

/** What an update says that cannot see what it has to. */
const begin = (mesh: Mesh, values: Values, kubeconfig = api.kubeconfig, hidden: object = {}): Told => {
  api.objects = { ...objectsOf(mesh), ...hidden };
  return told(gates({ kubeconfig }, argumentsOf({ ...newest, ...values })));
};

const unseen: Staging<"unseen"> = {
  podsNotListed: () =>
    begin({ bundle: both }, signs([1, 2], 2, alone), api.kubeconfig, {
      "/api/v1/pods": new Refusal(403, "pods is forbidden"),
    }),
  bundleNotRead: () =>
    begin({ bundle: both, installed: both }, signs([1, 2], 2, alone), api.kubeconfig, {
      [`${inMesh}/configmaps/linkerd-config`]: new Refusal(403, "configmaps is forbidden"),
    }),
  clusterNotReached: () => begin({ bundle: both }, signs([2], 2), `${api.directory}/none`),
};

const demands = {
  rotationAllowance: "2160h",
  issuanceLifetime: "24h",
  clockSkewAllowance: "20s",
  externalConfirmed: false,
};
const below = (signer: Fabricated) => authority({ commonName: "identity.linkerd.cluster.local", signer });
const [oldIssuer, issuer] = await Promise.all([below(first), below(second)]);
const vouching = await cross();
const one = ({ certificate }: Fabricated) => parsed(certificate);
const certified = async (signer: Fabricated, hours = 24) =>
  parsed(await leaf({ commonName: "web", signer, notBefore: now, notAfter: hoursFromNow(hours) }));
const answer = async (signer: Fabricated, following: readonly Fabricated[], hours = 24) => ({
  podName: "linkerd-identity-1",
  proof: {
    issuer: one(signer),
    leaf: await certified(signer, hours),
    intermediates: [signer, ...following].map(one),
  },
});
const pod = (name: string) => ({
  name: `${name}-0`,
  workload: { namespace: "shop", kind: "StatefulSet", name },
});
const proxy = async (signer: Fabricated, ...following: Fabricated[]) => ({
  pod: pod("db"),
  leaf: await certified(signer),
  intermediates: [signer, ...following].map(one),
});
const silent = { pod: pod("db"), intermediates: [], failure: "connection refused" };

const evidence = async (changes: Partial<Evidence> = {}): Promise<Evidence> => ({
  time: now,
  roots: new Map([
    [1, one(first)],
    [2, one(second)],
  ]),
  stored: one(issuer),
  controllers: [await answer(issuer, [vouching])],
  held: [{ anchors: both.map(one), pods: [pod("db")] }],
  externalWorkloads: 0,
  ...changes,
});

/** What a step waits for. */
const step = async (name: StepName, values: Values, changes: Partial<Evidence> = {}): Told =>
  gatesOf(name, stageOf(resolve(argumentsOf(values)))!, await evidence(changes), demands)
    .filter(({ isOpen }) => !isOpen)
    .map(({ demand, seen }) => `${demand} ${seen}`);

const isVouched = signs([1, 2], 2);
const isAlone = signs([1, 2], 2, alone);
const begins = (changes: Partial<Evidence>) => step("begin", signs([1], 1), changes);

const command: Staging<"command"> = {
  noController: () => begins({ controllers: [] }),
  laggingReplica: async () => {
    const lagging = { ...(await answer(oldIssuer, [])), podName: "linkerd-identity-2" };
    return begins({ controllers: [await answer(issuer, [vouching]), lagging] });
  },
  silentReplica: () => begins({ controllers: [{ podName: "linkerd-identity-1", failure: "no answer" }] }),
  noIssuer: () => begins({ stored: undefined }),
  tooLittleLife: async () => {
    const ending = await root(names[0], { notAfter: hoursFromNow(2000) });
    return begins({ roots: new Map([[1, one(ending)]]) });
  },
  notInBundle: () => begins({ roots: new Map() }),
  finishedEarly: () =>
    step("settle", isVouched, {
      held: [
        { anchors: [one(first)], pods: [pod("db")] },
        { anchors: both.map(one), pods: [pod("web")] },
      ],
    }),
  finishedWithNamesake: () =>
    step("settle", isVouched, { held: [{ anchors: [first, namesake!].map(one), pods: [pod("db")] }] }),
  finishedUnknown: () =>
    step("settle", isVouched, { held: [{ reason: "pods is forbidden", pods: [pod("db")] }] }),
  finishedOutside: () => step("settle", isVouched, { externalWorkloads: 2 }),
  activatedEarly: () =>
    step("activate", signs([1, 2], 1), { held: [{ anchors: [one(first)], pods: [pod("db")] }] }),
  leafVouchedFor: async () => step("retire", isAlone, { proxies: [await proxy(issuer, vouching)] }),
  leafOfTheOld: async () => step("retire", isAlone, { proxies: [await proxy(oldIssuer)] }),
  proxySilent: () => step("retire", isAlone, { proxies: [silent], signerSetAt: hoursFromNow(-1) }),
  droppedEarly: async () => step("drop", signs([1, 2], 1), { proxies: [await proxy(issuer)] }),
  cutShort: async () => checkIssued(await answer(issuer, [vouching], 2), await evidence(), demands),
  notAccepted: async () =>
    checkIssued(
      await answer(issuer, []),
      await evidence({ held: [{ anchors: [one(first)], pods: [pod("db")] }] }),
      demands,
    ),
};

const staged = { settings, update, unseen, command } as const;

for (const [group, stagings] of Object.entries(staged)) {
  suite(`A way past a gate: ${group}`, () => {
    for (const [name, stage] of Object.entries(stagings)) {
      const refusal = (refusals as Record<string, Record<string, Listed>>)[group]![name]!;
      test(refusal.does, async () => {
        const texts = await stage();
        const isSaid = texts.some((text) => says(text, refusal));
        assert.ok(isSaid, `${refusal.words}\n${JSON.stringify(texts)}`);
      });
    }
  });
}
