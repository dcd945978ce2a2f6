// Loaded by Node before Pulumi's own code, so that an older Node reads it, too: hence CommonJS, and nothing modern.
require("./nodeVersion.cjs");
const { enableCompileCache } = require("node:module");

// Compiled modules of one run serve the next: it saves about a third of the start.
enableCompileCache();

// The SDK tells the engine of each registered resource with all its properties, secrets in plain text, and the engine
// keeps that in its event stream at any verbosity (@pulumi/pulumi, runtime/resource.js: "RPC finished … resp: …").
const log = require("@pulumi/pulumi/log");
const { debug } = log;
log.debug = (message, ...rest) => debug(String(message).replace(/, resp: .*$/s, ""), ...rest);
