{{/*
The project's rules, from the files that the chart carries. Which alert reads which recorded series is
read from their expressions, so that no list of them is kept anywhere.
*/}}

{{/* Groups of the PrometheusRule, as `groups:`, after switches, `disabled`, labels and links. */}}
{{- define "isnotai-exporter.ruleGroups" -}}
{{- $values := .Values.prometheusRule -}}
{{- $groups := list -}}
{{- range $path, $_ := .Files.Glob "files/alerts/*.yaml" -}}
{{- range $group := ($.Files.Get $path | fromYaml).groups -}}
{{- $rules := list -}}
{{- range $group.rules -}}
{{- $wanted := hasKey . "record" | ternary $values.recordingRules.enabled $values.alerts.enabled -}}
{{- if and $wanted (not (has (default .record .alert) $values.disabled)) -}}
{{- if and .alert $values.additionalRuleLabels -}}
{{- $_ := set . "labels" (merge (dict) $values.additionalRuleLabels (.labels | default dict)) -}}
{{- end -}}
{{- include "isnotai-exporter.setLinks" (dict "rule" . "values" $values) -}}
{{- if and (eq (default "" .record) "isnotai:alert_threshold") (hasKey ($values.thresholds | default dict) .labels.name) -}}
{{- $_ := set . "expr" (printf "vector(%v)" (index $values.thresholds .labels.name)) -}}
{{- end -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{- with $rules -}}
{{- $groups = append $groups (merge (dict "rules" .) (omit $group "rules")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "groups" $groups) -}}
{{- end }}

{{/* The file of Grafana's own alerts after `disabled`, data source and links. Takes a dict: root, path. */}}
{{- define "isnotai-exporter.grafanaFile" -}}
{{- $values := .root.Values.grafanaAlerts -}}
{{- $file := .root.Files.Get .path | fromYaml -}}
{{- $groups := list -}}
{{- range $group := $file.groups -}}
{{- $rules := list -}}
{{- range $group.rules -}}
{{- if not (has .title $values.disabled) -}}
{{- range .data -}}
{{- if ne .datasourceUid "__expr__" -}}
{{- $_ := set . "datasourceUid" $values.datasourceUid -}}
{{- with .model.datasource -}}
{{- $_ := set . "uid" $values.datasourceUid -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "isnotai-exporter.setLinks" (dict "rule" . "values" $values) -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{- with $rules -}}
{{- $groups = append $groups (merge (dict "rules" .) (omit $group "rules")) -}}
{{- end -}}
{{- end -}}
{{- toYaml (merge (dict "groups" $groups) (omit $file "groups")) -}}
{{- end }}

{{/*
Have an alert's links lead to the user's pages: only the address before the page is theirs.
Takes a dict: rule, which is changed, and values, with runbookUrl and dashboardUrl. Prints nothing.
*/}}
{{- define "isnotai-exporter.setLinks" -}}
{{- $annotations := .rule.annotations | default dict -}}
{{- range $key, $link := dict "runbook_url" (list .values.runbookUrl "^.*/docs/runbooks/") "dashboard_url" (list .values.dashboardUrl "^/") -}}
{{- if and (first $link) (hasKey $annotations $key) -}}
{{- $page := regexReplaceAll (last $link) (get $annotations $key) "" -}}
{{- $_ := set $annotations $key (printf "%s/%s" (first $link | trimSuffix "/") $page) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Names of all that the chart carries, as a dict of lists: recordings, alerts, grafana, thresholds.
*/}}
{{- define "isnotai-exporter.ruleNames" -}}
{{- $recordings := list -}}
{{- $thresholds := list -}}
{{- $alerts := list -}}
{{- range $path, $_ := .Files.Glob "files/alerts/*.yaml" -}}
{{- range ($.Files.Get $path | fromYaml).groups -}}
{{- range .rules -}}
{{- with .record }}{{ $recordings = append $recordings . }}{{ end -}}
{{- if eq (default "" .record) "isnotai:alert_threshold" }}{{ $thresholds = append $thresholds .labels.name }}{{ end -}}
{{- with .alert }}{{ $alerts = append $alerts . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $grafana := list -}}
{{- range $path, $_ := .Files.Glob "files/grafana-alerts/*" -}}
{{- range ($.Files.Get $path | fromYaml).groups -}}
{{- range .rules -}}
{{- $grafana = append $grafana .title -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "recordings" (uniq $recordings) "alerts" (uniq $alerts) "grafana" (uniq $grafana) "thresholds" $thresholds) -}}
{{- end }}

{{/*
What reads a recorded series that this release does not record, as `reads:`, a list of
{from, rule, series}; `from` is the value that switches the rule on.
*/}}
{{- define "isnotai-exporter.unrecorded" -}}
{{- $readers := list -}}
{{- $made := list -}}
{{- if .Values.prometheusRule.enabled -}}
{{- range (include "isnotai-exporter.ruleGroups" . | fromYaml).groups -}}
{{- range .rules -}}
{{- with .record }}{{ $made = append $made . }}{{ end -}}
{{- $readers = append $readers (dict "from" (hasKey . "record" | ternary "prometheusRule.recordingRules" "prometheusRule.alerts") "rule" (default .record .alert) "expr" .expr) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.grafanaAlerts.enabled -}}
{{- range $path, $_ := .Files.Glob "files/grafana-alerts/*" -}}
{{- range (include "isnotai-exporter.grafanaFile" (dict "root" $ "path" $path) | fromYaml).groups -}}
{{- range $rule := .rules -}}
{{- range .data -}}
{{- with .model.expr -}}
{{- $readers = append $readers (dict "from" "grafanaAlerts" "rule" $rule.title "expr" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $reads := list -}}
{{- range $series := (include "isnotai-exporter.ruleNames" . | fromYaml).recordings -}}
{{- if not (has $series $made) -}}
{{- range $reader := $readers -}}
{{- if regexMatch (printf "(^|[^A-Za-z0-9_:])%s($|[^A-Za-z0-9_:])" $series) $reader.expr -}}
{{- $reads = append $reads (dict "from" $reader.from "rule" $reader.rule "series" $series) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "reads" $reads) -}}
{{- end }}
