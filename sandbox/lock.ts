/**
 * One process at a time, across processes. The lock is a listening Unix socket in Linux's abstract namespace: the kernel
 * gives it to one process, and takes it back when that process ends, however it ends.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Tells a person one line of what a command does. */
export type Report = (line: string) => void;

/**
 * Runs `work` while holding the lock `name`. If another process holds it, reports once what that `holder` does, and
 * waits for it to release the lock; the wait has no limit of its own, since the holder's work has one.
 */
export async function withLock(name: string, holder: string, report: Report, work: () => Promise<void>) {
  const path = `\0linkerd-rotating-tls/${createHash("sha256").update(name).digest("hex")}`;
  let waited = false;
  for (;;) {
    const release = await tryListen(path);
    if (release) {
      try {
        return await work();
      } finally {
        release();
      }
    }
    if (!waited) report(`${holder}; waiting for it to finish.`);
    waited = true;
    await holderEnds(path);
  }
}

/** Listens on `path` and returns a function that ends it, or `undefined` if another process listens there. */
async function tryListen(path: string): Promise<(() => void) | undefined> {
  const waiting = new Set<Socket>();
  const server = createServer((connection) => {
    waiting.add(connection.unref());
    connection.on("error", () => {});
    connection.on("close", () => waiting.delete(connection));
    // Only a reader sees the end of a connection.
    connection.resume();
  });
  // The socket alone must not keep this process alive.
  server.unref();
  try {
    server.listen(path);
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
  return () => {
    server.close();
    // Others wait for their connection to close, and a server that closes leaves connections open.
    for (const connection of waiting) connection.destroy();
  };
}

/** Resolves once the process behind `path` has let go. */
async function holderEnds(path: string): Promise<void> {
  const connection = connect(path);
  // Refused or reset, it closes as well: its holder has just ended.
  connection.on("error", () => {});
  connection.resume();
  await new Promise((closed) => connection.once("close", closed));
}
