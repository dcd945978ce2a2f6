/** A mesh through time, as Prometheus would have scraped it: what is healthy, and what each failure changes of it. */

/** Values of a series, by its name with its labels, at a time in hours; `undefined` where it is not scraped. */
export type Series = Readonly<Record<string, (hours: number) => number | undefined>>;

const hour = 3600;
/** Time between two samples. */
export const sampleMinutes = 2;

/** As promtool reads them, equal ones together. */
export function inputSeries(series: Series, hours: number): { series: string; values: string }[] {
  return Object.entries(series).map(([name, valueAt]) => {
    const runs: { value: string; count: number }[] = [];
    for (let minute = 0; minute <= hours * 60; minute += sampleMinutes) {
      const value = `${valueAt(minute / 60) ?? "_"}`;
      const last = runs.at(-1);
      if (last?.value === value) last.count++;
      else runs.push({ value, count: 1 });
    }
    const values = runs.map(({ value, count }) => {
      if (count === 1) return value;
      return value === "_" ? `_x${count}` : `${value}x${count - 1}`;
    });
    return { series: name, values: values.join(" ") };
  });
}

/** A certificate that is renewed: how long it lives, and how long after its begin the next one begins, in hours. */
export interface Life {
  readonly lives: number;
  readonly renewedAfter: number;
  /** When it is renewed no more. */
  readonly stopsAt?: number;
}

/** Begin of the one that is stored at a time. */
function beginAt(time: number, { renewedAfter, stopsAt = Infinity }: Life): number {
  // A renewal that falls due then fails already.
  const renewals = Math.floor(Math.min(time, stopsAt - 1e-6) / renewedAfter);
  return renewals * renewedAfter;
}

export const issuerLife: Life = { lives: 48, renewedAfter: 23 };
export const webhookLife: Life = { lives: 24, renewedAfter: 16 };

/** What cert-manager says of a Certificate. */
export function ofCertificate(name: string, life: Life): Series {
  const labels = `name="${name}",exported_namespace="linkerd",namespace="cert-manager",issuer_kind="Issuer"`;
  const seconds = (after: number) => (time: number) => (beginAt(time, life) + after) * hour;
  const ready = (condition: string) =>
    `certmanager_certificate_ready_status{${labels},condition="${condition}"}`;
  return {
    [`certmanager_certificate_expiration_timestamp_seconds{${labels}}`]: seconds(life.lives),
    [`certmanager_certificate_renewal_timestamp_seconds{${labels}}`]: seconds(life.renewedAfter),
    [ready("True")]: () => 1,
    [ready("False")]: () => 0,
    [ready("Unknown")]: () => 0,
  };
}

/** A proxy whose leaf identity cuts to the issuer's end, and that refreshes it when 70 % of its life are over. */
export interface Proxy {
  readonly pod: string;
  /** When it has got its first leaf, in hours. */
  readonly startedAt: number;
  /** When it refreshes no more. */
  readonly stopsAt?: number;
  /** Whether its metrics have the names that older proxies have. */
  readonly isOlder?: boolean;
}

const leafLives = 24;

function leafAt(time: number, { startedAt, stopsAt = Infinity }: Proxy, issuer: Life) {
  const issued = (begin: number) => {
    const end = beginAt(Math.max(begin, 0), issuer) + issuer.lives;
    return { begin, end: Math.min(begin + leafLives, end) };
  };
  let leaf = issued(startedAt);
  for (;;) {
    const next = leaf.begin + 0.7 * (leaf.end - leaf.begin);
    // Below a minute it is as good as ended.
    if (next > time || next >= stopsAt || next - leaf.begin < 1 / 60) return leaf;
    leaf = issued(next);
  }
}

/** What a proxy says of its leaf. */
export function ofProxy(proxy: Proxy, issuer = issuerLife): Series {
  const { pod, isOlder = false } = proxy;
  const labels = `namespace="shop",pod="${pod}",job="linkerd/linkerd-proxy"`;
  const metric = (name: string) => `${isOlder ? "" : "control_"}identity_cert_${name}`;
  const seconds = (of: "begin" | "end") => (time: number) =>
    Math.floor(leafAt(time, proxy, issuer)[of] * hour);
  return {
    [`${metric("expiration_timestamp_seconds")}{${labels}}`]: seconds("end"),
    [`${metric("refresh_timestamp_seconds")}{${labels}}`]: seconds("begin"),
    [`${metric("refreshes_total")}{${labels},result="ok"}`]: (time) => Math.floor(time / 16.8),
    [`${metric("refreshes_total")}{${labels},result="error"}`]: () => 0,
  };
}

/** Three proxies that have started at different times, in hours. */
export const proxies: readonly Proxy[] = [
  { pod: "web-1", startedAt: -3 },
  { pod: "web-2", startedAt: -9 },
  { pod: "cart-1", startedAt: -15, isOlder: true },
];

/** What an identity controller says of itself. */
export function ofIdentity(loaded = issuerLife): Series {
  const labels = 'job="linkerd/linkerd-controller",component="identity",namespace="linkerd",pod="identity-1"';
  return {
    [`up{${labels}}`]: () => 1,
    [`issuer_cert_ttl_seconds{${labels}}`]: (time) =>
      Math.round((beginAt(time, loaded) + loaded.lives - time) * hour),
  };
}

/** A metric of `status`, which looks every five minutes, at what is so then. */
export const status = (metric: string, valueAt: (hours: number) => number | undefined): Series => ({
  [`linkerd_credentials_${metric}`]: (time) => valueAt(Math.floor(time * 12) / 12),
});

/** What `status` says of the issuer. */
export function ofIssuer(stored = issuerLife, loaded = stored): Series {
  const replica = '{replica="identity-1"}';
  const [end, begin] = ["not_after_timestamp_seconds", "not_before_timestamp_seconds"];
  return {
    ...status(`issuer_${end}`, (time) => (beginAt(time, stored) + stored.lives) * hour),
    ...status(`issuer_${begin}`, (time) => beginAt(time, stored) * hour),
    ...status(`issuer_loaded_${begin}${replica}`, (time) => beginAt(time, loaded) * hour),
    ...status(`issuer_loaded_${end}${replica}`, (time) => (beginAt(time, loaded) + loaded.lives) * hour),
    ...status(`issuer_loaded${replica}`, (time) => Number(beginAt(time, stored) === beginAt(time, loaded))),
    ...status("issuer_retries_before_end", () => 24),
  };
}

/** What `status` says of a trust anchor: how long it lives, and how much of that is left at first, in days. */
export function ofAnchor(lives: number, left: number, generation = 1): Series {
  const labels = `{generation="${generation}",subject="root.linkerd.cluster.local"}`;
  const end = left * 24 * hour;
  return {
    ...status(`trust_anchor_not_after_timestamp_seconds${labels}`, () => end),
    ...status(`trust_anchor_not_before_timestamp_seconds${labels}`, () => end - lives * 24 * hour),
    ...status(`trust_anchor_in_bundle${labels}`, () => 1),
  };
}

export const pods = (state: string, count: number): Series =>
  status(`pods{meshed_namespace="shop",state="${state}"}`, () => count);

const looked = status("status_timestamp_seconds", (time) => time * hour);

/** All of a mesh in which everything is right. */
export const healthy: Series = {
  ...ofCertificate("linkerd-identity-issuer", issuerLife),
  ...ofCertificate("linkerd-proxy-injector", webhookLife),
  // Half of ten years.
  ...ofCertificate("webhook-issuer", { lives: 87_600, renewedAfter: 43_800 }),
  ...ofIdentity(),
  ...Object.assign({}, ...proxies.map((proxy) => ofProxy(proxy))),
  ...looked,
  ...ofIssuer(),
  ...ofAnchor(3650, 3000),
  ...pods("current", 3),
  ...pods("stale", 0),
  ...pods("unknown", 0),
};
