import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import { parseCertificate } from "../../../rules/credentials/parseCertificate.ts";
import { type AuthorityRecipe, make, soundRecipe } from "../../oracle/recipe.ts";

/** An issuer's certificate with a change. */
const der = (change: (issuer: AuthorityRecipe) => void) => {
  const recipe = soundRecipe();
  change(recipe.authorities.issuer!);
  return new X509Certificate(make(recipe).issuer).raw;
};
const extension =
  (type: string, value: string, critical = false) =>
  (issuer: AuthorityRecipe) => {
    issuer.otherExtensions.push(
      new x509.Extension(type, critical, Buffer.from(value.replaceAll(" ", ""), "hex")),
    );
  };
const alternativeName = (tag: string, name: string | Buffer) => {
  const text = Buffer.from(name);
  const length = (bytes: number) => bytes.toString(16).padStart(2, "0");
  const value = `30${length(text.length + 2)} ${tag}${length(text.length)} ${text.toString("hex")}`;
  return extension("2.5.29.17", value);
};
const named = (own: AuthorityRecipe["nameType"]["own"], commonName?: string) => (issuer: AuthorityRecipe) => {
  issuer.nameType = { own, inOthers: own };
  issuer.commonName = commonName ?? issuer.commonName;
};
const ending = (endTime: AuthorityRecipe["endTime"]) => (issuer: AuthorityRecipe) => {
  issuer.endTime = endTime;
};
const numbered = (serialNumber: string) => (issuer: AuthorityRecipe) => {
  issuer.serialNumber = serialNumber;
};

const read: Readonly<Record<string, (issuer: AuthorityRecipe) => void>> = {
  nothing: () => {},
  "serial number 0": numbered("00"),
  "serial number of 21 bytes": numbered("7f".repeat(21)),
  "its end with a century": ending("long"),
  "an end in 2100": (issuer) => {
    issuer.hours = [-1, 24 * 365 * 75];
  },
  "no name": (issuer) => {
    issuer.commonName = undefined;
  },
  "a name of each type": named("utf8String", "Ünïversal"),
  "a printable name": named("printableString", "a.b-c (d)/e,f:g=h?i+j'k*l&m 1"),
  "a name in ASCII": named("ia5String", "a@b"),
  "a name in T.61": named("teletexString"),
  "a name in two bytes": named("bmpString", "Ā€"),
  "a name of digits": named("numericString", "1 2"),
  "version 1": (issuer) => {
    issuer.version = 1;
  },
  "alternative names": alternativeName("82", "identity.linkerd.cluster.local"),
  "an address of four bytes": alternativeName("87", Buffer.alloc(4)),
  "an address of sixteen bytes": alternativeName("87", Buffer.alloc(16)),
  "a URI": alternativeName("86", "spiffe://cluster.local/ns/linkerd"),
  "two policies": extension("2.5.29.32", "300a 3003 06012a 3003 06012b"),
  "an identifier with a part of 31 bits": extension("1.3.2147483647", "0500"),
  "another name that is odd": extension("2.5.29.17", "3003 880155"),
};

const refused: Readonly<Record<string, (issuer: AuthorityRecipe) => void>> = {
  "negative serial number": numbered("ff"),
  "padded serial number": numbered("0001"),
  "an end with a fraction of a second": ending("long with fraction"),
  "an end with a zone": ending("long with zone"),
  "an end without seconds": ending("without seconds"),
  "a name that is not printable": named("printableString", "a@b"),
  "a name that is not in ASCII": named("ia5String", "é"),
  "a name that is no number": named("numericString", "1a"),
  "a name with half a character": named("bmpString", "\ud800"),
  "a name that ends within UTF-8": (issuer) => {
    issuer.reshapings.push({ place: 17, way: "replaced", other: "0c c3" });
  },
  "a version that there is not": (issuer) => {
    issuer.reshapings.push({ place: 1, way: "replaced", other: "02 03" });
  },
  "extensions in version 2": (issuer) => {
    issuer.reshapings.push({ place: 1, way: "replaced", other: "02 01" });
  },
  "a critical identifier of its key": (issuer) => {
    issuer.subjectKeyIdentifier = "none";
    extension("2.5.29.14", "0403414243", true)(issuer);
  },
  "a critical identifier of its signer's key": (issuer) => {
    issuer.authorityKeyIdentifier = "none";
    extension("2.5.29.35", "3005 8003414243", true)(issuer);
  },
  "critical access to its issuer": extension(
    "1.3.6.1.5.5.7.1.1",
    "300e 300c 06082b06010505073001 8600",
    true,
  ),
  "a name of the DNS that is not in ASCII": alternativeName("82", "é"),
  "an address of three bytes": alternativeName("87", Buffer.alloc(3)),
  "a URI with a space": alternativeName("86", "https://a b"),
  "a URI with a host that ends in a dot": alternativeName("86", "https://a."),
  "an identifier with a part of 32 bits": extension("1.3.2147483648", "0500"),
  "a use of its key beyond the end of its bits": (issuer) => {
    issuer.keyUsages = undefined;
    extension("2.5.29.15", "03020107")(issuer);
  },
  "a policy twice": extension("2.5.29.32", "300a 3003 06012a 3003 06012a"),
};

for (const [change, apply] of Object.entries(read)) {
  test(`is read: ${change}`, () => {
    parseCertificate(der(apply));
  });
}

for (const [change, apply] of Object.entries(refused)) {
  test(`is refused: ${change}`, () => {
    assert.throws(() => parseCertificate(der(apply)));
  });
}
