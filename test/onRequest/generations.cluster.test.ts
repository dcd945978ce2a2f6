/** `npm run test:generations`: a generation of the trust anchor joins, signs and leaves by the settings alone, without `rotate`. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { until } from "../../sandbox/until.ts";
import {
  connectTo,
  credentials,
  kubectl,
  refused,
  removeSandbox,
  set,
  soundCredentials,
  startSandbox,
  unset,
  up,
} from "../stack.ts";

before(async () => {
  await startSandbox();
  await up();
});
after(removeSandbox);

const namespace = "linkerd";
const readSecret = (name: string) => connectTo(namespace).core.readNamespacedSecret({ namespace, name });
const certificateIn = (data: Readonly<Record<string, string>>) => Buffer.from(data["tls.crt"]!, "base64");
const isThere = async (name: string) =>
  (await kubectl("get", "secret", `--namespace=${namespace}`, name, "--ignore-not-found")) !== "";

const loadedAnchor = async () => (await credentials()).loaded[0]?.anchor?.subject;

test("a second generation joins the bundle, and the first stays as it is", async () => {
  const before = await readSecret("linkerd-trust-anchor");
  await setGenerations(1, 2);
  await up();
  assert.deepEqual(await readSecret("linkerd-trust-anchor"), before);
  assert.deepEqual(await bundle(), [
    await anchorOf("linkerd-trust-anchor"),
    await anchorOf("linkerd-trust-anchor-2"),
  ]);
  assert.equal(await loadedAnchor(), "root.linkerd.cluster.local");
});

test("signingGeneration lets the second sign, and the running identity controller follows", async () => {
  // Kubernetes' times are whole seconds.
  const begun = Date.now() - 1000;
  await set("signingGeneration", "2");
  await up();
  await until("identity to use an issuer of the second generation, and to say so", 120_000, async () => {
    const { loaded, lastReload } = await credentials();
    const followed = loaded[0]?.anchor?.subject === "root-2.linkerd.cluster.local";
    const said = lastReload?.reason === "IssuerUpdated" && Date.parse(lastReload.time) >= begun;
    return (followed && said) || JSON.stringify({ loaded, lastReload });
  });
});

test("the first generation is removed once its protection is lifted, and not before", async () => {
  await setGenerations(2);
  assert.match(await refused("preview"), /protect/);
  await setGenerations(1, 2);
  await set("protectTrustAnchors", "false");
  await up();
  await setGenerations(2);
  // Proxies have certificates of the first one, for a day.
  assert.match(await refused("up"), /Rule: anchor-needed/);
  await restartControlPlane();
  await up();
  assert.equal(await isThere("linkerd-trust-anchor"), false);
  assert.deepEqual(await bundle(), [await anchorOf("linkerd-trust-anchor-2")]);
  assert.equal(await loadedAnchor(), "root-2.linkerd.cluster.local");
  await soundCredentials();
});

/** Replaces every pod of the control plane, and waits until those of before have gone. */
async function restartControlPlane(): Promise<void> {
  const inLinkerd = "--namespace=linkerd";
  const pods = async () => (await kubectl("get", "pods", inLinkerd, "--output=name")).trim().split("\n");
  const before = await pods();
  await kubectl("rollout", "restart", "deployment", inLinkerd);
  await kubectl("rollout", "status", "deployment", inLinkerd, "--timeout=180s");
  await until("the pods of before to go", 60_000, async () => {
    const left = (await pods()).filter((pod) => before.includes(pod));
    return left.length === 0 || left.join();
  });
}

async function setGenerations(...generations: number[]): Promise<void> {
  await unset("trustAnchorGenerations");
  for (const [index, generation] of generations.entries())
    await set(`trustAnchorGenerations[${index}]`, `${generation}`);
}

const fingerprintOf = (pem: string | Buffer) => new X509Certificate(pem).fingerprint256;
const anchorOf = async (secret: string) => fingerprintOf(certificateIn((await readSecret(secret)).data!));

/** Fingerprints of the anchors that proxies are given. */
async function bundle(): Promise<string[]> {
  const { data } = await connectTo(namespace).core.readNamespacedConfigMap({
    namespace,
    name: "linkerd-identity-trust-roots",
  });
  return data!
    ["ca-bundle.crt"]!.split(/(?<=-----END CERTIFICATE-----)\s*/)
    .filter(Boolean)
    .map(fingerprintOf);
}
