/** Which guarded objects are seen to have the annotation for an emergency. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../infra/config.ts";
import { readEmergencies } from "../../mesh/emergencies.ts";
import { nameOf } from "../../mesh/objects.ts";
import { guardedRules } from "../../rules/guard/guardedObjects.ts";
import { emergencyAnnotation } from "../../rules/guard/policy.ts";
import type { Values } from "../configured.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();

const list = "/apis/rbac.authorization.k8s.io/v1/namespaces/linkerd/roles/linkerd-credentials-guard";
const inLinkerd = "/api/v1/namespaces/linkerd";
const inCertManager = "/api/v1/namespaces/cert-manager";
const certManager = "/apis/cert-manager.io/v1";
const guardedBy = (values: Values) => ({ rules: guardedRules(resolve(argumentsOf(values))) });
const open = (reason: string) => ({ metadata: { annotations: { [emergencyAnnotation]: reason } } });
const shut = { metadata: { annotations: { team: "platform" } } };

/** What is seen of these objects, and what is not allowed. */
async function seen(objects: Readonly<Record<string, unknown>>, anchorNamespace?: string) {
  api.objects = objects;
  api.requests = [];
  const forbidden: string[] = [];
  const mesh = { ...api.cluster, namespace: "linkerd" };
  const found = await readEmergencies(mesh, anchorNamespace, (reason) => forbidden.push(reason));
  return { open: found.map(({ object, reason }) => `${nameOf(object)}: ${reason}`).sort(), forbidden };
}

test("without a guard there is nothing to look at", async () => {
  assert.deepEqual(await seen({ [`${inLinkerd}/secrets/linkerd-identity-issuer`]: open("INC-1") }), {
    open: [],
    forbidden: [],
  });
  assert.equal(api.requests.length, 1);
});

test("of all that is guarded, what has a reason is named, and what has none is not", async () => {
  const objects = {
    [list]: guardedBy({ vaultIssuer: { server: "https://vault", path: "pki/sign/linkerd" } }),
    [`${inLinkerd}/secrets/linkerd-identity-issuer`]: open(" INC-1 "),
    [`${inLinkerd}/secrets/linkerd-trust-anchor`]: open("  "),
    [`${inLinkerd}/secrets/linkerd-proxy-injector-k8s-tls`]: open("not guarded"),
    [`${inLinkerd}/configmaps/linkerd-identity-trust-roots`]: shut,
    [`${certManager}/namespaces/linkerd/certificates/linkerd-identity-issuer`]: open("INC-2"),
    [`${certManager}/namespaces/linkerd/issuers/linkerd-identity-vault`]: open("INC-3"),
  };
  assert.deepEqual(await seen(objects), {
    open: [
      "Certificate linkerd/linkerd-identity-issuer: INC-2",
      "Issuer linkerd/linkerd-identity-vault: INC-3",
      "Secret linkerd/linkerd-identity-issuer: INC-1",
    ],
    forbidden: [],
  });
});

test("an anchor that the cluster keeps is looked at where it is, as far as this user may", async () => {
  const objects = {
    [list]: guardedBy({ trustAnchorSource: "cluster" }),
    [`${inLinkerd}/configmaps/linkerd-identity-trust-roots`]: open("INC-1"),
    [`${inCertManager}/secrets/linkerd-trust-anchor`]: new Refusal(403, "secrets is forbidden"),
    [`${certManager}/namespaces/cert-manager/certificates/linkerd-trust-anchor`]: open("INC-2"),
    [`${certManager}/clusterissuers/linkerd-identity-issuer`]: open("INC-3"),
    "/apis/trust.cert-manager.io/v1alpha1/bundles/linkerd-identity-trust-roots": open("INC-4"),
  };
  assert.deepEqual(await seen(objects, "cert-manager"), {
    open: [
      "Bundle linkerd-identity-trust-roots: INC-4",
      "Certificate cert-manager/linkerd-trust-anchor: INC-2",
      "ClusterIssuer linkerd-identity-issuer: INC-3",
      "ConfigMap linkerd/linkerd-identity-trust-roots: INC-1",
    ],
    forbidden: [],
  });
});

test("what this user may not look at in the mesh's namespace is told", async () => {
  const [role, secret] = ["roles is forbidden", "secrets is forbidden"].map((one) => new Refusal(403, one));
  assert.match(
    (await seen({ [list]: role })).forbidden.join(),
    /^Role linkerd\/linkerd-credentials-guard: roles is/,
  );
  const { forbidden } = await seen({
    [list]: guardedBy({}),
    [`${inLinkerd}/secrets/linkerd-trust-anchor`]: secret,
  });
  assert.match(forbidden.join(), /^Secret linkerd\/linkerd-trust-anchor: secrets is/);
});

test("a list that someone has changed by hand does not stop the look", async () => {
  const rules = [
    { resources: ["pods", "secrets"], resourceNames: ["linkerd-trust-anchor"] },
    { resources: ["secrets"] },
  ];
  const objects = { [list]: { rules }, [`${inLinkerd}/secrets/linkerd-trust-anchor`]: open("INC-1") };
  assert.deepEqual((await seen(objects)).open, ["Secret linkerd/linkerd-trust-anchor: INC-1"]);
});
