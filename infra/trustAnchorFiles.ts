/** Trust anchors that are given in files outside the repository, which the stack's configuration names. */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import type { ProvidedTrustAnchor, TrustAnchorSettings } from "../components/rotatingLinkerdArgs.ts";
import { longestPemBytes, tooLong } from "../rules/credentials/pemText.ts";
import type { Finding } from "../rules/finding.ts";
import { isPlainObject } from "../rules/known.ts";
import { broken } from "../rules/rules.ts";

/** As the configuration has them: each part is a text in PEM, or the path of a file with it. */
export type TrustAnchorFiles = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Which part the file of a name stands for. */
const partOfFile: Readonly<Record<string, keyof ProvidedTrustAnchor>> = {
  certificateFile: "certificatePem",
  privateKeyFile: "privateKeyPem",
  crossCertificateFile: "crossCertificatePem",
};

/** The anchors with the contents of their files. Paths are relative to the project's directory. */
export function readTrustAnchorFiles(
  files: TrustAnchorFiles,
  findings: Finding[],
): NonNullable<TrustAnchorSettings["provided"]> {
  const read = (generation: string, parts: Readonly<Record<string, unknown>>) =>
    Object.entries(parts).flatMap(([name, value]) => {
      const part = Object.hasOwn(partOfFile, name) ? partOfFile[name]! : undefined;
      if (part === undefined) return [[name, value]];
      const field = `providedTrustAnchors.${generation}.${name}`;
      const result = parts[part] === undefined ? readPem(field, value) : setTwice(field, part);
      if (typeof result !== "string") {
        findings.push(result);
        return [];
      }
      if (part === "privateKeyPem") findings.push(...checkPlace(field, value as string));
      return [[part, result]];
    });
  return Object.fromEntries(
    Object.entries(files).map(([generation, parts]) => [
      generation,
      isPlainObject(parts) ? Object.fromEntries(read(generation, parts)) : parts,
    ]),
  );
}

const projectDirectory = resolve(import.meta.dirname, "..");

/** A key belongs where nobody commits it. */
function checkPlace(field: string, path: string): Finding[] {
  const inside = relative(repositoryOf(projectDirectory), placeOf(path));
  if (inside === ".." || inside.startsWith(`..${sep}`)) return [];
  return [
    broken("key-in-repository", {
      field,
      message: `The private key is in the repository, as ${inside}: once it is committed, everyone who can read the repository has it.`,
      fix: "Move the file outside the repository, and replace the anchor if its key was ever committed; or give the key as privateKeyPem, with pulumi config set --secret.",
    }),
  ];
}

/** Where a file really is; a pipe is nowhere, and stays as it is called. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** The folder with `.git` in it, at or above the given one; without any, the given one. */
function repositoryOf(directory: string): string {
  const start = realpathSync(directory);
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(resolve(folder, ".git"))) return folder;
  }
  return start;
}

function setTwice(field: string, part: string): Finding {
  return broken("setting-parts", {
    field,
    message: `${part} is set as well.`,
    fix: "Keep one of the two.",
  });
}

/** Nothing of a file that is not one of these is ever shown. */
function readPem(field: string, path: unknown): string | Finding {
  if (typeof path !== "string" || path === "") {
    return broken("setting-parts", {
      field,
      message: "This must be the path of a file.",
      fix: `Set ${field} to a path, from the project's directory or absolute.`,
    });
  }
  try {
    if (statSync(path).size > longestPemBytes) return tooLong(field);
    return readFileSync(path, "utf8");
  } catch (error) {
    return broken("file-readable", {
      field,
      message: `This file cannot be read: ${(error as Error).message}.`,
      fix: "Give the path of a file that can be read, from the project's directory or absolute.",
    });
  }
}
