{{/* The pod of a Deployment, StatefulSet or DaemonSet. */}}

{{/* The pod's annotations, or nothing; the user's win. */}}
{{- define "isnotai-exporter.podAnnotations" -}}
{{- $own := dict -}}
{{- with include "isnotai-exporter.configFile" . }}
{{- $_ := set $own "checksum/isnotai-config" (sha256sum .) -}}
{{- end }}
{{- if .Values.scrapeAnnotations.enabled }}
{{- $_ := set $own "prometheus.io/scrape" "true" -}}
{{- $_ := set $own "prometheus.io/port" (toString .Values.web.port) -}}
{{- $_ := set $own "prometheus.io/path" .Values.web.telemetryPath -}}
{{- $_ := set $own "prometheus.io/scheme" (include "isnotai-exporter.scheme" .) -}}
{{- end }}
{{- with merge (dict) (.Values.podAnnotations | default dict) $own }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/*
How pods are replaced, in full: a field that a release leaves out is filled in by the API server, has
no owner, and stands in the way of a release that wants another type. `null` takes it away where
applying is done on the client's side.
*/}}
{{- define "isnotai-exporter.strategy" -}}
{{- $type := include "isnotai-exporter.strategyType" . -}}
type: {{ $type }}
{{- if ne $type "RollingUpdate" }}
rollingUpdate: null
{{- else }}
{{- $rolling := include "isnotai-exporter.rollingDefaults" . | fromYaml }}
{{- range $key, $value := (.Values.strategy).rollingUpdate }}
{{- $_ := set $rolling $key $value }}
{{- end }}
rollingUpdate:
  {{- toYaml $rolling | nindent 2 }}
{{- end }}
{{- end }}

{{/* What Kubernetes fills in; a DaemonSet has either pods to spare or pods too few, never both. */}}
{{- define "isnotai-exporter.rollingDefaults" -}}
{{- if eq .Values.kind "StatefulSet" }}
partition: 0
{{- else if eq .Values.kind "Deployment" }}
maxSurge: 25%
maxUnavailable: 25%
{{- else if has (toString (dig "rollingUpdate" "maxSurge" 0 (.Values.strategy | default dict))) (list "0" "0%") }}
maxSurge: 0
maxUnavailable: 1
{{- else }}
maxUnavailable: 0
{{- end }}
{{- end }}

{{- define "isnotai-exporter.strategyType" -}}
{{- $one := and (eq .Values.kind "Deployment") .Values.persistence.enabled (not (.Values.strategy).rollingUpdate) -}}
{{- default ($one | ternary "Recreate" "RollingUpdate") (.Values.strategy).type -}}
{{- end }}

{{- define "isnotai-exporter.podTemplate" -}}
metadata:
  labels:
    {{- toYaml (merge (dict) (.Values.podLabels | default dict) (include "isnotai-exporter.labels" . | fromYaml)) | nindent 4 }}
  {{- with include "isnotai-exporter.podAnnotations" . }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "isnotai-exporter.serviceAccountName" . | quote }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automountServiceAccountToken }}
  enableServiceLinks: {{ .Values.enableServiceLinks }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with include "isnotai-exporter.imagePullSecrets" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- with default (.Values.hostNetwork | ternary "ClusterFirstWithHostNet" "") .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" }}
  {{- with get $.Values $key }}
  {{ $key }}: {{ toJson . }}
  {{- end }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- range $key := list "dnsConfig" "hostAliases" "nodeSelector" "tolerations" }}
  {{- with get $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- $own := dict "matchLabels" (include "isnotai-exporter.selectorLabels" . | fromYaml) }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{ hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $own) .) | toYaml | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  {{- if .Values.affinity }}
  affinity:
    {{- toYaml .Values.affinity | nindent 4 }}
  {{- else if and (ne .Values.kind "DaemonSet") (gt (int .Values.replicaCount) 1) }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              {{- toYaml $own | nindent 14 }}
  {{- end }}
  {{- with include "isnotai-exporter.listOrText" (dict "root" . "value" .Values.extraInitContainers) }}
  initContainers:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    - {{ include "isnotai-exporter.container" (dict "root" . "name" "isnotai-exporter" "port" .Values.web.portName "ready" .Values.readinessProbe.enabled "startup" .Values.startupProbe.enabled "optional" false) | nindent 6 | trim }}
    {{- with include "isnotai-exporter.listOrText" (dict "root" . "value" .Values.extraContainers) }}
    {{- . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "isnotai-exporter.volumes" (dict "root" . "mode" 288 "optional" .Values.apiKey.optional) | trim | nindent 4 }}
{{- end }}
