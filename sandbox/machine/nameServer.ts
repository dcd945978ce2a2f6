/**
 * The cluster's DNS. A Service's name gives the addresses of its ready pods, as that of a headless Service does in every
 * cluster; here so does any other's, since there is no kube-proxy that would answer on the Service's own address.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { machineAddress } from "./network.ts";
import type { Services } from "./services.ts";

/** What RFC 1035 calls what is used of it here. */
const typeA = 1;
const responseFlags = { found: 0x8580, formatError: 0x8581, nameError: 0x8583 };
const headerLength = 12;
const timeToLiveSeconds = 1;
/** As many as fit into a datagram that every resolver takes, behind the longest name. */
const mostAddresses = 15;

/** Starts the server on the machine's address. */
export async function startNameServer(services: Services): Promise<void> {
  const socket = createSocket("udp4");
  let turn = 0;
  /** Addresses behind a name, another one first each time; `undefined` if nothing has that name. */
  const addressesOf = (name: string) => {
    // Whatever the cluster's domain is, which follows.
    const [, serviceName, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/.exec(name.toLowerCase()) ?? [];
    const service = services.list(namespace).find(({ metadata }) => metadata?.name === serviceName);
    if (namespace === undefined || service === undefined) return undefined;
    const addresses = services.endpoints(service).map(({ address }) => address);
    const first = addresses.length === 0 ? 0 : turn++ % addresses.length;
    return [...addresses.slice(first), ...addresses.slice(0, first)];
  };
  socket.on("message", (query, { port, address }) => {
    const response = respond(query, addressesOf);
    if (response) socket.send(response, port, address);
  });
  socket.bind(53, machineAddress);
  await once(socket, "listening");
}

/** The answer to a query, or `undefined` if it is none. */
export function respond(
  query: Buffer,
  addressesOf: (name: string) => readonly string[] | undefined,
): Buffer | undefined {
  const isQuery = query.length >= headerLength && (query.readUInt16BE(2) & 0x8000) === 0;
  if (!isQuery) return undefined;
  const id = query.readUInt16BE(0);
  const question = readQuestion(query);
  if (question === undefined) return header(id, responseFlags.formatError, 0, 0);
  const addresses = addressesOf(question.name);
  const asked = query.subarray(headerLength, question.end);
  if (addresses === undefined) return Buffer.concat([header(id, responseFlags.nameError, 1, 0), asked]);
  const records = question.type === typeA ? addresses.slice(0, mostAddresses).map(addressRecord) : [];
  return Buffer.concat([header(id, responseFlags.found, 1, records.length), asked, ...records]);
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } | undefined {
  if (query.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headerLength;
  for (let length = query[at]; length !== 0; length = query[at]) {
    // More than 63 would be a pointer, to which a question has nothing to point.
    if (length === undefined || length > 63) return undefined;
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  return end > query.length ? undefined : { name: labels.join("."), type: query.readUInt16BE(at + 1), end };
}

function header(id: number, flags: number, questions: number, answers: number): Buffer {
  const fields = [id, flags, questions, answers, 0, 0];
  return Buffer.from(fields.flatMap((field) => [field >> 8, field & 0xff]));
}

/** A record of the name in the question. */
function addressRecord(address: string): Buffer {
  const nameInQuestion = [0xc0, headerLength];
  const classInternet = [0, 1];
  const timeToLive = [0, 0, 0, timeToLiveSeconds];
  return Buffer.from([
    ...nameInQuestion,
    ...[0, typeA],
    ...classInternet,
    ...timeToLive,
    ...[0, 4],
    ...address.split(".").map(Number),
  ]);
}
