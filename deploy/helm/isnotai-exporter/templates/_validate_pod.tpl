{{/* What is added to the pod, against what the chart puts there; problems as in `validate`. */}}

{{- define "isnotai-exporter.validate.pod" -}}
{{- $v := .Values -}}
{{- $managed := include "isnotai-exporter.managedFlags" . | fromYaml -}}
{{- range $v.extraArgs }}
{{- $flag := regexFind "^--[a-z._-]+" . | trimPrefix "--" }}
{{- $name := trimPrefix "no-" $flag | replace "_" "-" }}
{{- if hasKey $managed $name }}
extraArgs: --{{ $flag }} is set by the value {{ get $managed $name }}
{{- end }}
{{- end }}
{{- $variables := dict }}
{{- range $flag, $value := omit $managed "web.config.file" }}
{{- $_ := set $variables (printf "ISNOTAI_%s" (upper $flag | replace "." "_" | replace "-" "_")) $value }}
{{- end }}
{{- range include "isnotai-exporter.ownEnv" (dict "root" . "optional" false) | fromYamlArray }}
{{- $_ := set $variables .name "otlp" }}
{{- end }}
{{- $seen := list }}
{{- range $v.extraEnv }}
{{- if has .name (list "ISNOTAI_API_KEY" "ISNOTAI_API_KEY_FILE") }}
extraEnv: {{ .name }} is not for variables, which everybody who may read the pod sees: use apiKey.existingSecret or apiKey.file
{{- else if hasKey $variables .name }}
extraEnv: {{ .name }} is set by the value {{ get $variables .name }}
{{- end }}
{{- if has .name $seen }}
extraEnv: {{ .name }} is there twice
{{- end }}
{{- $seen = append $seen .name }}
{{- end }}
{{- $mounts := include "isnotai-exporter.mounts" . | fromYaml }}
{{- range $v.extraVolumes }}
{{- if hasKey $mounts .name }}
extraVolumes: {{ .name }} is the name of a volume of the chart
{{- end }}
{{- end }}
{{- range $v.extraVolumeMounts }}
{{- if has (trimSuffix "/" .mountPath) (values $mounts) }}
extraVolumeMounts: {{ .mountPath }} is where the chart mounts something itself
{{- end }}
{{- end }}
{{- if and $v.hostNetwork $v.hostPort (ne (int $v.hostPort) (int $v.web.port)) }}
hostPort and hostNetwork: on the node's network both ports are one, so leave hostPort out or set it to web.port
{{- end }}
{{- if and $v.otlp.enabled (not $v.otlp.endpoint) }}
otlp.enabled needs otlp.endpoint, such as http://otel-collector:4318
{{- end }}
{{- if and (or $v.webConfig.tls $v.webConfig.clientCertificates) (not $v.webConfig.existingSecret) }}
webConfig.tls and .clientCertificates need webConfig.existingSecret, which holds the web-config file
{{- end }}
{{- if and $v.webConfig.clientCertificates (not $v.webConfig.tls) }}
webConfig.clientCertificates needs webConfig.tls
{{- end }}
{{- end }}

{{/* The NetworkPolicy. */}}
{{- define "isnotai-exporter.validate.network" -}}
{{- $v := .Values -}}
{{- if $v.networkPolicy.enabled }}
{{- if $v.hostNetwork }}
networkPolicy.enabled and hostNetwork contradict each other: no policy is about the node's own network
{{- end }}
{{- range $peer := $v.otlp.enabled | ternary (list "api" "otlp") (list "api") }}
{{- if not (get $v.networkPolicy.egress $peer).ports }}
{{- range $v.extraEnv }}
{{- if and .valueFrom (has (upper .name) (list "HTTPS_PROXY" "HTTP_PROXY" "ALL_PROXY")) }}
networkPolicy.egress.{{ $peer }}.ports is required where extraEnv takes {{ .name }} from elsewhere: the port of the proxy cannot be seen here
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $peer := list "dns" "postgresql" }}
{{- if not (get $v.networkPolicy.egress $peer).ports }}
networkPolicy.egress.{{ $peer }}.ports must not be empty: a rule without ports lets out to all of them
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* ServiceMonitor, PodMonitor, PodMonitoring, annotations. */}}
{{- define "isnotai-exporter.validate.monitors" -}}
{{- $v := .Values -}}
{{- $scrapers := list -}}
{{- range list "serviceMonitor" "podMonitor" "podMonitoring" "scrapeAnnotations" -}}
{{- if (get $v .).enabled -}}
{{- $scrapers = append $scrapers (printf "%s.enabled" .) -}}
{{- end -}}
{{- end -}}
{{- if gt (len $scrapers) 1 }}
{{ join " and " $scrapers }} would scrape the same target twice: keep one of them
{{- end }}
{{- range $name, $tls := dict "serviceMonitor" "tlsConfig" "podMonitor" "tlsConfig" "podMonitoring" "tls" }}
{{- $monitor := get $v $name }}
{{- if $monitor.enabled }}
{{- $config := get $monitor $tls }}
{{- $scheme := include "isnotai-exporter.monitorScheme" (dict "root" $ "monitor" $monitor) }}
{{- if and $v.webConfig.tls (eq $scheme "http") }}
{{ $name }}.scheme http and webConfig.tls contradict each other: the exporter answers HTTPS only
{{- else if and $v.webConfig.tls (not $config) }}
{{ $name }}.{{ $tls }} is required with webConfig.tls: the ca and serverName of the exporter's certificate, or insecureSkipVerify: true
{{- else if and $config (eq $scheme "http") }}
{{ $name }}.{{ $tls }} needs {{ $name }}.scheme https or webConfig.tls
{{- end }}
{{- if and $v.webConfig.clientCertificates (not (and $config.cert (or $config.keySecret $config.key))) (not $config.certFile) }}
{{ $name }}.{{ $tls }} needs a cert and its key with webConfig.clientCertificates
{{- end }}
{{- $ways := list }}
{{- range list "basicAuth" "authorization" "oauth2" }}
{{- if get $monitor . }}{{ $ways = append $ways (printf "%s.%s" $name .) }}{{ end }}
{{- end }}
{{- if gt (len $ways) 1 }}
{{ join " and " $ways }} contradict each other: keep one of them
{{- end }}
{{- $timeout := coalesce $monitor.scrapeTimeout $monitor.timeout | default "" }}
{{- if and $monitor.interval (gt (include "isnotai-exporter.milliseconds" $timeout | int64) (include "isnotai-exporter.milliseconds" $monitor.interval | int64)) }}
{{ $name }}: a time-out of {{ $timeout }} is longer than the interval of {{ $monitor.interval }}, and Prometheus would be given no such target
{{- end }}
{{- if and $monitor.stableInstance (not $v.persistence.enabled) }}
{{ $name }}.stableInstance needs persistence.enabled: without a volume the counts start anew with each pod, and two pods may be there at once
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Rules, alerts and dashboards. */}}
{{- define "isnotai-exporter.validate.rules" -}}
{{- $v := .Values -}}
{{- $names := include "isnotai-exporter.ruleNames" . | fromYaml -}}
{{- $known := dict "prometheusRule" (concat $names.recordings $names.alerts) "grafanaAlerts" $names.grafana -}}
{{- range $section, $there := $known }}
{{- range (get $v $section).disabled }}
{{- if not (has . $there) }}
{{ $section }}.disabled: there is no {{ . }}, only {{ join ", " $there }}
{{- end }}
{{- end }}
{{- end }}
{{- with $v.prometheusRule.thresholds }}
{{- $said := printf "prometheusRule.thresholds: %s would have no effect" (keys . | sortAlpha | join ", ") }}
{{- if not $v.prometheusRule.enabled }}
{{ $said }} without prometheusRule.enabled: set that, or leave the thresholds out
{{- else if not $v.prometheusRule.recordingRules.enabled }}
{{ $said }} without prometheusRule.recordingRules.enabled: set that, or set them where the recording rules are made
{{- else if has "isnotai:alert_threshold" $v.prometheusRule.disabled }}
{{ $said }} with isnotai:alert_threshold in prometheusRule.disabled: take it out there, or leave the thresholds out
{{- end }}
{{- range $name, $_ := . }}
{{- if not (has $name $names.thresholds) }}
prometheusRule.thresholds: there is no {{ $name }}, only {{ join ", " $names.thresholds }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $v.grafanaAlerts.enabled $v.prometheusRule.enabled $v.prometheusRule.alerts.enabled }}
grafanaAlerts.enabled and prometheusRule.alerts.enabled contradict each other: each alert would fire twice; set prometheusRule.alerts.enabled=false to have Grafana's
{{- end }}
{{- if not $v.prometheusRule.recordingRules.elsewhere }}
{{- $rules := dict }}
{{- $series := dict }}
{{- range (include "isnotai-exporter.unrecorded" . | fromYaml).reads }}
{{- $_ := set $rules .from (append (get $rules .from | default list) .rule) }}
{{- $_ := set $series .from (append (get $series .from | default list) .series) }}
{{- end }}
{{- range $from, $readers := $rules }}
{{ $from }}: {{ uniq $readers | join ", " }} would never fire, for nothing records {{ get $series $from | uniq | join ", " }}: set prometheusRule.enabled and prometheusRule.recordingRules.enabled{{ if eq $from "grafanaAlerts" }}, with prometheusRule.alerts.enabled=false{{ end }}, and leave those out of prometheusRule.disabled; or, where something else records them for the same Prometheus, set prometheusRule.recordingRules.elsewhere
{{- end }}
{{- end }}
{{- if and (or $v.dashboards.enabled $v.dashboards.grafanaOperator.enabled) (not (.Files.Glob "files/dashboards/*.json")) }}
dashboards.enabled: this copy of the chart has no dashboards
{{- end }}
{{- if and $v.grafanaAlerts.enabled (not (.Files.Glob "files/grafana-alerts/*")) }}
grafanaAlerts.enabled: this copy of the chart has no alerts in Grafana's format
{{- end }}
{{- end }}
