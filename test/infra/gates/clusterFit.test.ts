import assert from "node:assert/strict";
import { test } from "node:test";
import type { LinkerdControlPlaneSettings } from "../../../components/linkerdControlPlane.ts";
import { checkFitOf } from "../../../infra/gates/clusterFit.ts";
import type { Kubectl } from "../../../infra/gates/kubectl.ts";

const controlPlane = { name: "linkerd-control-plane", namespace: "mesh" };
const httpRoutes = "httproutes.gateway.networking.k8s.io";
const others = ["grpcroutes", "tcproutes", "tlsroutes"].map((name) => `${name}.gateway.networking.k8s.io`);

const version = (linkerdControlPlaneChartVersion: string): LinkerdControlPlaneSettings => ({
  linkerdControlPlaneChartVersion,
});
const installing: LinkerdControlPlaneSettings = { ...version("2025.4.1"), installGatewayApi: true };

/** A cluster of one minor version, with definitions: each a name and, after a space, its release. */
const cluster =
  (minor: string, definitions: readonly string[] = []): Kubectl =>
  async (...args) =>
    args.includes("--raw")
      ? JSON.stringify({ major: "1", minor, gitVersion: `v1.${Number.parseInt(minor, 10)}.0` })
      : definitions
          .filter((line) => args.includes(line.split(" ")[0]!))
          .map((line) => `${line}\n`)
          .join("");

test("the first and the last version of Kubernetes pass, their neighbours are refused", async () => {
  const legacy = { linkerdControlPlaneChart: "linkerd2", ...version("2.10.2") };
  const linkerd2 = { ...controlPlane, name: "linkerd2" };
  for (const minor of ["16", "24"]) await checkFitOf(cluster(minor), legacy, linkerd2);
  const tooNew =
    /Linkerd 2\.10 needs Kubernetes 1\.16 to 1\.24, and the cluster runs v1\.25\.0: it always has a PodSec/;
  await assert.rejects(checkFitOf(cluster("25"), legacy, linkerd2), tooNew);
  await assert.rejects(checkFitOf(cluster("15"), legacy, linkerd2), /runs v1\.15\.0/);
  await checkFitOf(cluster("31+", [`${httpRoutes} /`]), {}, controlPlane);
  await assert.rejects(
    checkFitOf(cluster("30+", [`${httpRoutes} /`]), {}, controlPlane),
    /needs Kubernetes 1\.31 or newer, and the cluster runs v1\.30\.0\./,
  );
});

test("definitions of the Gateway API that are someone else's are refused, each with its owner", async () => {
  const found = [`${httpRoutes} traefik/traefik-crds`, `${others[0]} /`];
  await assert.rejects(checkFitOf(cluster("31", found), installing, controlPlane), ({ message }: Error) => {
    assert.match(message, /^2 settings are not right/);
    assert.match(
      message,
      /httproutes\S+ is on the cluster already, from the Helm release traefik\/traefik-crds/,
    );
    assert.match(message, /grpcroutes\S+ is on the cluster already, not from a Helm release/);
    return true;
  });
  await assert.rejects(
    checkFitOf(cluster("31", found), installing, { ...controlPlane, name: "linkerd-crds" }),
  );
  await checkFitOf(cluster("31", found), { ...installing, installGatewayApi: false }, controlPlane);
});

test("definitions that this release would delete, and every route with them, are refused unless Helm keeps them", async () => {
  const own = `${httpRoutes} mesh/linkerd-crds`;
  for (const settings of [
    { ...installing, installGatewayApi: false },
    version("1.12.7"),
    version("2024.5.1"),
  ]) {
    await assert.rejects(
      checkFitOf(cluster("31", [`${own} `, `${others[0]} /`]), settings, controlPlane),
      ({ message }: Error) => {
        assert.match(
          message,
          /release mesh\/linkerd-crds has installed httproutes\S+, and would now delete that/,
        );
        assert.match(
          message,
          /kubectl annotate customresourcedefinition httproutes\S+ helm\.sh\/resource-policy=keep/,
        );
        assert.doesNotMatch(message, /grpcroutes/);
        return true;
      },
    );
    await checkFitOf(cluster("31", [`${own} keep`]), settings, controlPlane);
  }
  // A part of them goes as well where another chart installs less.
  const older = { ...version("2024.5.1"), installGatewayApi: true };
  const tcpRoutes = [`${httpRoutes} mesh/linkerd-crds `, `${others[1]} mesh/linkerd-crds `];
  await assert.rejects(checkFitOf(cluster("31", tcpRoutes), older, controlPlane), /has installed tcproutes/);
});

test("definitions of this release pass, and so do those that an older Linkerd does not install", async () => {
  const own = [httpRoutes, ...others].map((name) => `${name} mesh/linkerd-crds`);
  await checkFitOf(cluster("31", own), installing, controlPlane);
  await checkFitOf(cluster("31"), installing, controlPlane);
  const older = { ...version("2024.5.1"), installGatewayApi: true };
  await checkFitOf(cluster("31", [`${others[0]} /`]), older, controlPlane);
});

test("another release, and a cluster that cannot be asked, are no reason to stop", async () => {
  await checkFitOf(cluster("12"), {}, { ...controlPlane, name: "cert-manager" });
  await checkFitOf(() => Promise.reject(new Error("spawn kubectl ENOENT")), installing, controlPlane);
});
