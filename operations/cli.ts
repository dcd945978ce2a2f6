#!/usr/bin/env node
/** `npx linkerd-rotating-tls <command>`: the commands, for those who have installed this as a package. */
import "../infra/nodeVersion.cjs";
import { enableCompileCache } from "node:module";
import { setFlagsFromString } from "node:v8";
import { Command } from "commander";
import { exitForUsage } from "./exitCodes.ts";

// What one run has compiled serves the next: it saves about a third of the start.
enableCompileCache();
// What is loaded and read is not needed for long: a heap whose young part does not grow takes a third less memory, in less time.
setFlagsFromString("--semi-space-growth-factor=1");

/** Each is loaded only when it is run. */
const commands = [
  ["check", "check credentials before they are used", () => import("./check/check.ts")],
  ["status", "show what a mesh has and uses", () => import("./status/status.ts")],
  ["renew", "renew the identity issuer now", () => import("./renew/renew.ts")],
  ["rotate", "rotate the trust anchor, a step at a time", () => import("./rotate/rotate.ts")],
  [
    "recover",
    "bring back a mesh whose credentials have ended or were damaged",
    () => import("./recover/recover.ts"),
  ],
  ["adopt", "take a Linkerd that was installed otherwise into a stack", () => import("./adopt/adopt.ts")],
  ["new-stack", "write the file of a new stack", () => import("./newStack/newStack.ts")],
  ["review", "say what a reviewer must know of a preview", () => import("./review/review.ts")],
] as const;

const program = new Command("linkerd-rotating-tls")
  .helpCommand(false)
  .exitOverride(exitForUsage)
  .description("The TLS credentials of Linkerd's control plane. Each command has its own --help.");
for (const [name, description, load] of commands) {
  program
    .command(name)
    .description(description)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async () => {
      // What is left are the command's own arguments, which it reads itself.
      process.argv.splice(2, 1);
      await (await load()).main();
    });
}
await program.parseAsync();
