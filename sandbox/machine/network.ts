/** The machine's addresses. They are its own: no other machine, nor the host, ever sees them. */

/** Name of the one node that runs real processes. */
export const nodeName = "sandbox";
/** The machine on the bridge that its pods are attached to (`go/machine` gives it this address). */
export const machineAddress = "10.244.0.1";
export const podCidr = "10.244.0.0/16";
export const serviceCidr = "10.96.0.0/16";
/** First address of the Services' range: the Service `kubernetes`. */
export const serviceAddress = "10.96.0.1";
/** Port of the API server inside the machine. */
export const apiServerPort = 6443;
/** Sockets that only the machine sees: a path short enough for one, wherever the clone lies. */
export const runtimeDirectory = "/run/machine";
