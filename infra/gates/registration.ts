/** What the gates read of the resources that a component registers. */
import * as pulumi from "@pulumi/pulumi";

/** The engine's names for what gates look at. */
export const releaseType = "kubernetes:helm.sh/v3:Release";

export const issuerType = "kubernetes:cert-manager.io/v1:Issuer";
export const certificateType = "kubernetes:cert-manager.io/v1:Certificate";

/** What is read of a release's inputs. */
export interface ReleaseInputs {
  readonly name: string;
  readonly namespace: string;
  /** In seconds. */
  readonly timeout: number;
  readonly values?: object;
}

/**
 * A resource's inputs, whose secrets are Outputs.
 *
 * If one of these fails, so does this: what is only applied to an Output never hears of its failure, and the run would
 * wait for ever.
 */
export function inputsOf<Inputs>(inputs: unknown): Promise<Inputs> {
  // The SDK exports this without its type.
  return (pulumi.output(inputs) as unknown as { promise(): Promise<Inputs> }).promise();
}
