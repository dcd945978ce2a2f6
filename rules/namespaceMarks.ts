/**
 * Labels and annotations that each part of a mesh needs on its namespace, from the start: webhooks and trust-manager select
 * by them, and a namespace that is labelled after the installation never gets its bundle.
 */
import { controlPlaneLabel, withoutWebhooks } from "./linkerdNames.ts";

/** Label with the pod-security level that is enforced in a namespace. */
const podSecurityLabel = "pod-security.kubernetes.io/enforce";

/** As the charts' own templates have them, which they render for the `linkerd` command alone. */
export const namespaceMarks = {
  controlPlane: <Text>(namespace: Text, level: Text) => ({
    labels: {
      "linkerd.io/is-control-plane": "true",
      ...withoutWebhooks,
      [controlPlaneLabel]: namespace,
      [podSecurityLabel]: level,
    },
    annotations: { "linkerd.io/inject": "disabled" },
  }),
  certManager: () => ({
    // After an outage the injector's certificate may have ended. With failurePolicy Fail, cert-manager's own pods would
    // then wait for an injector that waits for cert-manager. The chart leaves out the name `cert-manager` alone.
    labels: withoutWebhooks,
  }),
  cni: () => ({
    labels: {
      "linkerd.io/cni-resource": "true",
      ...withoutWebhooks,
      // The plugin is copied to the node's own folders.
      [podSecurityLabel]: "privileged",
    },
  }),
  viz: <Text>(level: Text) => ({
    labels: {
      "linkerd.io/extension": "viz",
      // The chart's own Job would set the same: it looks whether the control plane has a CNI plugin.
      [podSecurityLabel]: level,
    },
  }),
};
