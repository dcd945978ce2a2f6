/** The toolchain's build, with a Go that writes its programs at once, fails, or hangs, as each test asks. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { refuseShortDisk } from "../../../sandbox/toolchain/build.ts";
import { charts, tools } from "../../../sandbox/toolchain/tools.ts";
import { until } from "../../../sandbox/until.ts";

const toolchainModule = join(import.meta.dirname, "../../../sandbox/toolchain/toolchain.ts");
const program = `
  import { ensureToolchain } from ${JSON.stringify(toolchainModule)};
  try {
    await ensureToolchain(console.log, process.argv.slice(1));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
`;

/** Every program that it makes is Helm, as far as packaging a chart goes. */
const fakeHelm = `#!/bin/sh
[ "$1" = package ] || exit 0
while [ $# -gt 1 ]; do
  case "$1" in --version) version=$2 ;; --destination) destination=$2 ;; esac
  shift
done
echo chart > "$destination/$(basename "$1")-$version.tgz"
`;

/** `failing` and `hanging` hold the end of a package's path. What fails does so once another hangs. */
const fakeGo = `#!/bin/sh
home=$(dirname "$0")
case "$1 $2" in
  "env GOVERSION") cat "$home/version"; printf 'linux\\namd64\\n' ;;
  "mod download") echo "{\\"Dir\\": \\"$home/module\\"}" ;;
  build* | test*)
    while [ $# -gt 1 ]; do
      [ "$1" = -o ] && output=$2
      shift
    done
    echo "$output" >> "$home/builds"
    mkdir -p "$GOMODCACHE/module" "$GOCACHE/package"
    case "$1" in
      *"$(cat "$home/failing")")
        while [ ! -e "$home/hangs" ]; do sleep 0.05; done
        seq 1000; echo "cannot compile $1" >&2; exit 1 ;;
      *"$(cat "$home/hanging")")
        touch "$home/hangs"
        # In a process of its own, as Go's compilers are.
        (while [ "$(cat "$home/hanging")" != none ]; do sleep 0.05; done) ;;
    esac
    cp "$home/helm" "$output"
    ;;
esac
`;

/** A home with a fake Go and an empty cache, which goes after the test with whatever still runs in it. */
function fakeHome(context: TestContext) {
  const home = mkdtempSync(join(tmpdir(), "toolchain-"));
  const write = (file: string, content: string) => {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), content);
  };
  write("go", fakeGo);
  write("helm", fakeHelm);
  for (const executable of ["go", "helm"]) chmodSync(join(home, executable), 0o755);
  write("version", "go1.26.6\n");
  write("failing", "none");
  write("hanging", "none");
  for (const { directory } of charts) write(join("module", directory, "values.yaml"), "");
  write("module/charts/partials/Chart.yaml", "");
  for (const folder of ["node/fast", "node/heartbeat-with-lease", "pod/fast"]) {
    write(join("module/kustomize/stage", folder, "stage.yaml"), "kind: Stage\n");
  }
  for (const { embeds } of tools) {
    for (const file of Object.keys(embeds?.files ?? {})) write(join("module", file), "{}");
  }
  const processes = () =>
    readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && environmentOf(entry).includes(home));
  context.after(() => {
    for (const pid of processes()) process.kill(Number(pid), "SIGKILL");
    rmSync(home, { recursive: true });
  });

  const cache = join(home, "linkerd-rotating-tls");
  /** Runs `ensureToolchain`; `stdout` and `stderr` grow while it runs. */
  const start = (path = `${home}:/usr/bin:/bin`, ...extras: string[]) => {
    const { GOCACHE: _build, GOMODCACHE: _modules, ...inherited } = process.env;
    const environment = { ...inherited, PATH: path, XDG_CACHE_HOME: home };
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program, ...extras], {
      env: environment,
    });
    // Its exit code, or the signal that ended it.
    const ended = new Promise((done) => child.on("close", (code, signal) => done(code ?? signal)));
    const run = { child, ended, stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        run[stream] += text;
      });
    }
    return run;
  };
  /** Names of what was built, in order. */
  const builds = () => {
    const file = join(home, "builds");
    const outputs = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
    return outputs.map((output) => basename(output, ".made"));
  };
  const building = (name: string) =>
    until(`the build of ${name}`, 60_000, async () => builds().includes(name) || builds().join(", "));
  return { cache, write, start, processes, builds, building };
}

/** The environment of a process that is not this test, or nothing if it has ended. */
function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
}

test("without Go: one line that says what is needed, and how to get it", async (context) => {
  const run = fakeHome(context).start("/nowhere");
  assert.equal(await run.ended, 1);
  assert.match(
    run.stderr,
    /^Building the sandbox needs Go 1\.26\.6 or newer on PATH; found none: install it .*\.\n$/,
  );
});

test("with an old Go: one line that names it, and what is needed", async (context) => {
  const { write, start } = fakeHome(context);
  write("version", "go1.26.5\n");
  const run = start();
  assert.equal(await run.ended, 1);
  assert.match(
    run.stderr,
    /^.* needs Go 1\.26\.6 or newer on PATH; found go1\.26\.5 at \/.*\/go: install it .*\.\n$/,
  );
});

test("an extra is built when it is asked for, and a run that does without it leaves it there", async (context) => {
  const { cache, start, builds } = fakeHome(context);
  assert.equal(await start().ended, 0);
  for (const extra of ["vault", "linkerd", "kwok", "trust-manager", "process-runtime.test"]) {
    assert.ok(!builds().includes(extra), extra);
  }
  assert.equal(await start(undefined, "vault").ended, 0);
  assert.deepEqual(builds().slice(-2), ["vault", "vault-plugin-auth-kubernetes"]);
  const [vault] = readdirSync(join(cache, "bin")).filter((file) => file.startsWith("vault-"));
  const monthAgo = new Date(Date.now() - 31 * 24 * 3600 * 1000);
  utimesSync(join(cache, "bin", vault!), monthAgo, monthAgo);
  rmSync(join(cache, "charts"), { recursive: true });
  assert.equal(await start().ended, 0);
  assert.ok(existsSync(join(cache, "bin", vault!)));
});

test("a disk that is too small is refused with what it has and what it needs", () => {
  refuseShortDisk(14e9, 14);
  assert.throws(
    () => refuseShortDisk(13.9e9, 14),
    /needs 14\.0 GB .* has 13\.9 GB: free some, or set XDG_CACHE_HOME/,
  );
});

test("a build that fails ends the others, and shows the end of its log", async (context) => {
  const { cache, write, start, processes, builds } = fakeHome(context);
  write("failing", "/kube-scheduler");
  write("hanging", "./tls/resource");
  const run = start();
  assert.equal(await run.ended, 1);
  const log = join(cache, "logs", "kube-scheduler.log");
  const [first, ...tail] = run.stderr.trimEnd().split("\n");
  assert.ok(first?.endsWith(`/go build ended with 1; the log is ${log}:`), first);
  assert.equal(tail.at(-1), "cannot compile k8s.io/kubernetes/cmd/kube-scheduler");
  assert.equal(tail.length, 15);
  assert.match(readFileSync(log, "utf8"), /^\$ .*\n1\n2\n/);
  assert.deepEqual(processes(), []);
  assert.ok(builds().includes("pulumi-resource-tls") && !builds().includes("pulumi-resource-random"));
  assert.ok(!existsSync(join(cache, "work")), "no working copy is left");
});

test("of two runs at once one builds; the other waits, and finds everything", async (context) => {
  const { write, start, builds, building } = fakeHome(context);
  write("hanging", "/kube-scheduler");
  const first = start();
  await building("kube-scheduler");
  const second = start();
  await until("the second to wait", 60_000, async () => second.stdout.includes("waiting") || second.stderr);
  write("hanging", "none");
  assert.deepEqual([await first.ended, await second.ended], [0, 0], first.stderr + second.stderr);
  assert.match(first.stdout, /The toolchain is complete/);
  assert.equal(second.stdout, "Another run is building the toolchain; waiting for it to finish.\n");
  assert.deepEqual(builds(), [...new Set(builds())]);
  const third = start();
  assert.equal(await third.ended, 0);
  assert.equal(third.stdout, "");
});

for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
  test(`after ${signal} midway, a later run goes on`, async (context) => {
    const { cache, write, start, processes, builds, building } = fakeHome(context);
    write("hanging", "./tls/resource");
    const first = start();
    await building("pulumi-resource-tls");
    first.child.kill(signal);
    assert.equal(await first.ended, signal);
    // Nobody can act on being killed: its last command lives on, and the next run takes its folder away.
    if (signal !== "SIGKILL") assert.deepEqual(processes(), []);
    const made = readdirSync(join(cache, "bin"));
    const begun = builds().length;
    assert.ok(made.length > 0);

    write("hanging", "none");
    const second = start();
    assert.equal(await second.ended, 0, second.stderr);
    const again = builds().slice(begun);
    assert.deepEqual(
      made.filter((file) => again.includes(file.replace(/-[0-9a-f]{12}$/, ""))),
      [],
    );
    await onlyResultsAreLeft(cache);
  });
}

/** Waits until the build's caches are gone: they are removed in the background. */
const onlyResultsAreLeft = (cache: string) =>
  until("the caches to be removed", 20_000, async () => {
    const left = readdirSync(cache).sort().join(", ");
    return left === "bin, charts, logs" || left;
  });

test("Go's caches are removed after a build; what an interruption leaves of them, by the next run", async (context) => {
  const { cache, start } = fakeHome(context);
  const first = start();
  assert.equal(await first.ended, 0);
  assert.match(first.stdout, /complete: .*\. Its build caches are being removed in the background\.\n$/);
  await onlyResultsAreLeft(cache);
  mkdirSync(join(cache, "discarded-1", "mod"), { recursive: true });
  assert.equal(await start().ended, 0);
  await onlyResultsAreLeft(cache);
});

test("a build removes what nobody has used for a month, and nothing else", async (context) => {
  const { cache, start } = fakeHome(context);
  assert.equal(await start().ended, 0);
  const [current, rebuilt] = readdirSync(join(cache, "bin")).map((file) => join(cache, "bin", file));
  const unused = [join(cache, "bin", "etcd-0"), join(cache, "charts", "0", "chart-1.tgz")];
  const young = join(cache, "bin", "etcd-1");
  mkdirSync(join(cache, "charts", "0"));
  for (const file of [...unused, young]) writeFileSync(file, "");
  const monthAgo = new Date(Date.now() - 31 * 24 * 3600 * 1000);
  for (const file of [...unused, current!]) utimesSync(file, monthAgo, monthAgo);
  rmSync(rebuilt!);
  assert.equal(await start().ended, 0);
  assert.deepEqual(unused.filter(existsSync), []);
  assert.ok(!existsSync(dirname(unused[1]!)));
  assert.ok([current!, rebuilt!, young].every(existsSync));
  assert.ok(statSync(current!).mtime > monthAgo, "use is noted");
});
