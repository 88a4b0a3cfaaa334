{{/*
Values that contradict each other, or that Kubernetes would refuse or pass over in silence: each is
refused with what to do about it. Each part prints its problems, one a line.
*/}}
{{- define "isnotai-exporter.validate" -}}
{{- $problems := list -}}
{{- range $part := list "names" "key" "labels" "workload" "pod" "network" "monitors" "rules" -}}
{{- range splitList "\n" (include (printf "isnotai-exporter.validate.%s" $part) $) -}}
{{- with trim . -}}
{{- $problems = append $problems . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $problems -}}
{{- fail (printf "\n\nisnotai-exporter:\n  - %s\n" (join "\n  - " .)) -}}
{{- end -}}
{{- end }}

{{/* Names of resources. */}}
{{- define "isnotai-exporter.validate.names" -}}
{{- $name := include "isnotai-exporter.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$" $name) }}
{{ printf "%q is not a name for a Service: set fullnameOverride to at most 63 lower-case letters, digits and -, a letter first" $name }}
{{- end }}
{{- if and .Values.kubeVersionOverride (semverCompare "<1.26.0-0" .Values.kubeVersionOverride) }}
{{ printf "kubeVersionOverride is %s: Kubernetes 1.26 or later is needed" .Values.kubeVersionOverride }}
{{- end }}
{{- end }}

{{/* The integration, its key, and the budget. */}}
{{- define "isnotai-exporter.validate.key" -}}
{{- $v := .Values -}}
{{- $labels := list $v.integration -}}
{{- range $v.integrations -}}
{{- $labels = append $labels .name -}}
{{- end -}}
{{- if $v.integrations }}
{{- if $v.integration }}
integration and integrations contradict each other: keep one of them
{{- end }}
{{- if $v.apiKey.existingSecret }}
apiKey.existingSecret and integrations contradict each other: each integration names its own Secret
{{- end }}
{{- if $v.apiKey.file }}
apiKey.file and integrations contradict each other: each integration names its own file
{{- end }}
{{- if ne (len $labels) (len (uniq $labels)) }}
integrations: each name must be there once, or their series would merge
{{- end }}
{{- else }}
{{- if not $v.integration }}
integration is required: the value of the integration label, such as your team or site; it must be unique among all exporters of one Prometheus
{{- end }}
{{- if not (or $v.apiKey.existingSecret $v.apiKey.file) }}
apiKey.existingSecret is required: make one with `kubectl create secret generic isnotai --from-file=api-key=FILE` and set it to isnotai; or apiKey.file, the path of a file that is mounted otherwise
{{- end }}
{{- if and $v.apiKey.existingSecret $v.apiKey.file }}
apiKey.existingSecret and apiKey.file contradict each other: keep one of them
{{- end }}
{{- end }}
{{- if has "default" $labels }}
integration must not be default: two teams' default would merge on one Prometheus
{{- end }}
{{- if and $v.tls.caBundle.existingConfigMap $v.tls.caBundle.existingSecret }}
tls.caBundle.existingConfigMap and .existingSecret contradict each other: keep one of them
{{- end }}
{{- $budget := ($v.config.budget).replicas }}
{{- if $v.state.database.existingSecret }}
{{- if $budget }}
config.budget.replicas and state.database contradict each other: of the replicas that share a database, one polls each integration with the whole budget
{{- end }}
{{- if $v.persistence.enabled }}
persistence.enabled and state.database contradict each other: the database keeps the state
{{- end }}
{{- if $v.state.sizeLimit }}
state.sizeLimit and state.database contradict each other: the limit is for an emptyDir
{{- end }}
{{- else if and (eq $v.mode "sidecar") (not $budget) }}
config.budget.replicas is required with mode sidecar: how many pods run the sidecar with this key; each of them polls, and they share one budget
{{- else if and (eq $v.kind "DaemonSet") (not $budget) }}
config.budget.replicas is required with kind DaemonSet: how many nodes run the exporter with this key; each of them polls, and they share one budget
{{- else if and (eq $v.mode "standalone") $budget (lt (int $budget) (int $v.replicaCount)) }}
{{ printf "config.budget.replicas is %v and replicaCount %v: together they would spend more than config.budget.share; leave config.budget.replicas out" $budget $v.replicaCount }}
{{- end }}
{{- end }}

{{/* Labels that the chart selects by, or that Helm knows its resources by. */}}
{{- define "isnotai-exporter.validate.labels" -}}
{{- $fixed := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/managed-by" -}}
{{- $v := .Values -}}
{{- $given := dict "commonLabels" $v.commonLabels "deploymentLabels" $v.deploymentLabels "podLabels" $v.podLabels -}}
{{- range $section := list "configMap" "dashboards" "grafanaAlerts" "httpRoute" "ingress" "networkPolicy" "persistence" "podDisruptionBudget" "podMonitor" "podMonitoring" "prometheusRule" "service" "serviceAccount" "serviceMonitor" "tests" "verticalPodAutoscaler" -}}
{{- $_ := set $given (printf "%s.labels" $section) (get $v $section).labels -}}
{{- end -}}
{{- $_ := set $given "dashboards.grafanaOperator.labels" $v.dashboards.grafanaOperator.labels }}
{{- range $value, $labels := $given }}
{{- range $fixed }}
{{- if hasKey ($labels | default dict) . }}
{{ $value }}: {{ . }} is what the chart, its monitors and Helm find resources by, and not to be changed; nameOverride changes app.kubernetes.io/name everywhere
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Deployment, StatefulSet or DaemonSet, its state, and what stands beside it. */}}
{{- define "isnotai-exporter.validate.workload" -}}
{{- $v := .Values -}}
{{- if eq $v.mode "sidecar" }}
{{- range $switch, $advice := dict "persistence" "the state has one writer; take mode standalone for counts that survive the pod" "serviceMonitor" "there is no Service; take podMonitor.enabled" "networkPolicy" "the pod's policy is its host application's" "podDisruptionBudget" "the budget is the host application's" "ingress" "there is no Service" "httpRoute" "there is no Service" "verticalPodAutoscaler" "the workload is the host application's" }}
{{- if (get $v $switch).enabled }}
{{ $switch }}.enabled and mode sidecar contradict each other: {{ $advice }}
{{- end }}
{{- end }}
{{- range list "affinity" "deploymentAnnotations" "deploymentLabels" "dnsConfig" "dnsPolicy" "extraContainers" "extraInitContainers" "hostAliases" "hostNetwork" "hostPort" "minReadySeconds" "nodeSelector" "priorityClassName" "runtimeClassName" "schedulerName" "strategy" "tolerations" "topologySpreadConstraints" }}
{{- if get $v . }}
{{ . }} and mode sidecar contradict each other: the pod is the host application's, so set it there
{{- end }}
{{- end }}
{{- if ne (int $v.replicaCount) 1 }}
replicaCount and mode sidecar contradict each other: the host application decides; say in config.budget.replicas how many pods there are
{{- end }}
{{- if ne $v.kind "Deployment" }}
kind and mode sidecar contradict each other: the workload is the host application's
{{- end }}
{{- else }}
{{- $type := include "isnotai-exporter.strategyType" . }}
{{- if and $v.persistence.enabled (eq $v.kind "DaemonSet") }}
persistence.enabled and kind DaemonSet contradict each other: the state has one writer
{{- else if and $v.persistence.enabled (gt (int $v.replicaCount) 1) }}
persistence.enabled and replicaCount above 1 contradict each other: the state has one writer
{{- end }}
{{- if and (eq $v.kind "DaemonSet") (ne (int $v.replicaCount) 1) }}
replicaCount and kind DaemonSet contradict each other: there is a pod on each node
{{- end }}
{{- if and $v.persistence.enabled (eq $v.kind "Deployment") (eq $type "RollingUpdate") }}
persistence.enabled and strategy.type RollingUpdate contradict each other: the new pod would wait for a state that the old one holds; leave strategy out, or take kind StatefulSet
{{- end }}
{{- if and ($v.strategy).rollingUpdate (ne $type "RollingUpdate") }}
strategy.rollingUpdate and strategy.type {{ $type }} contradict each other: keep one of them
{{- end }}
{{- if and (eq $type "Recreate") (ne $v.kind "Deployment") }}
strategy.type Recreate is not known to a {{ $v.kind }}: leave strategy out; it never runs two pods in one place
{{- end }}
{{- if and (eq $type "OnDelete") (eq $v.kind "Deployment") }}
strategy.type OnDelete is not known to a Deployment: take Recreate or RollingUpdate
{{- end }}
{{- include "isnotai-exporter.validate.rolling" . }}
{{- $live := lookup "apps/v1" "Deployment" (include "isnotai-exporter.namespace" .) (include "isnotai-exporter.fullname" .) }}
{{- if and (eq $v.kind "Deployment") (eq $type "Recreate") (include "isnotai-exporter.unownedRollingUpdate" $live) }}
the Deployment that is there was made by a chart that left its strategy to Kubernetes, and what Kubernetes filled in cannot become Recreate in one step: upgrade once with persistence.enabled=false and no strategy, then again with these values
{{- end }}
{{- range list "serviceMonitor" "ingress" "httpRoute" }}
{{- if and (get $v .).enabled (not $v.service.enabled) }}
{{ . }}.enabled needs service.enabled{{ if eq . "serviceMonitor" }}; or take podMonitor.enabled{{ end }}
{{- end }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) }}
ingress.enabled needs ingress.hosts, such as [{host: notai.example.com, paths: [{path: /}]}]
{{- end }}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) }}
httpRoute.enabled needs httpRoute.parentRefs, the Gateway to attach to
{{- end }}
{{- if and $v.httpRoute.enabled $v.httpRoute.httpsRedirect (or $v.httpRoute.matches $v.httpRoute.filters) }}
httpRoute.httpsRedirect serves nothing, so httpRoute.matches and .filters would do nothing: use httpRoute.additionalRules
{{- end }}
{{- if and (gt (len ($v.service.ipFamilies | default list)) 1) (not (hasSuffix "DualStack" $v.service.ipFamilyPolicy)) }}
service.ipFamilies of two families needs service.ipFamilyPolicy PreferDualStack or RequireDualStack
{{- end }}
{{- include "isnotai-exporter.validate.budget" . }}
{{- end }}
{{- if and $v.persistence.enabled (not $v.state.enabled) }}
persistence.enabled needs state.enabled
{{- end }}
{{- if and $v.persistence.existingClaim (not $v.persistence.enabled) }}
persistence.existingClaim needs persistence.enabled, or the state would not be kept in it
{{- end }}
{{- if and $v.state.sizeLimit $v.persistence.enabled }}
state.sizeLimit and persistence.enabled contradict each other: the limit is for an emptyDir; set persistence.size
{{- end }}
{{- if and $v.serviceAccount.annotations (not $v.serviceAccount.create) }}
serviceAccount.annotations needs serviceAccount.create: annotate the account that is there already
{{- end }}
{{- if and $v.service.nodePort (eq $v.service.type "ClusterIP") }}
service.nodePort needs service.type NodePort or LoadBalancer
{{- end }}
{{- if and (or $v.service.loadBalancerClass $v.service.loadBalancerSourceRanges) (ne $v.service.type "LoadBalancer") }}
service.loadBalancerClass and .loadBalancerSourceRanges need service.type LoadBalancer
{{- end }}
{{- if and (eq $v.service.clusterIP "None") (ne $v.service.type "ClusterIP") }}
service.clusterIP None needs service.type ClusterIP
{{- end }}
{{- end }}

{{/* strategy.rollingUpdate: what a kind does not know, and numbers by which no pod could be replaced. */}}
{{- define "isnotai-exporter.validate.rolling" -}}
{{- $v := .Values -}}
{{- $known := eq $v.kind "StatefulSet" | ternary (list "partition" "maxUnavailable") (list "maxSurge" "maxUnavailable") -}}
{{- range $name, $_ := ($v.strategy).rollingUpdate }}
{{- if not (has $name $known) }}
strategy.rollingUpdate.{{ $name }} is not known to a {{ $v.kind }}, only {{ join " and " $known }}
{{- end }}
{{- end }}
{{- if and (ne $v.kind "StatefulSet") (eq (include "isnotai-exporter.strategyType" .) "RollingUpdate") }}
{{- $rolling := (include "isnotai-exporter.strategy" . | fromYaml).rollingUpdate }}
{{- $none := list "0" "0%" }}
{{- $surge := not (has (toString $rolling.maxSurge) $none) }}
{{- $gap := not (has (toString $rolling.maxUnavailable) $none) }}
{{- if not (or $surge $gap) }}
strategy.rollingUpdate.maxSurge and .maxUnavailable are both 0, so that no pod could be replaced: set one of them to 1
{{- end }}
{{- if and $surge $gap (eq $v.kind "DaemonSet") }}
strategy.rollingUpdate.maxSurge and .maxUnavailable contradict each other for a DaemonSet: keep one of them
{{- end }}
{{- if and $surge (or $v.hostPort $v.hostNetwork) (or (eq $v.kind "DaemonSet") (not (hasKey (($v.strategy).rollingUpdate | default dict) "maxSurge"))) }}
{{ $v.hostNetwork | ternary "hostNetwork" "hostPort" }}: no two pods can have the port of one node, so a rolling update may wait for ever: set strategy.rollingUpdate.maxSurge 0{{ if eq $v.kind "Deployment" }}, or strategy.type Recreate, or kind DaemonSet{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Whether a Deployment, as the API server has it, has a rollingUpdate that no manager owns, which an
apply can neither change nor take away; or nothing. Helm finds no Deployment without a server.
*/}}
{{- define "isnotai-exporter.unownedRollingUpdate" -}}
{{- if dig "spec" "strategy" "rollingUpdate" "" . }}
{{- $owned := false }}
{{- range dig "metadata" "managedFields" list . }}
{{- if hasKey (dig "fieldsV1" "f:spec" "f:strategy" dict .) "f:rollingUpdate" }}
{{- $owned = true }}
{{- end }}
{{- end }}
{{- if not $owned }}true{{ end }}
{{- end }}
{{- end }}

{{/* A PodDisruptionBudget that lets no pod go would hold up every drain of its node. */}}
{{- define "isnotai-exporter.validate.budget" -}}
{{- $budget := .Values.podDisruptionBudget -}}
{{- $replicas := int .Values.replicaCount -}}
{{- $least := include "isnotai-exporter.text" $budget.minAvailable -}}
{{- $most := include "isnotai-exporter.text" $budget.maxUnavailable -}}
{{- if $budget.enabled }}
{{- if eq .Values.kind "DaemonSet" }}
podDisruptionBudget.enabled and kind DaemonSet contradict each other: a drain leaves its pods alone
{{- end }}
{{- if and (ne $least "") (ne $most "") }}
podDisruptionBudget.minAvailable and .maxUnavailable contradict each other: keep one of them
{{- end }}
{{- $stay := int (trimSuffix "%" $least) }}
{{- if hasSuffix "%" $least }}
{{- $stay = div (add (mul $stay $replicas) 99) 100 }}
{{- end }}
{{- if and (ne $least "") (gt $replicas 0) (ge (int $stay) $replicas) }}
podDisruptionBudget.minAvailable {{ $least }} of {{ $replicas }} lets no pod go, so that its node could not be drained: set maxUnavailable, or more replicas
{{- end }}
{{- if and (ne $most "") (eq (int (trimSuffix "%" $most)) 0) }}
podDisruptionBudget.maxUnavailable {{ $most }} lets no pod go, so that its node could not be drained: set 1
{{- end }}
{{- end }}
{{- end }}
