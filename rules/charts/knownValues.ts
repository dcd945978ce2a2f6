/** Written by docs/chartValues.ts: the values of each chart, and the versions that have them if not all do. */
interface KnownValues {
  readonly oldest: string;
  readonly newest: string;
  /** One path a line, with a range of versions; anything goes below it. */
  readonly values: string;
}

// biome-ignore format: one path a line
export const knownValues: Readonly<Record<string, KnownValues>> = {
  "linkerd2": { oldest: "2.10.0", newest: "2.11.5", values: `
addRootAnnotations
addRootInitContainers
addRootLabels
addRootMetadata
addRootVolumes
annotations
cliVersion
clusterDomain
clusterNetworks
cniEnabled
cniPluginVersion
controlPlaneTracing
controlPlaneTracingNamespace
controllerImage
controllerImageVersion
controllerLogFormat
controllerLogLevel
controllerReplicas
controllerResources.cpu.limit
controllerResources.cpu.request
controllerResources.ephemeral-storage.limit
controllerResources.ephemeral-storage.request
controllerResources.memory.limit
controllerResources.memory.request
controllerUID
debugContainer.image.name
debugContainer.image.pullPolicy
debugContainer.image.version
destinationProxyResources
destinationResources.cpu.limit
destinationResources.cpu.request
destinationResources.ephemeral-storage.limit
destinationResources.ephemeral-storage.request
destinationResources.memory.limit
destinationResources.memory.request
disableHeartBeat
enableEndpointSlices
enableH2Upgrade
enablePSP >=2.11.0
enablePodAntiAffinity
enablePprof >=2.11.2
heartbeatResources.cpu.limit
heartbeatResources.cpu.request
heartbeatResources.ephemeral-storage.limit
heartbeatResources.ephemeral-storage.request
heartbeatResources.memory.limit
heartbeatResources.memory.request
heartbeatSchedule
identity.externalCA >=2.11.0
identity.issuer.clockSkewAllowance
identity.issuer.crtExpiry <2.11.1
identity.issuer.issuanceLifetime
identity.issuer.scheme
identity.issuer.tls.crtPEM
identity.issuer.tls.keyPEM
identityProxyResources
identityResources.cpu.limit
identityResources.cpu.request
identityResources.ephemeral-storage.limit
identityResources.ephemeral-storage.request
identityResources.memory.limit
identityResources.memory.request
identityTrustAnchorsPEM
identityTrustDomain
imagePullPolicy
imagePullSecrets
installNamespace
labels
linkerdVersion
namespace
nodeSelector
omitWebhookSideEffects <2.11.0
pathPrefix
podAnnotations
podLabels
policyController.defaultAllowPolicy >=2.11.0
policyController.image.name >=2.11.0
policyController.image.pullPolicy >=2.11.0
policyController.image.version >=2.11.0
policyController.logLevel >=2.11.0
policyController.resources.cpu.limit >=2.11.0
policyController.resources.cpu.request >=2.11.0
policyController.resources.ephemeral-storage.limit >=2.11.0
policyController.resources.ephemeral-storage.request >=2.11.0
policyController.resources.memory.limit >=2.11.0
policyController.resources.memory.request >=2.11.0
policyValidator.caBundle >=2.11.0
policyValidator.crtPEM >=2.11.0
policyValidator.externalSecret >=2.11.0
policyValidator.keyPEM >=2.11.0
policyValidator.namespaceSelector >=2.11.0
profileValidator.caBundle
profileValidator.crtPEM
profileValidator.externalSecret
profileValidator.keyPEM
profileValidator.namespaceSelector
proxy.await >=2.11.0
proxy.capabilities
proxy.component
proxy.cores
proxy.defaultInboundPolicy >=2.11.0
proxy.disableIdentity
proxy.enableExternalProfiles
proxy.image.name
proxy.image.pullPolicy
proxy.image.version
proxy.inboundConnectTimeout
proxy.isGateway
proxy.isIngress
proxy.loadTrustBundleFromConfigMap >=2.11.0
proxy.logFormat
proxy.logLevel
proxy.opaquePorts
proxy.outboundConnectTimeout
proxy.podInboundPorts >=2.11.0
proxy.ports.admin
proxy.ports.control
proxy.ports.inbound
proxy.ports.outbound
proxy.requireIdentityOnInboundPorts
proxy.requireTLSOnInboundPorts >=2.11.0
proxy.resources.cpu.limit
proxy.resources.cpu.request
proxy.resources.ephemeral-storage.limit
proxy.resources.ephemeral-storage.request
proxy.resources.memory.limit
proxy.resources.memory.request
proxy.saMountPath
proxy.uid
proxy.waitBeforeExitSeconds
proxyInit.capabilities
proxyInit.closeWaitTimeoutSecs
proxyInit.ignoreInboundPorts
proxyInit.ignoreOutboundPorts
proxyInit.image.name
proxyInit.image.pullPolicy
proxyInit.image.version
proxyInit.logFormat >=2.11.2
proxyInit.logLevel >=2.11.2
proxyInit.resources.cpu.limit
proxyInit.resources.cpu.request
proxyInit.resources.ephemeral-storage.limit
proxyInit.resources.ephemeral-storage.request
proxyInit.resources.memory.limit
proxyInit.resources.memory.request
proxyInit.runAsRoot >=2.11.2
proxyInit.saMountPath
proxyInit.skipSubnets >=2.11.2
proxyInit.xtMountPath.mountPath
proxyInit.xtMountPath.name
proxyInjector.caBundle
proxyInjector.crtPEM
proxyInjector.externalSecret
proxyInjector.keyPEM
proxyInjector.namespaceSelector
proxyInjectorProxyResources
proxyInjectorResources.cpu.limit
proxyInjectorResources.cpu.request
proxyInjectorResources.ephemeral-storage.limit
proxyInjectorResources.ephemeral-storage.request
proxyInjectorResources.memory.limit
proxyInjectorResources.memory.request
publicAPIProxyResources <2.11.0
publicAPIResources.cpu.limit <2.11.0
publicAPIResources.cpu.request <2.11.0
publicAPIResources.ephemeral-storage.limit <2.11.0
publicAPIResources.ephemeral-storage.request <2.11.0
publicAPIResources.memory.limit <2.11.0
publicAPIResources.memory.request <2.11.0
spValidatorProxyResources <2.11.0
spValidatorResources.cpu.limit
spValidatorResources.cpu.request
spValidatorResources.ephemeral-storage.limit
spValidatorResources.ephemeral-storage.request
spValidatorResources.memory.limit
spValidatorResources.memory.request
stage
tolerations
webhookFailurePolicy
` },
  "linkerd-control-plane": { oldest: "1.9.0", newest: "2026.8.3", values: `
addRootAnnotations
addRootInitContainers
addRootLabels
addRootMetadata
addRootVolumes
annotations
cliVersion
clusterDomain
clusterNetworks
cniEnabled
cniPluginVersion <1.9.7 || >=1.10.0 <1.11.3
commonLabels >=1.10.3
configReaders >=2025.6.2
controlPlaneTracing <2025.10.1
controlPlaneTracingNamespace <2025.10.1
controller.podDisruptionBudget.maxUnavailable >=2024.3.3
controller.tracing.collector.endpoint >=2025.10.1
controller.tracing.enabled >=2025.10.1
controllerGID >=2024.5.4
controllerImage
controllerImageVersion >=1.16.6 <1.17.0 || >=1.17.1
controllerLogFormat
controllerLogLevel
controllerReplicas
controllerResources.cpu.limit
controllerResources.cpu.request
controllerResources.ephemeral-storage.limit
controllerResources.ephemeral-storage.request
controllerResources.memory.limit
controllerResources.memory.request
controllerUID
debugContainer.image.name
debugContainer.image.pullPolicy
debugContainer.image.version
deploymentStrategy
destinationController.additionalArgs >=1.18.9
destinationController.additionalEnv >=1.18.9
destinationController.experimentalArgs >=1.18.4
destinationController.experimentalEnv >=1.18.4
destinationController.livenessProbe.timeoutSeconds >=2024.9.1
destinationController.meshedHttp2ClientProtobuf.keep_alive.interval.seconds >=2024.5.1
destinationController.meshedHttp2ClientProtobuf.keep_alive.timeout.seconds >=2024.5.1
destinationController.meshedHttp2ClientProtobuf.keep_alive.while_idle >=2024.5.1
destinationController.podAnnotations >=2025.1.1
destinationController.readinessProbe.timeoutSeconds >=2024.9.1
destinationProxyResources
destinationResources.cpu.limit
destinationResources.cpu.request
destinationResources.ephemeral-storage.limit
destinationResources.ephemeral-storage.request
destinationResources.memory.limit
destinationResources.memory.request
disableHeartBeat
disableIPv6 >=2024.4.1
egress.globalEgressNetworkNamespace >=2024.11.1
enableEndpointSlices
enableH2Upgrade
enablePSP
enablePodAntiAffinity
enablePodDisruptionBudget
enablePprof
heartbeat.additionalEnv >=1.18.9
heartbeat.experimentalEnv >=1.18.4
heartbeatResources.cpu.limit
heartbeatResources.cpu.request
heartbeatResources.ephemeral-storage.limit
heartbeatResources.ephemeral-storage.request
heartbeatResources.memory.limit
heartbeatResources.memory.request
heartbeatSchedule
highAvailability >=1.13.6
identity.additionalEnv >=1.18.9
identity.experimentalEnv >=1.18.4
identity.externalCA
identity.issuer.clockSkewAllowance
identity.issuer.issuanceLifetime
identity.issuer.scheme
identity.issuer.tls.crtPEM
identity.issuer.tls.keyPEM
identity.kubeAPI.clientBurst >=1.16.7 <1.17.0 || >=1.18.0
identity.kubeAPI.clientQPS >=1.16.7 <1.17.0 || >=1.18.0
identity.livenessProbe.timeoutSeconds >=2024.9.1
identity.podAnnotations >=2025.1.1
identity.readinessProbe.timeoutSeconds >=2024.9.1
identity.serviceAccountTokenProjection
identityProxyResources
identityResources.cpu.limit
identityResources.cpu.request
identityResources.ephemeral-storage.limit
identityResources.ephemeral-storage.request
identityResources.memory.limit
identityResources.memory.request
identityTrustAnchorsPEM
identityTrustDomain
image.version >=1.9.7 <1.10.0 || >=1.11.3
imagePullPolicy
imagePullSecrets
kubeAPI.clientBurst >=1.16.7 <1.17.0 || >=1.18.0
kubeAPI.clientQPS >=1.16.7 <1.17.0 || >=1.18.0
labels
linkerdVersion
networkValidator.connectAddr >=1.10.2
networkValidator.enableSecurityContext >=1.14.0
networkValidator.listenAddr >=1.10.2
networkValidator.logFormat >=1.10.2
networkValidator.logLevel >=1.10.2
networkValidator.securityContext >=2025.8.4
networkValidator.timeout >=1.10.2
nodeAffinity
nodeSelector
partials
pathPrefix
podAnnotations
podLabels
podMonitor >=1.9.4
policyController.additionalArgs >=1.18.9
policyController.experimentalArgs >=1.18.4
policyController.image.name <2025.8.3
policyController.image.pullPolicy <2025.8.3
policyController.image.version <2025.8.3
policyController.livenessProbe.timeoutSeconds >=2024.9.1
policyController.logLevel
policyController.probeNetworks
policyController.readinessProbe.timeoutSeconds >=2024.9.1
policyController.resources.cpu.limit
policyController.resources.cpu.request
policyController.resources.ephemeral-storage.limit
policyController.resources.ephemeral-storage.request
policyController.resources.memory.limit
policyController.resources.memory.request
policyControllerResources.cpu.limit >=1.16.0 <2024.4.2
policyControllerResources.cpu.request >=1.16.0 <2024.4.2
policyControllerResources.ephemeral-storage.limit >=1.16.0 <2024.4.2
policyControllerResources.ephemeral-storage.request >=1.16.0 <2024.4.2
policyControllerResources.memory.limit >=1.16.0 <2024.4.2
policyControllerResources.memory.request >=1.16.0 <2024.4.2
policyValidator.caBundle
policyValidator.crtPEM
policyValidator.externalSecret
policyValidator.injectCaFrom
policyValidator.injectCaFromSecret
policyValidator.keyPEM
policyValidator.namespaceSelector
priorityClassName
profileValidator.caBundle
profileValidator.crtPEM
profileValidator.externalSecret
profileValidator.injectCaFrom
profileValidator.injectCaFromSecret
profileValidator.keyPEM
profileValidator.namespaceSelector
prometheusUrl >=1.16.11
proxy.accessLog
proxy.additionalEnv >=1.18.9
proxy.await
proxy.capabilities
proxy.component
proxy.control.streams.idleTimeout >=1.18.3
proxy.control.streams.initialTimeout >=1.18.3
proxy.control.streams.lifetime >=1.18.3
proxy.cores
proxy.defaultInboundPolicy
proxy.disableInboundProtocolDetectTimeout >=1.16.5 <1.17.0 || >=1.17.6
proxy.disableOutboundProtocolDetectTimeout >=1.16.5 <1.17.0 || >=1.17.6
proxy.enableExternalProfiles
proxy.enableShutdownEndpoint >=2024.6.2
proxy.experimentalEnv >=1.18.4
proxy.gid >=2024.5.4
proxy.image.name
proxy.image.pullPolicy
proxy.image.version
proxy.inbound >=2024.4.5 <2024.5.1
proxy.inbound.server.http2.keepAliveInterval >=2024.5.1
proxy.inbound.server.http2.keepAliveTimeout >=2024.5.1
proxy.inboundConnectTimeout
proxy.inboundDiscoveryCacheUnusedTimeout >=1.12.4 <1.13.0 || >=1.13.2
proxy.isGateway
proxy.isIngress
proxy.livenessProbe.initialDelaySeconds >=1.18.8
proxy.livenessProbe.timeoutSeconds >=1.18.8
proxy.loadTrustBundleFromConfigMap
proxy.logFormat
proxy.logHTTPHeaders >=2024.6.2
proxy.logLevel
proxy.metrics.hostnameLabels >=2025.3.4
proxy.nativeSidecar >=1.17.9
proxy.opaquePorts
proxy.outbound >=2024.4.5
proxy.outboundConnectTimeout
proxy.outboundDiscoveryCacheUnusedTimeout >=1.12.4 <1.13.0 || >=1.13.2
proxy.outboundTransportMode >=2025.3.2
proxy.podInboundPorts
proxy.ports.admin
proxy.ports.control
proxy.ports.inbound
proxy.ports.outbound
proxy.readinessProbe.initialDelaySeconds >=1.18.8
proxy.readinessProbe.timeoutSeconds >=1.18.8
proxy.requireIdentityOnInboundPorts
proxy.requireTLSOnInboundPorts
proxy.resources.cpu.limit
proxy.resources.cpu.request
proxy.resources.ephemeral-storage.limit
proxy.resources.ephemeral-storage.request
proxy.resources.memory.limit
proxy.resources.memory.request
proxy.runtime.workers >=2025.3.3
proxy.saMountPath
proxy.securityContext >=2025.8.4
proxy.shutdownGracePeriod
proxy.startupProbe.failureThreshold >=1.17.9
proxy.startupProbe.initialDelaySeconds >=1.17.9
proxy.startupProbe.periodSeconds >=1.17.9
proxy.tracing.collector.endpoint >=2025.6.4
proxy.tracing.collector.meshIdentity.namespace >=2025.10.1
proxy.tracing.collector.meshIdentity.serviceAccountName >=2025.6.4
proxy.tracing.enable >=2025.6.4 <2025.11.1
proxy.tracing.enabled >=2025.10.1
proxy.tracing.labels >=2025.10.2
proxy.tracing.protocol >=2025.6.4
proxy.tracing.traceServiceName >=2025.6.4
proxy.uid
proxy.waitBeforeExitSeconds
proxyInit.capabilities
proxyInit.closeWaitTimeoutSecs
proxyInit.ignoreInboundPorts
proxyInit.ignoreOutboundPorts
proxyInit.image.name <2025.11.3
proxyInit.image.pullPolicy <2025.11.3
proxyInit.image.version <2025.11.3
proxyInit.iptablesMode
proxyInit.kubeAPIServerPorts >=1.9.5 <1.10.0 || >=1.11.0
proxyInit.logFormat
proxyInit.logLevel
proxyInit.privileged >=1.9.5 <1.10.0 || >=1.11.0
proxyInit.resources.cpu.limit <2024.6.4
proxyInit.resources.cpu.request <2024.6.4
proxyInit.resources.ephemeral-storage.limit <2024.6.4
proxyInit.resources.ephemeral-storage.request <2024.6.4
proxyInit.resources.memory.limit <2024.6.4
proxyInit.resources.memory.request <2024.6.4
proxyInit.runAsGroup >=2024.5.4
proxyInit.runAsRoot
proxyInit.runAsUser
proxyInit.saMountPath
proxyInit.skipSubnets
proxyInit.xtMountPath.mountPath
proxyInit.xtMountPath.name
proxyInjector.additionalEnv >=1.18.9
proxyInjector.caBundle
proxyInjector.crtPEM
proxyInjector.experimentalEnv >=1.18.4
proxyInjector.externalSecret
proxyInjector.injectCaFrom
proxyInjector.injectCaFromSecret
proxyInjector.keyPEM
proxyInjector.livenessProbe.timeoutSeconds >=2024.9.1
proxyInjector.namespaceSelector
proxyInjector.objectSelector
proxyInjector.podAnnotations >=2025.1.1
proxyInjector.readinessProbe.timeoutSeconds >=2024.9.1
proxyInjector.timeoutSeconds >=1.18.9
proxyInjectorProxyResources
proxyInjectorResources.cpu.limit
proxyInjectorResources.cpu.request
proxyInjectorResources.ephemeral-storage.limit
proxyInjectorResources.ephemeral-storage.request
proxyInjectorResources.memory.limit
proxyInjectorResources.memory.request
revisionHistoryLimit >=2024.4.5
runtimeClassName
spValidator.additionalEnv >=1.18.9
spValidator.experimentalEnv >=1.18.4
spValidator.livenessProbe.timeoutSeconds >=2024.9.1
spValidator.readinessProbe.timeoutSeconds >=2024.9.1
spValidatorResources.cpu.limit
spValidatorResources.cpu.request
spValidatorResources.ephemeral-storage.limit
spValidatorResources.ephemeral-storage.request
spValidatorResources.memory.limit
spValidatorResources.memory.request
tolerations
webhookFailurePolicy
` },
  "linkerd-crds": { oldest: "1.4.0", newest: "2026.8.3", values: `
cliVersion
cniPluginVersion <1.6.0
enableHttpRoutes >=1.7.4
enableTcpRoutes >=2024.10.4
enableTlsRoutes >=2024.10.4
image.version
installGatewayAPI >=2025.3.1
linkerdVersion
partials
` },
  "linkerd2-cni": { oldest: "2.10.0", newest: "2026.8.3", values: `
cliVersion
cniPluginImage <30.3.7 || >=30.4.0 <30.7.0
cniPluginVersion <30.3.7 || >=30.4.0 <30.7.0
commonLabels >=30.4.3
destCNIBinDir
destCNINetDir
disableIPv6 >=2024.4.1
enablePSP >=2.11.0
extraInitContainers >=2.11.0
ignoreInboundPorts
ignoreOutboundPorts
image.name >=30.3.7 <30.4.0 || >=30.7.0
image.pullPolicy >=30.3.7 <30.4.0 || >=30.7.0
image.version >=30.3.7 <30.4.0 || >=30.7.0
imagePullSecrets
inboundProxyPort
installNamespace <30.0.0
iptablesMode >=2024.4.1
linkerdVersion
logLevel
namespace <30.0.0
nodeAffinity >=30.1.0
outboundProxyPort
podLabels >=30.4.3
portsToRedirect
priorityClassName
privileged >=30.0.4
proxyAdminPort >=2.11.0
proxyControlPort >=2.11.0
proxyGID >=2024.5.4
proxyUID
repairController.enableSecurityContext >=30.12.2 <30.13.0 || >=30.13.3
repairController.enabled >=30.12.2 <30.13.0 || >=30.13.3
repairController.logFormat >=30.12.2 <30.13.0 || >=30.13.3
repairController.logLevel >=30.12.2 <30.13.0 || >=30.13.3
repairController.resources.cpu.limit >=30.12.2 <30.13.0 || >=30.13.3
repairController.resources.cpu.request >=30.12.2 <30.13.0 || >=30.13.3
repairController.resources.ephemeral-storage.limit >=30.12.2 <30.13.0 || >=30.13.3
repairController.resources.ephemeral-storage.request >=30.12.2 <30.13.0 || >=30.13.3
repairController.resources.memory.limit >=30.12.2 <30.13.0 || >=30.13.3
repairController.resources.memory.request >=30.12.2 <30.13.0 || >=30.13.3
resources.cpu.limit >=30.6.0
resources.cpu.request >=30.6.0
resources.ephemeral-storage.limit >=30.6.0
resources.ephemeral-storage.request >=30.6.0
resources.memory.limit >=30.6.0
resources.memory.request >=30.6.0
revisionHistoryLimit >=2024.4.5
tolerations
updateStrategy.rollingUpdate.maxUnavailable >=2025.1.2
updateStrategy.type >=2025.1.2
useWaitFlag
` },
  "linkerd-viz": { oldest: "30.3.0", newest: "2026.8.3", values: `
cliVersion
clusterDomain
cniEnabled >=30.4.7
cniPluginVersion <30.3.7 || >=30.4.0 <30.4.9
commonLabels >=30.4.3
createNamespaceMetadataJob >=30.14.6
dashboard.GID >=2024.5.4
dashboard.UID
dashboard.enforcedHostRegexp
dashboard.image.name
dashboard.image.pullPolicy
dashboard.image.registry
dashboard.image.tag
dashboard.logFormat
dashboard.logLevel
dashboard.proxy
dashboard.replicas
dashboard.resources.cpu.limit
dashboard.resources.cpu.request
dashboard.resources.ephemeral-storage.limit
dashboard.resources.ephemeral-storage.request
dashboard.resources.memory.limit
dashboard.resources.memory.request
dashboard.restrictPrivileges
dashboard.service.annotations >=30.5.0
dashboard.service.labels >=2025.1.1
defaultGID >=2024.5.4
defaultImagePullPolicy
defaultLogFormat
defaultLogLevel
defaultRegistry
defaultUID
enablePSP
enablePodAntiAffinity
enablePodDisruptionBudget >=30.14.0
enablePprof
grafana.externalUrl
grafana.uidPrefix
grafana.url
identityTrustDomain
image.version >=30.3.7 <30.4.0 || >=30.4.9
imagePullSecrets
jaegerUrl
linkerdNamespace
linkerdVersion
metricsAPI.GID >=2024.5.4
metricsAPI.UID
metricsAPI.image.name
metricsAPI.image.pullPolicy
metricsAPI.image.registry
metricsAPI.image.tag
metricsAPI.logFormat
metricsAPI.logLevel
metricsAPI.nodeSelector
metricsAPI.proxy
metricsAPI.replicas
metricsAPI.resources.cpu.limit
metricsAPI.resources.cpu.request
metricsAPI.resources.ephemeral-storage.limit
metricsAPI.resources.ephemeral-storage.request
metricsAPI.resources.memory.limit
metricsAPI.resources.memory.request
metricsAPI.service.annotations >=30.5.0
metricsAPI.tolerations
namespaceMetadata.image.name >=30.4.2
namespaceMetadata.image.pullPolicy >=30.4.2
namespaceMetadata.image.registry >=30.4.2
namespaceMetadata.image.tag >=30.4.2
namespaceMetadata.nodeSelector >=30.10.0
namespaceMetadata.tolerations >=30.10.0
nodeAffinity
nodeSelector
podAnnotations
podLabels
prometheus.alertRelabelConfigs
prometheus.alertmanagers
prometheus.args
prometheus.enabled
prometheus.globalConfig
prometheus.image.name
prometheus.image.pullPolicy
prometheus.image.registry
prometheus.image.tag
prometheus.logFormat
prometheus.logLevel
prometheus.metricRelabelConfigs >=2024.4.2
prometheus.nodeSelector
prometheus.persistence
prometheus.podAnnotations >=30.13.1
prometheus.proxy
prometheus.remoteWrite
prometheus.resources.cpu.limit
prometheus.resources.cpu.request
prometheus.resources.ephemeral-storage.limit
prometheus.resources.ephemeral-storage.request
prometheus.resources.memory.limit
prometheus.resources.memory.request
prometheus.ruleConfigMapMounts
prometheus.scrapeConfigs
prometheus.sidecarContainers
prometheus.tolerations
prometheusCredsSecret >=2024.9.2
prometheusUrl
proxyContainerName
resources.cpu.limit
resources.cpu.request
resources.ephemeral-storage.limit
resources.ephemeral-storage.request
resources.memory.limit
resources.memory.request
revisionHistoryLimit >=2024.4.5
tap.GID >=2024.5.4
tap.UID
tap.caBundle
tap.crtPEM
tap.externalSecret
tap.ignoreHeaders >=30.7.3
tap.image.name
tap.image.pullPolicy
tap.image.registry
tap.image.tag
tap.injectCaFrom
tap.injectCaFromSecret
tap.keyPEM
tap.logFormat
tap.logLevel
tap.proxy
tap.replicas
tap.resources.cpu.limit
tap.resources.cpu.request
tap.resources.ephemeral-storage.limit
tap.resources.ephemeral-storage.request
tap.resources.memory.limit
tap.resources.memory.request
tap.service.annotations >=30.5.0
tapInjector.GID >=2024.5.4
tapInjector.UID
tapInjector.caBundle
tapInjector.crtPEM
tapInjector.externalSecret
tapInjector.failurePolicy
tapInjector.image.name
tapInjector.image.pullPolicy
tapInjector.image.registry
tapInjector.image.tag
tapInjector.injectCaFrom
tapInjector.injectCaFromSecret
tapInjector.keyPEM
tapInjector.logFormat
tapInjector.logLevel
tapInjector.namespaceSelector
tapInjector.objectSelector
tapInjector.proxy
tapInjector.replicas
tapInjector.resources.cpu.limit
tapInjector.resources.cpu.request
tapInjector.resources.ephemeral-storage.limit
tapInjector.resources.ephemeral-storage.request
tapInjector.resources.memory.limit
tapInjector.resources.memory.request
tapInjector.service.annotations >=30.5.0
tolerations
` },
  "cert-manager": { oldest: "1.12.0", newest: "1.21.2", values: `
acmesolver.image <1.20.0
acmesolver.image.digest >=1.20.0
acmesolver.image.name >=1.20.0
acmesolver.image.pullPolicy >=1.20.0
acmesolver.image.registry >=1.20.0
acmesolver.image.repository >=1.20.0
acmesolver.image.tag >=1.20.0
acmesolver.runtimeClassName >=1.21.0
affinity
approveSignerNames >=1.15.0
automountServiceAccountToken
cainjector.affinity
cainjector.automountServiceAccountToken
cainjector.config >=1.14.0
cainjector.containerSecurityContext
cainjector.deploymentAnnotations
cainjector.enableServiceLinks >=1.13.0
cainjector.enabled
cainjector.extraArgs
cainjector.extraEnv >=1.16.0
cainjector.featureGates >=1.14.0
cainjector.image <1.14.0
cainjector.image.digest >=1.16.0
cainjector.image.name >=1.20.0
cainjector.image.pullPolicy >=1.14.0
cainjector.image.registry >=1.16.0
cainjector.image.repository >=1.14.0
cainjector.image.tag >=1.16.0
cainjector.networkPolicy.egress >=1.20.0
cainjector.networkPolicy.enabled >=1.20.0
cainjector.networkPolicy.ingress >=1.20.0
cainjector.nodeSelector
cainjector.podAnnotations
cainjector.podDisruptionBudget.enabled
cainjector.podDisruptionBudget.maxUnavailable
cainjector.podDisruptionBudget.minAvailable
cainjector.podDisruptionBudget.unhealthyPodEvictionPolicy >=1.20.0
cainjector.podLabels
cainjector.replicaCount
cainjector.resources
cainjector.runtimeClassName >=1.21.0
cainjector.securityContext
cainjector.serviceAccount.annotations
cainjector.serviceAccount.automountServiceAccountToken
cainjector.serviceAccount.create
cainjector.serviceAccount.labels
cainjector.serviceAccount.name
cainjector.serviceAnnotations >=1.16.0
cainjector.serviceLabels >=1.16.0
cainjector.strategy
cainjector.tolerations
cainjector.topologySpreadConstraints
cainjector.volumeMounts
cainjector.volumes
clusterResourceNamespace
config >=1.13.0
containerSecurityContext
crds.enabled >=1.15.0
crds.keep >=1.15.0
creator
deploymentAnnotations
disableAutoApproval >=1.15.0
dns01RecursiveNameservers
dns01RecursiveNameserversOnly
enableCertificateOwnerRef
enableServiceLinks >=1.13.0
enabled >=1.16.1
extraArgs
extraContainers >=1.20.0
extraEnv
extraObjects >=1.15.0
featureGates
fullnameOverride
global >=1.16.1
global.commonLabels <1.16.1
global.imagePullSecrets <1.16.1
global.leaderElection <1.16.1
global.logLevel <1.16.1
global.podSecurityPolicy.enabled <1.16.1
global.podSecurityPolicy.useAppArmor <1.16.1
global.priorityClassName <1.16.1
global.rbac.aggregateClusterRoles <1.16.1
global.rbac.create <1.16.1
global.revisionHistoryLimit >=1.14.0 <1.16.1
hostAliases >=1.15.0
http_proxy
https_proxy
image <1.14.0
image.digest >=1.16.0
image.name >=1.20.0
image.pullPolicy >=1.14.0
image.registry >=1.16.0
image.repository >=1.14.0
image.tag >=1.16.0
imageNamespace >=1.20.0
imageRegistry >=1.20.0
ingressShim
installCRDs
livenessProbe
maxConcurrentChallenges
nameOverride
namespace
networkPolicy.egress >=1.20.0
networkPolicy.enabled >=1.20.0
networkPolicy.ingress >=1.20.0
no_proxy
nodeSelector
podAnnotations
podDisruptionBudget.enabled
podDisruptionBudget.maxUnavailable
podDisruptionBudget.minAvailable
podDisruptionBudget.unhealthyPodEvictionPolicy >=1.20.0
podDnsConfig
podDnsPolicy
podLabels
prometheus.enabled
prometheus.podmonitor.annotations >=1.14.0
prometheus.podmonitor.enabled >=1.14.0
prometheus.podmonitor.endpointAdditionalProperties >=1.14.0
prometheus.podmonitor.honorLabels >=1.14.0
prometheus.podmonitor.interval >=1.14.0
prometheus.podmonitor.labels >=1.14.0
prometheus.podmonitor.namespace >=1.14.0
prometheus.podmonitor.path >=1.14.0 <1.21.0
prometheus.podmonitor.prometheusInstance >=1.14.0
prometheus.podmonitor.scrapeTimeout >=1.14.0
prometheus.servicemonitor.annotations
prometheus.servicemonitor.enabled
prometheus.servicemonitor.endpointAdditionalProperties >=1.13.0
prometheus.servicemonitor.honorLabels
prometheus.servicemonitor.interval
prometheus.servicemonitor.labels
prometheus.servicemonitor.namespace
prometheus.servicemonitor.path <1.21.0
prometheus.servicemonitor.prometheusInstance
prometheus.servicemonitor.scrapeTimeout
prometheus.servicemonitor.targetPort <1.21.0
replicaCount
resources
runtimeClassName >=1.21.0
securityContext
serviceAccount.annotations
serviceAccount.automountServiceAccountToken
serviceAccount.create
serviceAccount.labels
serviceAccount.name
serviceAnnotations
serviceIPFamilies >=1.15.0
serviceIPFamilyPolicy >=1.15.0
serviceLabels
startupapicheck.affinity
startupapicheck.automountServiceAccountToken
startupapicheck.backoffLimit
startupapicheck.containerSecurityContext
startupapicheck.enableServiceLinks >=1.13.0
startupapicheck.enabled
startupapicheck.extraArgs
startupapicheck.extraEnv >=1.16.0
startupapicheck.image <1.14.0
startupapicheck.image.digest >=1.16.0
startupapicheck.image.name >=1.20.0
startupapicheck.image.pullPolicy >=1.14.0
startupapicheck.image.registry >=1.16.0
startupapicheck.image.repository >=1.14.0
startupapicheck.image.tag >=1.16.0
startupapicheck.jobAnnotations
startupapicheck.nodeSelector
startupapicheck.podAnnotations
startupapicheck.podLabels
startupapicheck.rbac.annotations
startupapicheck.resources
startupapicheck.runtimeClassName >=1.21.0
startupapicheck.securityContext
startupapicheck.serviceAccount.annotations
startupapicheck.serviceAccount.automountServiceAccountToken
startupapicheck.serviceAccount.create
startupapicheck.serviceAccount.labels
startupapicheck.serviceAccount.name
startupapicheck.timeout
startupapicheck.tolerations
startupapicheck.ttlSecondsAfterFinished >=1.21.0
startupapicheck.volumeMounts
startupapicheck.volumes
strategy
tolerations
topologySpreadConstraints
volumeMounts
volumes
webhook.affinity
webhook.apiserverClientCertSubjects >=1.20.0
webhook.automountServiceAccountToken
webhook.clientCAFile >=1.20.0
webhook.config
webhook.containerSecurityContext
webhook.deploymentAnnotations
webhook.enableClientVerification >=1.20.0
webhook.enableServiceLinks >=1.13.0
webhook.extraArgs
webhook.extraEnv >=1.16.0
webhook.featureGates >=1.13.0
webhook.hostNetwork
webhook.image <1.14.0
webhook.image.digest >=1.16.0
webhook.image.name >=1.20.0
webhook.image.pullPolicy >=1.14.0
webhook.image.registry >=1.16.0
webhook.image.repository >=1.14.0
webhook.image.tag >=1.16.0
webhook.livenessProbe >=1.16.0
webhook.livenessProbe.failureThreshold <1.16.0
webhook.livenessProbe.initialDelaySeconds <1.16.0
webhook.livenessProbe.periodSeconds <1.16.0
webhook.livenessProbe.successThreshold <1.16.0
webhook.livenessProbe.timeoutSeconds <1.16.0
webhook.loadBalancerIP
webhook.mutatingWebhookConfiguration.namespaceSelector >=1.14.0
webhook.mutatingWebhookConfigurationAnnotations
webhook.networkPolicy.egress
webhook.networkPolicy.enabled
webhook.networkPolicy.ingress
webhook.nodeSelector
webhook.podAnnotations
webhook.podDisruptionBudget.enabled
webhook.podDisruptionBudget.maxUnavailable
webhook.podDisruptionBudget.minAvailable
webhook.podDisruptionBudget.unhealthyPodEvictionPolicy >=1.20.0
webhook.podLabels
webhook.readinessProbe >=1.16.0
webhook.readinessProbe.failureThreshold <1.16.0
webhook.readinessProbe.initialDelaySeconds <1.16.0
webhook.readinessProbe.periodSeconds <1.16.0
webhook.readinessProbe.successThreshold <1.16.0
webhook.readinessProbe.timeoutSeconds <1.16.0
webhook.replicaCount
webhook.resources
webhook.runtimeClassName >=1.21.0
webhook.securePort
webhook.securityContext
webhook.serviceAccount.annotations
webhook.serviceAccount.automountServiceAccountToken
webhook.serviceAccount.create
webhook.serviceAccount.labels
webhook.serviceAccount.name
webhook.serviceAnnotations
webhook.serviceIPFamilies >=1.15.0
webhook.serviceIPFamilyPolicy >=1.15.0
webhook.serviceLabels
webhook.serviceType
webhook.strategy
webhook.timeoutSeconds
webhook.tolerations
webhook.topologySpreadConstraints
webhook.url
webhook.validatingWebhookConfiguration.namespaceSelector >=1.14.0
webhook.validatingWebhookConfigurationAnnotations
webhook.volumeMounts
webhook.volumes
` },
  "trust-manager": { oldest: "0.7.0", newest: "0.24.0", values: `
affinity
app.cipherSuites >=0.17.1
app.ciphersSuite >=0.17.0 <0.17.1
app.leaderElection.enabled >=0.17.0
app.leaderElection.leaseDuration >=0.12.0
app.leaderElection.renewDeadline >=0.12.0
app.logFormat >=0.10.2
app.logLevel
app.metrics.port
app.metrics.service.enabled
app.metrics.service.ipFamilies >=0.12.0
app.metrics.service.ipFamilyPolicy >=0.12.0
app.metrics.service.servicemonitor.enabled
app.metrics.service.servicemonitor.endpointAdditionalProperties >=0.21.0
app.metrics.service.servicemonitor.interval
app.metrics.service.servicemonitor.labels
app.metrics.service.servicemonitor.prometheusInstance
app.metrics.service.servicemonitor.scrapeTimeout
app.metrics.service.type
app.minTLSVersion >=0.17.0
app.podAnnotations >=0.8.0
app.podLabels >=0.8.0
app.readinessProbe.path
app.readinessProbe.port
app.securityContext >=0.24.0
app.securityContext.seccompProfileEnabled <0.24.0
app.targetNamespaces >=0.20.0
app.trust.namespace
app.webhook.host
app.webhook.hostNetwork
app.webhook.port
app.webhook.service.ipFamilies >=0.12.0
app.webhook.service.ipFamilyPolicy >=0.12.0
app.webhook.service.nodePort
app.webhook.service.type
app.webhook.timeoutSeconds
app.webhook.tls.approverPolicy.certManagerNamespace
app.webhook.tls.approverPolicy.certManagerServiceAccount
app.webhook.tls.approverPolicy.enabled
app.webhook.tls.certificate.duration >=0.23.0
app.webhook.tls.certificate.secretTemplate >=0.14.0
app.webhook.tls.helmCert.enabled >=0.12.0
automountServiceAccountToken >=0.16.0
commonAnnotations >=0.17.0
commonLabels >=0.9.0
crds.enabled
crds.keep >=0.9.0
defaultPackage.enabled
defaultPackage.resources >=0.9.0
defaultPackage.securityContext >=0.24.0
defaultPackageImage._defaultReference >=0.22.0
defaultPackageImage.digest
defaultPackageImage.name >=0.22.0
defaultPackageImage.pullPolicy
defaultPackageImage.registry
defaultPackageImage.repository
defaultPackageImage.tag
enabled >=0.19.0
extraObjects >=0.17.0
filterExpiredCertificates.enabled >=0.8.0
filterNonCACerts.enabled >=0.21.0
global >=0.9.0
image.digest
image.name >=0.22.0
image.pullPolicy
image.registry
image.repository
image.tag
imageNamespace >=0.22.0
imagePullSecrets
imageRegistry >=0.22.0
nameOverride
namespace
nodeSelector
podDisruptionBudget.enabled >=0.9.0
podDisruptionBudget.maxUnavailable >=0.9.0
podDisruptionBudget.minAvailable >=0.9.0
podSecurityContext >=0.24.0
priorityClassName
replicaCount
resources
revisionHistoryLimit >=0.19.0
secretTargets.authorizedSecrets
secretTargets.authorizedSecretsAll
secretTargets.enabled
serviceAccount.automountServiceAccountToken >=0.16.0
serviceAccount.create >=0.16.0
serviceAccount.name >=0.16.0
tolerations
topologySpreadConstraints
volumeMounts >=0.16.0
volumes >=0.16.0
` },
};
