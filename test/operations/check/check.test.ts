import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { KeyObject } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, suite, test } from "node:test";
import { main } from "../../../operations/check/check.ts";
import { authority, hoursFromNow } from "../../certificates.ts";
import { kubeconfigOf, startApiServer } from "../../mesh/apiServer.ts";
import { inProcess } from "../inProcess.ts";

const program = resolve(import.meta.dirname, "../../../operations/check/check.ts");
const directory = mkdtempSync(join(tmpdir(), "check-"));
after(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string | Buffer) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const anchor = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87_600) });
const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
const keyPem = KeyObject.from(issuer.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const bundle = write("bundle.pem", anchor.certificate.toString());
const certificate = write("issuer.pem", issuer.certificate.toString());
const key = write("key.pem", keyPem);
const files = ["--bundle", bundle, "--issuer", certificate, "--key", key];

const project = "linkerd-rotating-tls";
const shapes = write(
  "Pulumi.shapes.yaml",
  `config:
  trustAnchorGenerations: '[1, 2]'
  signingGeneration: 2
  trustDomain: [a]
  certManagerValues: '{}'
  vaultIssuer: { secure: v1:abc }
  linkerdVizValues: {}
`,
);
/** One for each mistake: signingGeneration is right, as far as it can be known. */
const shapeFindings = ["trustDomain", "trustAnchorGenerations", "vaultIssuer", "certManagerValues"].map(
  (field) => ["setting-type", field],
);
const told = ({ rule, field }: Record<string, string>) => [rule, field];

/** Runs the command in this process; options that are given again win. */
const check = (...options: string[]) => inProcess(main, ...options);
/** With another kubeconfig. */
async function checkAt(kubeconfig: string, ...options: string[]) {
  const before = process.env.KUBECONFIG;
  process.env.KUBECONFIG = kubeconfig;
  try {
    return await check(...options);
  } finally {
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
  }
}
/** Runs it in a process of its own. */
const checkIn = (env: NodeJS.ProcessEnv, cwd: string | undefined, ...options: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
    const child = execFile(process.execPath, [program, ...options], { env, cwd }, (_, stdout, stderr) =>
      done({ code: child.exitCode!, stdout, stderr }),
    );
  });

suite("npm run -s check", () => {
  test("exits with 0 where nothing is wrong", async () => {
    assert.deepEqual(await checkIn(process.env, undefined, ...files), {
      code: 0,
      stdout: "All right: Linkerd can work with this.\n",
      stderr: "",
    });
    const { code, stdout } = await check(...files, "--json");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { verdict: "ok", findings: [], notes: [] });
  });

  test("exits with 1 where there are warnings only", async () => {
    const warned = [...files, "--json", "--trust-domain", "mesh.example"];
    const { code, stdout } = await checkIn(process.env, undefined, ...warned);
    assert.equal(code, 1);
    const { verdict, findings } = JSON.parse(stdout);
    assert.equal(verdict, "warning");
    assert.deepEqual(Object.keys(findings[0]), ["rule", "severity", "field", "message", "fix", "source"]);
    assert.deepEqual([findings[0].rule, findings[0].field], ["trust-domain", "--bundle"]);
    const cut = await check(...files, "--issuance-lifetime", "47h59m40s", "--clock-skew", "20s");
    assert.equal(cut.code, 1);
    assert.match(
      cut.stdout,
      /^Warning: --issuer: Certificate 1, .*\n {4}Fix: .*\n {4}Rule: issuer-outlives-leaves/,
    );
  });

  test("says whether two generations vouch for each other", async () => {
    const commonName = "root-2.linkerd.cluster.local";
    const year = { notAfter: hoursFromNow(8760) };
    const next = await authority({ commonName, notBefore: hoursFromNow(-0.5), ...year });
    const cross = await authority({ commonName, keys: next, signer: anchor, ...year });
    const below = await authority({ commonName: "identity.linkerd.cluster.local", signer: next });
    const pem = KeyObject.from(below.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
    const rotating = (...chain: readonly (typeof below)[]) => [
      ...["--bundle", write("both.pem", `${anchor.certificate}${next.certificate}`)],
      ...["--issuer", write("chain.pem", chain.map(({ certificate }) => certificate.toString()).join(""))],
      ...["--key", write("below.key", pem)],
    ];
    const accepted =
      'Proxies that trust only "root.linkerd.cluster.local" accept this issuer as well: ' +
      'the cross certificate of "root-2.linkerd.cluster.local" leads there.';
    const { code, stdout } = await check(...rotating(below, cross));
    assert.deepEqual([code, stdout], [0, `All right: Linkerd can work with this.\n${accepted}\n`]);
    const json = await check(...rotating(below, cross), "--json");
    assert.deepEqual(JSON.parse(json.stdout), { verdict: "ok", findings: [], notes: [accepted] });
    const refused = await check(...rotating(below));
    assert.equal(refused.code, 1);
    assert.match(
      refused.stdout,
      /^Warning: --bundle: .* no cross certificate leads to it: proxies .*\n.*\n.* anchors-vouch/,
    );
  });

  test("warns of an anchor that ends soon, in files and in a stack's settings, as early as is set", async () => {
    const ends = await authority({
      commonName: "root.linkerd.cluster.local",
      notBefore: hoursFromNow(120 - 87_600),
      notAfter: hoursFromNow(120),
    });
    const below = await authority({ commonName: "identity.linkerd.cluster.local", signer: ends });
    const pem = KeyObject.from(below.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
    const ending = [
      ...["--bundle", write("ending.pem", ends.certificate.toString())],
      ...["--issuer", write("below.pem", below.certificate.toString()), "--key", write("below.key", pem)],
    ];
    const { code, stdout } = await check(...ending);
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^Warning: --bundle: The anchor "root\S+ ends at .*\n.*Rotate it now.*\n.* anchor-ends-soon/,
    );
    assert.equal((await check(...ending, "--warn-before", "48h")).code, 0);
    assert.equal((await check(...ending, "--warn-before", "5d")).code, 2);
    const early = await check(...files, "--now", hoursFromNow(47).toISOString(), "--warn-before", "87600h");
    assert.doesNotMatch(early.stdout, /anchor-ends/, "it is in the first half of its life");
    const stack = (more: string) =>
      write(
        "Pulumi.ending.yaml",
        `config:
  identityIssuerSource: secret
  providedTrustAnchors: { "1": { certificateFile: ${join(directory, "ending.pem")} } }
${more}`,
      );
    const configured = await check("--config", stack(""), "--offline", "--json");
    assert.deepEqual(
      JSON.parse(configured.stdout).findings.map(({ rule, field }: Record<string, string>) => [rule, field]),
      [["anchor-ends-soon", "providedTrustAnchors.1.certificatePem"]],
    );
    assert.equal(configured.code, 1);
    assert.equal((await check("--config", stack("  trustAnchorWarnBefore: 48h\n"), "--offline")).code, 0);

    // The cluster has the same anchor in its bundle, which is the same finding.
    const api = await startApiServer();
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const inLinkerd = "/api/v1/namespaces/linkerd";
    api.objects = {
      [`${inLinkerd}/configmaps/linkerd-identity-trust-roots`]: {
        data: { "ca-bundle.crt": ends.certificate.toString() },
      },
      [`${inLinkerd}/secrets/linkerd-identity-issuer`]: {
        data: {
          "tls.crt": base64(below.certificate.toString()),
          "tls.key": base64(pem),
          "ca.crt": base64(ends.certificate.toString()),
        },
      },
    };
    const kubeconfig = `  kubeconfig: ${api.kubeconfig}\n`;
    const online = await check("--config", stack(kubeconfig), "--json");
    assert.deepEqual(JSON.parse(online.stdout).findings, JSON.parse(configured.stdout).findings);
    const cluster = await check("--config", write("Pulumi.cluster.yaml", `config:\n${kubeconfig}`), "--json");
    const [finding, ...more] = JSON.parse(cluster.stdout).findings;
    assert.deepEqual([finding.rule, more], ["anchor-ends-soon", []]);
    assert.match(finding.fix, /npm run -s rotate -- plan/);
  });

  test("exits with 2 where there are errors", async () => {
    const late = [...files, "--now", hoursFromNow(49).toISOString()];
    const { code, stdout } = await checkIn(process.env, undefined, ...late);
    assert.equal(code, 2);
    assert.match(stdout, /^Error: --issuer: .* expired at /);
  });

  test("loads neither Pulumi's SDK nor a Kubernetes client for files", async () => {
    const hook = write(
      "refuse.mjs",
      `import { registerHooks } from "node:module";
      registerHooks({
        resolve(specifier, context, next) {
          if (/^@(pulumi|kubernetes)\\//.test(specifier)) throw new Error("loaded: " + specifier);
          return next(specifier, context);
        },
      });`,
    );
    const refusing = { ...process.env, NODE_OPTIONS: `--import=${hook}` };
    assert.deepEqual((await checkIn(refusing, undefined, ...files)).code, 0);
    const stack = await checkIn(refusing, undefined, "--config", "Pulumi.dev.yaml");
    assert.match(stack.stderr, /loaded: @pulumi\//, "the hook works");
  });

  test("says which file cannot be read, without a stack", async () => {
    const { code, stdout, stderr } = await check(
      ...files,
      "--json",
      "--bundle",
      directory,
      "--key",
      "not/there",
    );
    assert.equal(code, 2);
    assert.equal(stderr, "");
    assert.deepEqual(
      JSON.parse(stdout).findings.map(({ rule, field }: Record<string, string>) => [rule, field]),
      [
        ["file-readable", "--bundle"],
        ["file-readable", "--key"],
      ],
    );
  });

  test("refuses options that make no sense, without a stack", async () => {
    for (const options of [
      ["--bundle", bundle],
      [...files, "--offline"],
      ["--trust-domain", "mesh.example"],
      ["--secret", "linkerd"],
      ["--secret", "linkerd/linkerd-identity-issuer", "--config", "Pulumi.dev.yaml"],
      [...files, "--now", "tomorrow"],
      [...files, "--now", "2026-02-31T00:00:00Z"],
      [...files, "--trust-domain", "Cluster.local"],
      [...files, "--issuance-lifetime", "1d"],
      [...files, "--clock-skew", "-1s"],
      ["--warn-before", "48h"],
      [...files, "--unknown"],
      [...files, "more"],
    ]) {
      const { code, stdout, stderr } = await check(...options);
      assert.deepEqual([code, stdout], [2, ""], options.join(" "));
      assert.match(stderr, /^error: [^\n]*\n$/, options.join(" "));
    }
  });

  test("checks a stack's file, of which it knows all but what is encrypted", async () => {
    const company = await authority({ commonName: "company", notAfter: hoursFromNow(87_600) });
    const given = write("company.pem", company.certificate.toString());
    const sound = write(
      "Pulumi.sound.yaml",
      `config:
  trustDomain: mesh.example
  linkerd-rotating-tls:signingGeneration: 1
  linkerd-rotating-tls:certManagerChartRepositoryPassword: { secure: v1:abc }
  certManagerChartRepositoryUsername: me
  certManagerChartRepository: https://charts.example.com
  other-project:key: [1]
  providedTrustAnchors:
    "1":
      certificateFile: ${given}
      privateKeyPem: { secure: v1:abc }
`,
    );
    assert.deepEqual(await check("--config", sound, "--offline"), {
      code: 0,
      stdout: "All right: Linkerd can work with this.\n",
      stderr: "",
    });
    const wrong = write(
      "Pulumi.wrong.yaml",
      "config:\n  signingGeneration: 2\n  protectTrustAnchors: maybe\n  trustDoman: mesh.example\n",
    );
    const { code, stdout } = await check("--config", wrong, "--offline", "--json");
    assert.equal(code, 2);
    assert.deepEqual(
      JSON.parse(stdout).findings.map(({ rule, field }: Record<string, string>) => [rule, field]),
      [
        ["setting-type", "protectTrustAnchors"],
        ["setting-name", "trustDoman"],
        ["signing-generation", "signingGeneration"],
      ],
    );
  });

  test("a key without a value is the empty string, as Pulumi has it", async () => {
    const empty = write("Pulumi.empty.yaml", "config:\n  trustDomain:\n  issuerDuration:\n");
    const { code, stdout } = await check("--config", empty, "--offline", "--json");
    assert.equal(code, 2);
    const [finding, ...more] = JSON.parse(stdout).findings;
    assert.deepEqual(more, []);
    assert.equal(finding.field, "issuerDuration");
    assert.match(finding.message, /it is empty/);
  });

  test("what is encrypted and decides which rules hold is a warning", async () => {
    const encrypted = write(
      "Pulumi.encrypted.yaml",
      "config:\n  linkerdControlPlaneChart: { secure: v1:abc }\n  highAvailability: { secure: v1:abc }\n",
    );
    const { code, stdout } = await check("--config", encrypted, "--offline", "--json");
    assert.equal(code, 1);
    assert.deepEqual(
      JSON.parse(stdout).findings.map(({ rule, field }: Record<string, string>) => [rule, field]),
      [
        ["setting-encrypted", "linkerdControlPlaneChart"],
        ["setting-encrypted", "highAvailability"],
      ],
    );
  });

  test("says why a stack's file cannot be read, and what it lacks", async () => {
    for (const [path, message] of [
      [write("Pulumi.not.yaml", "config: ["), "The file cannot be read: "],
      [join(directory, "not-there"), "The file cannot be read: ENOENT"],
      [directory, "The file cannot be read: EISDIR"],
      [write("Pulumi.list.yaml", "config: [1]"), "What config: holds is no map of settings."],
      [write("empty.yaml", ""), "The file is empty, and a stack's file is a map with config: in it."],
      [write("list.yaml", "- config"), "The file is a list, "],
      [write("text.yaml", "config"), "The file is a text, "],
      ["package.json", "The file has no config: at its top, as a stack's file has; it has name, version, "],
      [
        write("bare.yaml", "trustDomain: a"),
        "The file has no config: at its top, as a stack's file has; it has trustDomain.",
      ],
      ["Pulumi.yaml", "This is a project's file, and not one of its stacks'."],
      [
        write("alias.yaml", "config: { certManagerValues: &a { b: [*a] } }"),
        "The value of certManagerValues contains itself, ",
      ],
    ] as const) {
      const { code, stdout, stderr } = await check("--config", path);
      assert.deepEqual([code, stderr], [2, ""], path);
      assert.ok(stdout.startsWith(`Error: --config: ${message}`), stdout);
      assert.match(stdout, /^.*\n {4}Fix: .*\n {4}Rule: stack-readable.*\n$/);
    }
    const outside = await checkIn(process.env, directory, "--config", write("Pulumi.any.yaml", "config: {}"));
    assert.equal(outside.code, 2);
    assert.match(
      outside.stdout,
      /^Error: Pulumi\.yaml: The project's file cannot be read: There is no Pulumi\.yaml in \S+ or above it\.\n/,
    );
  });

  test("a stack's file that sets nothing is one, too", async () => {
    for (const text of ["config:", "config: {}", "encryptionsalt: v1:abc"]) {
      const { code } = await check("--config", write("Pulumi.nothing.yaml", text), "--offline");
      assert.equal(code, 0, text);
    }
  });

  test("says what the engine says of a text in place of a list, and the other way round", async () => {
    const { code, stdout } = await check("--config", shapes, "--offline", "--json");
    assert.equal(code, 2);
    assert.deepEqual(JSON.parse(stdout).findings.map(told), shapeFindings);
    // As Pulumi answers.
    const answer = JSON.stringify({
      [`${project}:trustAnchorGenerations`]: { value: "[1, 2]", secret: false },
      [`${project}:signingGeneration`]: { value: "2", secret: false },
      [`${project}:trustDomain`]: { value: '["a"]', objectValue: ["a"], secret: false },
      [`${project}:certManagerValues`]: { value: "{}", secret: false },
      [`${project}:vaultIssuer`]: { value: "{}", secret: true },
      [`${project}:linkerdVizValues`]: { value: "{}", objectValue: {}, secret: false },
    });
    chmodSync(write("pulumi", `#!/bin/sh\ncat <<'EOF'\n${answer}\nEOF\n`), 0o755);
    const environment = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
    for (const options of [["--offline"], []]) {
      const stack = await checkIn(environment, undefined, "--json", ...options);
      assert.equal(stack.code, 2);
      assert.deepEqual(JSON.parse(stack.stdout).findings.map(told).sort(), shapeFindings.toSorted());
    }
    rmSync(join(directory, "pulumi"));
  });

  test("gives the commands that set a list", async () => {
    const { stdout } = await check("--config", shapes, "--offline");
    assert.match(
      stdout,
      /Fix: .*: pulumi config set --path 'trustAnchorGenerations\[0\]' 1 && pulumi config set --path 'trustAnchorGenerations\[1\]' 2\n/,
    );
  });

  test("a cluster that cannot be looked at is a warning, unless none is to be", async () => {
    const sound = write("Pulumi.alone.yaml", "config: {}");
    const at = (server: string) =>
      write(
        `kubeconfig-${Buffer.from(server).toString("hex")}`,
        kubeconfigOf({ name: "one", server, user: {} }),
      );
    const closed = "https://127.0.0.1:9";
    for (const [kubeconfig, options, field, message] of [
      ["/not/there", [], "kubeconfig", /The kubeconfig \/not\/there does not exist: set KUBECONFIG /],
      [
        at(closed),
        ["--context", "two"],
        "--context",
        /Context "two" is not in the kubeconfig\. Its contexts: one\./,
      ],
      [at(closed), [], "kubeconfig", /looked at: https:\/\/127\.0\.0\.1:9 cannot be reached: /],
      [at("http://127.0.0.1:9"), [], "kubeconfig", /looked at: http:\/\/127\.0\.0\.1:9 cannot be reached: /],
      [
        at("127.0.0.1:9"),
        [],
        "kubeconfig",
        /The server of context "one" is "127\.0\.0\.1:9" in the kubeconfig/,
      ],
    ] as const) {
      const { code, stdout, stderr } = await checkAt(kubeconfig, "--config", sound, "--json", ...options);
      assert.deepEqual([code, stderr], [1, ""]);
      const { verdict, findings } = JSON.parse(stdout);
      assert.equal(verdict, "warning");
      assert.deepEqual(findings.map(told), [["cluster-unread", field]]);
      assert.match(findings[0].message, message);
    }
    const text = await checkAt("/not/there", "--config", sound);
    assert.equal(text.code, 1);
    assert.match(text.stdout, /^Warning: kubeconfig: The cluster could not be looked at: /);
    const offline = await checkAt("/not/there", "--config", sound, "--offline");
    assert.deepEqual(offline, { code: 0, stdout: "All right: Linkerd can work with this.\n", stderr: "" });
  });

  test("what is encrypted and says where to look is a warning, too", async () => {
    const encrypted = write("Pulumi.domain.yaml", "config: { trustDomain: { secure: v1:abc } }");
    const { code, stdout } = await check("--config", encrypted, "--json");
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(stdout).findings.map(told), [["cluster-unread", "kubeconfig"]]);
  });

  test("looks at a stack's own anchors at the time that is given", async () => {
    const provided = write(
      "Pulumi.provided.yaml",
      `config: { identityIssuerSource: secret, providedTrustAnchors: { "1": { certificateFile: ${bundle} } } }`,
    );
    assert.equal((await check("--config", provided, "--offline")).code, 0);
    const later = hoursFromNow(87_601).toISOString();
    const { code, stdout } = await check("--config", provided, "--offline", "--now", later);
    assert.equal(code, 2);
    assert.match(stdout, /^Error: providedTrustAnchors\.1\.certificatePem: .* expired at .*; the time is /);
  });

  test("says why a stack or a cluster cannot be asked", async () => {
    const environment = { ...process.env, PATH: directory };
    const missing = await checkIn(environment, undefined);
    assert.equal(missing.code, 2);
    assert.match(
      missing.stdout,
      /^Error: --stack: .*: pulumi is not on PATH\.\n {4}Fix: Install it; .*sandbox -- env/,
    );
    // As Pulumi answers.
    const answer = "#!/bin/sh\necho \"error: no stack named '$6' found\" >&2\nexit 255\n";
    chmodSync(write("pulumi", answer), 0o755);
    const stack = await checkIn(environment, undefined, "--stack", "none");
    assert.equal(stack.code, 2);
    assert.match(
      stack.stdout,
      /^Error: --stack none: pulumi config cannot read the stack: no stack named 'none' found\n/,
    );
    const kubeconfig = write("other", kubeconfigOf({ name: "one", server: "https://one", user: {} }));
    const secret = ["--secret", "linkerd/linkerd-identity-issuer", "--context", "none"];
    const cluster = await checkAt(kubeconfig, ...secret);
    assert.equal(cluster.code, 2);
    assert.match(
      cluster.stdout,
      /^Error: --secret linkerd\/linkerd-identity-issuer: Context "none" is not in/,
    );
  });

  test("explains itself", async () => {
    const { code, stdout } = await checkIn(process.env, undefined, "--help");
    assert.equal(code, 0);
    assert.match(stdout, /Exit code: 0 .* 1 .* 2 /);
  });

  test("never shows a key, wherever one was put", async () => {
    const secret = keyPem.split("\n")[1]!;
    for (const option of ["--bundle", "--issuer", "--key"]) {
      for (const json of [[], ["--json"]]) {
        const cut = write("cut.pem", keyPem.slice(0, -20));
        for (const path of [key, cut]) {
          const { stdout, stderr } = await check(...files, option, path, ...json);
          assert.ok(!(stdout + stderr).includes(secret));
        }
      }
    }
  });

  test("takes any bytes", async () => {
    const bytes = write(
      "bytes",
      Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => (index * 7919) % 256)),
    );
    const all = ["--bundle", bytes, "--issuer", bytes, "--key", bytes];
    const { code, stderr } = await checkIn(process.env, undefined, ...all);
    assert.deepEqual([code, stderr], [2, ""]);
  });
});
