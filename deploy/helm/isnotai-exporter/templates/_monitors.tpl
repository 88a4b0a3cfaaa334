{{/* http or https, for a monitor. Takes a dict: root, monitor. */}}
{{- define "isnotai-exporter.monitorScheme" -}}
{{- default (include "isnotai-exporter.scheme" .root) .monitor.scheme }}
{{- end }}

{{/* What a ServiceMonitor's and a PodMonitor's endpoint have in common. Takes a dict: root, monitor. */}}
{{- define "isnotai-exporter.endpoint" -}}
path: {{ .root.Values.web.telemetryPath | quote }}
scheme: {{ include "isnotai-exporter.monitorScheme" . }}
honorLabels: {{ .monitor.honorLabels }}
honorTimestamps: {{ .monitor.honorTimestamps }}
{{- range $key := list "interval" "scrapeTimeout" "proxyUrl" }}
{{- with get $.monitor $key }}
{{ $key }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- $relabelings := list }}
{{- if .monitor.stableInstance }}
{{- $relabelings = list (dict "action" "replace" "targetLabel" "instance" "replacement" (printf "%s/%s" (include "isnotai-exporter.namespace" .root) (include "isnotai-exporter.fullname" .root))) (dict "action" "labeldrop" "regex" "pod") }}
{{- end }}
{{- with concat $relabelings (.monitor.relabelings | default list) }}
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
{{ $key }}: {{ toJson . }}
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
    - {{ include "isnotai-exporter.namespace" .root | quote }}
{{- end }}

{{/* A duration as Prometheus has it, such as 1m30s, in milliseconds; 0 where there is none. */}}
{{- define "isnotai-exporter.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(ms|[smhdwy])" . -1 -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $sum = add $sum (mul (int64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- $sum -}}
{{- end }}
