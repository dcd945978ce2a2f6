/** Which release of Linkerd a chart belongs to, as upstream's tags have them: its charts had versions of their own once. */
import semver from "semver";
import type { NamedChart } from "./version.ts";

/** Until 2023; edges count as the stable release after them. Some versions were published with two releases. */
const releases: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "linkerd-control-plane": { "2.12": "<1.10.0", "2.13": ">=1.10.0 <1.13.0", "2.14": ">=1.13.0" },
  "linkerd-crds": { "2.12": "<1.5.0", "2.13": ">=1.4.0 <1.7.0", "2.14": ">=1.7.0" },
  "linkerd2-cni": { "2.12": "<30.4.0", "2.13": ">=30.4.0 <30.9.0", "2.14": "30.8.1 || >=30.9.0" },
  "linkerd-viz": { "2.12": "<30.4.0", "2.13": ">=30.4.0 <30.9.0", "2.14": ">=30.9.0" },
};

/** The releases that a chart was published with; none if that is not known. */
export function releasesOf({ name, version }: NamedChart): string[] {
  const { major, minor, patch } = version;
  if (name === "linkerd2") return [`2.${minor}`];
  if (!Object.hasOwn(releases, name)) return [];
  if (major >= 2000) return [`edge-${major - 2000}.${minor}.${patch}`];
  if (name === "linkerd2-cni" && major === 2) return [`2.${minor}`];
  return Object.entries(releases[name]!)
    .filter(([, range]) => semver.satisfies(version, range))
    .map(([release]) => release);
}
