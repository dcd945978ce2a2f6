/** The state of a stack as if its preview had been applied, which takes a cluster: what comes of each resource is made up. */
import { KeyObject, randomUUID } from "node:crypto";
import { authority, hoursFromNow, now } from "../certificates.ts";

/** A resource in the output of `pulumi preview --json`, and in a state. */
interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom?: boolean;
  readonly provider?: string;
  readonly inputs?: Record<string, unknown>;
}

/** What the engine writes for what is not known, and how it marks a secret. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const secret = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  plaintext: JSON.stringify(value),
});

const providerId = "11111111-1111-4111-8111-111111111111";

/**
 * @param exported what `pulumi stack export` says of the stack before.
 * @param preview what `pulumi preview --json` says of it, with one generation of the trust anchor.
 */
export async function deployedState(exported: string, preview: string): Promise<string> {
  const { deployment, ...rest } = JSON.parse(exported);
  const { steps } = JSON.parse(preview) as { steps: readonly { newState: StateResource }[] };
  const root = await authority({
    commonName: "root.linkerd.cluster.local",
    notBefore: now,
    notAfter: hoursFromNow(87_600),
  });
  const certPem = root.certificate.toString();
  const key = KeyObject.from(root.privateKey).export({ format: "pem", type: "pkcs8" }).toString();

  const outcomeOf = ({ type, inputs = {} }: StateResource): { inputs: object; outputs: object } => {
    const kind = type.split(":").at(-1)!;
    switch (kind) {
      case "RandomId":
        return { inputs, outputs: { ...inputs, hex: "0123456789abcdef", b64Std: "", b64Url: "", dec: "1" } };
      case "PrivateKey": {
        const names = [
          "publicKeyPem",
          "publicKeyOpenssh",
          "publicKeyFingerprintMd5",
          "publicKeyFingerprintSha256",
        ];
        const known = Object.fromEntries(names.map((name) => [name, "known"]));
        const [privateKeyPem, none] = [secret(key), secret("")];
        const keys = { privateKeyPem, privateKeyPemPkcs8: none, privateKeyOpenssh: none };
        return { inputs, outputs: { ...inputs, rsaBits: 2048, ...known, ...keys } };
      }
      case "SelfSignedCert": {
        const subject = { ...(inputs.subject as object), serialNumber: "0123456789abcdef" };
        const known = { ...inputs, subject, privateKeyPem: secret(key) };
        const standard = {
          earlyRenewalHours: 0,
          setAuthorityKeyId: false,
          setSubjectKeyId: false,
          maxPathLength: -1,
        };
        return { inputs: known, outputs: { ...known, ...standard, certPem, readyForRenewal: false } };
      }
      case "Secret": {
        const known = { ...inputs, stringData: secret({ "tls.crt": certPem, "tls.key": key }) };
        return { inputs: known, outputs: { ...known, __inputs: secret(known) } };
      }
      case "Release": {
        const isControlPlane = inputs.name === "linkerd-control-plane";
        const version = /-(v?\d[^/]*)\.tgz$/.exec(inputs.chart as string)?.[1];
        const values = {
          ...(inputs.values as object),
          ...(isControlPlane && { identityTrustAnchorsPEM: certPem.trimEnd() }),
        };
        const known = { ...inputs, values, version };
        const status = { status: "deployed", revision: 1, version };
        return { inputs: known, outputs: { ...known, status, resourceNames: {}, __inputs: secret(known) } };
      }
      case "TrustAnchor":
        return { inputs, outputs: { certificatePem: certPem.trimEnd(), issuerName: "linkerd-trust-anchor" } };
      case "Issuer":
      case "Certificate":
        return {
          inputs,
          outputs: {
            ...inputs,
            status: { conditions: [{ type: "Ready", status: "True" }] },
            __inputs: inputs,
          },
        };
      default:
        if (!type.startsWith("kubernetes:")) return { inputs, outputs: inputs };
        return {
          inputs,
          outputs: {
            ...inputs,
            metadata: { ...(inputs.metadata as object), uid: randomUUID() },
            __inputs: inputs,
          },
        };
    }
  };

  const [stack, ...resources] = steps.map(({ newState }) => {
    const { urn, type, custom, provider } = newState;
    const id = type.startsWith("pulumi:providers:") ? providerId : urn.split("::").at(-1)!;
    const known = provider !== undefined && { provider: provider.replace(unknown, providerId) };
    const { sourcePosition, stackTrace, resourceHooks, ...told } = newState as unknown as Record<
      string,
      unknown
    >;
    return { ...told, ...known, ...(custom && { id }), ...outcomeOf(newState) };
  });
  // A preview does not tell of default providers.
  const prefix = steps[0]!.newState.urn.split("::").slice(0, 2).join("::");
  const defaults = [
    ...new Set(resources.map(({ provider = "" }: { provider?: string }) => provider)),
  ].flatMap((provider) => {
    const [, type, name, version] = /::(pulumi:providers:\w+)::(default_([\d_]+))::/.exec(provider) ?? [];
    const inputs = { version: version?.replaceAll("_", ".") };
    return name === undefined
      ? []
      : { urn: `${prefix}::${type}::${name}`, custom: true, id: providerId, type, inputs, outputs: inputs };
  });
  return JSON.stringify({
    ...rest,
    deployment: { ...deployment, resources: [stack, ...defaults, ...resources] },
  });
}
