/** Failures through time, when each alert has to fire in them, and when they begin to hurt. */
import {
  healthy,
  issuerLife,
  ofAnchor,
  ofCertificate,
  ofIdentity,
  ofIssuer,
  ofProxy,
  pods,
  proxies,
  type Series,
  status,
  webhookLife,
} from "./series.ts";

export interface Scenario {
  readonly title: string;
  readonly series: Series;
  /** How long it is looked at, in hours. */
  readonly hours: number;
  /** In which half hour of it each alert begins to fire: by its end, in hours. No other alert fires. */
  readonly fires: Readonly<Record<string, number>>;
  /** Whether someone else keeps the Secret of the issuer. */
  readonly isIssuerOthers?: true;
  /** When proxies, or what starts, begin to fail, in hours; absent if nothing does within these hours. */
  readonly hurtsAt?: number;
}

/** Series of the healthy mesh that are not scraped, from an hour on. */
const absent = (names: RegExp, begin = 0): Series =>
  Object.fromEntries(
    Object.entries(healthy)
      .filter(([name]) => names.test(name))
      .map(([name, valueAt]) => [name, (time: number) => (time < begin ? valueAt(time) : undefined)]),
  );
const from = (begin: number, value: number, before?: number) => (time: number) =>
  time >= begin ? value : before;
const problem = (rule: string, begin: number) =>
  status(`problems{rule="${rule}",severity="error"}`, from(begin, 1));
const notRenewed = { ...issuerLife, stopsAt: 23 };
const day = 24 * 3600;
const inRotation = (since: number, deadline: number): Series => ({
  ...status("rotation_since_timestamp_seconds", () => since * day),
  ...status("rotation_deadline_timestamp_seconds", () => deadline * day),
  ...ofAnchor(3650, 3600, 2),
  ...pods("overlapping", 2),
});

export const scenarios: readonly Scenario[] = [
  { title: "three healthy days", series: {}, hours: 72, fires: {} },
  { title: "a healthy rotation", series: inRotation(-20, 70), hours: 12, fires: {} },
  { title: "a young anchor that lives a year", series: ofAnchor(365, 360), hours: 4, fires: {} },
  {
    title: "an anchor that lives ninety days, in the first half of them",
    series: ofAnchor(90, 50),
    hours: 4,
    fires: {},
  },
  {
    title: "cert-manager fails to renew the issuer",
    series: {
      ...ofCertificate("linkerd-identity-issuer", notRenewed),
      ...ofIdentity(notRenewed),
      ...ofIssuer(notRenewed),
      ...Object.assign({}, ...proxies.map((proxy) => ofProxy(proxy, notRenewed))),
      ...problem("certificate-issued", 23.5),
    },
    hours: 47,
    fires: {
      LinkerdStatusFindsProblem: 24,
      LinkerdIssuerNotRenewed: 31,
      LinkerdLeavesEndWithIssuer: 31,
      LinkerdIssuerLastRetries: 39.5,
      LinkerdLeafNotRefreshed: 43.5,
    },
    hurtsAt: 48,
  },
  {
    title: "someone else does not renew the issuer's Secret",
    isIssuerOthers: true,
    series: {
      ...absent(/name="linkerd-identity-issuer"/),
      ...ofIdentity(notRenewed),
      ...ofIssuer(notRenewed),
      ...Object.assign({}, ...proxies.map((proxy) => ofProxy(proxy, notRenewed))),
    },
    hours: 47,
    fires: {
      LinkerdLeavesEndWithIssuer: 31,
      LinkerdIssuerNotRenewed: 31.5,
      LinkerdIssuerLastRetries: 40,
      LinkerdLeafNotRefreshed: 43.5,
    },
    hurtsAt: 48,
  },
  {
    title: "an identity controller misses a renewal",
    series: { ...ofIdentity(notRenewed), ...ofIssuer(issuerLife, notRenewed) },
    hours: 30,
    fires: { LinkerdIssuerNotLoaded: 23.5 },
    hurtsAt: 48,
  },
  {
    title: "an identity controller misses a renewal, and nobody runs status",
    series: { ...ofIdentity(notRenewed), ...absent(/^linkerd_credentials/) },
    hours: 24,
    fires: { LinkerdStatusMissing: 0.5, LinkerdIssuerNotLoaded: 23.5 },
    hurtsAt: 48,
  },
  {
    title: "identity refuses the renewed issuer",
    series: {
      ...ofIssuer(issuerLife, notRenewed),
      ...ofIdentity(notRenewed),
      ...status('issuer_reload_timestamp_seconds{reason="IssuerUpdateSkipped"}', (time) =>
        time >= 23 && time < 24 ? 23 * 3600 : undefined,
      ),
    },
    hours: 24,
    fires: { LinkerdIssuerUpdateSkipped: 23.25, LinkerdIssuerNotLoaded: 23.5 },
    hurtsAt: 48,
  },
  {
    title: "identity's issuer has ended",
    series: status('issuer_reload_timestamp_seconds{reason="IssuerValidationFailed"}', from(2, 7200)),
    hours: 3,
    fires: { LinkerdIssuerValidationFailed: 2.25 },
    hurtsAt: 9,
  },
  {
    title: "a Certificate is not Ready",
    series: {
      'certmanager_certificate_ready_status{name="linkerd-identity-issuer",exported_namespace="linkerd",namespace="cert-manager",issuer_kind="Issuer",condition="True"}':
        from(2, 0, 1),
      'certmanager_certificate_ready_status{name="linkerd-identity-issuer",exported_namespace="linkerd",namespace="cert-manager",issuer_kind="Issuer",condition="False"}':
        from(2, 1, 0),
    },
    hours: 4,
    fires: { LinkerdCertificateNotReady: 2.25 },
    hurtsAt: 48,
  },
  {
    title: "cert-manager fails to renew a webhook's certificate",
    series: ofCertificate("linkerd-proxy-injector", { ...webhookLife, stopsAt: 16 }),
    hours: 23,
    fires: { LinkerdWebhookCertificateNotRenewed: 18.75 },
    hurtsAt: 24,
  },
  {
    title: "a webhook serves what the API server does not trust",
    series: problem("webhook-chain", 1),
    hours: 2,
    fires: { LinkerdWebhookNotTrusted: 1.25 },
  },
  {
    title: "half a year before an anchor's end",
    series: ofAnchor(3650, 180.5),
    hours: 24,
    fires: { LinkerdTrustAnchorEnds: 13.25 },
    hurtsAt: 24 * 180,
  },
  {
    title: "two months before an anchor's end",
    series: ofAnchor(3650, 60.5),
    hours: 24,
    fires: { LinkerdTrustAnchorEnds: 1.25, LinkerdTrustAnchorEndsSoon: 13.25 },
    hurtsAt: 24 * 60,
  },
  {
    title: "a month before an anchor's end",
    series: ofAnchor(3650, 30.5),
    hours: 24,
    fires: {
      LinkerdTrustAnchorEnds: 1.25,
      LinkerdTrustAnchorEndsSoon: 1.25,
      LinkerdTrustAnchorEndsVerySoon: 13.25,
    },
    hurtsAt: 24 * 30,
  },
  {
    title: "an anchor that lives ninety days, at the end of them",
    series: ofAnchor(90, 15.5),
    hours: 24,
    fires: { LinkerdTrustAnchorEnds: 1.25, LinkerdTrustAnchorEndsSoon: 13.25 },
    hurtsAt: 24 * 15,
  },
  {
    title: "an anchor that has left the bundle ends",
    series: {
      ...ofAnchor(3650, 20, 2),
      ...status('trust_anchor_in_bundle{generation="2",subject="root.linkerd.cluster.local"}', () => 0),
    },
    hours: 4,
    fires: {},
  },
  {
    title: "nobody goes on with a rotation",
    series: inRotation(-29.5, 60),
    hours: 24,
    fires: { LinkerdRotationStandsStill: 13.25 },
    hurtsAt: 24 * 60,
  },
  {
    title: "a rotation's deadline nears",
    series: inRotation(-20, 30.5),
    hours: 24,
    fires: { LinkerdRotationDeadlineNears: 13.25 },
    hurtsAt: 24 * 30,
  },
  {
    title: "pods hold none of the mesh's anchors",
    series: status('pods{meshed_namespace="shop",state="stale"}', from(1, 2, 0)),
    hours: 3,
    fires: { LinkerdPodsStale: 1.5 },
  },
  {
    title: "nobody knows what pods hold",
    series: status('pods{meshed_namespace="shop",state="unknown"}', from(1, 2, 0)),
    hours: 3,
    fires: { LinkerdPodsStale: 1.5 },
  },
  {
    title: "pods refuse what identity signs",
    series: problem("pods-accept-issuer", 1),
    hours: 2,
    fires: { LinkerdPodsRefuseIssuer: 1.25 },
  },
  {
    title: "a proxy stops to refresh its certificate",
    series: ofProxy({ ...proxies[0]!, stopsAt: 1 }),
    hours: 22,
    fires: { LinkerdLeafNotRefreshed: 16.5, LinkerdLeafEnded: 21.25 },
    hurtsAt: 21,
  },
  {
    title: "an older proxy stops to refresh its certificate",
    series: ofProxy({ ...proxies[2]!, stopsAt: 1 }),
    hours: 10,
    fires: { LinkerdLeafNotRefreshed: 4.5, LinkerdLeafEnded: 9.25 },
    hurtsAt: 9,
  },
  {
    title: "a proxy's refreshes fail",
    series: {
      'control_identity_cert_refreshes_total{namespace="shop",pod="web-1",job="linkerd/linkerd-proxy",result="error"}':
        (time) => Math.max(0, Math.floor((time - 1) * 10)),
    },
    hours: 3,
    fires: { LinkerdLeafRefreshFails: 1.75 },
    hurtsAt: 8,
  },
  {
    title: "a refresh fails once",
    series: {
      'control_identity_cert_refreshes_total{namespace="shop",pod="web-1",job="linkerd/linkerd-proxy",result="error"}':
        from(1, 1, 0),
    },
    hours: 3,
    fires: {},
  },
  {
    title: "cert-manager is not scraped any more",
    series: absent(/^certmanager/, 1),
    hours: 2,
    fires: { LinkerdCertManagerMetricsMissing: 1.5 },
    hurtsAt: 48,
  },
  {
    title: "identity is down",
    series: {
      ...absent(/^issuer_cert/, 1),
      [Object.keys(healthy).find((name) => name.startsWith("up{"))!]: from(1, 0, 1),
    },
    hours: 2,
    fires: { LinkerdIdentityMetricsMissing: 1.5 },
    hurtsAt: 8,
  },
  {
    title: "identity is not scraped",
    series: absent(/linkerd-controller/),
    hours: 1,
    fires: { LinkerdIdentityMetricsMissing: 0.5 },
  },
  {
    title: "proxies are not scraped",
    series: absent(/linkerd-proxy/),
    hours: 1,
    fires: { LinkerdProxyMetricsMissing: 0.5 },
  },
  {
    title: "status is not run any more",
    series: status("status_timestamp_seconds", (time) => Math.min(time, 1) * 3600),
    hours: 3,
    fires: { LinkerdStatusMissing: 2 },
  },
  {
    title: "status is never run",
    series: absent(/^linkerd_credentials/),
    hours: 1,
    fires: { LinkerdStatusMissing: 0.5 },
  },
  {
    title: "status finds something that no other alert is for",
    series: problem("issuer-ready", 1),
    hours: 2,
    fires: { LinkerdStatusFindsProblem: 1.5 },
  },
];
