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

const sdk = createRequire(require.resolve("@pulumi/pulumi/log"));

/**
 * Puts off the loading of a module that the SDK loads at each start until something of it is used.
 *
 * @param request as a file beside @pulumi/pulumi/log would require it.
 * @param meanwhile functions that every run calls, as long as nothing else of the module has been used.
 */
function putOff(request, meanwhile = {}) {
  let path;
  try {
    path = sdk.resolve(request);
  } catch {
    return; // This version of the SDK does without it.
  }
  let loaded;
  const load = () => {
    delete require.cache[path];
    loaded = sdk(path);
    return loaded;
  };
  const get = (_, name) => {
    if (name === "__esModule") return true;
    return loaded === undefined && name in meanwhile ? meanwhile[name] : (loaded ?? load())[name];
  };
  require.cache[path] = { id: path, filename: path, loaded: true, exports: new Proxy({}, { get }) };
}

// Together they take a fifth of a preview. The first two are for functions whose code is archived or written down;
putOff("@npmcli/arborist");
putOff("../runtime/closure/v8Hooks", { isInitializedAsync: async () => {} });
// this one is for programs that run Pulumi,
putOff("../automation");
// this one for `pulumi --tracing`,
const tracer = () => sdk("@opentelemetry/api").trace.getTracer("");
putOff("../cmd/run/tracing", { newSpan: (name) => tracer().startSpan(name) });
// and this one finds compiled code's sources whenever a promise is made. Node runs ours as they are.
putOff("source-map-support/register");

// The SDK tells the engine of each registered resource with all its properties, secrets in plain text, and the engine
// keeps that in its event stream at any verbosity (@pulumi/pulumi, runtime/resource.js: "RPC finished … resp: …").
const log = require("@pulumi/pulumi/log");
const { debug } = log;
log.debug = (message, ...rest) => debug(String(message).replace(/, resp: .*$/s, ""), ...rest);
