// Loaded by Node before Pulumi's own code, so that an older Node reads it, too: hence CommonJS, and nothing modern.
require("./nodeVersion.cjs");
const { createRequire, enableCompileCache } = require("node:module");

// Compiled modules of one run serve the next: it saves about a third of the start.
enableCompileCache();

// A preview looks at the cluster from a thread, which takes longer to start than all the rest.
if (process.argv.includes("--dry-run")) {
  const { startThread } = require("./gates/previewThread.ts");
  startThread();
}

// The SDK loads npm's installer at its start, which takes longer than all the rest of it, and needs it only to archive the
// code of functions: so it is loaded when something of it is used.
const sdk = createRequire(require.resolve("@pulumi/pulumi/log"));
try {
  const path = sdk.resolve("@npmcli/arborist");
  const load = () => {
    delete require.cache[path];
    return sdk(path);
  };
  const standIn = new Proxy({}, { get: (_, name) => name === "__esModule" || load()[name] });
  require.cache[path] = { id: path, filename: path, loaded: true, exports: standIn };
} catch {
  // This version of the SDK does without it.
}

// The SDK tells the engine of each registered resource with all its properties, secrets in plain text, and the engine
// keeps that in its event stream at any verbosity (@pulumi/pulumi, runtime/resource.js: "RPC finished … resp: …").
const log = require("@pulumi/pulumi/log");
const { debug } = log;
log.debug = (message, ...rest) => debug(String(message).replace(/, resp: .*$/s, ""), ...rest);
