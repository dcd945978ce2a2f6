/** What runs inside the machine: upstream's programs, with their arguments and configuration files. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { images } from "./images.ts";
import {
  apiServerPort,
  machineAddress,
  nodeName,
  podCidr,
  runtimeDirectory,
  serviceCidr,
} from "./network.ts";

export interface Component {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

export const runtimeSocket = join(runtimeDirectory, "runtime.sock");
export const egressSocket = join(runtimeDirectory, "egress.sock");

/** Requests a second that a control loop may send: Kubernetes' own defaults are for clusters with many other clients. */
const clientLimits = ["--kube-api-qps=500", "--kube-api-burst=1000"];

const etcdAddress = "https://127.0.0.1:2379";

/** Paths of files of the sandbox in `directory`. */
const filesOf = (directory: string) => ({
  program: (name: string) => join(directory, "bin", name),
  pki: (file: string) => join(directory, "pki", file),
  configuration: (file: string) => join(directory, "configuration", file),
});

/** The programs of the machine, in the order in which they start, for the sandbox in `directory`. */
export function components(directory: string) {
  const { program, pki, configuration } = filesOf(directory);
  const kubeconfig = (user: string) => configuration(`${user}.kubeconfig`);
  const component = (name: string, ...args: string[]): Component => ({
    name,
    command: [program(name), ...args],
  });

  const etcd = component(
    "etcd",
    `--data-dir=${join(directory, "etcd")}`,
    `--listen-client-urls=${etcdAddress}`,
    `--advertise-client-urls=${etcdAddress}`,
    "--listen-peer-urls=https://127.0.0.1:2380",
    `--cert-file=${pki("etcd.crt")}`,
    `--key-file=${pki("etcd.key")}`,
    `--trusted-ca-file=${pki("ca.crt")}`,
    "--client-cert-auth",
    `--peer-cert-file=${pki("etcd.crt")}`,
    `--peer-key-file=${pki("etcd.key")}`,
    `--peer-trusted-ca-file=${pki("ca.crt")}`,
    "--peer-client-cert-auth",
    // A crash of the host may lose the sandbox's last moments; in exchange every write is several times faster.
    "--unsafe-no-fsync",
    "--log-level=warn",
  );
  const apiServer = component(
    "kube-apiserver",
    `--etcd-servers=${etcdAddress}`,
    `--etcd-cafile=${pki("ca.crt")}`,
    `--etcd-certfile=${pki("etcd.crt")}`,
    `--etcd-keyfile=${pki("etcd.key")}`,
    `--secure-port=${apiServerPort}`,
    `--advertise-address=${machineAddress}`,
    `--tls-cert-file=${pki("kube-apiserver.crt")}`,
    `--tls-private-key-file=${pki("kube-apiserver.key")}`,
    `--client-ca-file=${pki("ca.crt")}`,
    `--kubelet-certificate-authority=${pki("ca.crt")}`,
    `--kubelet-client-certificate=${pki("kube-apiserver-kubelet-client.crt")}`,
    `--kubelet-client-key=${pki("kube-apiserver-kubelet-client.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
    `--requestheader-client-ca-file=${pki("front-proxy-ca.crt")}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${pki("front-proxy-client.crt")}`,
    `--proxy-client-key-file=${pki("front-proxy-client.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${pki("service-account.pub")}`,
    `--service-account-signing-key-file=${pki("service-account.key")}`,
    `--service-cluster-ip-range=${serviceCidr}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged",
    `--egress-selector-config-file=${configuration("egress.json")}`,
  );
  const controllerManager = component(
    "kube-controller-manager",
    `--kubeconfig=${kubeconfig("kube-controller-manager")}`,
    `--service-account-private-key-file=${pki("service-account.key")}`,
    `--root-ca-file=${pki("ca.crt")}`,
    "--use-service-account-credentials",
    "--leader-elect=false",
    "--secure-port=0",
    ...clientLimits,
  );
  const scheduler = component(
    "kube-scheduler",
    `--kubeconfig=${kubeconfig("kube-scheduler")}`,
    "--leader-elect=false",
    "--secure-port=0",
    ...clientLimits,
  );
  const processRuntime = component(
    "process-runtime",
    "serve",
    `--socket=${runtimeSocket}`,
    `--state=${join(runtimeDirectory, "runtime")}`,
    `--images=${configuration("images.json")}`,
    "--bridge=pods",
    `--pod-cidr=${podCidr}`,
    `--gateway=${machineAddress}`,
    `--api-server=${machineAddress}:${apiServerPort}`,
  );
  const kubelet = component(
    "kubelet",
    `--config=${configuration("kubelet.json")}`,
    `--kubeconfig=${kubeconfig("kubelet")}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${machineAddress}`,
    // Kubelets before 1.27 do not read it from their configuration.
    `--container-runtime-endpoint=unix://${runtimeSocket}`,
  );
  // Only a sandbox that was asked for it has it.
  const kwok = component(
    "kwok",
    `--kubeconfig=${kubeconfig("admin")}`,
    `--config=${program("kwok-stages.yaml")}`,
    "--manage-all-nodes=false",
    "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
    "--node-lease-duration-seconds=40",
  );
  return { etcd, apiServer, controllerManager, scheduler, processRuntime, kubelet, kwok };
}

/** Writes the configuration files that `components` names. */
export async function writeConfiguration(directory: string): Promise<void> {
  const { program, pki, configuration } = filesOf(directory);
  await mkdir(configuration(""), { recursive: true, mode: 0o700 });
  const write = (file: string, content: unknown) =>
    writeFile(configuration(file), JSON.stringify(content, undefined, 2), { mode: 0o600 });

  for (const user of ["admin", "kube-controller-manager", "kube-scheduler", "kubelet"]) {
    const server = `https://127.0.0.1:${apiServerPort}`;
    await write(`${user}.kubeconfig`, kubeconfig("sandbox", server, directory, user));
  }
  await write("egress.json", {
    apiVersion: "apiserver.k8s.io/v1beta1",
    kind: "EgressSelectorConfiguration",
    egressSelections: [
      {
        name: "cluster",
        connection: { proxyProtocol: "HTTPConnect", transport: { uds: { udsName: egressSocket } } },
      },
      { name: "controlplane", connection: { proxyProtocol: "Direct" } },
      { name: "etcd", connection: { proxyProtocol: "Direct" } },
    ],
  });
  await write("kubelet.json", {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: { x509: { clientCAFile: pki("ca.crt") } },
    tlsCertFile: pki("kubelet.crt"),
    tlsPrivateKeyFile: pki("kubelet.key"),
    // A changed Secret reaches its volume when the kubelet's watch sees it, not a minute later.
    configMapAndSecretChangeDetectionStrategy: "Watch",
    syncFrequency: "2s",
    maxPods: 250,
    kubeAPIQPS: 500,
    kubeAPIBurst: 1000,
    resolvConf: "",
    clusterDNS: [machineAddress],
    clusterDomain: "cluster.local",
    // The machine is a guest: it has no control groups, swap or disk quota of its own to manage.
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    failCgroupV1: false,
    localStorageCapacityIsolation: false,
    evictionHard: {},
    imageGCHighThresholdPercent: 100,
    featureGates: { KubeletInUserNamespace: true },
  });
  await write(
    "images.json",
    images.map((image) => {
      const [name, ...args] = image.program ?? [];
      return name === undefined ? image : { ...image, program: [program(name), ...args] };
    }),
  );
}

/**
 * A kubeconfig whose user is one of the sandbox's certificates; it names key files and holds none. All in it has the
 * context's name, so that those of several sandboxes can be merged.
 */
export function kubeconfig(name: string, server: string, directory: string, user: string) {
  const { pki } = filesOf(directory);
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server, "certificate-authority": pki("ca.crt") } }],
    users: [{ name, user: { "client-certificate": pki(`${user}.crt`), "client-key": pki(`${user}.key`) } }],
  };
}
