/** The life of every certificate of a mesh as rows of a timeline, and where a time is on it. */

import { nameOfPod } from "../../mesh/meshedPods.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { isSameCertificate } from "../../rules/credentials/certificate.ts";
import { warnedFrom } from "../../rules/lifetimes/trustAnchor.ts";
import { factsOf } from "../format.ts";
import { stateOf } from "./dataPlaneVerdict.ts";
import type { MeshStatus } from "./read.ts";
import { nameOfGeneration } from "./table.ts";

export interface Mark {
  readonly kind: "renewal" | "warning" | "deadline";
  readonly time: Date;
  readonly text: string;
}

export interface Row {
  readonly name: string;
  readonly certificate: ParsedCertificate;
  /** What is to be said beside its name. */
  readonly note?: string;
  readonly isBroken?: boolean;
  readonly marks: readonly Mark[];
}

export interface Group {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Groups without a row are left out. */
export function timelineOf(status: MeshStatus): readonly Group[] {
  return [
    { title: "Trust anchors", rows: anchorRows(status) },
    { title: "Identity issuer", rows: issuerRows(status) },
    { title: "Webhooks", rows: webhookRows(status) },
    { title: "Leaves of the proxies that were asked", rows: leafRows(status) },
  ].filter(({ rows }) => rows.length > 0);
}

function anchorRows({ generations }: MeshStatus): readonly Row[] {
  return generations.flatMap((generation) => {
    const { certificate, isInBundle, signs, vouchers } = generation;
    const { validFromDate, validToDate } = certificate.x509;
    const name = nameOfGeneration(generation);
    const note = [isInBundle ? "in the bundle" : "not in the bundle", ...(signs ? ["signs"] : [])].join(", ");
    const warning = {
      kind: "warning",
      time: warnedFrom(validFromDate, validToDate),
      text: "its end is warned of",
    } as const;
    return [
      { name, certificate, note, marks: [warning] },
      ...vouchers.map(({ certificate: cross, by }) => ({
        name: `${name}, cross-signed`,
        certificate: cross,
        note: by === undefined ? "by an anchor that is not here" : `by ${factsOf(by).subject}`,
        marks: [
          {
            kind: "deadline",
            time: cross.x509.validToDate,
            text: "the rotation has to be finished",
          } as const,
        ],
      })),
    ];
  });
}

function issuerRows({ issuer, controllers }: MeshStatus): readonly Row[] {
  const { certificate } = issuer;
  const stored = certificate && {
    name: "in the Secret",
    certificate,
    marks: renewalMarks(issuer.renewedBy?.status?.renewalTime),
  };
  const loaded = controllers.flatMap(({ podName, proof }) => {
    if (proof === undefined) return [];
    const isOther = certificate !== undefined && !isSameCertificate(certificate, proof.issuer);
    const note = isOther ? "another one than the Secret's" : "the Secret's";
    return [{ name: `loaded by ${podName}`, certificate: proof.issuer, note, isBroken: isOther, marks: [] }];
  });
  return [...(stored === undefined ? [] : [stored]), ...loaded];
}

function webhookRows({ webhooks }: MeshStatus): readonly Row[] {
  return webhooks.flatMap(({ name, certificate, renewedBy, served }) => [
    ...(certificate === undefined
      ? []
      : [{ name, certificate, marks: renewalMarks(renewedBy?.status?.renewalTime) }]),
    ...served.flatMap(({ podName, chain }) => {
      const [own] = chain ?? [];
      if (own === undefined || (certificate !== undefined && isSameCertificate(own, certificate))) return [];
      return [
        {
          name: `served by ${podName}`,
          certificate: own,
          note: "another one than stored",
          isBroken: true,
          marks: [],
        },
      ];
    }),
  ]);
}

function leafRows(status: MeshStatus): readonly Row[] {
  return (status.dataPlane?.leaves ?? []).flatMap((one) => {
    const { pod, leaf } = one;
    if (leaf === undefined) return [];
    const state = stateOf(one, status);
    // That it has ended is said of every certificate.
    const note = state === undefined || state === "ended" ? {} : { note: state };
    return [{ name: nameOfPod(pod), certificate: leaf, ...note, isBroken: state !== "live", marks: [] }];
  });
}

const renewalMarks = (renewalTime: string | undefined): readonly Mark[] =>
  renewalTime === undefined ? [] : [{ kind: "renewal", time: new Date(renewalTime), text: "next renewal" }];

/** A place on the timeline, from 0 at its left to 1 at its right. */
export type Scale = (time: Date) => number;

/** Around now, minutes are as far from each other as years are at the ends. */
const finest = 10 * 60_000;
const [hour, day] = [3_600_000, 86_400_000];
/** Names of ticks that are nearer to each other than this part of the whole would run into each other. */
const leastGap = 0.075;
const distances: readonly (readonly [milliseconds: number, name: string])[] = [
  [finest, "10 min"],
  [hour, "1 h"],
  [day, "1 d"],
  [30 * day, "30 d"],
  [365 * day, "1 y"],
  [3652 * day, "10 y"],
  [36525 * day, "100 y"],
];

/**
 * A scale on which lives of an hour and of ten years are seen at once: linear around now, logarithmic further away.
 *
 * @param times what has to be on it.
 */
export function scaleOf(
  now: Date,
  times: readonly Date[],
): { readonly place: Scale; readonly ticks: readonly Tick[] } {
  const warp = (time: Date) => Math.asinh((time.getTime() - now.getTime()) / finest);
  const warped = times.map(warp);
  const [left, right] = [Math.min(-2.5, ...warped), Math.max(2.5, ...warped)];
  const place = (time: Date) => Math.min(1, Math.max(0, (warp(time) - left) / (right - left)));
  const around = distances.flatMap(([distance, name]) => [
    { time: new Date(now.getTime() - distance), name: `${name} ago` },
    { time: new Date(now.getTime() + distance), name: `in ${name}` },
  ]);
  const ticks: Tick[] = [{ place: place(now), name: "now" }];
  for (const { time, name } of around) {
    const tick = { place: place(time), name };
    const isOn = warp(time) > left && warp(time) < right;
    if (isOn && ticks.every((other) => Math.abs(other.place - tick.place) >= leastGap)) ticks.push(tick);
  }
  return { place, ticks };
}

export interface Tick {
  readonly place: number;
  readonly name: string;
}
