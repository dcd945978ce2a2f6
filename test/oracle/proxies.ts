/** Two proxies of a mesh that meet: mutual TLS, each with the certificate that the identity controller gave it. */
import { duplexPair } from "node:stream";
import { connect, createSecureContext, createServer } from "node:tls";

interface Credentials {
  /** The proxy's certificate and what follows it, in PEM. */
  readonly chain: string;
  readonly key: string;
  /** The trust anchors, as the text that the proxies are given. */
  readonly bundle: string;
  readonly name: string;
}

const handshakeTimeoutMilliseconds = 20_000;

/**
 * Lets one proxy call another, in memory.
 *
 * OpenSSL verifies, not rustls-webpki as in Linkerd's proxies; like that one it takes any certificate of the bundle for a
 * trust anchor, whoever signed it.
 *
 * @throws where either does not trust the other, with OpenSSL's reason.
 */
export async function handshake({ chain, key, bundle, name }: Credentials): Promise<void> {
  const options = {
    cert: chain,
    key,
    ca: bundle,
    allowPartialTrustChain: true,
    minVersion: "TLSv1.3",
  } as const;
  const secureContext = createSecureContext(options);
  const server = createServer({
    ...options,
    requestCert: true,
    rejectUnauthorized: true,
    // By itself, a server leaves out allowPartialTrustChain.
    SNICallback: (_, done) => done(null, secureContext),
  });
  const [near, far] = duplexPair();
  const client = connect({ socket: near, secureContext, servername: name });
  try {
    await new Promise<void>((done, failed) => {
      const timeout = () => failed(new Error("The handshake takes too long."));
      setTimeout(timeout, handshakeTimeoutMilliseconds).unref();
      const met = { client: false, server: false };
      const meets = (side: keyof typeof met) => () => {
        met[side] = true;
        if (met.client && met.server) done();
      };
      client.once("secureConnect", meets("client")).once("error", failed);
      server.once("secureConnection", meets("server")).once("tlsClientError", failed);
      server.emit("connection", far);
    });
  } finally {
    client.on("error", () => {}).destroy();
    far.destroy();
  }
}
