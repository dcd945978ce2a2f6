/** Whoever has the key of a trust anchor, and signs a certificate with it in the name of a workload of the mesh. */
import { KeyObject, type webcrypto, type X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import type { MeshedPod } from "../../mesh/meshedPods.ts";
import { withPortForward } from "../../mesh/portForward.ts";
import { keysOf, leaf } from "../certificates.ts";
import { connectTo } from "../stack.ts";

const identitySuffix = "serviceaccount.identity.linkerd.cluster.local";
/** Of each proxy, for other proxies. */
const inboundPort = 4143;
const handshakeMilliseconds = 15_000;

/** Calls proxies as that workload. */
export interface Thief {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export const pemOfKey = (key: webcrypto.CryptoKey): string =>
  KeyObject.from(key).export({ format: "pem", type: "pkcs8" }).toString();

/** @param identity such as `web.shop`: a ServiceAccount and its namespace. */
export async function thiefWith(
  root: X509Certificate,
  privateKey: webcrypto.CryptoKey,
  identity: string,
): Promise<Thief> {
  const own = await keysOf();
  const certificate = await leaf({
    commonName: `${identity}.${identitySuffix}`,
    signer: { certificate: root, privateKey },
    publicKey: own.publicKey,
  });
  return {
    certificatePem: certificate.toString(),
    privateKeyPem: pemOfKey(own.privateKey),
  };
}

/**
 * Whether a pod's proxy lets it in: with TLS 1.3, that shows by the first words of the proxy alone.
 *
 * @throws Error if the proxy does not answer.
 */
export function isLetIn(
  { certificatePem, privateKeyPem }: Thief,
  { namespace, name }: MeshedPod,
): Promise<boolean> {
  return withPortForward({ ...connectTo("linkerd"), namespace }, name, inboundPort, async (port) => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const socket = connect({
      ...{ host: "127.0.0.1", port, rejectUnauthorized: false, minVersion: "TLSv1.3" },
      servername: `default.${namespace}.${identitySuffix}`,
      cert: certificatePem,
      key: privateKeyPem,
    });
    let isMet = false;
    socket.once("secureConnect", () => {
      isMet = true;
    });
    socket.once("data", () => resolve(true));
    const end = (error?: Error) =>
      isMet
        ? resolve(false)
        : reject(error ?? new Error(`${namespace}/${name} has hung up without a certificate`));
    socket.once("error", end);
    socket.once("close", () => end());
    socket.setTimeout(handshakeMilliseconds, () => reject(new Error(`${namespace}/${name} says nothing`)));
    return promise.finally(() => socket.destroy());
  });
}
