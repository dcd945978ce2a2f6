/**
 * One process at a time, across processes. The lock is a listening Unix socket in Linux's abstract namespace: the kernel
 * gives it to one process, and takes it back when that process ends, however it ends.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";

/**
 * Runs `work` while holding the lock `name`. Where another process holds it, calls `onWait` once and waits for that
 * process to let go; the wait has no limit of its own, since the holder's work has.
 */
export async function withLock<Result>(
  name: string,
  onWait: () => void,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = `\0linkerd-rotating-tls/${createHash("sha256").update(name).digest("hex")}`;
  let waited = false;
  for (;;) {
    const server = await tryListen(path);
    if (server) {
      try {
        return await work();
      } finally {
        server.close();
      }
    }
    if (!waited) onWait();
    waited = true;
    await holderEnds(path);
  }
}

/** Listens on `path`, or gives `undefined` where another process does. */
async function tryListen(path: string): Promise<Server | undefined> {
  const server = createServer();
  // The socket alone must not keep this process alive.
  server.unref();
  server.on("connection", (connection) => connection.unref());
  try {
    server.listen(path);
    await once(server, "listening");
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
}

/** Resolves once the process behind `path` has closed it. */
async function holderEnds(path: string): Promise<void> {
  const connection = connect(path);
  connection.on("error", () => {});
  await once(connection, "close");
}
