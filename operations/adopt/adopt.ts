/**
 * `npm run -s adopt`: takes a Linkerd that was installed otherwise into a stack, without a change of what anyone trusts.
 *
 * What it would do is seen on a copy of the stack first. Then the stack's file is written, what exists is imported into its
 * state, and `pulumi up` does the rest. All of that can be killed at any line, and the same command goes on.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import type { Mesh } from "../../mesh/cluster.ts";
import { disown } from "../../mesh/fieldOwners.ts";
import { deleteRecords, findRelease, writeRecord } from "../../mesh/helmReleases.ts";
import { keepIssuerSecret } from "../../mesh/issuerSecret.ts";
import { dropPreviousKey } from "../../mesh/previousAnchor.ts";
import { readMeshSettings } from "../../mesh/trust.ts";
import { joinBundle } from "../../rules/credentials/bundle.ts";
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { pulumiFieldManagers } from "../../rules/guard/writers.ts";
import { checkStack, readStack } from "../check/stack.ts";
import type { Choice } from "../choice.ts";
import { readConfigured } from "../configuredStack.ts";
import { confirm, Refused } from "../confirm.ts";
import { exitCodes } from "../exitCodes.ts";
import { formatFindings } from "../format.ts";
import type { Preview } from "../preview.ts";
import { readProject, readStackText, stackFileOf, writeStackText } from "../project.ts";
import { runResumable } from "../resumable.ts";
import { readState } from "../stackState.ts";
import { runUpdate } from "../update.ts";
import type { Adoption } from "./adoption.ts";
import { changesOf } from "./changes.ts";
import { adoptedDescription } from "./charts.ts";
import { type Copy, makeCopy, withoutCluster } from "./copy.ts";
import { describeConflicts, describeObstacles, describePlan, type Plan } from "./describe.ts";
import { type Engine, force, preview, pulumi, setSecrets } from "./engine.ts";
import { findInstallation, type Installation } from "./find.ts";
import { whatToForget } from "./formerOwners.ts";
import { type Import, type ImportResource, importOf, importText, knownIn } from "./importFile.ts";
import { prepared } from "./prepared.ts";
import { adoptionOf } from "./settings.ts";
import { addChoices, readSettings, splitSecrets } from "./stackText.ts";

interface Options {
  readonly stack?: string;
  readonly trustAnchorKey?: string;
  readonly yes: boolean;
  readonly check: boolean;
  readonly json: boolean;
}

const report = (line: string) => void process.stderr.write(`${line}\n`);

async function adopt(options: Options, signal: AbortSignal): Promise<keyof typeof exitCodes> {
  const { name: stack, mesh } = await readConfigured(options.stack, signal, lacksKey);
  const { anchors } = await readState(stack);
  if (anchors.length > 0) {
    const nothing = "This stack has its mesh already: there is nothing to adopt.";
    console.log(options.json ? JSON.stringify({ stack, nothing }, undefined, 2) : nothing);
    return "ok";
  }
  const engine: Engine = { stack, variables: process.env, signal };
  const trial = await tryOut(engine, mesh, options.trustAnchorKey);
  if (options.check) return told(trial.plan, options, "warning");
  report(`\n${describePlan(trial.plan)}\n`);
  if (!options.yes) await confirm("Adopt it?", "--yes");
  await carryOut(engine, mesh, trial);
  report("Adopted. How the mesh is now: npm run -s status");
  return options.json ? told(trial.plan, options, "ok") : "ok";
}

/** A key that was lost with the passphrase, say, may be on the cluster: the settings are judged again with what is. */
const lacksKey = ({ rule }: Finding) => rule === "signing-key";

/** What has been tried, and what it takes to do it. */
interface Tried {
  readonly plan: Plan;
  readonly found: Installation;
  readonly adoption: Adoption;
  /** Text of the stack's file, as it is going to be. */
  readonly text: string;
  readonly imports: Import;
}

/** @throws Refused if the mesh cannot be adopted, or not without a change of it. */
async function tryOut(engine: Engine, mesh: Mesh, keyFile: string | undefined): Promise<Tried> {
  report("Looking at the cluster …");
  const { stack, signal } = engine;
  const project = readProject();
  const [found, said, installer] = await Promise.all([
    findInstallation(mesh),
    readSaid(stack),
    installerOf(engine),
  ]);
  const before = readStackText(project, stack);
  const given = readSettings(before, project.name);
  const adoption = adoptionOf(found, {
    anchorKeyPem: readKey(keyFile),
    given: (key) => said[`${project.name}:${key}`],
    inFile: (key) => (typeof given[key] === "string" ? given[key] : undefined),
    installer,
  });
  if (adoption.obstacles.length > 0) throw new Refused(describeObstacles(adoption.obstacles));
  const choices = [...contextOf(mesh, given), ...adoption.choices];
  const file = stackFileOf(project, stack);
  const { text, conflicts } = addChoices(before, project.name, choices);
  if (conflicts.length > 0) throw new Refused(describeConflicts(conflicts, file));

  report("Trying it on a copy of the stack …");
  const kept = splitSecrets(text, project.name, (fullKey) => said[fullKey]);
  const copy = await makeCopy(project, stack, kept.text, [...kept.secrets, ...adoption.secrets], signal);
  try {
    await requireSoundSettings(copy);
    const hasRelease = async (namespace: string, name: string) => {
      if (namespace === mesh.namespace) return found.releases.some((release) => release.name === name);
      // What is not Linkerd's stays with whoever has installed it, unless that was this stack, before it lost its state.
      const record = await findRelease(mesh, namespace, name);
      return record?.description === installer && record.status === "deployed";
    };
    const imports = await whatIsThere(copy, mesh, hasRelease, adoption, given.kubeconfig);
    await importInto(copy, imports);
    const plan: Plan = {
      ...{ stack, file, choices },
      secrets: adoption.secrets.map(({ path }) => path.join(".")),
      prepared: prepared(found, adoption),
      imported: Array.from(imports.present, ([name, { owner }]) => ({ name, owner })),
      changes: changesOf(await preview(copy), imports.present),
      left: adoption.left,
      forgotten: whatToForget(imports.present, found.releases, mesh.namespace),
    };
    return { plan, found, adoption, text, imports };
  } finally {
    copy.remove();
  }
}

/** Does what has been tried. Killed at any line, the same command goes on. */
async function carryOut(
  engine: Engine,
  mesh: Mesh,
  { found, adoption, text, imports }: Tried,
): Promise<void> {
  report("Writing the stack's file …");
  writeStackText(readProject(), engine.stack, text);
  await setSecrets(engine, adoption.secrets);
  const { records, replaced, issuerSecret, previousKeyIn } = adoption;
  if (issuerSecret !== undefined) await keepIssuerSecret(mesh, issuerSecret === "convert");
  if (previousKeyIn !== undefined) await dropPreviousKey(mesh, previousKeyIn);
  for (const record of records) await writeRecord(mesh, mesh.namespace, record, adoptedDescription);
  report("Importing what is there, into the state alone …");
  await importInto(engine, imports);
  changesOf(await preview(engine), imports.present);
  for (const { reference, isPatched } of imports.written) {
    await disown(mesh, reference, isPatched ? isPulumi : isNotKubectl);
  }
  report("Running pulumi up …");
  for (const name of replaced) await deleteRecords(mesh, mesh.namespace, name);
  const update = () => runUpdate(engine.stack, [], force);
  await update();
  // What kubectl apply has written to an object of its own, the provider does not always take away at once.
  if (hasChanges(await preview(engine))) await update();
  if (hasChanges(await preview(engine))) {
    throw new Error(
      "The mesh is adopted, but another pulumi up would still change something: see pulumi preview --diff.",
    );
  }
  await requireSameAnchors(mesh, found);
}

/** What a stack has set of someone else's object, such as this one before it lost its state. */
const isPulumi = (manager: string) => new RegExp(`^${pulumiFieldManagers}$`).test(manager);

/**
 * Of an object that becomes the stack's, the Kubernetes provider takes over by itself what kubectl has set (provider/pkg/await,
 * fixCSAFieldManagers), and takes away kubectl's own copy of the object, in which a key can be.
 */
const isNotKubectl = (manager: string) => !/^(kubectl|before-first-apply)/.test(manager);

const hasChanges = ({ changes, errors }: Preview) => changes.length + errors.length > 0;

function told(plan: Plan, { json }: Options, verdict: keyof typeof exitCodes): keyof typeof exitCodes {
  console.log(json ? JSON.stringify(plan, undefined, 2) : describePlan(plan));
  return verdict;
}

/** Names the cluster, so that the stack never acts on another one. */
function contextOf({ context }: Mesh, given: Readonly<Record<string, unknown>>): readonly Choice[] {
  if (given.kubeContext !== undefined || given.kubeconfig !== undefined) return [];
  return [{ why: "The cluster, by its context in the kubeconfig.", settings: { kubeContext: context } }];
}

/** How a Helm release says that this stack has installed it, as infra/gates has it. */
async function installerOf(engine: Engine): Promise<string> {
  return `Pulumi stack ${(await pulumi(engine, ["stack", "--show-name", "--fully-qualify-stack-names"])).trim()}`;
}

function readKey(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Refused(`--trust-anchor-key: The file cannot be read: ${(error as Error).message}`);
  }
}

/** What the stack and its project say, decrypted, by full keys. */
async function readSaid(stack: string): Promise<Readonly<Record<string, string | undefined>>> {
  const said = await readStack(stack);
  if ("rule" in said) throw new Refused(formatFindings([said]));
  return said.texts;
}

/** @throws Refused with all that is wrong with the settings, those that are secret included. */
async function requireSoundSettings({ stack, variables }: Engine): Promise<void> {
  const said = await readStack(stack, variables);
  const findings: readonly Finding[] = "rule" in said ? [said] : checkStack(said).findings;
  if (verdictOf(findings) !== "error") return;
  const errors = findings.filter(({ severity }) => severity === "error");
  throw new Refused(`With the settings of this mesh, the stack would be refused:\n${formatFindings(errors)}`);
}

/** Of all that the stack would make on an empty cluster, what is on this one. */
async function whatIsThere(
  copy: Copy,
  mesh: Mesh,
  hasRelease: Parameters<typeof importOf>[3],
  { records }: Adoption,
  kubeconfig: unknown,
): Promise<Import> {
  const file = join(copy.folder, "import.json");
  const { changes, errors } = await withoutCluster(copy, mesh.context, () =>
    preview(copy, "--import-file", file),
  );
  if (errors.length > 0) throw new Error(`The settings cannot be applied:\n${errors.join("\n")}`);
  const { resources } = JSON.parse(readFileSync(file, "utf8")) as { resources: readonly ImportResource[] };
  const ofCluster = resources.map((resource) =>
    resource.inputs === undefined
      ? resource
      : { ...resource, inputs: { ...resource.inputs, kubeconfig: kubeconfig ?? "" } },
  );
  return importOf(mesh, ofCluster, changes, hasRelease, records);
}

/** Takes into a stack's state what it does not have yet. Nothing on the cluster is touched. */
async function importInto(engine: Engine, { resources }: Import): Promise<void> {
  const known = knownIn(await pulumi(engine, ["stack", "export"]));
  const text = importText(resources, known);
  if (text === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), "adopt-"));
  try {
    const file = join(folder, "import.json");
    writeFileSync(file, text);
    // Protected, as an import is by default, until pulumi up goes by what the program says: nothing can be destroyed before.
    const options = ["--yes", "--skip-preview", "--generate-code=false"];
    await pulumi(engine, ["import", "--file", file, ...options]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @throws Error if other anchors are distributed now than before. */
async function requireSameAnchors(mesh: Mesh, { bundlePem }: Installation): Promise<void> {
  const { bundle } = await readMeshSettings(mesh);
  const anchorsOf = (text = "") => (text === "" ? "" : joinBundle([text]));
  if (anchorsOf(bundle?.text) === anchorsOf(bundlePem)) return;
  throw new Error(
    "The trust anchors that are distributed are not those of before. See npm run -s status, and pulumi stack output trustAnchors.",
  );
}

/** Runs the command with this process's arguments, and sets its exit code. */
export function main(): Promise<void> {
  return runResumable((interrupted) =>
    new Command("adopt")
      .description(
        "Takes a Linkerd that was installed otherwise into a stack that is empty: reads the cluster, says what the stack's file gets and what changes, and does it on --yes. Nothing is replaced or deleted, and what every pod trusts stays.",
      )
      .option("--stack <name>", "the stack (default: the selected one)")
      .option(
        "--trust-anchor-key <file>",
        "the trust anchor's private key in PEM, for an issuer that was made by hand; it is kept encrypted in the stack's file",
      )
      .option("--yes", "do it without asking", false)
      .option("--check", "change nothing: say what would be done", false)
      .option("--json", "print the plan as JSON", false)
      .addHelpText(
        "after",
        "\nExit code: 0 if the stack has the mesh; 1 if it can be adopted (--check); 2 if it cannot, and nothing is changed, or if something failed.",
      )
      .action(async (options: Options) => {
        process.exitCode = exitCodes[await adopt(options, interrupted)];
      }),
  );
}

if (import.meta.main) await main();
