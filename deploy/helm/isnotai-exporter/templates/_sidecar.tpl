{{/*
What another chart includes to have the exporter in its own pods. Each takes this chart's context:
`index .Subcharts "isnotai-exporter"` in a chart that depends on it with `mode: sidecar`.

A sidecar has no readiness or startup probe unless asked, since they would gate its host, and starts
without its Secrets for the same reason. Its files are readable for every user, as the host's
fsGroup is not ours to know; they are in this container alone.
*/}}

{{/* For `containers`. */}}
{{- define "isnotai-exporter.sidecar.container" -}}
- {{ include "isnotai-exporter.container" (dict "root" . "name" .Values.sidecar.name "port" .Values.sidecar.portName "ready" .Values.sidecar.readinessProbe.enabled "startup" .Values.sidecar.startupProbe.enabled "optional" true) | nindent 2 | trim }}
{{- end }}

{{/* For `initContainers`: a native sidecar starts before its host, ends after it, and lets Jobs end. */}}
{{- define "isnotai-exporter.sidecar.initContainer" -}}
{{- $version := include "isnotai-exporter.kubeVersion" . }}
{{- if semverCompare "<1.29.0-0" $version }}
{{- fail (printf "isnotai-exporter: native sidecars need Kubernetes 1.29, this is %s: include isnotai-exporter.sidecar.container in containers instead" $version) }}
{{- end -}}
{{ include "isnotai-exporter.sidecar.container" . }}
  restartPolicy: Always
{{- end }}

{{/* For `volumes`. */}}
{{- define "isnotai-exporter.sidecar.volumes" -}}
{{ include "isnotai-exporter.volumes" (dict "root" . "mode" 292 "optional" true) | trim }}
{{- end }}

{{/*
For `imagePullSecrets`, as a list; may be nothing. Pull secrets belong to the pod: without them an
image that wants them cannot be pulled, and a native sidecar then does hold its host back.
*/}}
{{- define "isnotai-exporter.sidecar.imagePullSecrets" -}}
{{- include "isnotai-exporter.pullSecrets" . }}
{{- end }}

{{/* What the PodMonitor selects. */}}
{{- define "isnotai-exporter.sidecar.selectorLabels" -}}
isnotai-exporter: {{ include "isnotai-exporter.fullname" . | quote }}
{{- end }}

{{/* For the pod's labels: what the PodMonitor selects, and `podLabels`. */}}
{{- define "isnotai-exporter.sidecar.podLabels" -}}
{{- merge (include "isnotai-exporter.sidecar.selectorLabels" . | fromYaml) (.Values.podLabels | default dict) | toYaml }}
{{- end }}

{{/* For the pod's annotations; may be nothing. */}}
{{- define "isnotai-exporter.sidecar.podAnnotations" -}}
{{- include "isnotai-exporter.podAnnotations" . }}
{{- end }}
