/** What the dashboard shows: each panel with its queries, some of them those of the alerts. */
import { controlPlaneWebhooks, identityIssuerName, vizWebhooks } from "../linkerdNames.ts";
import { leafEnds, loadedIssuerEnds, ofCertificates, ofStatus, refreshesIn } from "./queries.ts";

export interface Panel {
  readonly title: string;
  readonly description: string;
  /** One value now, or a line through time. */
  readonly kind: "stat" | "timeseries";
  /** As Grafana names units; absent: a number. */
  readonly unit?: "s";
  /** What numbers stand for. */
  readonly names?: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
  /** Whether a label is shown, and not the value. */
  readonly showsLabel?: true;
  readonly queries: readonly PanelQuery[];
  /** Absent: it shows something at all times. */
  readonly onlyIn?: "rotation";
}

export interface PanelQuery {
  readonly expression: string;
  /** Of each line, with its labels, such as `{{replica}}`. */
  readonly legend: string;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const webhooks = [...controlPlaneWebhooks, ...vizWebhooks].map(({ serviceName }) => serviceName);
const inBundle = `${ofStatus("trust_anchor_not_after_timestamp_seconds")} and ${ofStatus("trust_anchor_in_bundle")} == 1`;
const leafLeft = `${leafEnds} - time()`;

export const rows: readonly Row[] = [
  {
    title: "At a glance",
    panels: [
      {
        title: "Verdict",
        description: "Of npm run -s status, which says what is wrong.",
        kind: "stat",
        names: {
          0: { text: "All right", color: "green" },
          1: { text: "Warnings", color: "orange" },
          2: { text: "Problems", color: "red" },
        },
        queries: [{ expression: `max(${ofStatus("status_exit_code")})`, legend: "" }],
      },
      {
        title: "Last look",
        description: "How long ago status looked at the mesh.",
        kind: "stat",
        unit: "s",
        queries: [{ expression: `time() - max(${ofStatus("status_timestamp_seconds")})`, legend: "" }],
      },
      {
        title: "Issuer ends in",
        description:
          "What is left of the issuer with which identity signs, of the replica whose issuer ends first.",
        kind: "stat",
        unit: "s",
        queries: [
          {
            expression: `min(${ofStatus("issuer_loaded_not_after_timestamp_seconds")} or ${loadedIssuerEnds}) - time()`,
            legend: "",
          },
        ],
      },
      {
        title: "First anchor ends in",
        description: "Of the trust anchors in the bundle.",
        kind: "stat",
        unit: "s",
        queries: [{ expression: `min(${inBundle}) - time()`, legend: "" }],
      },
      {
        title: "Rotation",
        description: "The phase of the trust anchor's rotation: idle where none is under way.",
        kind: "stat",
        showsLabel: true,
        queries: [{ expression: `${ofStatus("rotation_phase")} == 1`, legend: "{{phase}}" }],
      },
      {
        title: "Problems",
        description: "How many status finds.",
        kind: "stat",
        queries: [{ expression: `sum(${ofStatus("problems")}) or vector(0)`, legend: "" }],
      },
    ],
  },
  {
    title: "The identity issuer",
    panels: [
      {
        title: "Time left",
        description:
          "Of the issuer that is stored, and of the one with which each replica signs. A sound one is a saw: it jumps up at each renewal, and both lines at the same time.",
        kind: "timeseries",
        unit: "s",
        queries: [
          { expression: `${ofStatus("issuer_not_after_timestamp_seconds")} - time()`, legend: "stored" },
          {
            expression: `${ofStatus("issuer_loaded_not_after_timestamp_seconds")} - time()`,
            legend: "loaded by {{replica}}",
          },
        ],
      },
      {
        title: "Until its renewal",
        description: "Below 0, the renewal is late.",
        kind: "timeseries",
        unit: "s",
        queries: [
          {
            expression: `${ofCertificates("renewal_timestamp_seconds", [identityIssuerName])} - time()`,
            legend: "{{name}}",
          },
        ],
      },
      {
        title: "Retries",
        description:
          "How often cert-manager has failed since the last success, and how often it tries again before the end.",
        kind: "timeseries",
        queries: [
          { expression: ofStatus("issuer_failed_attempts"), legend: "failed" },
          { expression: ofStatus("issuer_retries_before_end"), legend: "left" },
        ],
      },
    ],
  },
  {
    title: "Proxies",
    panels: [
      {
        title: "Time left of proxies' certificates",
        description:
          "Sound ones are spread between 30 % of their life and all of it. Where all lines meet, all certificates end in the same second.",
        kind: "timeseries",
        unit: "s",
        queries: [
          { expression: `max(${leafLeft})`, legend: "last to end" },
          { expression: `quantile(0.5, ${leafLeft})`, legend: "median" },
          { expression: `min(${leafLeft})`, legend: "first to end" },
        ],
      },
      {
        title: "Refreshes",
        description: "Of all proxies, in five minutes.",
        kind: "timeseries",
        queries: [{ expression: `sum by (result) (${refreshesIn("5m")})`, legend: "{{result}}" }],
      },
      {
        title: "Pods by the anchors with which they started",
        description: "Current, overlapping, stale or unknown, as docs/status.md has it.",
        kind: "timeseries",
        queries: [{ expression: `sum by (state) (${ofStatus("pods")})`, legend: "{{state}}" }],
      },
    ],
  },
  {
    title: "Trust anchors and webhooks",
    panels: [
      {
        title: "Time left of trust anchors",
        description: "Of each generation.",
        kind: "timeseries",
        unit: "s",
        queries: [
          {
            expression: `${ofStatus("trust_anchor_not_after_timestamp_seconds")} - time()`,
            legend: "generation {{generation}}, {{subject}}",
          },
        ],
      },
      {
        title: "Until the rotation's deadline",
        description: "At 0, every proxy's certificate ends.",
        kind: "timeseries",
        unit: "s",
        onlyIn: "rotation",
        queries: [
          { expression: `${ofStatus("rotation_deadline_timestamp_seconds")} - time()`, legend: "left" },
        ],
      },
      {
        title: "Time left of webhooks' certificates",
        description: "As stored. Each is a saw, too.",
        kind: "timeseries",
        unit: "s",
        queries: [
          {
            expression: `${ofCertificates("expiration_timestamp_seconds", webhooks)} - time()`,
            legend: "{{name}}",
          },
        ],
      },
    ],
  },
];
