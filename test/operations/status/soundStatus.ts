/** A mesh in which everything is right, for tests of what is said where something is not. */
import type { MeshStatus } from "../../../operations/status/read.ts";
import { joinBundle } from "../../../rules/credentials/bundle.ts";
import { defaultPurpose } from "../../../rules/credentials/credentials.ts";
import { generationsOf } from "../../../rules/mesh/generations.ts";
import { authority, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";

export async function soundStatus() {
  const anchor = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87600) });
  const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
  const anchors = [parsed(anchor.certificate)];
  const certificate = parsed(issuer.certificate);
  const issued = parsed(await leaf({ commonName: "default.linkerd", signer: issuer }));
  const status: MeshStatus = {
    context: "test",
    namespace: "linkerd",
    readAt: now,
    trust: {
      purpose: defaultPurpose,
      bundle: {
        field: "ConfigMap linkerd/linkerd-identity-trust-roots",
        text: joinBundle([String(anchor.certificate)]),
      },
      anchors,
    },
    generations: generationsOf({ anchors, issuer: certificate, others: [] }),
    issuer: {
      secretName: "linkerd-identity-issuer",
      pem: {
        field: "Secret linkerd/linkerd-identity-issuer, tls.crt",
        text: joinBundle([String(issuer.certificate)]),
      },
      certificate,
      intermediates: [],
    },
    webhooks: [],
    controllers: [
      {
        podName: "linkerd-identity-1",
        proof: {
          ...{ issuer: certificate, anchor: anchors[0]!, identity: "default.linkerd" },
          ...{ leaf: issued, intermediates: [certificate] },
        },
      },
    ],
    unknown: [],
    emergencies: [],
  };
  return { status, anchor, issuer, anchors };
}
