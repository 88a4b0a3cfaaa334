{{/* Values that contradict each other: each is refused with what to do about it. */}}
{{- define "isnotai-exporter.validate" -}}
{{- $v := .Values -}}
{{- $problems := list -}}

{{- if $v.integrations -}}
{{- if $v.integration -}}
{{- $problems = append $problems "integration and integrations contradict each other: keep one of them" -}}
{{- end -}}
{{- if $v.apiKey.existingSecret -}}
{{- $problems = append $problems "apiKey.existingSecret and integrations contradict each other: each integration names its own Secret" -}}
{{- end -}}
{{- $names := list -}}
{{- range $v.integrations -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- if ne (len $names) (len (uniq $names)) -}}
{{- $problems = append $problems "integrations: each name must be there once, or their series would merge" -}}
{{- end -}}
{{- else -}}
{{- if not $v.integration -}}
{{- $problems = append $problems "integration is required: the value of the integration label, such as your team or site; it must be unique among all exporters of one Prometheus" -}}
{{- end -}}
{{- if not $v.apiKey.existingSecret -}}
{{- $problems = append $problems "apiKey.existingSecret is required: make one with `kubectl create secret generic isnotai --from-file=api-key=FILE` and set it to isnotai" -}}
{{- end -}}
{{- end -}}
{{- $labels := list $v.integration -}}
{{- range $v.integrations -}}
{{- $labels = append $labels .name -}}
{{- end -}}
{{- if has "default" $labels -}}
{{- $problems = append $problems "integration must not be default: two teams' default would merge on one Prometheus" -}}
{{- end -}}

{{- $budget := $v.config.budget.replicas -}}
{{- if eq $v.mode "standalone" -}}
{{- if and $v.persistence.enabled (gt (int $v.replicaCount) 1) -}}
{{- $problems = append $problems "persistence.enabled and replicaCount above 1 contradict each other: the state has one writer" -}}
{{- end -}}
{{- if and $budget (lt (int $budget) (int $v.replicaCount)) -}}
{{- $problems = append $problems (printf "config.budget.replicas is %v and replicaCount %v: together they would spend more than config.budget.share; leave config.budget.replicas out" $budget $v.replicaCount) -}}
{{- end -}}
{{- if and $v.persistence.enabled (eq (get $v.strategy "type" | default "Recreate") "RollingUpdate") -}}
{{- $problems = append $problems "persistence.enabled and strategy.type RollingUpdate contradict each other: the new pod would wait for a state that the old one holds" -}}
{{- end -}}
{{- if and $v.serviceMonitor.enabled (not $v.service.enabled) -}}
{{- $problems = append $problems "serviceMonitor.enabled needs service.enabled; or take podMonitor.enabled" -}}
{{- end -}}
{{- else -}}
{{- if not $budget -}}
{{- $problems = append $problems "config.budget.replicas is required with mode sidecar: how many pods run the sidecar with this key; each of them polls, and they share one budget" -}}
{{- end -}}
{{- if $v.persistence.enabled -}}
{{- $problems = append $problems "persistence.enabled and mode sidecar contradict each other: the state has one writer; take mode standalone for counts that survive the pod" -}}
{{- end -}}
{{- if $v.serviceMonitor.enabled -}}
{{- $problems = append $problems "serviceMonitor.enabled and mode sidecar contradict each other: there is no Service; take podMonitor.enabled" -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
{{- $problems = append $problems "networkPolicy.enabled and mode sidecar contradict each other: the pod's policy is its host application's" -}}
{{- end -}}
{{- if $v.podDisruptionBudget.enabled -}}
{{- $problems = append $problems "podDisruptionBudget.enabled and mode sidecar contradict each other: the budget is the host application's" -}}
{{- end -}}
{{- end -}}

{{- if and $v.persistence.enabled (not $v.state.enabled) -}}
{{- $problems = append $problems "persistence.enabled needs state.enabled" -}}
{{- end -}}
{{- $scrapers := list -}}
{{- range list "serviceMonitor" "podMonitor" "scrapeAnnotations" -}}
{{- if (get $v .).enabled -}}
{{- $scrapers = append $scrapers (printf "%s.enabled" .) -}}
{{- end -}}
{{- end -}}
{{- if gt (len $scrapers) 1 -}}
{{- $problems = append $problems (printf "%s would scrape the same target twice: keep one of them" (join " and " $scrapers)) -}}
{{- end -}}
{{- if and (ne (toString $v.podDisruptionBudget.minAvailable) "") (ne (toString $v.podDisruptionBudget.maxUnavailable) "") -}}
{{- $problems = append $problems "podDisruptionBudget.minAvailable and .maxUnavailable contradict each other: keep one of them" -}}
{{- end -}}
{{- if and $v.otlp.enabled (not $v.otlp.endpoint) -}}
{{- $problems = append $problems "otlp.enabled needs otlp.endpoint, such as http://otel-collector:4318" -}}
{{- end -}}
{{- if and (or $v.webConfig.tls $v.webConfig.clientCertificates) (not $v.webConfig.existingSecret) -}}
{{- $problems = append $problems "webConfig.tls and .clientCertificates need webConfig.existingSecret, which holds the web-config file" -}}
{{- end -}}
{{- if and $v.webConfig.clientCertificates (not $v.webConfig.tls) -}}
{{- $problems = append $problems "webConfig.clientCertificates needs webConfig.tls" -}}
{{- end -}}
{{- range $v.extraEnv -}}
{{- if has .name (list "ISNOTAI_API_KEY" "ISNOTAI_API_KEY_FILE") -}}
{{- $problems = append $problems (printf "extraEnv: %s is not for variables, which everybody who may read the pod sees: use apiKey.existingSecret" .name) -}}
{{- end -}}
{{- end -}}
{{- $managed := dict "api-key-file" "apiKey" "auth-header" "authHeader" "base-url" "baseUrl" "budget.replicas" "config.budget.replicas" "integration" "integration" "region" "region" "state.path" "state" "web.config-file" "webConfig" "web.config.file" "webConfig" "web.enable-lifecycle" "web.enableLifecycle" "web.listen-address" "web.port" "web.telemetry-path" "web.telemetryPath" -}}
{{- if $v.integrations -}}
{{- $_ := set $managed "config.file" "integrations" -}}
{{- end -}}
{{- range $v.extraArgs -}}
{{- $flag := regexFind "^--[a-z._-]+" . | trimPrefix "--" -}}
{{- $name := trimPrefix "no-" $flag | replace "_" "-" -}}
{{- if hasKey $managed $name -}}
{{- $problems = append $problems (printf "extraArgs: --%s is set by the value %s" $flag (get $managed $name)) -}}
{{- end -}}
{{- end -}}
{{- if and $v.dashboards.enabled (not (.Files.Glob "files/dashboards/*.json")) -}}
{{- $problems = append $problems "dashboards.enabled: this copy of the chart has no dashboards" -}}
{{- end -}}
{{- if and $v.grafanaAlerts.enabled (not (.Files.Glob "files/grafana-alerts/*")) -}}
{{- $problems = append $problems "grafanaAlerts.enabled: this copy of the chart has no alerts in Grafana's format" -}}
{{- end -}}

{{- if $problems -}}
{{- fail (printf "\n\nisnotai-exporter:\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end }}
