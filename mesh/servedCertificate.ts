/** The certificates with which a server behind a forwarded port answers, whoever has signed them. */
import { connect, type DetailedPeerCertificate } from "node:tls";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";

const handshakeMilliseconds = 5_000;

/**
 * The server's own certificate, and what it sends behind it.
 *
 * @throws Error if it does not answer with one.
 */
export async function servedCertificates(
  localPort: number,
  serverName: string,
  signal: AbortSignal,
): Promise<readonly ParsedCertificate[]> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<readonly ParsedCertificate[]>();
  // Nothing is sent over this connection.
  const socket = connect({
    host: "127.0.0.1",
    port: localPort,
    servername: serverName,
    rejectUnauthorized: false,
  });
  const abort = () => socket.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  socket.setTimeout(handshakeMilliseconds, () =>
    socket.destroy(new Error("it does not answer with a certificate")),
  );
  socket.once("secureConnect", () => {
    try {
      resolve(chainOf(socket.getPeerCertificate(true)));
    } catch (error) {
      reject(error);
    }
    socket.destroy();
  });
  socket.on("error", reject);
  socket.once("close", () => {
    signal.removeEventListener("abort", abort);
    reject(new Error("the connection was closed before a certificate came"));
  });
  return promise;
}

function chainOf(certificate: DetailedPeerCertificate): readonly ParsedCertificate[] {
  const chain: ParsedCertificate[] = [];
  // A root names itself as its issuer.
  for (let one = certificate; one?.raw !== undefined; one = one.issuerCertificate) {
    if (chain.some(({ x509 }) => x509.raw.equals(one.raw))) break;
    chain.push(parseCertificate(one.raw));
  }
  if (chain.length === 0) throw new Error("the server has sent no certificate");
  return chain;
}
