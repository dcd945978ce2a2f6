/** The rules about a cluster and the mesh that runs there. */
import type { Rule } from "../finding.ts";

const identity = "linkerd2 pkg/identity/service.go";
const reload = "linkerd2 pkg/tls/creds_watcher.go";
const certificateStatus = "cert-manager pkg/apis/certmanager/v1/types_certificate.go CertificateStatus";
const proxyAnchors = "linkerd2-proxy app/src/env: a proxy reads its anchors once, when it starts";
const reissueWebhook = "Let cert-manager, or an upgrade of the chart, issue the webhook's certificate again.";

export const meshRules = {
  "cluster-readable": {
    demand:
      "The cluster can be reached, and shows the Secrets and ConfigMaps of the control plane's namespace.",
    fix: "Name a cluster that answers, and the namespace of its control plane; check your permissions there.",
    source: "npm run check --secret",
  },
  "cluster-unread": {
    severity: "warning",
    demand: "A stack is checked together with what its cluster holds.",
    fix: "Name a cluster that answers and lets Secrets and ConfigMaps of the control plane's namespace be read; or look at none: --offline.",
    source: "npm run check",
  },
  "kubernetes-version": {
    demand: "The cluster's Kubernetes version is one that the Linkerd chart supports.",
    fix: "Choose a Linkerd version that fits (docs/versions.md), or another cluster.",
    source: "docs/versions.md: kubeVersion and the API versions of linkerd2's charts",
  },
  "guard-kubernetes": {
    demand: "The cluster's Kubernetes has admission policies if the mesh's credentials are to be guarded.",
    fix: "Set guard.install to false, or upgrade the cluster.",
    source: "Kubernetes 1.30: admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy",
  },
  "guard-controller": {
    demand:
      "The guard lets in the cert-manager and the trust-manager of someone else's that write the mesh's credentials.",
    fix: "Name their ServiceAccounts.",
    source: "this program: the guard knows the ServiceAccounts of cert-manager's namespace",
  },
  "guard-emergency": {
    severity: "warning",
    demand: "No guarded object lets itself be written by hand for longer than an emergency lasts.",
    fix: "Take the annotation linkerd-rotating-tls/emergency off.",
    source: "this program: the guard lets anyone write an object that has it (docs/guardrails.md)",
  },
  "object-exists": {
    demand: "What this program makes is not there already, unless this stack has made it.",
    fix: "If it is this stack's, which has lost its state, or to be: npm run -s adopt. Else choose another namespace; or delete the object, if nobody needs it.",
    source:
      "pulumi-kubernetes 4.25: a create takes over an object that exists, and the next destroy deletes it",
  },
  "definitions-owner": {
    demand: "The definitions of cert-manager and Linkerd belong to the releases that install them.",
    fix: "Use what is there, or remove it first.",
    source: "helm: an object belongs to one release, which its annotations name",
  },
  "setting-kept": {
    demand: "A setting stays as it is if its change would replace what a running mesh lives on.",
    fix: "Set it back; or remove the mesh first (docs/changes.md).",
    source: "this program: every pod of the mesh would have to be restarted at once",
  },
  "namespace-exists": {
    demand: "A namespace that this program is not to make exists.",
    fix: "Make it first, or let this program make it.",
    source: "this program: createNamespace",
  },
  "own-namespace": {
    demand: "A namespace that this stack has made is not turned into someone else's.",
    fix: "Let the stack keep it.",
    source: "this program: the namespace would be deleted, with everything in it",
  },
  "namespace-labels": {
    demand: "A namespace that was there before has the labels that are needed, or none in their place.",
    fix: "Change the label, or choose another namespace.",
    source: "Kubernetes: server-side apply refuses a field that someone else keeps",
  },
  "gateway-api-owner": {
    demand: "Linkerd's charts install the Gateway API only if nothing else has.",
    fix: "Set crds.installGatewayApi to false: Linkerd uses the definitions that are there.",
    source: "helm: an object belongs to one release, which its annotations name",
  },
  "gateway-api-removed": {
    demand: "No update deletes the Gateway API's definitions, and with them every route of the cluster.",
    fix: "Annotate the definitions with helm.sh/resource-policy=keep, or delete them yourself if nobody uses them.",
    source: "helm upgrade deletes what a chart no longer has, unless helm.sh/resource-policy is keep",
  },
  "gateway-api-absent": {
    severity: "warning",
    demand: "The Gateway API's definitions are on the cluster if Linkerd looks for them.",
    fix: "Install the Gateway API, or set crds.installGatewayApi to true.",
    source: "linkerd check looks for the Gateway API's definitions",
  },
  "prometheus-operator": {
    demand: "The Prometheus Operator's definitions are on the cluster if alerts are to be installed.",
    fix: "Install the Prometheus Operator first, such as by kube-prometheus-stack; or set alerts.install to false.",
    source: "a PrometheusRule and a PodMonitor are of its API group, monitoring.coreos.com",
  },
  "signer-trusted": {
    demand:
      "An anchor signs only if the running mesh has it in its bundle, or one there that vouches for it.",
    fix: "List it beside the one that signs now, which then vouches for it if trustAnchor.crossSign is true and its key is at hand. Without that: let the old one go on signing, and run pulumi up; restart the meshed pods; then let the new one sign, and run pulumi up again.",
    source: "Linkerd's identity controller and its proxies read the bundle once, when they start",
  },
  "signer-accepted": {
    demand:
      "Every pod of the mesh was started with the anchor that is to sign, or with one that vouches for it.",
    fix: "Wait until these pods have been restarted, or restart them (kubectl rollout restart); npm run -s rotate -- plan lists them. Until then, leave the older generation in the list, and trustAnchor.crossSign true.",
    source: "linkerd2-proxy app/src/env/identity.rs: a proxy reads its anchors once, when it starts",
  },
  "rotation-allowance": {
    demand: "A generation that begins to vouch for the next one lasts until the rotation is done.",
    fix: "If every pod of the mesh will have been restarted by then, set trustAnchor.rotationAllowance to that time. Else rotate without cross certificates: set trustAnchor.crossSign to false; let the new generation join the bundle first, restart the meshed pods, and then let it sign.",
    source: "linkerd2 pkg/identity/service.go: no proxy's certificate outlives the issuer's chain",
  },
  "one-new-generation": {
    demand: "One generation of the trust anchor at a time joins the running mesh's bundle.",
    fix: "Add one, and finish its rotation before the next: npm run -s rotate -- plan.",
    source: "Linkerd's identity controller and its proxies read the bundle once, when they start",
  },
  "anchor-needed": {
    demand:
      "An anchor leaves the running mesh's bundle only when every proxy has a certificate that leads to one that stays.",
    fix: "Wait until these proxies have renewed their certificates; npm run -s rotate -- plan lists them. Until then, leave the generation in the list.",
    source: "linkerd2-proxy linkerd/meshtls: whoever does not trust a certificate's anchor refuses it",
  },
  "anchor-protected": {
    demand: "An anchor leaves the running mesh's bundle only after its protection has been lifted.",
    fix: "Set trustAnchor.protect to false and run pulumi up while it is still listed; then take it out, and run pulumi up again. Another root is another generation.",
    source: "Pulumi refuses to delete or replace what is protected, when it has changed all else",
  },
  "anchor-made-once": {
    demand: "A generation of the trust anchor that the running mesh has is not made a second time.",
    fix: "Leave out --replace: the next anchor is the next generation, npm run -s rotate -- begin. If the stack's state has lost this one, bring the state back (pulumi stack import), or take in what is there: npm run -s adopt.",
    source: "Linkerd's identity controller and its proxies read the bundle once, when they start",
  },
  "signer-trial": {
    demand: "An issuer that is to sign the identity issuer signs one on trial first.",
    fix: "Let it sign: its log and cert-manager's say why it does not; what cert-manager approves by itself is in approveSignerNames. This user needs create, get and delete on CertificateRequests of the control plane's namespace.",
    source: "cert-manager writes what an issuer answers into the Secret that the mesh uses",
  },
  "admission-deadlock": {
    severity: "warning",
    demand:
      "Where no pod is admitted without the injector, the namespaces that it depends on are left out of that.",
    fix: "Label the namespace config.linkerd.io/admission-webhooks=disabled.",
    source: "linkerd2 charts: the injector's namespaceSelector; linkerd check looks for it on kube-system",
  },
  "issuer-exists": {
    demand: "Every issuer that signs for the mesh exists.",
    fix: "Create it, and run pulumi up again; or correct name, kind and group.",
    source: "cert-manager pkg/apis/certmanager/v1/types_certificate.go IssuerRef",
  },
  "vault-login": {
    demand: "The Secret with which cert-manager logs in to Vault exists, and has the key that is named.",
    fix: "Write it with kubectl create secret, and run pulumi up again.",
    source: "cert-manager pkg/apis/certmanager/v1/types_issuer.go VaultAuth",
  },
  "stored-certificate": {
    demand: "The Secrets of the identity issuer and of the webhooks hold certificates that can be read.",
    fix: "Ask cert-manager why it has not written the Secret: kubectl describe certificate.",
    source: "linkerd2 charts: the control plane mounts these Secrets",
  },
  "certificate-issued": {
    demand: "cert-manager's last attempt to issue a certificate has not failed.",
    fix: "Ask cert-manager why it failed: kubectl describe certificate.",
    source: `${certificateStatus} FailedIssuanceAttempts`,
  },
  "certificate-ready": {
    demand: "Every Certificate is Ready, or is being issued.",
    fix: "Ask cert-manager why it is not: kubectl describe certificate.",
    source: `${certificateStatus} Conditions`,
  },
  "certificate-renewed": {
    demand: "Every Certificate is renewed when its time has come.",
    fix: "Is cert-manager running? kubectl get pods --all-namespaces --selector app.kubernetes.io/name=cert-manager",
    source: `${certificateStatus} RenewalTime`,
  },
  "certificate-exists": {
    severity: "warning",
    demand: "The Certificate for which cert-manager has written a Secret of the mesh exists.",
    fix: "Bring the Certificate back: pulumi up --refresh. With identityIssuer.source: secret, have the Secret written anew.",
    source: "cert-manager renews a Secret for its Certificate alone",
  },
  "issuer-ready": {
    demand: "Every issuer that signs for the mesh is Ready.",
    fix: "Ask cert-manager why it is not: kubectl describe issuer.",
    source: "cert-manager pkg/apis/certmanager/v1/types_issuer.go IssuerConditionReady",
  },
  "issuer-secret": {
    demand: "The Secret with which an issuer signs or logs in exists, with its keys.",
    fix: "Bring the Secret back. If this program has made it: pulumi up --refresh.",
    source: "cert-manager pkg/apis/certmanager/v1/types_issuer.go CAIssuer, VaultAuth",
  },
  "cert-manager-running": {
    demand:
      "cert-manager's controller, webhook and cainjector are running, if anything of the mesh is its to renew.",
    fix: "See why they are not: kubectl get pods --all-namespaces --selector app.kubernetes.io/instance=cert-manager",
    source: "cert-manager's chart: three Deployments, without which nothing is issued",
  },
  "status-known": {
    severity: "warning",
    demand: "Whoever asks for the status may look at all that it is told by.",
    fix: "Let this user read what is named (docs/status.md), or ask as another one.",
    source: "npm run status",
  },
  "webhook-name": {
    demand: "A webhook's certificate is for the name by which the API server calls it.",
    fix: reissueWebhook,
    source: "Kubernetes calls a webhook by the name of its Service",
  },
  "webhook-chain": {
    demand: "A webhook's certificate leads to the caBundle of its configuration.",
    fix: reissueWebhook,
    source: "Go crypto/x509 Verify, with which the API server verifies webhooks",
  },
  "webhook-served": {
    demand:
      "Every pod of a webhook answers the API server with the certificate that is in its Secret, as soon as the kubelet has delivered it.",
    fix: "Restart the webhook's Deployment: kubectl rollout restart.",
    source: "linkerd2 controller/webhook: the server reads its certificate again when its volume changes",
  },
  "controller-running": {
    demand: "An identity controller is running.",
    fix: "See why none is: kubectl describe deployment linkerd-identity.",
    source: "linkerd2 charts: the Deployment linkerd-identity",
  },
  "controller-answers": {
    demand: "Every identity controller signs a certificate when it is asked for one.",
    fix: "See the controller's log, and whether this user may ask it.",
    source: `${identity} Certify`,
  },
  "controller-anchors": {
    demand: "Every identity controller was started with the trust anchors that the mesh has now.",
    fix: "Restart the control plane before the issuer is renewed: pulumi up does, since the bundle has changed.",
    source: "linkerd2 controller/cmd/identity/main.go reads the anchors once, at its start",
  },
  "leaf-life": {
    demand: "Identity signs leaves that live as long as it is told to.",
    fix: "Renew what ends first in their chain.",
    source: `${identity}: a leaf ends with the first certificate of its chain that ends`,
  },
  "pods-accept-issuer": {
    demand: "Every meshed pod trusts an anchor to which the leaves lead that identity hands out.",
    fix: "Restart the pods: npm run -s status -- --fix.",
    source: `${proxyAnchors}; it refuses every pod whose leaf leads elsewhere, and its own next leaf`,
  },
  "pods-hold-anchor": {
    severity: "warning",
    demand: "Every meshed pod was started with one of the anchors that the mesh has now.",
    fix: "Restart the pods before the cross certificate ends by which they still accept what is signed.",
    source: proxyAnchors,
  },
  "pods-bundle-known": {
    severity: "warning",
    demand: "Which anchors a meshed pod was started with can be told.",
    fix: "Restart the pods, which then carry the hash of their bundle; or let this user read them.",
    source: "linkerd2 pkg/inject: the annotation linkerd.io/trust-root-sha256",
  },
  "pods-read-bundle": {
    demand: "A proxy can read every certificate of the bundle that it was started with.",
    fix: "Mend the bundle (npm run -s check says what is wrong with it), and restart the pods.",
    source:
      "linkerd2-proxy: it warns of invalid trust anchors in its log, skips them, and runs with the others",
  },
  "leaf-ended": {
    demand: "No proxy has a leaf that has ended.",
    fix: "Restart the pods: npm run -s status -- --fix. Nothing else helps, however healthy identity is.",
    source:
      "linkerd2-proxy: identity's own proxy refuses an ended leaf, with which a new one would have to be asked for",
  },
  "leaf-trusted": {
    demand: "Every proxy's leaf leads to one of the mesh's anchors.",
    fix: "Restart the pods: npm run -s status -- --fix.",
    source: proxyAnchors,
  },
  "leaf-refreshed": {
    severity: "warning",
    demand: "Every proxy refreshes its leaf when 70 % of its life is over, and no refresh fails.",
    fix: "See the proxy's log, and whether identity answers (above); the pod has to be restarted once its leaf has ended.",
    source: "linkerd2-proxy linkerd/proxy/identity-client: control_identity_cert_refreshes_total",
  },
  "leaf-known": {
    severity: "warning",
    demand: "A proxy that is ready shows its leaf on its admin port.",
    fix: "See the proxy's log. To ask it, a user needs get on pods, and get and create on pods/portforward, in every namespace.",
    source: "linkerd2 cli/cmd/identity.go reads it there",
  },
  "issuer-loaded": {
    demand: "Every identity controller has loaded the issuer that is in the Secret.",
    fix: "Wait two minutes for the kubelet; if it lasts, restart the controller.",
    source: reload,
  },
  "issuer-refused": {
    demand: "No identity controller has refused the issuer that is in the Secret.",
    fix: "Mend what the event IssuerUpdateSkipped says, and restart the controller.",
    source: `${reload}: the event IssuerUpdateSkipped`,
  },
} as const satisfies Readonly<Record<string, Rule>>;
