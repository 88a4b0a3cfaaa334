{{/* What a ServiceMonitor's and a PodMonitor's endpoint have in common. Takes a dict: root, monitor. */}}
{{- define "isnotai-exporter.endpoint" -}}
path: {{ .root.Values.web.telemetryPath }}
scheme: {{ .root.Values.webConfig.tls | ternary "https" "http" }}
honorLabels: {{ .monitor.honorLabels }}
{{- with .monitor.interval }}
interval: {{ . }}
{{- end }}
{{- with .monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- range $key := list "tlsConfig" "basicAuth" "relabelings" "metricRelabelings" }}
{{- with get $.monitor $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What their specs have in common. Takes a dict: root, monitor. */}}
{{- define "isnotai-exporter.monitorSpec" -}}
{{- with .monitor.jobLabel }}
jobLabel: {{ . }}
{{- end }}
{{- range $key := list "podTargetLabels" "scrapeProtocols" }}
{{- with get $.monitor $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .monitor.sampleLimit }}
sampleLimit: {{ int64 . }}
{{- end }}
namespaceSelector:
  matchNames:
    - {{ include "isnotai-exporter.namespace" .root }}
{{- end }}
