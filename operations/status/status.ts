/** `npm run -s status`. */
import { verdictOf } from "../../rules/finding.ts";
import { runCommand } from "../command.ts";
import { warnBeforeOption } from "../lifetimes.ts";
import { readCredentials } from "./read.ts";
import { credentialsJson, credentialsTable } from "./table.ts";
import { problemsOf } from "./verdict.ts";

export const main = () =>
  runCommand({
    name: "status",
    description:
      "Shows the TLS credentials of Linkerd's control plane: trust anchors, identity issuer and webhook certificates, " +
      "with their validity and next renewal, what renews them, and which issuer the running identity controllers have loaded.",
    timeout: "30s",
    exitCodes:
      "0 if all are valid, the loaded issuer is the stored one, and what renews them is there; 1 with warnings only; 2 otherwise.",
    option: warnBeforeOption(),
    run: async (mesh, { json, warnBefore }) => {
      const credentials = await readCredentials(mesh);
      const problems = problemsOf(credentials, warnBefore);
      console.log(json ? credentialsJson(credentials, problems) : credentialsTable(credentials, problems));
      return verdictOf(problems);
    },
  });

if (import.meta.main) await main();
