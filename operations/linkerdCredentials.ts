#!/usr/bin/env node
/**
 * `linkerd-credentials`: an extension of Linkerd's CLI. With it on PATH, `linkerd check` runs `status`, and shows its verdicts
 * as its own; `linkerd credentials check` does that alone.
 *
 * The interface is that of linkerd2's EXTENSIONS.md and cli/cmd/check_extensions.go.
 */
import "../infra/nodeVersion.cjs";
import { Command, Option } from "commander";
import { exitCodes, exitForUsage } from "./exitCodes.ts";
import type { CheckOutput } from "./status/linkerdCheck.ts";

const name = "linkerd-credentials";

/** What `linkerd check` hands to every extension; it may hand over more, in other versions. */
interface CheckOptions {
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly linkerdNamespace: string;
  readonly output: string;
  readonly pre: boolean;
  readonly wait: string;
  readonly as?: string;
  readonly asGroup?: string;
}

const program = new Command(name)
  .helpCommand(false)
  .exitOverride(exitForUsage)
  .description("Shows in linkerd check what a mesh's credentials have come to.");

program.command("_extension-metadata", { hidden: true }).action(() => {
  console.log(JSON.stringify({ name, checks: "always" }));
});

for (const command of ["install", "uninstall"]) {
  // There is nothing on the cluster: no manifest is an empty one.
  program.command(command).description("print no manifest: nothing of this extension is on the cluster");
}

program
  .command("check")
  .description("look at the mesh's credentials, and at what uses them")
  .allowUnknownOption()
  .allowExcessArguments()
  .option("--context <name>", "context of the kubeconfig")
  .option("--kubeconfig <path>", "path of the kubeconfig")
  .addOption(
    new Option("-L, --linkerd-namespace <name>", "namespace of Linkerd's control plane")
      .default("linkerd")
      .env("LINKERD_NAMESPACE"),
  )
  .addOption(
    new Option("-o, --output <format>", "how to print").choices(["table", "short", "json"]).default("table"),
  )
  .option("--pre", "look at nothing: there are no credentials before Linkerd is installed", false)
  .option("--wait <duration>", "how long to wait in all", "5m0s")
  .addOption(new Option("--as <user>", "not supported").hideHelp())
  .addOption(new Option("--as-group <group>", "not supported").hideHelp())
  .action(async (options: CheckOptions) => {
    const { printCheck } = await import("./status/linkerdCheck.ts");
    const output = await look(options);
    console.log(options.output === "json" ? JSON.stringify(output, undefined, 2) : printCheck(output));
    process.exitCode = output.success ? exitCodes.ok : exitCodes.error;
  });

async function look({
  pre,
  wait,
  as,
  asGroup,
  linkerdNamespace,
  ...options
}: CheckOptions): Promise<CheckOutput> {
  const { checkOutput, failedCheck } = await import("./status/linkerdCheck.ts");
  if (pre) return { success: true, categories: [] };
  // It hands over both, empty, where none was given.
  if (![as, asGroup].every((one) => one === undefined || ["", "[]"].includes(one))) {
    return failedCheck("--as and --as-group are not supported: choose a context of that user (--context).");
  }
  const [{ connect }, { parseTimeout }, { readStatus }, { problemsOf }] = await Promise.all([
    import("../mesh/cluster.ts"),
    import("./command.ts"),
    import("./status/read.ts"),
    import("./status/verdict.ts"),
  ]);
  try {
    const signal = AbortSignal.timeout(parseTimeout(wait));
    return checkOutput(
      problemsOf(await readStatus({ ...connect({ ...options, signal }), namespace: linkerdNamespace })),
    );
  } catch (error) {
    return failedCheck((error as Error).message);
  }
}

await program.parseAsync();
