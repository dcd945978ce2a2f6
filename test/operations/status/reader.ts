/** A user who may do what docs/status-role.yaml allows, and no more. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import {
  type CommandResult,
  environment,
  execute,
  kubectl,
  projectDirectory,
  temporaryFolder,
} from "../../stack.ts";
import { apply } from "./shop.ts";

const account = "status-reader";
/** For as long as the file's tests: whoever looks again and again does so from one to the next. */
const folder = temporaryFolder();

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly Rule[];
}

interface Rule {
  readonly resources: readonly string[];
}

const roles = parseAllDocuments(readFileSync(join(projectDirectory, "docs/status-role.yaml"), "utf8")).map(
  (document) => document.toJS() as Role,
);

/** Each right, with the Role that it is of. */
export const rights = roles.flatMap((role) => role.rules.map((rule) => ({ role, rule })));

export async function createReader(): Promise<void> {
  const subjects = [{ kind: "ServiceAccount", name: account, namespace: "default" }];
  const group = "rbac.authorization.k8s.io";
  await apply(
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account, namespace: "default" } },
    ...roles,
    ...roles.map(({ kind, metadata }) => ({
      apiVersion: `${group}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: group, kind, name: metadata.name },
      subjects,
    })),
  );
}

/** Takes back what {@link createReader} has made. */
export async function removeReader(): Promise<void> {
  await kubectl("delete", "serviceaccount", account, "--namespace=default");
  for (const { kind, metadata } of roles) {
    const place = metadata.namespace === undefined ? [] : [`--namespace=${metadata.namespace}`];
    await kubectl("delete", `${kind},${kind}Binding`, metadata.name, ...place);
  }
}

/** Runs `status` as that user. */
export async function statusOfReader(...options: string[]): Promise<CommandResult> {
  const token = (await kubectl("create", "token", account, "--namespace=default")).trim();
  const config = JSON.parse(await kubectl("config", "view", "--raw", "--flatten", "--output=json"));
  const [context] = config.contexts as { context: { user: string } }[];
  config.users = [{ name: context!.context.user, user: { token } }];
  const file = join(folder, "kubeconfig");
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const env = { ...environment, KUBECONFIG: file };
  return execute(process.execPath, ["operations/status/status.ts", ...options], undefined, env);
}

/** What `status` says to that user without one of the rights. */
export async function statusWithout({ role, rule }: (typeof rights)[number]): Promise<CommandResult> {
  try {
    await apply({ ...role, rules: role.rules.filter((one) => one !== rule) });
    return await statusOfReader();
  } finally {
    await apply(role);
  }
}
