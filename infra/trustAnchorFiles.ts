/** Trust anchors that are given in files outside the repository, which the stack's configuration names. */
import { readFileSync, statSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../components/pki/finding.ts";
import { longestPemBytes, tooLong } from "../components/pki/pemRules.ts";
import { broken } from "../components/pki/rules.ts";
import type { ProvidedTrustAnchors } from "../components/providedTrustAnchors.ts";

/** As the configuration has them: each part is a text in PEM, or the path of a file with it. */
export type TrustAnchorFiles = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Which part the file of a name stands for. */
const partOfFile: Readonly<Record<string, "certificatePem" | "privateKeyPem">> = {
  certificateFile: "certificatePem",
  privateKeyFile: "privateKeyPem",
};

/** The anchors with the contents of their files. Paths are relative to the project's directory. */
export function readTrustAnchorFiles(files: TrustAnchorFiles, findings: Finding[]): ProvidedTrustAnchors {
  const read = (generation: string, parts: Readonly<Record<string, unknown>>) =>
    Object.entries(parts).flatMap(([name, value]) => {
      const part = Object.hasOwn(partOfFile, name) ? partOfFile[name]! : undefined;
      if (part === undefined) return [[name, value]];
      const result = readPem(`providedTrustAnchors.${generation}.${name}`, value, parts[part]);
      if (typeof result === "string") return [[part, result]];
      findings.push(result);
      return [];
    });
  return Object.fromEntries(
    Object.entries(files).map(([generation, parts]) => [
      generation,
      typeof parts === "object" && parts !== null && !Array.isArray(parts) && !pulumi.Output.isInstance(parts)
        ? Object.fromEntries(read(generation, parts))
        : parts,
    ]),
  );
}

/** Nothing of a file that is not one of these is ever shown. */
function readPem(field: string, path: unknown, text: unknown): string | Finding {
  if (text !== undefined) {
    return broken("setting-parts", {
      field,
      message: "The text is given as well, and there is one of it.",
      fix: "Remove the file's name, or the text.",
    });
  }
  if (typeof path !== "string" || path === "") {
    return broken("setting-parts", {
      field,
      message: "It is not the path of a file.",
      fix: `Set ${field} to a path, from the project's directory or absolute.`,
    });
  }
  try {
    if (statSync(path).size > longestPemBytes) return tooLong(field);
    return readFileSync(path, "utf8");
  } catch (error) {
    return broken("file-readable", {
      field,
      message: `It cannot be read: ${(error as Error).message}.`,
      fix: "Give the path of a file that can be read, from the project's directory or absolute.",
    });
  }
}
