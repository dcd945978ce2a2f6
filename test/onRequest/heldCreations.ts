/** Holds up whoever creates a certain Secret, until the test lets the API server have it. */
import { KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Cluster } from "../../mesh/cluster.ts";
import { authority, keysOf, leaf } from "../certificates.ts";

const configurationName = "held-creations";

export interface HeldCreations {
  /** The next creation that is held up; calling it lets that go on. By itself it goes on after 30 s, Kubernetes' maximum. */
  readonly next: () => Promise<() => void>;
  readonly remove: () => Promise<void>;
}

/** Is asked by the API server about every creation of the Secret, before it looks whether that exists. */
export async function holdCreations(
  { admission }: Cluster,
  namespace: string,
  name: string,
): Promise<HeldCreations> {
  const signer = await authority({ commonName: "held creations" });
  const { publicKey, privateKey } = await keysOf();
  const certificate = await leaf({ commonName: "localhost", signer, publicKey });
  const arrived: (() => void)[] = [];
  const awaited: ((admit: () => void) => void)[] = [];
  const key = KeyObject.from(privateKey).export({ type: "pkcs8", format: "pem" });
  const server = createServer({ key, cert: `${certificate}` }, async (request, response) => {
    const { request: review } = JSON.parse(await text(request)) as { request: { uid: string } };
    const admit = () =>
      response.setHeader("content-type", "application/json").end(
        JSON.stringify({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          response: { uid: review.uid, allowed: true },
        }),
      );
    const waiting = awaited.shift();
    if (waiting === undefined) arrived.push(admit);
    else waiting(admit);
  }).listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await admission.createValidatingWebhookConfiguration({
    body: {
      metadata: { name: configurationName },
      webhooks: [
        {
          name: "held-creations.example.org",
          clientConfig: {
            url: `https://localhost:${port}`,
            caBundle: Buffer.from(`${signer.certificate}`).toString("base64"),
          },
          rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["secrets"] }],
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          matchConditions: [{ name: "secret", expression: `object.metadata.name == "${name}"` }],
          timeoutSeconds: 30,
          failurePolicy: "Ignore",
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
        },
      ],
    },
  });
  return {
    next: () =>
      new Promise((held) => {
        const admit = arrived.shift();
        if (admit === undefined) awaited.push(held);
        else held(admit);
      }),
    remove: async () => {
      await admission.deleteValidatingWebhookConfiguration({ name: configurationName });
      server.close();
      server.closeAllConnections();
    },
  };
}
