/** The command line of the sandbox: `npm run -s sandbox -- <command>`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { defaultSandboxName, sandboxNameRule, sandboxPaths } from "./directories.ts";
import { ensureStack, exportLines } from "./environment.ts";
import { down, reset, up } from "./lifecycle.ts";
import { findMachine } from "./machine/machine.ts";
import { buildCommand } from "./programs.ts";
import { describe, status } from "./status.ts";
import { builtWhenRun, type Extra, extras, replaceable } from "./toolchain/tools.ts";

const report = (line: string) => console.error(line);

type Named = { readonly name: string };

const program = new Command("sandbox")
  .description("A real Kubernetes cluster without containers, for trying this program and for its tests")
  .showHelpAfterError();

const command = (name: string, description: string, options = {}) =>
  program
    .command(name, options)
    .description(description)
    .option(
      "--name <name>",
      `which sandbox; several can run side by side: ${sandboxNameRule}`,
      defaultSandboxName,
    );

command("up", "bring the sandbox up: build what is missing, start its machine, wait until it is ready")
  .option(
    "--use <name=path>",
    `a program or chart of your own in place of the sandbox's; repeatable. Names: ${replaceable.join(", ")}`,
    collectUse,
    {},
  )
  .addOption(
    new Option("--with <extras...>", "build this as well, which a sandbox does without otherwise")
      .choices(extras.filter((extra) => extra !== "go-tests" && extra !== "workflows"))
      .default([], "nothing"),
  )
  .action(async (options: Named & { use: Record<string, string>; with: Extra[] }) => {
    await up(options.name, options.use, report, options.with);
    await ensureStack(options.name, report);
  });

command("down", "take the sandbox down; a later up goes on with its data").action(({ name }: Named) =>
  down(name, report),
);

command("reset", "take the sandbox down and remove it, its Pulumi stack included").action(({ name }: Named) =>
  reset(name, report),
);

command("status", "what the sandbox is doing; exit code 0 if it is up, 3 if it is down")
  .option("--json", "as JSON")
  .action(async ({ name, json }: Named & { json?: boolean }) => {
    const sandbox = await status(name);
    console.log(json ? JSON.stringify(sandbox, undefined, 2) : describe(sandbox));
    if (!sandbox.up) process.exitCode = 3;
  });

command("logs", "the log of one of the machine's programs, or their names")
  .argument("[program]", "for example kube-apiserver, kubelet or machine")
  .option("--follow", "wait for more")
  .action(async (wanted: string | undefined, { name, follow }: Named & { follow?: boolean }) => {
    const { logs } = sandboxPaths(name);
    if (!existsSync(logs)) throw new Error(`The sandbox ${name} has no logs: it has never been up.`);
    const known = readdirSync(logs).map((file) => file.replace(/\.log$/, ""));
    if (wanted === undefined) return console.log(known.sort().join("\n"));
    if (!known.includes(wanted))
      throw new Error(`There is no log of ${wanted}; there are ${known.join(", ")}.`);
    const tail = spawn("tail", ["-n", "+1", ...(follow ? ["-f"] : []), join(logs, `${wanted}.log`)], {
      stdio: "inherit",
    });
    await once(tail, "exit");
  });

// For the commands in a sandbox's bin/ that are built when they are first run.
command("build", "build a command of the sandbox's shell", { hidden: true })
  .addArgument(new Argument("<command>").choices(builtWhenRun))
  .action((wanted: Extra, { name }: Named) => buildCommand(name, wanted, report));

command("env", 'lines for a shell: eval "$(npm run -s sandbox -- env)"').action(async ({ name }: Named) => {
  if (!(await findMachine(name))) {
    throw new Error(
      `The sandbox ${name} is down; bring it up first: npm run -s sandbox -- up --name ${name}`,
    );
  }
  console.log(exportLines(name));
});

function collectUse(value: string, previous: Record<string, string>): Record<string, string> {
  const separator = value.indexOf("=");
  if (separator < 1 || separator === value.length - 1)
    throw new InvalidArgumentError("expected <name>=<path>.");
  return { ...previous, [value.slice(0, separator)]: value.slice(separator + 1) };
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(`sandbox: ${(error as Error).message}`);
  process.exitCode = 1;
}
