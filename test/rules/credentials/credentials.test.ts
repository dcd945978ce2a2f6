import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, KeyObject, type webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import * as fc from "fast-check";
import type { ParsedCertificate } from "../../../rules/credentials/certificate.ts";
import { checkCredentials, type Purpose } from "../../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../../rules/credentials/parseCertificate.ts";
import { longestPemBytes } from "../../../rules/credentials/pemText.ts";
import { credentialRules } from "../../../rules/credentials/rules.ts";
import { verdictOf } from "../../../rules/finding.ts";
import { rules } from "../../../rules/rules.ts";
import {
  type Authority,
  authority,
  authorityExtensions,
  type Fabricated,
  hoursFromNow,
  keysOf,
  leaf,
  now,
} from "../../certificates.ts";
import { type Element, holding, readElement, writeElement } from "../../oracle/der.ts";
import { randomEdit } from "../../oracle/randomEdit.ts";
import { make, soundRecipe } from "../../oracle/recipe.ts";
import { traps } from "../../oracle/traps.ts";
import { assertWellFormed } from "../wellFormed.ts";

const purpose: Purpose = {
  trustDomain: "cluster.local",
  issuanceLifetime: "24h",
  clockSkewAllowance: "20s",
  now,
};
const root = "root.linkerd.cluster.local";
const identity = "identity.linkerd.cluster.local";
const rsa = (modulusLength: number) => ({
  name: "RSASSA-PKCS1-v1_5",
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
});
const p384 = { name: "ECDSA", namedCurve: "P-384" };

const makeAnchor = (fabrication: Partial<Authority> = {}) =>
  authority({ commonName: root, notAfter: hoursFromNow(87_600), ...fabrication });
const makeIssuer = (signer: Fabricated, fabrication: Partial<Authority> = {}) =>
  authority({ commonName: identity, signer, ...fabrication });

const pemOf = (...certificates: readonly Pick<Fabricated, "certificate">[]) =>
  certificates.map(({ certificate }) => certificate.toString().trimEnd()).join("\n");
const keyOf = (
  { privateKey }: { readonly privateKey: webcrypto.CryptoKey },
  type: "pkcs8" | "sec1" = "pkcs8",
) => KeyObject.from(privateKey).export({ format: "pem", type }).toString();

const anchor = await makeAnchor();
const other = await makeAnchor({ commonName: "root-2.linkerd.cluster.local" });
const issuer = await makeIssuer(anchor);
const sound = { bundle: pemOf(anchor), issuer: pemOf(issuer), key: keyOf(issuer) };

interface Texts {
  readonly bundle?: string;
  readonly issuer?: string;
  readonly key?: string;
}

const check = (texts: Texts, changed: Partial<Purpose> = {}, parse = parseCertificate) => {
  const { bundle, issuer, key } = { ...sound, ...texts };
  const of = (field: string, text: string) => ({ field, text });
  return checkCredentials(
    { bundle: of("bundle", bundle), issuer: of("issuer", issuer), key: of("key", key) },
    { ...purpose, ...changed },
    parse,
  );
};

/** Credentials around one issuer, with whatever signs it as the only anchor. */
const around = (anchors: readonly Fabricated[], ...chain: readonly [Fabricated, ...Fabricated[]]): Texts => ({
  bundle: pemOf(...anchors),
  issuer: pemOf(...chain),
  key: keyOf(chain[0]),
});
const below = async (signer: Fabricated, fabrication?: Partial<Authority>) =>
  around([signer], await makeIssuer(signer, fabrication));

const lasting = { notAfter: hoursFromNow(8760) };
/** A next root, an issuer below it, and the next root's cross certificate by `signer`. */
const crossed = async (
  commonName = "root-3.linkerd.cluster.local",
  signer = anchor,
  notAfter = lasting.notAfter,
) => {
  const next = await makeAnchor({ commonName });
  const cross = await authority({ commonName, keys: next, signer, notAfter });
  return { next, cross, issuer: await makeIssuer(next) };
};

/** A known trap by itself. */
const trapped = (name: keyof typeof traps) => {
  const recipe = soundRecipe();
  traps[name].apply(recipe);
  return make(recipe);
};

const usages = (...names: string[]) => [...authorityExtensions(), new x509.ExtendedKeyUsageExtension(names)];
const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";
const directory = mkdtempSync(join(tmpdir(), "credentials-"));
after(() => rmSync(directory, { recursive: true }));

const block = (type: string) => `-----BEGIN ${type}-----\nAAEC\n-----END ${type}-----`;

type Rule = keyof typeof rules;
const seen = new Set<string>();
const breaks = (texts: Texts, expected: readonly Rule[], changed?: Partial<Purpose>) => {
  const findings = check(texts, changed);
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    expected,
    findings.map(({ message }) => message).join("\n"),
  );
  for (const { rule, severity, field, message, fix, source } of findings) {
    seen.add(rule);
    assert.equal(severity, (rules[rule as Rule] as { severity?: string }).severity ?? "error");
    assert.match(field, /^(bundle|issuer|key)$/);
    assert.match(message, /^[A-Z].*\.$/s);
    assert.ok(fix.length > 0 && source.length > 0);
  }
};

suite("Text", () => {
  test("is sound with one newline at its end, or none", () => {
    breaks({}, []);
    breaks({ bundle: `${sound.bundle}\n`, issuer: `${sound.issuer}\n` }, []);
    breaks({ bundle: pemOf(anchor, other) }, []);
  });

  test("must hold certificates", () => {
    breaks({ bundle: "" }, ["pem-certificate"]);
    breaks({ issuer: "issuer" }, ["pem-certificate"]);
    const der = anchor.certificate.raw.toString("latin1");
    assert.match(check({ bundle: der })[0]!.fix, /-inform der/);
  });

  test("whose lines were lost on its way is told how to write them again", () => {
    const { bundle, issuer, key } = sound;
    const oneLine = (text: string) => text.replaceAll("\n", " ");
    for (const [lost, what, undone] of [
      [(text: string) => text.replaceAll("\n", "\\n"), "a backslash and an n", "printf"],
      [(text: string) => `"${text.replaceAll("\n", "\\r\\n")}"`, "a backslash and an n", "printf"],
      [oneLine, "all of it is on one line", "sed -E"],
      [(text: string) => text.replaceAll("\n", ""), "all of it is on one line", "sed -E"],
      [(text: string) => btoa(text), "in base64 once more", "base64 -d"],
      [(text: string) => btoa(text).replaceAll(/.{1,76}/g, "$&\n"), "in base64 once more", "base64 -d"],
    ] as const) {
      const findings = check({ bundle: lost(bundle), issuer: lost(issuer), key: lost(key) });
      assert.deepEqual(
        findings.map(({ rule, field }) => [rule, field]),
        [
          ["pem-certificate", "bundle"],
          ["pem-certificate", "issuer"],
          ["key-readable", "key"],
        ],
      );
      for (const { message, fix, field } of findings) {
        assert.ok(message.includes(what), message);
        assert.ok(fix.includes(undone), fix);
        // The fix, done to the text.
        const command = fix.slice(fix.indexOf(": ") + 2);
        const file = join(directory, "FILE");
        writeFileSync(file, lost(sound[field as keyof typeof sound]).replaceAll('"', ""));
        execFileSync("sh", ["-c", command], { cwd: directory });
        const text = readFileSync(join(directory, "FILE.pem"), "utf8");
        breaks({ [field]: text.replace(/\n+$/, "\n") }, []);
      }
    }
    for (const none of ["bundle", btoa("bundle"), "-----BEGIN CERTIFICATE-----"]) {
      assert.equal(check({ bundle: none })[0]!.message, "The text has no certificate in PEM.");
    }
  });

  test("may not end with blank lines or text: Linkerd crashes", () => {
    for (const rest of ["\n\n", "\n \n", "\r\n\r\n", "\n# end\n", "\n ", "\n\0"]) {
      const expected: Rule[] = rest.includes("\r") ? ["pem-end", "pem-line-ends"] : ["pem-end"];
      breaks({ bundle: sound.bundle + rest }, expected);
      breaks({ issuer: sound.issuer + rest }, expected);
    }
  });

  test("is better without text before and between", () => {
    breaks({ bundle: `\n${sound.bundle}` }, ["pem-text"]);
    breaks({ bundle: `# old\n${pemOf(anchor)}\n\n${pemOf(other)}\n` }, ["pem-text", "pem-text"]);
    breaks({ issuer: `subject=x\n${sound.issuer}` }, ["pem-text"]);
    breaks({ bundle: sound.bundle.replaceAll("\n", "\r\n") }, ["pem-line-ends"]);
  });

  test("may not lose a certificate that is damaged", () => {
    breaks({ bundle: `\uFEFF${pemOf(anchor, other)}` }, ["pem-damaged", "chain"]);
    breaks({ bundle: `${pemOf(anchor)}\n${pemOf(other).slice(0, -60)}` }, ["pem-damaged"]);
    breaks({ bundle: pemOf(anchor).replace("END CERTIFICATE", "END CERT") }, ["pem-certificate"]);
    breaks({ bundle: `${pemOf(anchor)}\n${block("CERTIFICATE")}` }, ["certificate-readable"]);
    const twice = Buffer.concat([anchor.certificate.raw, anchor.certificate.raw]).toString("base64");
    breaks({ bundle: `-----BEGIN CERTIFICATE-----\n${twice}\n-----END CERTIFICATE-----\n` }, [
      "certificate-readable",
    ]);
    // The algorithm that is signed is another than the one beside the signature: Go refuses, OpenSSL reads it.
    const ecdsaWithSha256 = Buffer.from("06082a8648ce3d040302", "hex");
    const der = Buffer.from(other.certificate.raw);
    der[der.indexOf(ecdsaWithSha256) + ecdsaWithSha256.length - 1] = 3;
    const mixed = `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
    breaks({ bundle: `${pemOf(anchor)}\n${mixed}` }, ["certificate-readable"]);
  });

  test("holds certificates only, each once", () => {
    breaks({ bundle: `${sound.bundle}\n${sound.key}` }, ["pem-private-key"]);
    breaks({ bundle: `${sound.bundle}\n${sound.key}\n\n` }, ["pem-private-key"]);
    breaks({ issuer: `${sound.issuer}\n${block("EC PRIVATE KEY")}` }, ["pem-private-key"]);
    breaks({ bundle: `${sound.bundle}\n${block("TRUSTED CERTIFICATE")}` }, ["pem-type"]);
    breaks({ bundle: pemOf(anchor, other, anchor) }, ["pem-duplicate"]);
    const header = sound.bundle.replace("-----\n", "-----\nOrigin: here\n\n");
    breaks({ bundle: header }, ["pem-headers"]);
    breaks({ issuer: sound.issuer.replace(/(\n.{64}\n)/, "$1 \n") }, ["pem-blank-lines"]);
  });

  test("is no longer than a ConfigMap", () => {
    const long = " ".repeat(longestPemBytes + 1);
    breaks({ bundle: long, issuer: long, key: long }, ["file-size", "file-size", "file-size"]);
  });
});

suite("Each authority", () => {
  test("has a key that Linkerd takes", async () => {
    breaks(await below(await makeAnchor({ keys: await keysOf(rsa(2048)) })), []);
    breaks(await below(await makeAnchor({ keys: await keysOf(rsa(4096)) })), []);
    breaks(await below(await makeAnchor({ keys: await keysOf(rsa(3072)) })), ["anchor-algorithm"]);
    breaks(await below(await makeAnchor({ keys: await keysOf(p384) })), ["anchor-algorithm"]);
    const ed25519 = await keysOf({ name: "Ed25519" });
    breaks(await below(await makeAnchor({ keys: ed25519 })), [
      "anchor-algorithm",
      "signature-algorithm",
      "signature-algorithm",
    ]);
    breaks(await below(anchor, { keys: await keysOf(p384) }), ["issuer-algorithm"]);
    breaks(await below(anchor, { keys: await keysOf(rsa(2048)) }), ["issuer-algorithm"]);
  });

  test("is signed with SHA-256", async () => {
    breaks(await below(anchor, { hash: "SHA-384" }), ["signature-algorithm"]);
    breaks(await below(await makeAnchor({ hash: "SHA-512" })), ["signature-algorithm"]);
  });

  test("is not signed with RSASSA-PSS, which Go verifies and proxies do not", () => {
    breaks(trapped("issuer is signed with RSASSA-PSS"), ["signature-algorithm"]);
    breaks(trapped("anchor is signed with RSASSA-PSS"), ["signature-algorithm"]);
    breaks(trapped("an intermediate is signed with RSASSA-PSS"), ["signature-algorithm"]);
    breaks(trapped("an intermediate's key is for RSASSA-PSS alone"), [
      "signature-algorithm",
      "intermediate-algorithm",
    ]);
    breaks(trapped("anchor's key is for RSASSA-PSS alone"), [
      "anchor-algorithm",
      "signature-algorithm",
      "signature-algorithm",
    ]);
    const [finding] = check(trapped("anchor's key is for RSASSA-PSS alone"));
    assert.match(finding!.message, /has an unsupported key: RSA for RSASSA-PSS alone\./);
  });

  test("is not signed with RSASSA-PSS, whatever its parameters are", () => {
    const identifier = readElement(Buffer.from("06092a864886f70d01010a", "hex"));
    const nothing = readElement(Buffer.from("0500", "hex"));
    for (const [parameters, name] of [
      [[], "unknown hash"],
      [[nothing], "unknown hash"],
      [[holding(0x30)], "SHA1"],
    ] as const) {
      const der = readElement(new X509Certificate(trapped("issuer is signed with RSASSA-PSS").issuer).raw);
      const [signed] = der.content as Element[];
      const algorithm = holding(0x30, identifier, ...parameters);
      (signed!.content as Element[]).splice(2, 1, algorithm);
      (der.content as Element[]).splice(1, 1, algorithm);
      const { signatureAlgorithm } = parseCertificate(writeElement(der));
      assert.equal(signatureAlgorithm, `${name}-RSAPSS`);
    }
  });

  test("that has expired is mended where it is: in the bundle, or by issuing it again", async () => {
    const end = { notAfter: hoursFromNow(-0.5) };
    const fixOf = (texts: Texts) => check(texts).find(({ rule }) => rule === "expired")!.fix;
    assert.match(fixOf(await below(await makeAnchor(end))), /^Remove it from the bundle /);
    assert.match(fixOf(await below(anchor, end)), /^Issue it again: npm run -s renew/);
    const intermediate = await makeIssuer(anchor, { commonName: "intermediate.example", ...end });
    const texts = around([anchor], await makeIssuer(intermediate), intermediate);
    assert.match(fixOf(texts), /^Issue it again, .* and put it in the place of this one\.$/);
  });

  test("is an authority", async () => {
    const notAuthority = [new x509.BasicConstraintsExtension(false)];
    breaks(await below(anchor, { extensions: notAuthority }), ["is-ca"]);
    breaks(await below(anchor, { extensions: [] }), ["is-ca"]);
    breaks(await below(await makeAnchor({ extensions: notAuthority })), ["is-ca"]);
    const isCa = new x509.BasicConstraintsExtension(true);
    const signature = new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature);
    breaks(await below(anchor, { extensions: [isCa] }), []);
    breaks(await below(anchor, { extensions: [isCa, signature] }), ["key-usage"]);
    breaks(await below(await makeAnchor({ extensions: [isCa, signature] })), ["key-usage"]);
  });

  test("has a name", () => {
    const unnamed = soundRecipe();
    unnamed.authorities.issuer!.commonName = undefined;
    breaks(make(unnamed), ["subject-name", "trust-domain"]);
    const rootless = soundRecipe();
    rootless.authorities.anchor!.commonName = undefined;
    breaks(make(rootless), ["subject-name"]);
    breaks(trapped("issuer has a name without anything in its one part"), ["certificate-readable"]);
  });

  test("serves servers and clients if it names purposes", async () => {
    breaks(await below(anchor, { extensions: usages(serverAuth, clientAuth) }), []);
    breaks(await below(anchor, { extensions: usages("2.5.29.37.0") }), ["extended-key-usage-client"]);
    breaks(await below(anchor, { extensions: usages(clientAuth) }), ["extended-key-usage"]);
    breaks(await below(anchor, { extensions: usages("1.2.3") }), ["extended-key-usage"]);
    breaks(await below(await makeAnchor({ extensions: usages(clientAuth) })), ["extended-key-usage"]);
    breaks(await below(await makeAnchor({ extensions: usages(serverAuth) })), ["extended-key-usage-client"]);
    breaks(await below(anchor, { extensions: usages(serverAuth) }), ["extended-key-usage-client"]);
  });

  test("has no other constraints", async () => {
    const extension = (type: string, critical: boolean) =>
      new x509.Extension(type, critical, new Uint8Array([0x30, 0]));
    const withExtension = (type: string, critical: boolean) => [
      ...authorityExtensions(),
      extension(type, critical),
    ];
    breaks(await below(anchor, { extensions: withExtension("1.2.3.4", true) }), ["constraints"]);
    breaks(await below(anchor, { extensions: withExtension("1.2.3.4", false) }), []);
    breaks(await below(anchor, { extensions: withExtension("2.5.29.30", false) }), ["constraints"]);
    breaks(trapped("issuer has a type of Netscape's that is malformed"), ["constraints"]);
    breaks(await below(await makeAnchor({ extensions: withExtension("2.5.29.30", true) })), ["constraints"]);
  });

  test("is valid at the time, to the second", async () => {
    const second = 1000;
    const { validFromDate } = issuer.certificate;
    breaks({}, ["not-yet-valid", "not-yet-valid"], { now: new Date(validFromDate.getTime() - second) });
    breaks({}, [], { now: validFromDate });
    const { validToDate } = issuer.certificate;
    breaks({}, ["issuer-outlives-leaves"], { now: validToDate });
    breaks({}, ["expired"], { now: new Date(validToDate.getTime() + second) });
    const old = await makeAnchor({ commonName: "old", notAfter: hoursFromNow(-0.5) });
    const next = await makeAnchor({ commonName: "next", notBefore: hoursFromNow(1) });
    breaks({ bundle: pemOf(old, anchor) }, ["expired"]);
    breaks({ bundle: pemOf(anchor, next) }, ["not-yet-valid"]);
  });
});

suite("Together,", () => {
  test("the issuer leads to an anchor", async () => {
    breaks({ bundle: pemOf(other, anchor) }, []);
    breaks({ bundle: pemOf(other) }, ["chain"]);
    assert.match(check({ bundle: pemOf(other) })[0]!.message, /no certificate here has this subject/);
    const impostor = await makeAnchor();
    breaks({ bundle: pemOf(impostor) }, ["chain"]);
    assert.match(check({ bundle: pemOf(impostor) })[0]!.message, /did not sign it/);
    const renewed = await makeAnchor({ keys: anchor });
    breaks({ bundle: pemOf(renewed) }, []);
    breaks({ bundle: pemOf(anchor, renewed) }, []);
  });

  test("intermediates lead to an anchor, in their order", async () => {
    const year = { notAfter: hoursFromNow(8760) };
    const upper = await authority({ commonName: "upper", signer: anchor, ...year });
    const lower = await authority({ commonName: "lower", signer: upper, ...year });
    const lowest = await makeIssuer(lower);
    breaks(around([anchor], lowest, lower, upper), []);
    breaks(around([anchor], lowest, lower, upper, anchor), []);
    breaks(around([anchor], lowest, upper, lower), ["chain-order"]);
    breaks(around([anchor], lowest, lower), ["chain"]);
    assert.match(check(around([anchor], lowest, lower))[0]!.message, /which leads no further/);
    breaks({ ...around([anchor], lowest, lower, upper), issuer: pemOf(lower, lowest, upper) }, [
      "chain-order",
      "chain-outlives-issuer",
      "chain-outlives-issuer",
      "trust-domain",
      "key-match",
    ]);
    const weak = await authority({ commonName: "weak", signer: anchor, keys: await keysOf(p384), ...year });
    breaks(around([anchor], await makeIssuer(weak), weak), ["intermediate-algorithm"]);
    const expired = await authority({ commonName: "expired", signer: anchor, notAfter: hoursFromNow(-0.5) });
    breaks(around([anchor], await makeIssuer(expired), expired), ["expired"]);
  });

  test("path lengths leave room for the issuer", async () => {
    breaks(await below(anchor, { pathLength: 0 }), []);
    breaks(await below(await makeAnchor({ pathLength: 1 })), []);
    breaks(await below(await makeAnchor({ pathLength: 0 })), ["path-length"]);
    const unused = await makeAnchor({ commonName: "next", pathLength: 0 });
    breaks({ bundle: pemOf(anchor, unused) }, ["path-length"]);
    const year = { notAfter: hoursFromNow(8760) };
    for (const [anchorLength, length, expected] of [
      [2, 1, []],
      [1, 1, ["path-length"]],
      [2, 0, ["path-length"]],
    ] as const) {
      const top = await makeAnchor({ pathLength: anchorLength });
      const middle = await authority({ commonName: "middle", signer: top, pathLength: length, ...year });
      breaks(around([top], await makeIssuer(middle), middle), expected);
    }
  });

  test("subjects are distinct", async () => {
    const twin = await makeAnchor();
    breaks({ bundle: pemOf(anchor, twin) }, ["distinct-anchors"]);
    const identified = async () => {
      const keys = await keysOf();
      const identifier = await x509.SubjectKeyIdentifierExtension.create(keys.publicKey);
      const made = await makeAnchor({ keys, extensions: [...authorityExtensions(), identifier] });
      return { made, identifier };
    };
    const [first, second] = [await identified(), await identified()];
    const extensions = [
      ...authorityExtensions(),
      await x509.AuthorityKeyIdentifierExtension.create(first.made.publicKey),
    ];
    const named = await makeIssuer(first.made, { extensions });
    breaks(around([first.made, second.made], named), []);
    breaks(around([first.made, second.made], await makeIssuer(first.made)), ["distinct-anchors"]);
    breaks(await below(anchor, { commonName: root }), ["distinct-issuer", "trust-domain"]);
    const renumbered = await makeAnchor({
      keys: first.made,
      extensions: [...authorityExtensions(), second.identifier],
    });
    breaks(around([renumbered], named), ["chain-key-identifiers"]);
    breaks(around([renumbered, first.made], named), []);
  });

  test("a cross certificate shares its root's subject and key, and the chain fits either root", async () => {
    const { next, cross, issuer: lower } = await crossed();
    for (const anchors of [[anchor], [anchor, next], [next, anchor], [next]]) {
      breaks(around(anchors, lower, cross), []);
      breaks(around(anchors, lower, cross, anchor), []);
    }
    breaks(around([other], lower, cross), ["chain"]);
    breaks(around([anchor], lower), ["chain"]);
    breaks(around([anchor], lower, cross, next), ["chain-order"]);
    breaks(around([anchor, next], lower, cross, next), ["chain-order"]);
    // The one that comes first is of use to nobody who trusts the old root alone.
    breaks(around([anchor], lower, next, cross), ["chain-dead-end"]);
    breaks(around([anchor, next], lower, next, cross), []);
    const foreign = await authority({ ...lasting, commonName: next.commonName, keys: next, signer: other });
    breaks(around([anchor], lower, foreign, cross), ["chain-order", "chain-dead-end"]);
    breaks(around([anchor], lower, cross, foreign), ["chain-order"]);
  });

  test("two hops of cross certificates fit each of three roots", async () => {
    const { next, cross } = await crossed();
    const third = await crossed("root-4.linkerd.cluster.local", next);
    for (const anchors of [[anchor], [next], [third.next], [anchor, next], [anchor, next, third.next]]) {
      breaks(around(anchors, third.issuer, third.cross, cross), []);
      breaks(around(anchors, third.issuer, third.cross, cross, anchor), []);
    }
    breaks(around([anchor], third.issuer, third.cross), ["chain"]);
    breaks(around([anchor], third.issuer, cross, third.cross), ["chain-order"]);
  });

  test("a certificate of a root's subject with another key is no cross certificate", async () => {
    const { next, issuer: lower } = await crossed();
    const wrong = await authority({ ...lasting, commonName: next.commonName, signer: anchor });
    breaks(around([anchor, next], lower, wrong), ["distinct-issuer", "chain-order"]);
    breaks(around([anchor], lower, wrong), ["chain", "chain-order"]);
    const own = await authority({ commonName: next.commonName, keys: next, signer: anchor });
    breaks(around([next], own), ["distinct-issuer", "chain", "trust-domain"]);
  });

  test("path lengths leave room for a cross certificate", async () => {
    const short = await makeAnchor({ keys: anchor, pathLength: 1 });
    const long = await makeAnchor({ keys: anchor, pathLength: 2 });
    const { cross, issuer: lower } = await crossed();
    breaks(around([long], lower, cross), []);
    breaks(around([short], lower, cross), ["path-length"]);
  });

  test("everything that follows the issuer outlives it", async () => {
    const ending = async (hours: number) => {
      const { next, issuer: lower, cross } = await crossed(undefined, anchor, hoursFromNow(hours));
      return (...anchors: Fabricated[]) => around([...anchors, next], lower, cross);
    };
    breaks((await ending(49))(anchor), []);
    breaks((await ending(47))(), ["chain-outlives-issuer"]);
    breaks((await ending(47))(anchor), ["chain-outlives-issuer"]);
    breaks((await ending(-0.5))(), ["expired"]);
    // An anchor of the bundle ends it as well.
    const short = await makeAnchor({ commonName: "short", notAfter: hoursFromNow(47) });
    breaks(around([anchor, short], issuer, short), ["chain-order", "chain-outlives-issuer"], {
      warnBefore: "0",
    });
  });

  test("a cross certificate's end is warned of, in the second half of its life", async () => {
    const { next, cross, issuer: lower } = await crossed(undefined, anchor, hoursFromNow(4000));
    const late = await makeIssuer(next, { notAfter: hoursFromNow(3999) });
    breaks(around([anchor, next], lower, cross), []);
    breaks(around([anchor, next], late, cross), ["cross-certificate-ends"], { now: hoursFromNow(2000) });
    breaks(around([next], late, cross), ["cross-certificate-ends"], { now: hoursFromNow(2000) });
    const later = { now: hoursFromNow(2000), warnBefore: "1999h" };
    breaks(around([anchor, next], late, cross), [], later);
    // It is no cross certificate where nothing else has its subject and key.
    breaks(around([anchor], late, cross), [], { now: hoursFromNow(2000) });
  });

  test("what the issuer says of the certificate that signed it is so", () => {
    breaks(trapped("issuer names another key of its anchor"), ["chain-key-identifiers"]);
    breaks(trapped("issuer names another certificate of its anchor"), ["chain-key-identifiers"]);
    breaks(trapped("issuer names its anchor's certificate"), []);
  });

  test("a certificate that cannot be read is blamed for nothing else, and nothing else for it", () => {
    breaks(trapped("what follows the issuer cannot be read"), ["certificate-readable"]);
    breaks(trapped("issuer's serial number is negative"), ["certificate-readable"]);
  });

  test("the anchor lasts longer than what is below it", async () => {
    // A certificate's times are whole seconds.
    const end = Math.floor(hoursFromNow(48).getTime() / 1000) * 1000;
    const lasting = (milliseconds: number) => makeAnchor({ notAfter: new Date(end + milliseconds) });
    const day = 86_400_000;
    const unwarned = { warnBefore: "0" };
    breaks(await below(await lasting(day + 1000)), [], unwarned);
    breaks(await below(await lasting(day)), ["anchor-outlives-issuer"], unwarned);
    breaks(await below(await lasting(-1000)), ["anchor-outlives-issuer"], unwarned);
    const short = await lasting(day);
    const long = await makeAnchor({ keys: short });
    breaks(around([short, long], await makeIssuer(short)), [], unwarned);
  });

  test("an anchor's end is warned of, and not that of an issuer or an intermediate", async () => {
    const ending = await makeAnchor({ notAfter: hoursFromNow(120) });
    breaks(await below(ending), ["anchor-ends-soon"]);
    const late = around([anchor], await makeIssuer(anchor, { notAfter: hoursFromNow(84_000) }));
    breaks(late, ["anchor-ends"], { now: hoursFromNow(83_300) });
    breaks(late, [], { now: hoursFromNow(83_200) });
  });

  test("the issuer lasts longer than leaves", () => {
    const { validToDate } = issuer.certificate;
    const before = (seconds: number) => ({ now: new Date(validToDate.getTime() - seconds * 1000) });
    const day = 86_400;
    breaks({}, ["issuer-outlives-leaves"], before(day + 20));
    breaks({}, [], before(day + 21));
    breaks({}, [], { ...before(day + 20), clockSkewAllowance: "19s" });
    breaks({}, [], { ...before(3601), issuanceLifetime: "59m" });
  });

  test("names fit the trust domain", async () => {
    const trustDomain = "mesh.example";
    breaks({}, ["trust-domain", "trust-domain"], { trustDomain });
    const corporate = await makeAnchor({ commonName: "Example Corporation" });
    const names = new x509.SubjectAlternativeNameExtension([
      { type: "dns", value: "identity.mesh.mesh.example" },
    ]);
    const extensions = [...authorityExtensions(), names];
    breaks(await below(corporate, { commonName: "Mesh", extensions }), [], { trustDomain });
    breaks(await below(corporate, { commonName: "Mesh" }), ["trust-domain"]);
  });
});

suite("The key", () => {
  test("is the issuer's, in any encoding that Linkerd takes", () => {
    breaks({ key: keyOf(issuer, "pkcs8") }, []);
    breaks({ key: keyOf(issuer, "sec1") }, []);
    const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    breaks({ key: rsaKey.export({ format: "pem", type: "pkcs1" }).toString() }, ["key-match"]);
    breaks({ key: rsaKey.export({ format: "pem", type: "pkcs8" }).toString() }, ["key-match"]);
    breaks({ key: `# the issuer's\n${sound.key}\n\n` }, []);
    breaks({ key: `${sound.key}${block("X")}` }, ["key-alone"]);
    breaks({ key: keyOf(other) }, ["key-match"]);
    breaks({ key: keyOf(anchor) }, ["key-match"]);
    assert.match(check({ key: keyOf(anchor) })[0]!.message, /but to certificate 1 of bundle/);
  });

  test("is in the clear, and can be read", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const protection = { format: "pem", cipher: "aes-256-cbc", passphrase: "secret" } as const;
    for (const type of ["pkcs8", "sec1"] as const) {
      breaks({ key: privateKey.export({ ...protection, type }).toString() }, ["key-encrypted"]);
    }
    breaks({ key: `${block("EC PARAMETERS")}\n${sound.key}` }, ["key-readable"]);
    for (const key of ["", "key", sound.issuer, block("PRIVATE KEY"), block("EC PRIVATE KEY")]) {
      breaks({ key }, ["key-readable"]);
    }
    // OpenSSL reads these, Go does not.
    breaks({ key: sound.key.replaceAll("PRIVATE", "EC PRIVATE") }, ["key-readable"]);
    breaks({ key: keyOf(issuer, "sec1").replaceAll("EC PRIVATE", "PRIVATE") }, ["key-readable"]);
    const explicit = generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" }).privateKey;
    breaks({ key: explicit.export({ format: "pem", type: "sec1" }).toString() }, ["key-readable"]);
  });

  test("begins its own text", () => {
    breaks({ key: `-----BEGIN PRIVATE KEY-----\n${sound.key}` }, ["pem-damaged"]);
    breaks({ key: `\n-----END ${sound.key}` }, ["pem-damaged"]);
    breaks(trapped("issuer follows an END line"), ["pem-damaged"]);
    breaks(trapped("issuer follows a BEGIN line"), ["pem-damaged"]);
  });

  test("may leave out what follows from the rest of it, and is written as DER demands", () => {
    const accepted = [
      "key is SEC1 without its public half",
      "key is PKCS8 without its public half",
      "key is PKCS8 that names its curve twice",
    ] as const;
    const refused = [
      "key is SEC1 without its curve",
      "key's number begins with zeros",
      "key's number is 0",
      "key's public half is another's",
      "a length in the key has more bytes than it must",
      "key has a version that there is not",
    ] as const;
    for (const trap of accepted) breaks(trapped(trap), []);
    for (const trap of refused) breaks(trapped(trap), ["key-readable"]);
  });
});

test("a leaf in place of the issuer is refused", async () => {
  const certificate = await leaf({ commonName: identity, signer: anchor });
  assert.equal(verdictOf(check({ issuer: pemOf({ certificate }) })), "error");
});

test("a name from a certificate cannot steer a terminal", async () => {
  const texts = await below(anchor, { commonName: "identity\u001b[2J\u009b\u202e" });
  const [finding] = check(texts);
  assert.equal(finding?.rule, "trust-domain");
  assert.match(finding.message, /"identity\\u001b\[2J\\u009b\\u202e"/);
});

suite("Whatever the texts,", () => {
  const inputs = 10_000;
  /** What edits are made to. Most are not sound by themselves. */
  const pieces = fc.constantFrom(
    sound.bundle,
    sound.issuer,
    sound.key,
    pemOf(other),
    block("CERTIFICATE"),
    block("ENCRYPTED PRIVATE KEY"),
    "\n",
    "\r\n",
    " ",
    "#",
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
    "A: b\n",
    "\u001b[2J",
  );
  const edit = fc.gen().map((generate) => randomEdit((arbitrary) => generate(() => arbitrary)));
  const edited = (texts: fc.Arbitrary<string>) =>
    fc
      .tuple(texts, fc.array(edit, { maxLength: 3 }))
      .map(([text, edits]) => edits.reduce((current, { change }) => change(current), text));
  /** A byte is changed, as on a failing disk. */
  const flipped = (text: string) =>
    fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 1, max: 255 })).map(([place, flip]) => {
      const bytes = Buffer.from(text);
      bytes[place]! ^= flip;
      return bytes.toString();
    });
  const huge = fc.constantFrom(
    "-----BEGIN CERTIFICATE-----\n".repeat(3_000),
    `-----BEGIN CERTIFICATE-----\n${"A".repeat(100_000)}\n-----END CERTIFICATE-----\n`,
    `${block("CERTIFICATE")}\n`.repeat(100),
    `-----BEGIN ${"X".repeat(100_000)}-----\nAAEC\n-----END ${"X".repeat(100_000)}-----\n`,
    `-----BEGIN CERTIFICATE-----\n${"a: b\n".repeat(20_000)}`,
    "\u0000".repeat(longestPemBytes + 1),
  );
  const like = (text: string) =>
    fc.oneof(
      { weight: 60, arbitrary: edited(fc.constant(text)) },
      { weight: 30, arbitrary: edited(fc.array(pieces, { maxLength: 4 }).map((parts) => parts.join(""))) },
      { weight: 30, arbitrary: flipped(text) },
      { weight: 5, arbitrary: fc.string({ unit: "binary" }) },
      { weight: 1, arbitrary: huge },
    );
  const secret = [...sound.key.split("\n").slice(1, -2)];

  const parsed = new Map<string, ParsedCertificate>();
  /** Most certificates are the same in most texts. */
  const parseOnce = (der: Buffer) => {
    const known = parsed.get(der.toString("latin1")) ?? parseCertificate(der);
    parsed.set(der.toString("latin1"), known);
    return known;
  };

  test(`the answer to ${inputs} is findings that can be shown, without a word of a key`, () => {
    let refused = 0;
    fc.assert(
      fc.property(like(sound.bundle), like(sound.issuer), like(sound.key), (bundle, issuer, key) => {
        const findings = check({ bundle, issuer, key }, {}, parseOnce);
        findings.forEach(assertWellFormed);
        const answer = JSON.stringify(findings);
        assert.ok(!secret.some((line) => answer.includes(line)));
        if (verdictOf(findings) === "error") refused++;
      }),
      { numRuns: inputs },
    );
    assert.ok(refused > inputs / 2 && refused < inputs, `${refused} were refused`);
  });

  test("damage to sound certificates is never taken for sound", () => {
    const der = issuer.certificate.raw;
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const damaged = Buffer.from(der);
        damaged[place]! ^= flip;
        const pem = `-----BEGIN CERTIFICATE-----\n${damaged.toString("base64")}\n-----END CERTIFICATE-----\n`;
        assert.equal(verdictOf(check({ issuer: pem }, {}, parseOnce)), "error");
      }),
      { numRuns: 1_000 },
    );
  });
});

test("every rule about credentials is broken above", () => {
  assert.deepEqual(
    Object.keys(credentialRules).filter((rule) => !seen.has(rule)),
    ["file-readable"],
  );
});
