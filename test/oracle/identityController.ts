/** Linkerd's own identity controller, asked what it makes of a set of credentials. */
import { type ChildProcess, spawn } from "node:child_process";
import { KeyObject, X509Certificate } from "node:crypto";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { CoreV1Api } from "@kubernetes/client-node";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { type CertifyResponse, identityService } from "../../mesh/certify.ts";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { sandboxKubeConfig } from "../../sandbox/machine/cluster.ts";
import { until } from "../../sandbox/until.ts";
import { keysOf } from "../certificates.ts";
import { handshake } from "./proxies.ts";
import type { CredentialTexts } from "./recipe.ts";

/**
 * Where a set fails: when the controller loads it, when a proxy asks for a certificate, or when two proxies show each
 * other what they got.
 */
export type Stage = "load" | "certify" | "proxies" | "accepted";

export interface Outcome {
  readonly stage: Stage;
  /** What was said; empty where nothing fails. */
  readonly reason: string;
}

const namespace = "linkerd";
const trustDomain = "cluster.local";
const identity = `default.${namespace}.serviceaccount.identity.${namespace}.${trustDomain}`;
/** A run of many thousand sets takes less. */
const tokenLifetimeSeconds = 2 * 3600;
/** A busy machine starts a controller in seconds. */
const answerTimeoutMilliseconds = 60_000;
const port = 8080;

/** What the controller says when it refuses what it is given; anything else that ends it is no verdict. */
const refusals =
  /Failed to read trust anchors: |Failed to initialize identity service: failed to (read CA from disk|verify issuer)/;
const ready = "starting gRPC server";
const reloaded = "Updated identity issuer";
const skipped = "Skipping issuer update";

/** What a proxy sends, and the key that it keeps. */
interface Proxy {
  readonly token: string;
  readonly request: Buffer;
  readonly key: string;
}

/** A place to run controllers one after another. */
export interface IdentityOracle {
  /** Starts a controller with the credentials, and asks it for a certificate. */
  start(texts: CredentialTexts): Promise<Outcome>;
  /**
   * Starts a controller with the first set, and gives it issuer and key of the next ones while it runs, as the kubelet
   * updates a Secret. Where it ends, the next set starts another. All sets have the same bundle, which is read once.
   */
  startOnce(sets: readonly CredentialTexts[]): AsyncIterable<Outcome>;
  /** Gives a controller that runs with `sound` the issuer and key of another set, and makes sure that it keeps what it has. */
  reload(sound: CredentialTexts, texts: CredentialTexts): Promise<Outcome>;
}

/** As many as a process has for itself in the loopback network. */
const mostAddresses = 15;

/** Places to run controllers side by side, `count` or fewer, against the API server of a sandbox that is up. */
export async function identityOracles(sandbox: string, count: number): Promise<readonly IdentityOracle[]> {
  const core = sandboxKubeConfig(sandbox).makeApiClient(CoreV1Api);
  const proxy = await makeProxy(core);
  const { directory, bin, kubeconfig } = sandboxPaths(sandbox);
  return Array.from({ length: Math.min(count, mostAddresses) }, (_, index) => {
    // Addresses of the loopback network are free for the asking, ports are not.
    const { pid } = process;
    const address = `127.${64 + ((pid >> 12) & 0x7f)}.${(pid >> 4) & 0xff}.${((pid & 0xf) << 4) + index + 1}`;
    const place = join(directory, "oracle", `${process.pid}-${index}`);
    const command = [join(bin, "linkerd-controller"), "identity", `-kubeconfig=${kubeconfig}`];
    return oracle({ place, address, command, proxy });
  });
}

async function makeProxy(core: CoreV1Api): Promise<Proxy> {
  const exists = (error: { code?: number }) => {
    if (error.code !== 409) throw error;
  };
  await core.createNamespace({ body: { metadata: { name: namespace } } }).catch(exists);
  let token = "";
  await until(`the ServiceAccount ${namespace}/default`, answerTimeoutMilliseconds, async () => {
    try {
      const { status: given } = await core.createNamespacedServiceAccountToken({
        name: "default",
        namespace,
        body: { spec: { audiences: ["identity.l5d.io"], expirationSeconds: tokenLifetimeSeconds } },
      });
      token = given!.token!;
      return true;
    } catch (error) {
      return (error as Error).message;
    }
  });
  const keys = await keysOf();
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: identity }])],
  });
  const key = KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
  return { token, request: Buffer.from(request.rawData), key };
}

interface Place {
  readonly place: string;
  readonly address: string;
  readonly command: readonly string[];
  readonly proxy: Proxy;
}

function oracle(at: Place): IdentityOracle {
  return {
    async start(texts) {
      await using controller = await run(at, texts);
      return await controller.decideAtStart();
    },
    async *startOnce(sets) {
      const waiting = sets.values();
      for (const first of waiting) {
        await using controller = await run(at, first);
        const outcome = await controller.decideAtStart();
        yield outcome;
        if (controller.hasEnded()) continue;
        for (const texts of waiting) yield await controller.decideAtReload(texts);
      }
    },
    async reload(sound, texts) {
      await using controller = await run(at, { ...sound, bundle: texts.bundle });
      const start = await controller.decideAtStart();
      if (controller.hasEnded()) return start;
      const outcome = await controller.decideAtReload(texts);
      if (outcome.stage === "load") await controller.assertKept();
      return outcome;
    },
  };
}

/** A controller that runs, or has ended by itself. It is ended with the scope that it is used in. */
interface Controller extends AsyncDisposable {
  decideAtStart(): Promise<Outcome>;
  decideAtReload(texts: CredentialTexts): Promise<Outcome>;
  /** Fails where it has not the issuer any more with which it started. */
  assertKept(): Promise<void>;
  hasEnded(): boolean;
}

/** The controller reads its trust anchors from a fixed path, so each has a mount namespace of its own. */
async function run({ place, address, command, proxy }: Place, texts: CredentialTexts): Promise<Controller> {
  await rm(place, { recursive: true, force: true });
  const issuer = join(place, "issuer");
  await mkdir(issuer, { recursive: true, mode: 0o700 });
  await writeFile(join(place, "ca-bundle.crt"), texts.bundle);
  let version = 1;
  await writeIssuer(place, version, texts);
  for (const file of ["tls.crt", "tls.key"]) await symlink(join("..data", file), join(issuer, file));

  const mount =
    'mount -t tmpfs tmpfs /run; mkdir -p /run/linkerd/identity; ln -s "$0" /run/linkerd/identity/trust-roots';
  const asRoot = process.geteuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const child = spawn(
    "unshare",
    // biome-ignore format: a command line
    [...asRoot, "--mount", "sh", "-ec", `${mount}; exec setpriv --pdeathsig=KILL "$@"`, place, ...command,
      `-addr=${address}:${port}`, `-admin-addr=${address}:9990`, `-controller-namespace=${namespace}`,
      `-identity-trust-domain=${trustDomain}`, "-identity-scheme=kubernetes.io/tls", `-issuer=${issuer}`,
      "-identity-issuance-lifetime=24h", "-identity-clock-skew-allowance=20s"],
    // It lives for seconds: it need not tidy up its memory.
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, GOGC: "off", GOMEMLIMIT: "256MiB" } },
  );
  const log = listenTo(child);
  const client = new Client(`${address}:${port}`, credentials.createInsecure(), {
    "grpc.enable_http_proxy": 0,
  });
  const ask = () => certifyAndMeet(client, proxy, texts.bundle);
  return {
    hasEnded: log.hasEnded,
    async decideAtStart() {
      if ((await log.next(ready)) !== undefined) return ask();
      const line = log.line(refusals);
      if (line === undefined)
        throw new Error(`The controller ended, and not over its credentials:\n${log.text()}`);
      return { stage: "load", reason: /msg="(.*)"$/.exec(line)?.[1] ?? line };
    },
    async decideAtReload(next) {
      await writeIssuer(place, ++version, next);
      const said = await log.next(reloaded, skipped);
      if (said === undefined) throw new Error(`The controller ended at a reload:\n${log.text()}`);
      return said.includes(skipped) ? { stage: "load", reason: said } : ask();
    },
    async assertKept() {
      const kept = await ask();
      if (kept.stage === "accepted") return;
      throw new Error(`The controller did not keep its issuer (${kept.reason}):\n${log.text()}`);
    },
    async [Symbol.asyncDispose]() {
      client.close();
      child.kill("SIGKILL");
      await log.end;
    },
  };
}

interface Log {
  /** The next line that has one of the texts; `undefined` where the controller ends without it. */
  next(...texts: string[]): Promise<string | undefined>;
  /** The first line of all that looks so. */
  line(pattern: RegExp): string | undefined;
  text(): string;
  hasEnded(): boolean;
  readonly end: Promise<void>;
}

function listenTo(child: ChildProcess): Log {
  let log = "";
  /** How far it is read. */
  let position = 0;
  let hasEnded = false;
  let heard = () => {};
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    log += text;
    heard();
  });
  child.once("error", (error) => {
    log += error.message;
  });
  const end = new Promise<void>((done) => {
    child.once("close", () => {
      hasEnded = true;
      heard();
      done();
    });
  });
  const nextLine = (texts: readonly string[]) => {
    for (let newline = log.indexOf("\n", position); newline >= 0; newline = log.indexOf("\n", position)) {
      const line = log.slice(position, newline);
      position = newline + 1;
      if (texts.some((text) => line.includes(text))) return line;
    }
    return undefined;
  };
  return {
    end,
    text: () => log,
    hasEnded: () => hasEnded,
    line: (pattern) => log.split("\n").find((line) => pattern.test(line)),
    next: (...texts) =>
      new Promise((done, failed) => {
        const timer = setTimeout(
          () =>
            failed(new Error(`Waited for "${texts.join('" or "')}" of the controller, which said:\n${log}`)),
          answerTimeoutMilliseconds,
        );
        heard = () => {
          const line = nextLine(texts);
          if (line === undefined && !hasEnded) return;
          heard = () => {};
          clearTimeout(timer);
          done(line);
        };
        heard();
      }),
  };
}

/** Writes the issuer and its key as the kubelet does: a new folder, and one change of `..data` to it. */
async function writeIssuer(place: string, version: number, { issuer, key }: CredentialTexts): Promise<void> {
  const folder = join(place, "issuer", `..${version}`);
  await mkdir(folder);
  await writeFile(join(folder, "tls.crt"), issuer);
  await writeFile(join(folder, "tls.key"), key, { mode: 0o600 });
  const link = join(place, "issuer", "..data");
  await symlink(`..${version}`, `${link}_tmp`);
  await rename(`${link}_tmp`, link);
}

/** Asks for a certificate, and lets two proxies that got it meet. */
async function certifyAndMeet(client: Client, proxy: Proxy, bundle: string): Promise<Outcome> {
  let answer: CertifyResponse;
  try {
    answer = await certify(client, proxy);
  } catch (error) {
    const { code, details } = error as ServiceError;
    // What is wrong with the request or the way to the controller is no verdict on the credentials.
    if (code !== status.INTERNAL && code !== status.UNKNOWN) throw error;
    if (/token|TokenReview|rate limiter/i.test(details)) throw error;
    return { stage: "certify", reason: details };
  }
  try {
    const chain = [answer.leafCertificate, ...answer.intermediateCertificates]
      .map((der) => new X509Certificate(der).toString())
      .join("");
    await handshake({ chain, key: proxy.key, bundle, name: identity });
    return { stage: "accepted", reason: "" };
  } catch (error) {
    return { stage: "proxies", reason: (error as Error).message };
  }
}

function certify(client: Client, { token, request }: Proxy): Promise<CertifyResponse> {
  const { path, requestSerialize, responseDeserialize } = identityService.Certify;
  return new Promise<CertifyResponse>((done, failed) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { identity, token: Buffer.from(token), certificateSigningRequest: request },
      { deadline: Date.now() + answerTimeoutMilliseconds },
      (error, response) => (error === null ? done(response!) : failed(error)),
    );
  });
}
