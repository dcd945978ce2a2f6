/** `npm run -s credentials`. */
import { runCommand } from "../command.ts";
import { readCredentials } from "./read.ts";
import { credentialsJson, credentialsTable } from "./table.ts";
import { problemsOf } from "./verdict.ts";

export const main = () =>
  runCommand({
    name: "credentials",
    description:
      "Shows the TLS credentials of Linkerd's control plane: trust anchors, identity issuer and webhook certificates, " +
      "with their validity and next renewal, and which issuer the running identity controllers have loaded.",
    timeout: "30s",
    exitCodes: "0 if all are valid and the loaded issuer is the stored one; 2 otherwise.",
    run: async (mesh, { json }) => {
      const credentials = await readCredentials(mesh);
      const problems = problemsOf(credentials);
      console.log(json ? credentialsJson(credentials, problems) : credentialsTable(credentials, problems));
      return problems.length === 0;
    },
  });

if (import.meta.main) await main();
