import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../../../infra/config.ts";
import { keepAnchors } from "../../../infra/gates/anchorReplacement.ts";
import { lookWith } from "../../../infra/gates/looks.ts";
import { namespacesBefore } from "../../../infra/gates/run.ts";
import { authority, hoursFromNow } from "../../certificates.ts";
import type { Values } from "../../configured.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
const look = lookWith(Promise.resolve(api.cluster));
const { certificate } = await authority({ commonName: "root.linkerd.cluster.local" });
const namespace = { "/api/v1/namespaces/linkerd": { metadata: { name: "linkerd" } } };
const bundlePath = "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots";
const running = { ...namespace, [bundlePath]: { data: { "ca-bundle.crt": certificate.toString() } } };
const key = "tls:index/privateKey:PrivateKey";

const mocks = { newResource: () => ({ id: "", state: {} }), call: () => ({}) };
await pulumi.runtime.setMocks(mocks, "project", "test", false, "organization");
// The SDK's mock lacks this one, which every hook calls.
Object.assign(pulumi.runtime.getMonitor()!, {
  registerResourceHook: (_: unknown, done: (error: null, response: object) => void) => done(null, {}),
});

/** What is said before a resource is made, in a preview, too; nothing if it may be. */
async function before(
  name: string,
  type = key,
  values: Values = {},
  fit = Promise.resolve(),
): Promise<string | undefined> {
  const run = {
    look,
    namespace: namespacesBefore(look),
    settings: resolve(argumentsOf(values)),
    onUnproven: ({ message }: Error) => {
      throw new Error(`not proven: ${message}`);
    },
    spell: inConfiguration,
  };
  const transform = keepAnchors(run, fit);
  const transformed = await transform({ custom: true, type, name, props: {}, opts: {} });
  if (transformed === undefined) return undefined;
  const { beforeCreate } = transformed.opts.hooks as pulumi.ResourceHookBinding;
  const hook = beforeCreate![0] as pulumi.ResourceHook;
  assert.equal(hook.opts?.onDryRun, true);
  return Promise.resolve(hook.callback({ urn: "", id: "", name, type })).then(
    () => undefined,
    ({ message }: Error) => message,
  );
}

test("a part of an anchor that the mesh has is not made anew", async () => {
  api.objects = running;
  for (const [name, type] of [
    ["linkerd-trust-anchor-subject", "random:index/randomId:RandomId"],
    ["linkerd-trust-anchor-key", key],
    ["linkerd-trust-anchor-certificate", "tls:index/selfSignedCert:SelfSignedCert"],
  ] as const) {
    const told = await before(name, type);
    assert.match(told!, /trustAnchorGenerations: Generation 1 would be made anew/, name);
    assert.match(told!, /Rule: anchor-made-once/);
  }
});

test("of one that has ended, the certificate is made again, and neither its key nor its subject", async () => {
  const ended = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(-0.5) });
  api.objects = { ...namespace, [bundlePath]: { data: { "ca-bundle.crt": ended.certificate.toString() } } };
  const selfSigned = "tls:index/selfSignedCert:SelfSignedCert";
  assert.equal(await before("linkerd-trust-anchor-certificate", selfSigned), undefined);
  for (const [name, type] of [
    ["linkerd-trust-anchor-subject", "random:index/randomId:RandomId"],
    ["linkerd-trust-anchor-key", key],
  ] as const) {
    assert.match((await before(name, type))!, /Rule: anchor-made-once/, name);
  }
});

test("where the settings do not fit the cluster, that is told, and not this", async () => {
  api.objects = running;
  assert.equal(
    await before("linkerd-trust-anchor-key", key, {}, Promise.reject(new Error("another trust domain"))),
    undefined,
  );
});

test("the next generation is made, and so is the first where no mesh runs", async () => {
  api.objects = running;
  for (const name of ["linkerd-trust-anchor-2-key", "linkerd-trust-anchor-10-key"]) {
    assert.equal(await before(name, key, { trustAnchorGenerations: [1, 2, 10] }), undefined);
  }
  assert.equal(
    await before("linkerd-trust-anchor-2-cross-request", "tls:index/certRequest:CertRequest"),
    undefined,
  );
  for (const objects of [{}, namespace]) {
    api.objects = objects;
    assert.equal(await before("linkerd-trust-anchor-key"), undefined);
  }
});

test("one that is given stays what it is, in a state that has lost it, too", async () => {
  api.objects = running;
  const given = { providedTrustAnchors: { 1: { certificatePem: certificate.toString() } } };
  assert.equal(
    await before("linkerd-trust-anchor-subject", "random:index/randomId:RandomId", given),
    undefined,
  );
});

test("without an answer nothing is made", async () => {
  api.objects = { ...namespace, [bundlePath]: new Refusal(403, "configmaps is forbidden") };
  assert.match((await before("linkerd-trust-anchor-key"))!, /^not proven: .*configmaps is forbidden/);
});
