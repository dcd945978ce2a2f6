/** `docs/versions.md`, made from the tables of charts and from what package.json names. */
import packageJson from "../package.json" with { type: "json" };
import { type ChartFamily, chartFamilies, hasCrdsChart } from "../rules/charts/families.ts";
import { knownValues } from "../rules/charts/knownValues.ts";

/** The page as it should be. */
export function versionsPage(): string {
  const sdk = (name: keyof typeof packageJson.dependencies) => packageJson.dependencies[name];
  const yes = (value: boolean) => (value ? "yes" : "–");
  const rows: readonly (readonly [string, (family: ChartFamily) => string])[] = [
    ["Linkerd", ({ linkerd }) => linkerd],
    ["Chart", ({ chart }) => `\`${chart}\``],
    ["Chart versions", ({ versions }) => `\`${versions}\``],
    ["Own chart of definitions", (family) => yes(hasCrdsChart(family))],
    ["`installNamespace`", (family) => (hasCrdsChart(family) ? "refused" : "set to false")],
    ["`identity.externalCA`", ({ externalCA }) => yes(externalCA)],
    ["`injectCaFrom`", ({ injectCaFrom }) => yes(injectCaFrom)],
    ["`restricted` with a CNI plugin", ({ restrictedPods }) => yes(restrictedPods)],
    [
      "Gateway API by",
      ({ gatewayApi }) => gatewayApi?.switches.map((path) => `\`${path}\``).join(", ") ?? "–",
    ],
    [
      "Kubernetes",
      ({ kubernetes: { from, through, why } }) =>
        through === undefined ? `≥ 1.${from}` : `1.${from}–1.${through}: ${why}`,
    ],
  ];
  const cniValues = new Map(
    [...knownValues["linkerd2-cni"]!.values.matchAll(/^([^\s.]+)\S* ?(.*)$/gm)].map(([, name, range]) => [
      name!,
      range!,
    ]),
  );
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return `<!-- Written by \`npm run -s tables\` from rules/charts. -->
# Which Linkerd

What each family of Linkerd's charts accepts. The values of the control plane are made from this table; the family
follows from the chart's name and version, or from the name of a local archive, \`<name>-<version>.tgz\`.

${line(rows.map(([title]) => title))}
${line(rows.map(() => "---"))}
${chartFamilies.map((family) => line(rows.map(([, cell]) => cell(family)))).join("\n")}

Within a row, a chart can ask for a newer Kubernetes than its first (\`kubeVersion\`), and Helm refuses an older one: 2.11.1
asks for 1.17, edge-23.12.2 for 1.22, edge-25.2.3 for 1.23.

From edge-25.3 on, \`helm.sh/resource-policy: keep\` is on the Gateway API's definitions: once installed
(\`installGatewayApi\`), they stay on the cluster when that is set to false, and after \`pulumi destroy\`. Older charts delete
them, and with them every route of the cluster; an update that would do so is refused.

The table was compared with upstream's charts at the first and last release of each row, rendered with the values that
this program makes. The tests on the sandbox run edge-23.4.3. edge-26.8.3, charts and controllers, was run by hand on
Kubernetes 1.36.3: installed, renewed, highly available, with viz, with the anchor on the cluster, after an update of
edge-23.4.3 in place, and destroyed. An update back to edge-23.4.3 fails: the API server refuses definitions that lack a
version in which it has stored objects.

## Values that a chart does not have

Linkerd's charts have no schema for their values, so Helm silently drops those that a chart does not know. What has moved
from one version to another is refused, with the place where it is now. Every other value that this version of a chart
does not have, of cert-manager and trust-manager too, is a warning with the nearest that it has (\`unknown-value\`). The
values of these versions are known; of a newer one, only what looks like a known value is warned of, and of an older one,
or of a chart by another name, nothing:

| Chart | Versions whose values are known |
| --- | --- |
${Object.entries(knownValues)
  .map(([name, { oldest, newest }]) => line([`\`${name}\``, `${oldest} to ${newest}`]))
  .join("\n")}

## Pulumi

The tests run with these, and a stack gets the same plugins, since the engine asks for those of the packages' versions:

| What | Version |
| --- | --- |
| Pulumi's engine | 3.274.1 |
| \`@pulumi/pulumi\` | ${sdk("@pulumi/pulumi")} |
| \`@pulumi/kubernetes\` and its plugin | ${sdk("@pulumi/kubernetes")} |
| \`@pulumi/tls\` and its plugin | ${sdk("@pulumi/tls")} |
| \`@pulumi/random\` and its plugin | ${sdk("@pulumi/random")} |
| \`@pulumi/policy\`, which runs [the policy pack](guardrails.md) | ${sdk("@pulumi/policy")} |
| Node.js | 24.21.0; 22.18 is the oldest that runs TypeScript by itself |

An engine before 3.218 has no error hooks, and ends \`pulumi up\` at once, with that message.

Newer versions of the Kubernetes plugin, which could not be built for the tests, differ in this: from 4.29 on, an object is
created by a POST, so one that is there already is refused (\`AlreadyExists\`). Until then it is taken over, silently if no
field conflicts. From 4.24 on, the paths of \`pulumi.com/waitFor\` are those of RFC 9535.

## The CNI plugin

\`installLinkerdCni\` installs the chart \`linkerd2-cni\` before the control plane, and removes it after. The namespaces of the
control plane and of the viz extension then enforce the pod-security level \`restricted\` if the table says so, and
\`privileged\` otherwise. The same holds for a CNI plugin of your own, with \`cniEnabled\` among
\`linkerdControlPlaneValues\`.

From 2.12 until 2023 the chart's versions begin with 30; from 2024 on they are those of the control plane's chart. A plugin
of another release gets a warning. Charts before 2.10.0 are not supported.

| Value of \`linkerd2-cni\` | Chart versions |
| --- | --- |
${[...cniValues].map(([name, range]) => line([`\`${name}\``, range === "" ? "all" : `\`${range.replaceAll("|", "\\|")}\``])).join("\n")}

## Linkerd 2.10

\`npm run test:legacy\` runs the chart \`linkerd2\` 2.10.2 with its own controllers on Kubernetes 1.24.17: installed, renewed
and destroyed by this program. cert-manager is v1.21.2 there, too, and is installed before, with \`installCertManager\` set
to false: the definitions of its newest chart have \`selectableFields\`, which Helm refuses on an API server that does not
know them, unless it is told not to look (\`--disable-openapi-validation\`). \`npm run -s status\` and
\`npm run -s renew\` read Linkerd 2.10's anchors from its values, and ask its identity controller with a token for the API
server, as its proxies do.
`;
}
