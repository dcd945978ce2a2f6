/** What it takes to make a mesh that was installed otherwise a stack's. */
import type { NewRecord } from "../../mesh/helmReleases.ts";
import type { Choice } from "../choice.ts";

/** A value that a stack keeps encrypted, by its path in a setting. */
export interface SecretSetting {
  /** Such as `providedTrustAnchors`, `1`, `privateKeyPem`. */
  readonly path: readonly string[];
  readonly value: string;
}

/** Why something cannot be taken over, and what to do about it. */
export interface Obstacle {
  readonly subject: string;
  readonly message: string;
  readonly fix: string;
}

/** What a setting is now, by its key, whoever says it: where the charts come from is for the stack's user to say. */
export type Given = (key: string) => string | undefined;

export interface Adoption {
  readonly choices: readonly Choice[];
  readonly secrets: readonly SecretSetting[];
  readonly obstacles: readonly Obstacle[];
  /** What goes on as it is, without becoming the stack's, one sentence each. */
  readonly left: readonly string[];
  /** Helm's records of releases that Helm has not installed, or by another name; they are written first. */
  readonly records: readonly NewRecord[];
  /** Releases whose objects go to those, by their names: Helm's records of them are deleted before `pulumi up`. */
  readonly replaced: readonly string[];
  /** The namespace in which the Secret of the previous anchor loses its key, which Pulumi's state would have otherwise. */
  readonly previousKeyIn?: string | undefined;
  /**
   * What is done to the issuer's Secret first, if Helm has made it, and would delete it with its next upgrade: it is kept; and
   * where nobody is going to fill it anew, what it holds gets the names of `kubernetes.io/tls` beside those of Linkerd's own.
   */
  readonly issuerSecret?: "keep" | "convert";
}
