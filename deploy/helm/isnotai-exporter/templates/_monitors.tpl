{{/* http or https, for a monitor. Takes a dict: root, monitor. */}}
{{- define "isnotai-exporter.monitorScheme" -}}
{{- default (include "isnotai-exporter.scheme" .root) .monitor.scheme }}
{{- end }}

{{/* What a ServiceMonitor's and a PodMonitor's endpoint have in common. Takes a dict: root, monitor. */}}
{{- define "isnotai-exporter.endpoint" -}}
path: {{ .root.Values.web.telemetryPath }}
scheme: {{ include "isnotai-exporter.monitorScheme" . }}
honorLabels: {{ .monitor.honorLabels }}
honorTimestamps: {{ .monitor.honorTimestamps }}
{{- range $key := list "interval" "scrapeTimeout" "proxyUrl" }}
{{- with get $.monitor $key }}
{{ $key }}: {{ . }}
{{- end }}
{{- end }}
{{- $relabelings := list }}
{{- if .monitor.stableInstance }}
{{- $relabelings = list (dict "action" "replace" "targetLabel" "instance" "replacement" (printf "%s/%s" (include "isnotai-exporter.namespace" .root) (include "isnotai-exporter.fullname" .root))) (dict "action" "labeldrop" "regex" "pod") }}
{{- end }}
{{- with concat $relabelings .monitor.relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $key := list "tlsConfig" "basicAuth" "authorization" "oauth2" "metricRelabelings" }}
{{- with get $.monitor $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What their specs have in common. Takes a dict: root, monitor. */}}
{{- define "isnotai-exporter.monitorSpec" -}}
{{- range $key := list "jobLabel" "bodySizeLimit" }}
{{- with get $.monitor $key }}
{{ $key }}: {{ . }}
{{- end }}
{{- end }}
{{- range $key := list "podTargetLabels" "scrapeProtocols" "attachMetadata" }}
{{- with get $.monitor $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $key := list "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- with get $.monitor $key }}
{{ $key }}: {{ int64 . }}
{{- end }}
{{- end }}
namespaceSelector:
  matchNames:
    - {{ include "isnotai-exporter.namespace" .root }}
{{- end }}
