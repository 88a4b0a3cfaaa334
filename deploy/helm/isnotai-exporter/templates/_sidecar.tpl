{{/*
What another chart includes to have the exporter in its own pods. Each takes this chart's context:
`index .Subcharts "isnotai-exporter"` in a chart that depends on it with `mode: sidecar`.

A sidecar has no readiness or startup probe unless asked, since they would gate its host, and starts
without its Secrets for the same reason. Its files are readable for every user, as the host's
fsGroup is not ours to know; they are in this container alone.
*/}}

{{/* For `containers`. */}}
{{- define "isnotai-exporter.sidecar.container" -}}
- {{ include "isnotai-exporter.container" (dict "root" . "name" .Values.sidecar.name "port" .Values.sidecar.portName "ready" .Values.sidecar.readinessProbe.enabled "optional" true) | nindent 2 | trim }}
{{- end }}

{{/* For `initContainers`: a native sidecar starts before its host, ends after it, and lets Jobs end. */}}
{{- define "isnotai-exporter.sidecar.initContainer" -}}
{{- if semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version }}
{{- fail (printf "isnotai-exporter: native sidecars need Kubernetes 1.29, this is %s: include isnotai-exporter.sidecar.container in containers instead" .Capabilities.KubeVersion.Version) }}
{{- end -}}
{{ include "isnotai-exporter.sidecar.container" . }}
  restartPolicy: Always
{{- end }}

{{/* For `volumes`. */}}
{{- define "isnotai-exporter.sidecar.volumes" -}}
{{ include "isnotai-exporter.volumes" (dict "root" . "mode" 292 "optional" true) }}
{{- end }}

{{/* For the pod's labels: what the PodMonitor selects. */}}
{{- define "isnotai-exporter.sidecar.podLabels" -}}
isnotai-exporter: {{ include "isnotai-exporter.fullname" . }}
{{- end }}

{{/* For the pod's annotations; may be nothing. */}}
{{- define "isnotai-exporter.sidecar.podAnnotations" -}}
{{- include "isnotai-exporter.podAnnotations" . | trim }}
{{- end }}
