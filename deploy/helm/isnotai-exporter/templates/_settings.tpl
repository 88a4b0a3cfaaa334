{{/* The exporter's settings, as flags and variables. No secret is ever one of them. */}}

{{/* A value as a flag has it: lists and maps with commas, whole numbers without an exponent. */}}
{{- define "isnotai-exporter.setting" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "map" . -}}
{{- $pairs := list -}}
{{- range $key, $value := . -}}
{{- $pairs = append $pairs (printf "%s=%s" $key (include "isnotai-exporter.setting" $value)) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- else if and (kindIs "float64" .) (eq . (float64 (int64 .))) -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}

{{/*
Resource attributes as OTEL_RESOURCE_ATTRIBUTES has them: values percent-encoded, for a comma would
begin the next one. `$(NAME)` is left for the kubelet to fill in.
*/}}
{{- define "isnotai-exporter.resourceAttributes" -}}
{{- $pairs := list -}}
{{- range $key, $value := . -}}
{{- $encoded := urlquery $value | replace "+" "%20" -}}
{{- $encoded = regexReplaceAll "%24%28([A-Za-z_][A-Za-z0-9_]*)%29" $encoded "$$(${1})" -}}
{{- $pairs = append $pairs (printf "%s=%s" $key $encoded) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- end }}

{{/* budget.replicas: as set, else one for each exporter of this release; with a database one polls. */}}
{{- define "isnotai-exporter.budgetReplicas" -}}
{{- if .Values.state.database.existingSecret }}1{{ else }}
{{- include "isnotai-exporter.setting" ((.Values.config.budget).replicas | default (max 1 (int .Values.replicaCount))) -}}
{{- end -}}
{{- end }}

{{- define "isnotai-exporter.args" -}}
{{- if include "isnotai-exporter.configFile" . }}
- --config.file=/etc/isnotai/config/config.yaml
{{- end }}
{{- if not .Values.integrations }}
- {{ printf "--integration=%s" .Values.integration | quote }}
- {{ printf "--api-key-file=%s" (default "/etc/isnotai/key/api-key" .Values.apiKey.file) | quote }}
{{- end }}
- --region={{ .Values.region }}
{{- with .Values.baseUrl }}
- {{ printf "--base-url=%s" . | quote }}
{{- end }}
- --auth-header={{ .Values.authHeader }}
- --web.listen-address=:{{ .Values.web.port }}
- --web.telemetry-path={{ .Values.web.telemetryPath }}
{{- if .Values.web.enableLifecycle }}
- --web.enable-lifecycle
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- --web.config-file=/etc/isnotai/web/{{ .Values.webConfig.existingSecretKey }}
{{- end }}
{{- if include "isnotai-exporter.caBundle" . }}
- --tls.ca-file=/etc/isnotai/ca/{{ .Values.tls.caBundle.key }}
{{- end }}
{{- $config := deepCopy .Values.config }}
{{- if .Values.state.database.existingSecret }}
- {{ printf "--state.url-file=/etc/isnotai/database/%s" .Values.state.database.existingSecretKey | quote }}
- {{ printf "--state.schema=%s" .Values.state.database.schema | quote }}
{{- else }}
{{- if .Values.state.enabled }}
- --state.path=/var/lib/isnotai/state.db
{{- end }}
{{- $_ := set $config "budget" (merge (dict "replicas" (include "isnotai-exporter.budgetReplicas" .)) ($config.budget | default dict)) }}
{{- end }}
{{- range $section, $settings := $config }}
{{- range $name, $value := $settings }}
{{- if not (or (kindIs "invalid" $value) (include "isnotai-exporter.fileOnly" $value)) }}
{{- $flag := printf "%s.%s" $section (kebabcase $name) }}
{{- if kindIs "bool" $value }}
- --{{ $value | ternary "" "no-" }}{{ $flag }}
{{- else }}
- {{ printf "--%s=%s" $flag (include "isnotai-exporter.setting" $value) | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/*
The variables of the container, or nothing. Takes a dict: root, optional (whether the container
starts without the Secrets that they name).
*/}}
{{- define "isnotai-exporter.env" -}}
{{- include "isnotai-exporter.ownEnv" . }}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Those that the chart sets itself. Takes what `env` takes. */}}
{{- define "isnotai-exporter.ownEnv" -}}
{{- $optional := .optional -}}
{{- with .root }}
{{- if .Values.otlp.enabled }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.otlp.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: http/protobuf
{{- $attributes := dict "k8s.namespace.name" "$(POD_NAMESPACE)" "k8s.pod.name" "$(POD_NAME)" "k8s.node.name" "$(NODE_NAME)" }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "isnotai-exporter.resourceAttributes" (merge (dict) (.Values.otlp.resourceAttributes | default dict) $attributes) | quote }}
{{- if .Values.otlp.intervalMilliseconds }}
- name: OTEL_METRIC_EXPORT_INTERVAL
  value: {{ include "isnotai-exporter.setting" .Values.otlp.intervalMilliseconds | quote }}
{{- end }}
{{- if .Values.otlp.timeoutMilliseconds }}
- name: OTEL_EXPORTER_OTLP_TIMEOUT
  value: {{ include "isnotai-exporter.setting" .Values.otlp.timeoutMilliseconds | quote }}
{{- end }}
{{- with .Values.otlp.compression }}
- name: OTEL_EXPORTER_OTLP_COMPRESSION
  value: {{ . }}
{{- end }}
{{- if .Values.otlp.headers.existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ .Values.otlp.headers.existingSecret | quote }}
      key: {{ .Values.otlp.headers.existingSecretKey | quote }}
      {{- if $optional }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether a setting is a list of objects, which no flag can hold; or nothing. */}}
{{- define "isnotai-exporter.fileOnly" -}}
{{- if and (kindIs "slice" .) . }}
{{- if kindIs "map" (first .) }}true{{ end }}
{{- end }}
{{- end }}

{{/*
The YAML file with what flags cannot hold, or nothing: several integrations, whose key files are named
by their place in the list as in `volumes`, and settings that are lists of objects.
*/}}
{{- define "isnotai-exporter.configFile" -}}
{{- $file := dict -}}
{{- $integrations := list -}}
{{- range $index, $integration := .Values.integrations -}}
{{- $one := dict "name" .name "api_key_file" (default (printf "/etc/isnotai/key/%d" $index) .file) -}}
{{- with .region }}{{ $_ := set $one "region" . }}{{ end -}}
{{- with .baseUrl }}{{ $_ := set $one "base_url" . }}{{ end -}}
{{- $integrations = append $integrations $one -}}
{{- end -}}
{{- with $integrations }}{{ $_ := set $file "integrations" . }}{{ end -}}
{{- range $section, $settings := .Values.config -}}
{{- range $name, $value := $settings -}}
{{- if include "isnotai-exporter.fileOnly" $value -}}
{{- $_ := set $file $section (merge (dict (snakecase $name) $value) (get $file $section | default dict)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $file }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/*
Which value of the chart sets a flag, as a dict of flags: extraArgs and extraEnv may not set it too.
*/}}
{{- define "isnotai-exporter.managedFlags" -}}
{{- $managed := dict "api-key-file" "apiKey" "auth-header" "authHeader" "base-url" "baseUrl" "budget.replicas" "config.budget.replicas" "integration" "integration" "region" "region" "state.path" "state" "state.schema" "state.database" "state.url-file" "state.database" "web.config-file" "webConfig" "web.config.file" "webConfig" "web.enable-lifecycle" "web.enableLifecycle" "web.listen-address" "web.port" "web.telemetry-path" "web.telemetryPath" -}}
{{- if include "isnotai-exporter.configFile" . -}}
{{- $_ := set $managed "config.file" "integrations" -}}
{{- end -}}
{{- if include "isnotai-exporter.caBundle" . -}}
{{- $_ := set $managed "tls.ca-file" "tls.caBundle" -}}
{{- end -}}
{{- range $section, $settings := .Values.config -}}
{{- range $name, $_ := $settings -}}
{{- $_ := set $managed (printf "%s.%s" $section (kebabcase $name)) (printf "config.%s.%s" $section $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $managed -}}
{{- end }}
