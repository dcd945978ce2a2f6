/**
 * `npm run test:guard`: what docs/guardrails.md says of the cluster. Everyone who may do everything is refused each edit by hand,
 * and all that has to write still does: cert-manager, Helm in `pulumi up`, `rotate`, `renew`, `recover`, garbage collection.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { editedFile, editor, handEdits } from "../../docs/handEdits.ts";
import { says } from "../../docs/rotationRefusals.ts";
import { emergencyAnnotation, guardName } from "../../rules/guard/policy.ts";
import { trustRootsKey, trustRootsName } from "../../rules/linkerdNames.ts";
import { until } from "../../sandbox/until.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { listObjectsOfSettledCluster } from "../objects.ts";
import {
  type CommandResult,
  destroy,
  environment,
  execute,
  kubectl,
  operation,
  removeSandbox,
  renew,
  run,
  set,
  soundCredentials,
  startSandbox,
  temporaryFolder,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

const inLinkerd = "--namespace=linkerd";
const name = guardName("linkerd");
const guarded = [
  "secret/linkerd-identity-issuer",
  "secret/linkerd-trust-anchor",
  "certificate/linkerd-identity-issuer",
  "issuer/linkerd-trust-anchor",
  `configmap/${trustRootsName}`,
];

/** Each may do everything: by its certificate, by impersonation, or by its token. */
const accounts = ["ci:deployer", "argocd:argocd-application-controller", "linkerd:linkerd-identity"];

const folder = temporaryFolder();
const issuer = "issuer/linkerd-trust-anchor-2";
let objectsBefore: string[];

before(async () => {
  await startSandbox("trust-manager");
  objectsBefore = await listObjectsOfSettledCluster();
  // Readers confirm what they have seen.
  environment.PULUMI_SKIP_CONFIRMATIONS = "true";
  // So that every proxy renews within a minute, and a rotation ends.
  await set("issuanceLifetime", "60s");
  await set("clockSkewAllowance", "10s");
  await follow("pulumi config set guardCredentials");
});
after(removeSandbox);

/** Runs kubectl as it is typed, by whoever the options and the environment say. */
function typed(args: readonly string[], env: NodeJS.ProcessEnv = environment): Promise<CommandResult> {
  const isPlaced = args.some((arg) => arg === "--raw" || arg.startsWith("--namespace="));
  const given = args.map((arg) => arg.replace(editedFile, join(folder, editedFile)));
  return execute("kubectl", [...given, ...(isPlaced ? [] : [inLinkerd])], undefined, {
    ...env,
    KUBE_EDITOR: editor,
  });
}

let tries = 0;
/** The smallest edit by hand, another one each time: kubectl sends none that changes nothing. */
const label = (object: string, ...options: string[]) =>
  typed(["label", object, "--overwrite", `try=${++tries}`, ...options]);

/** The API server takes a changed policy up within a second. */
const guards = (object: string, ...options: string[]) =>
  until(`${object} to be guarded`, 10_000, async () => {
    const { stderr } = await label(object, ...options);
    return /denied request: .*is guarded/.test(stderr) || `refused with: ${stderr}`;
  });

/** What changes whenever someone writes it. */
const versions = () =>
  kubectl(
    ...["get", ...guarded, inLinkerd],
    "--output=jsonpath={range .items[*]}{.kind} {.metadata.uid} {.metadata.resourceVersion}{'\\n'}{end}",
  );

/** Writes the bundle with another text behind it to a file. */
async function editBundle(): Promise<void> {
  const object = JSON.parse(await kubectl("get", "configmap", trustRootsName, inLinkerd, "--output=json"));
  object.data[trustRootsKey] += "\n# another root";
  delete object.metadata.managedFields;
  writeFileSync(join(folder, editedFile), JSON.stringify(object));
}

/** A kubeconfig with a ServiceAccount's token, which may do everything. */
async function kubeconfigOf(account: string): Promise<string> {
  const [namespace, serviceAccount] = account.split(":") as [string, string];
  if (namespace !== "linkerd") {
    await kubectl("create", "namespace", namespace);
    await kubectl("create", "serviceaccount", serviceAccount, `--namespace=${namespace}`);
  }
  await kubectl(
    ...["create", "clusterrolebinding", `test-${serviceAccount}`],
    ...["--clusterrole=cluster-admin", `--serviceaccount=${account}`],
  );
  const token = await kubectl("create", "token", serviceAccount, `--namespace=${namespace}`);
  const config = JSON.parse(await kubectl("config", "view", "--raw", "--flatten", "--output=json"));
  config.users[0].user = { token: token.trim() };
  const path = join(folder, `${serviceAccount}.kubeconfig`);
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

/** Runs the commands of the page in which that stands, as a reader would. */
async function follow(command: string): Promise<string> {
  const remark = "run by test/onRequest/guard.cluster.test.ts";
  const { script } = commandBlocks("docs/guardrails.md").find(
    (block) => block.remark === remark && block.script.includes(command),
  )!;
  return run("bash", "-c", `set -e -o pipefail\n${script}`);
}

async function rotate(command: "begin" | "finish"): Promise<void> {
  const { code, stdout, stderr } = await operation("rotate", command, "--yes");
  assert.equal(code, 0, stdout + stderr);
}

test("the policy is one that the API server and its controller understand", async () => {
  await until("its types to be checked", 60_000, async () => {
    const policy = JSON.parse(await kubectl("get", "validatingadmissionpolicy", name, "--output=json"));
    const { observedGeneration, typeChecking } = policy.status ?? {};
    if (observedGeneration !== policy.metadata.generation) return "not yet";
    assert.deepEqual(typeChecking?.expressionWarnings ?? [], []);
    return true;
  });
  assert.match(await follow("kubectl describe role"), /secrets +\[\] +\[linkerd-trust-anchor\]/);
  await soundCredentials();
  await upChangesNothing();
});

test(`${handEdits.length} edits by hand, each by five who may do everything, are refused, and change nothing`, async () => {
  await editBundle();
  const alice = ["--as=alice", "--as-group=system:masters", "--as-group=system:authenticated"];
  const writers: [user: string, options: readonly string[], env: NodeJS.ProcessEnv][] = [
    ["sandbox-admin", [], environment],
    ["alice", alice, environment],
  ];
  for (const account of accounts) {
    const KUBECONFIG = await kubeconfigOf(account);
    writers.push([`system:serviceaccount:${account}`, [], { ...environment, KUBECONFIG }]);
  }
  const before = await versions();
  for (const [user, options, env] of writers) {
    for (const { does, kubectl: args, words } of handEdits) {
      const { code, stdout, stderr } = await typed([...args, ...options], env);
      assert.notEqual(code, 0, `${user}: ${does}: ${stdout}`);
      assert.ok(
        says(stdout + stderr, { does, words: words.replace("…", user) }),
        `${user}: ${does}:\n${stdout}${stderr}`,
      );
    }
  }
  assert.equal(await versions(), before);
});

test("a rewrite that changes nothing is let through, and so is what is not guarded", async () => {
  await follow("kubectl replace");
  const secrets = "/api/v1/namespaces/linkerd/secrets?fieldSelector=metadata.name%3D";
  for (const args of [
    ["label", "secret", "linkerd-proxy-injector-k8s-tls", "team=platform"],
    // The name of a Secret that is guarded.
    ["create", "configmap", "linkerd-trust-anchor"],
    ["delete", "configmap", "linkerd-trust-anchor"],
    ["create", "secret", "generic", "another"],
    ["delete", "--raw", `${secrets}another`],
  ]) {
    const { code, stderr } = await typed(args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  }
});

test("cert-manager renews, by our command and by itself", async () => {
  await renew();
  const serialNumber = async () => (await soundCredentials()).issuer.serialNumber;
  const before = await serialNumber();
  // cert-manager issues again for a Certificate whose life is another.
  await set("issuerDuration", "72h");
  await up();
  assert.notEqual(await serialNumber(), before);
  await upChangesNothing();
});

test("the anchor rotates: Helm writes the bundle, Pulumi makes and deletes anchors, and each is guarded while it is there", async () => {
  const anchor = (generation: string) => `secret/linkerd-trust-anchor${generation}`;
  await rotate("begin");
  for (const generation of ["", "-2", "-2-cross-signed"]) {
    assert.match((await label(anchor(generation))).stderr, /is guarded/, generation);
  }
  await rotate("finish");
  await until("the gates to open", 8 * 60_000, async () => {
    const { stdout } = await operation("rotate", "plan", "--json");
    const { stage, next } = JSON.parse(stdout);
    assert.equal(stage, "alone");
    return next.isOpen || stdout;
  });
  await rotate("finish");
  const left = await kubectl("get", "secrets,issuers", inLinkerd, "--output=name");
  const anchors = left.split("\n").filter((object) => object.includes("linkerd-trust-anchor"));
  assert.deepEqual(anchors.sort(), [
    "issuer.cert-manager.io/linkerd-trust-anchor-2",
    "secret/linkerd-trust-anchor-2",
  ]);
  assert.match((await label(anchor("-2"))).stderr, /is guarded/);
  // The first one's name is anybody's again.
  const { code, stderr } = await typed(["create", "secret", "generic", "linkerd-trust-anchor"]);
  assert.equal(code, 0, stderr);
  await kubectl("delete", "secret", "linkerd-trust-anchor", inLinkerd);
  await upChangesNothing();
  await soundCredentials();
});

test("in an emergency, whoever gives a reason writes by hand, until they take it back", async () => {
  const secret = "secret/linkerd-identity-issuer";
  const annotate = (value: string) => ["annotate", secret, value];
  assert.match((await typed(annotate(`${emergencyAnnotation}= `))).stderr, /is guarded/);
  await follow("kubectl annotate");
  assert.match((await label(secret)).stderr, /is guarded/);
});

test("recover mends what an emergency has left, and what has been garbage-collected", async () => {
  const annotate = (object: string) => typed(["annotate", object, `${emergencyAnnotation}=test of recover`]);
  const anchor = "secret/linkerd-trust-anchor-2";
  for (const object of [anchor, issuer, `configmap/${trustRootsName}`]) {
    assert.equal((await annotate(object)).code, 0);
  }
  await kubectl("create", "configmap", "owner", inLinkerd);
  const uid = await kubectl("get", "configmap", "owner", inLinkerd, "--output=jsonpath={.metadata.uid}");
  const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid }];
  const patches: readonly (readonly [string, object])[] = [
    [anchor, { metadata: { ownerReferences, annotations: { [emergencyAnnotation]: null } } }],
    [`configmap/${trustRootsName}`, { data: { [trustRootsKey]: "damaged" } }],
    [`configmap/${trustRootsName}`, { metadata: { annotations: { [emergencyAnnotation]: null } } }],
  ];
  for (const [object, patch] of patches) {
    const { code, stderr } = await typed([
      "patch",
      object,
      "--type=merge",
      `--patch=${JSON.stringify(patch)}`,
    ]);
    assert.equal(code, 0, stderr);
  }
  await kubectl("delete", issuer, inLinkerd);
  await kubectl("delete", "configmap", "owner", inLinkerd);
  await until("the anchor's Secret to be collected", 60_000, async () => {
    return (await kubectl("get", anchor, inLinkerd, "--ignore-not-found")) === "" || "it is there";
  });
  const byHand = await typed(["create", "secret", "generic", "linkerd-trust-anchor-2"]);
  assert.match(byHand.stderr, new RegExp(`the annotation ${emergencyAnnotation}=`));

  const { code, stdout, stderr } = await operation("recover", "--yes", "--json");
  assert.equal(code, 0, stdout + stderr);
  const done = (JSON.parse(stdout) as { done: { remedy: string }[] }).done.map(({ remedy }) => remedy);
  assert.deepEqual(done.slice(0, 2), ["bundle", "update"], stderr);
  await soundCredentials();
  await upChangesNothing();
});

test("the whole guard can be made to warn, and is put back", async () => {
  await follow('"Warn"');
  await until("the binding to count", 10_000, async () => {
    const { code, stderr } = await label(issuer);
    if (code !== 0) return stderr;
    assert.match(stderr, /Warning: .*is guarded/);
    return true;
  });
  await follow('"Deny"');
  await guards(issuer);
  await upChangesNothing();
});

test("without its list it locks nobody out, and the stack brings it back", async () => {
  await kubectl("delete", "role", name, inLinkerd);
  const { code, stderr } = await label(issuer);
  assert.equal(code, 0, stderr);
  const recovered = await operation("recover", "--yes", "--json");
  assert.equal(recovered.code, 0, recovered.stdout + recovered.stderr);
  assert.match(recovered.stderr + recovered.stdout, new RegExp(`Role linkerd/${name}`));
  assert.match((await label(issuer)).stderr, /is guarded/);
});

test("it goes by the setting, and comes back", async () => {
  await set("guardCredentials", "false");
  await up();
  const kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings";
  assert.equal(await kubectl("get", kinds, "--output=name"), "");
  await set("guardCredentials", "true");
  await up();
  await guards(issuer);
});

test("destroy is not held up by it, and leaves nothing behind", async () => {
  for (const account of accounts) {
    const [namespace, serviceAccount] = account.split(":") as [string, string];
    await kubectl("delete", "clusterrolebinding", `test-${serviceAccount}`);
    if (namespace !== "linkerd") await kubectl("delete", "namespace", namespace);
  }
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  assert.deepEqual(await listObjectsOfSettledCluster(), objectsBefore);
});

test("an anchor that the cluster keeps is guarded where it is, and trust-manager writes the bundle as before", async () => {
  await unset("trustAnchorGenerations");
  await unset("signingGeneration");
  await set("trustAnchorSource", "cluster");
  await up();
  const inCertManager = "--namespace=cert-manager";
  await guards("secret/linkerd-trust-anchor", inCertManager);
  for (const object of [
    "secret/linkerd-previous-anchor",
    "certificate/linkerd-trust-anchor",
    "issuer/linkerd-trust-root-issuer",
    "clusterissuer/linkerd-identity-issuer",
    `bundle/${trustRootsName}`,
  ]) {
    assert.match((await label(object, inCertManager)).stderr, /is guarded/, object);
    assert.match((await typed(["delete", object, inCertManager])).stderr, /is guarded/, object);
  }
  const renewed = ["patch", "certificate", "linkerd-trust-anchor", "--subresource=status", "--type=merge"];
  const issuing = JSON.stringify({ status: { conditions: [{ type: "Issuing", status: "True" }] } });
  assert.match((await typed([...renewed, `--patch=${issuing}`, inCertManager])).stderr, /is guarded/);

  const bundle = `configmap/${trustRootsName}`;
  const text = () => kubectl("get", bundle, inLinkerd, `--output=jsonpath={.data.ca-bundle\\.crt}`);
  const before = await text();
  const annotations = { [emergencyAnnotation]: "test of trust-manager" };
  const damage = { metadata: { annotations }, data: { [trustRootsKey]: "damaged" } };
  await kubectl("patch", bundle, inLinkerd, `--patch=${JSON.stringify(damage)}`);
  await kubectl("annotate", bundle, inLinkerd, `${emergencyAnnotation}-`);
  await until("trust-manager to write it again", 60_000, async () => (await text()) === before || text());
  await renew();
  await upChangesNothing();
  await destroy();
  assert.deepEqual(await listObjectsOfSettledCluster(), objectsBefore);
});
