{{/* Names, labels and the image. */}}

{{- define "isnotai-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride }}
{{- end }}

{{/* At most 63 characters, for Services; what is not a name for one, `validate` refuses. */}}
{{- define "isnotai-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "isnotai-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "isnotai-exporter.kubeVersion" -}}
{{- default .Capabilities.KubeVersion.Version .Values.kubeVersionOverride }}
{{- end }}

{{/* What Services, monitors and policies find the pods by; no value may change one of them. */}}
{{- define "isnotai-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "isnotai-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "isnotai-exporter.labels" -}}
{{- $own := include "isnotai-exporter.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/component" "metrics" -}}
{{- $_ := set $own "app.kubernetes.io/part-of" (include "isnotai-exporter.name" .) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- merge (dict) (.Values.commonLabels | default dict) $own | toYaml }}
{{- end }}

{{/*
The metadata of a resource.
Takes a dict: root, and optionally name, namespace, labels and annotations of its own.
*/}}
{{- define "isnotai-exporter.metadata" -}}
{{- $labels := merge (dict) (.labels | default dict) (include "isnotai-exporter.labels" .root | fromYaml) -}}
{{- $annotations := merge (dict) (.annotations | default dict) (.root.Values.commonAnnotations | default dict) -}}
name: {{ default (include "isnotai-exporter.fullname" .root) .name | quote }}
namespace: {{ default (include "isnotai-exporter.namespace" .root) .namespace | quote }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "isnotai-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "isnotai-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "isnotai-exporter.image" -}}
{{- $registry := default .Values.image.registry (.Values.global).imageRegistry -}}
{{- $path := .Values.image.repository -}}
{{- if $registry }}{{ $path = printf "%s/%s" $registry $path }}{{ end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $path .Values.image.digest }}
{{- else -}}
{{- printf "%s:%s" $path (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}
{{- end }}

{{/* The pull secrets of the chart and of `global`, as a list, or nothing. */}}
{{- define "isnotai-exporter.pullSecrets" -}}
{{- $secrets := list -}}
{{- range concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $name := kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "name") . -}}
{{- $secrets = append $secrets (dict "name" (tpl $name $)) -}}
{{- end -}}
{{- with $secrets | uniq }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- define "isnotai-exporter.imagePullSecrets" -}}
{{- with include "isnotai-exporter.pullSecrets" . }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A list as it is, or text through `tpl`. Takes a dict: root, value. */}}
{{- define "isnotai-exporter.listOrText" -}}
{{- if kindIs "string" .value }}
{{- tpl .value .root | trim }}
{{- else if .value }}
{{- toYaml .value }}
{{- end }}
{{- end }}

{{/* http or https, as the exporter serves it. */}}
{{- define "isnotai-exporter.scheme" -}}
{{- .Values.webConfig.tls | ternary "https" "http" }}
{{- end }}

{{/* A value as text: 0 is one too, null is none. */}}
{{- define "isnotai-exporter.text" -}}
{{- if not (kindIs "invalid" .) }}{{ . }}{{ end }}
{{- end }}
