/**
 * Proof of which issuer a running identity controller uses.
 *
 * Neither the Secret nor the pod's volume shows what the process has loaded, so it is asked for a certificate, as a proxy
 * would ask: the answer holds the issuer that signed it.
 */
import { join } from "node:path";
import { Client, credentials, type MethodDefinition, type ServiceDefinition, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from "@peculiar/x509";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { chainToAnchor } from "../rules/credentials/chain.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";
import type { Mesh } from "./cluster.ts";
import { withPortForward } from "./portForward.ts";
import { requested } from "./requests.ts";
import type { Trust } from "./trust.ts";

/** Port of the identity service in its pod; every proxy has it built in. */
const identityPort = 8080;
/** Identity accepts only tokens that were made for it; before Linkerd 2.11, only those for the API server. */
const tokenAudience = "identity.l5d.io";
/** The API server accepts nothing shorter. */
const tokenLifetimeSeconds = 600;
/**
 * The certificate is asked for in the name of the Linkerd namespace's `default` ServiceAccount, which always exists and
 * which nothing runs as: a certificate in a control-plane component's name is never made.
 */
const serviceAccount = "default";
const callTimeoutMilliseconds = 10_000;

export interface CertifyProof {
  /** The issuer that signed the certificate, hence the one that the process has loaded. */
  readonly issuer: ParsedCertificate;
  /** The trust anchor that it leads to. */
  readonly anchor: ParsedCertificate;
  readonly identity: string;
  /** The certificate itself, and what the controller sends behind it: every proxy gets the same. */
  readonly leaf: ParsedCertificate;
  readonly intermediates: readonly ParsedCertificate[];
}

export interface CertifyRequest {
  readonly identity: string;
  readonly token: Buffer;
  readonly certificateSigningRequest: Buffer;
}

export interface CertifyResponse {
  readonly leafCertificate: Buffer;
  readonly intermediateCertificates: readonly Buffer[];
}

const definition = loadSync(join(import.meta.dirname, "identity.proto"))[
  "io.linkerd.proxy.identity.Identity"
] as ServiceDefinition;

/** The service's methods, for a client or a server. */
export const identityService: { readonly Certify: MethodDefinition<CertifyRequest, CertifyResponse> } = {
  Certify: definition.Certify!,
};

/**
 * Asks the identity controller in one pod for a certificate.
 *
 * @throws Error if the pod cannot be reached, refuses, or answers with a certificate that is not the one asked for, or that
 * leads to none of the anchors.
 */
export async function certify(mesh: Mesh, podName: string, trust: Trust): Promise<CertifyProof> {
  const { namespace, signal } = mesh;
  const identity = `${serviceAccount}.${namespace}.serviceaccount.identity.${namespace}.${trust.purpose.trustDomain}`;
  const token = await requestToken(mesh, trust.ownTokens);
  return withPortForward(mesh, podName, identityPort, (localPort) =>
    certifyAt(`127.0.0.1:${localPort}`, { identity, token, anchors: trust.anchors, signal }),
  );
}

export interface CertifyOptions {
  /** The name to certify, which must be that of the token's ServiceAccount. */
  readonly identity: string;
  readonly token: string;
  readonly anchors: readonly ParsedCertificate[];
  readonly signal: AbortSignal;
}

/** Asks the identity service at an address; see {@link certify}. The key that is made for it is forgotten at once. */
export async function certifyAt(address: string, options: CertifyOptions): Promise<CertifyProof> {
  const { identity, token, signal } = options;
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
    "sign",
    "verify",
  ]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: identity }])],
  });
  const response = await call(
    address,
    { identity, token: Buffer.from(token), certificateSigningRequest: Buffer.from(request.rawData) },
    signal,
  );
  const publicKey = Buffer.from(await crypto.subtle.exportKey("spki", keys.publicKey));
  return verifyResponse(response, publicKey, options);
}

/** @param requestedKey as DER: it shows that the answer belongs to the request. */
function verifyResponse(
  response: CertifyResponse,
  requestedKey: Buffer,
  { identity, anchors }: CertifyOptions,
): CertifyProof {
  const leaf = parseCertificate(response.leafCertificate);
  const intermediates = response.intermediateCertificates.map(parseCertificate);
  const { publicKey, subjectAltName } = leaf.x509;
  if (!publicKey.export({ type: "spki", format: "der" }).equals(requestedKey)) {
    throw new Error(
      "The identity controller answered with a certificate for another key than the requested one.",
    );
  }
  if (leaf.x509.checkHost(identity) === undefined) {
    throw new Error(
      `The identity controller answered with a certificate for ${subjectAltName} instead of ${identity}.`,
    );
  }
  const { chain, reason } = chainToAnchor(leaf, intermediates, anchors, new Date());
  if (chain === undefined) throw new Error(reason);
  return { issuer: chain[1]!, anchor: chain.at(-1)!, identity, leaf, intermediates };
}

async function requestToken({ core, namespace }: Mesh, ownToken: boolean): Promise<string> {
  // Without an audience it is the API server.
  const audiences = ownToken ? [tokenAudience] : [];
  const request = await requested(
    `Token of ServiceAccount ${namespace}/${serviceAccount} for ${audiences.join() || "the API server"}`,
    core.createNamespacedServiceAccountToken({
      name: serviceAccount,
      namespace,
      body: { spec: { audiences, expirationSeconds: tokenLifetimeSeconds } },
    }),
  );
  return request.status!.token!;
}

function call(address: string, request: CertifyRequest, signal: AbortSignal): Promise<CertifyResponse> {
  // The connection stays on this machine's loopback: a proxy of the environment has no part in it.
  const client = new Client(address, credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
  const { path, requestSerialize, responseDeserialize } = identityService.Certify;
  return new Promise<CertifyResponse>((resolve, reject) => {
    const answer = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      { deadline: Date.now() + callTimeoutMilliseconds },
      (error, response) => {
        if (error === null) resolve(response!);
        else
          reject(new Error(`Certify failed with ${status[error.code]}: ${error.details}`, { cause: error }));
      },
    );
    signal.addEventListener("abort", () => answer.cancel(), { once: true });
  }).finally(() => client.close());
}
