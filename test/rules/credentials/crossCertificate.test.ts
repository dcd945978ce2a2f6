import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { crossCertificateObstacle, subjectArguments } from "../../../rules/credentials/crossCertificate.ts";
import { parsed } from "../../certificates.ts";

const directory = mkdtempSync(join(tmpdir(), "cross-certificate-"));
after(() => rmSync(directory, { recursive: true }));

const p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
/** Bits of OpenSSL's types of text: the first of PrintableString and UTF8String that can hold a text is what Go writes. */
const asGo = "MASK:0x2002";

interface Options {
  readonly mask?: string;
  readonly key?: readonly string[];
  readonly identifier?: string;
}

/** A root made by OpenSSL, with a subject written like `/CN=root`. */
function root(subject: string, { mask = asGo, key = p256, identifier = "hash" }: Options = {}) {
  const configuration = join(directory, "openssl.cnf");
  writeFileSync(
    configuration,
    `[req]
string_mask = ${mask}
distinguished_name = name
x509_extensions = root
[name]
[root]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = ${identifier}
`,
  );
  const options = ["-x509", "-utf8", "-nodes", "-config", configuration, "-keyout", "/dev/null"];
  const pem = execFileSync("openssl", ["req", ...options, ...key, "-subj", subject], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return parsed(new X509Certificate(pem));
}

/** Every part that the provider has an argument for, in Go's order. */
const full =
  "/C=DE/ST=Hamburg/L=Hamburg/street=Am Kai 1/postalCode=20457/O=Example & Söhne/OU=Mesh/CN=root.linkerd.cluster.local/serialNumber=0a1b2c";

suite("Pulumi's TLS provider can make the cross certificate of a root", () => {
  for (const [what, subject, options] of [
    ["with a name alone", "/CN=root.linkerd.cluster.local", {}],
    ["like those that it makes itself", "/CN=root-2.linkerd.cluster.local/serialNumber=5c7e90d3a1b2f488", {}],
    ["with every part that it knows", full, {}],
    ["whose name is not ASCII, in UTF-8", "/CN=Wurzel für Linkerd", { mask: "utf8only" }],
    ["whose name has an asterisk, in UTF-8", "/CN=root_*@example", { mask: "utf8only" }],
    ["with an RSA key", "/CN=root.linkerd.cluster.local", { key: ["-newkey", "rsa:2048"] }],
    ["without a key identifier", "/CN=root.linkerd.cluster.local", { identifier: "none" }],
  ] as const) {
    test(what, () => assert.equal(crossCertificateObstacle(root(subject, options)), undefined));
  }

  test("with the subject as its arguments", () => {
    assert.deepEqual(subjectArguments(root(full)), {
      country: "DE",
      province: "Hamburg",
      locality: "Hamburg",
      streetAddresses: ["Am Kai 1"],
      postalCode: "20457",
      organization: "Example & Söhne",
      organizationalUnit: "Mesh",
      commonName: "root.linkerd.cluster.local",
      serialNumber: "0a1b2c",
    });
  });
});

suite("Pulumi's TLS provider cannot make the cross certificate of a root", () => {
  for (const [what, subject, options, expected] of [
    [
      "as OpenSSL writes its name",
      "/CN=root.linkerd.cluster.local",
      { mask: "utf8only" },
      /^writes the commonName of its subject in another way .* a PrintableString if the text allows it/,
    ],
    [
      "with a text in T.61",
      "/O=Söhne/CN=root.linkerd.cluster.local",
      { mask: "MASK:0x4" },
      /^writes the organization of its subject in another way/,
    ],
    [
      "with its parts in another order",
      "/CN=root.linkerd.cluster.local/O=Example",
      {},
      /^writes the parts of its subject in another order than .*: commonName, organization$/,
    ],
    [
      "with two units",
      "/OU=Mesh/OU=Edge/CN=root",
      {},
      /^has more than one organizationalUnit in its subject/,
    ],
    ["with an e-mail address", "/CN=root/emailAddress=a@example.org", {}, /^has an e-mail address in its/],
    [
      "with a domain component",
      "/DC=example/CN=root",
      {},
      /^has the attribute 0\.9\.2342\.19200300\.100\.1\.25 in/,
    ],
    [
      "with a key identifier by SHA-256",
      "/CN=root",
      { identifier: "5ab4a49d1b4dbe5c1ff6c54ac1f3e3a3a39d2d0d0d92ae6f4ce7bdc2b9d3d6a1" },
      /^has a subject key identifier that is not the SHA-1 hash of its key/,
    ],
  ] as const) {
    test(what, () => {
      const obstacle = crossCertificateObstacle(root(subject, options));
      assert.match(obstacle ?? "there is no obstacle", expected);
    });
  }
});
