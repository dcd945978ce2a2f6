/**
 * What alerts, the dashboard and `status` ask Prometheus: fragments of PromQL over the metrics of cert-manager, of Linkerd, and
 * of `status --prometheus`.
 *
 * Sources: cert-manager pkg/metrics; linkerd2 pkg/identity/service.go; linkerd2-proxy linkerd/app/core/src/metrics.rs.
 */

/** Both names of a proxy's metric: the present one, and the one of older proxies, which the documentation still has. */
const ofProxies = (metric: string, selector = "") =>
  `max by (namespace, pod) (control_${metric}${selector} or ${metric}${selector})`;

/** When each proxy's leaf ends. One that has none yet says 0, or nothing. */
export const leafEnds = `(${ofProxies("identity_cert_expiration_timestamp_seconds")} > 0)`;

/** When each proxy's leaf was refreshed last; old proxies do not say. */
export const leafRefreshes = ofProxies("identity_cert_refresh_timestamp_seconds");

/** Refreshes that have failed since a proxy's start. */
export const failedRefreshes = ofProxies("identity_cert_refreshes_total", '{result="error"}');

/** Refreshes of each proxy in a span such as `30m`, by their result. */
export const refreshesIn = (span: string, selector = "") => {
  const increase = (name: string) => `increase(${name}${selector}[${span}])`;
  const [present, older] = [
    "control_identity_cert_refreshes_total",
    "identity_cert_refreshes_total",
  ] as const;
  return `max by (namespace, pod, result) (${increase(present)} or ${increase(older)})`;
};

/** A metric of cert-manager's, of Certificates by their names. */
export const ofCertificates = (metric: string, names: readonly string[], more = "") =>
  `certmanager_certificate_${metric}{name=~"${names.join("|")}"${more}}`;

/** A metric of `status --prometheus`. */
export const ofStatus = (metric: string, selector = "") => `linkerd_credentials_${metric}${selector}`;

/** When the issuer with which each replica of the identity controller signs ends, by the replica itself; from edge-25.2.1 on. */
export const loadedIssuerEnds = "timestamp(issuer_cert_ttl_seconds) + issuer_cert_ttl_seconds";
