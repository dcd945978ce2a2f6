/** What the Secrets of the control plane's namespace hold of the trust anchors, as whoever may read them sees it. */
import { createPrivateKey, type webcrypto, X509Certificate } from "node:crypto";
import { kubectl } from "../stack.ts";

export async function secretText(name: string, key: string): Promise<string> {
  const { data } = JSON.parse(await kubectl("get", "secret", name, "--namespace=linkerd", "--output=json"));
  return Buffer.from(data[key], "base64").toString();
}

export async function certificateIn(name: string): Promise<X509Certificate> {
  return new X509Certificate(await secretText(name, "tls.crt"));
}

export async function keyIn(name: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(await secretText(name, "tls.key")).export({ format: "der", type: "pkcs8" });
  return crypto.subtle.importKey("pkcs8", der, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
}
