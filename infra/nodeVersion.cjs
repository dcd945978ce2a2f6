// Ends with one clear line on a Node that cannot run this program's TypeScript. Such a Node reads it, too: hence CommonJS,
// and nothing modern.
if (!process.features.typescript) {
  process.stderr.write(
    `Node.js ${process.versions.node} does not run TypeScript by itself: install Node.js 22.18 or newer, 24 for example.\n`,
  );
  process.exit(1);
}
