{{/* The container and its volumes: alike in a pod of its own and as a sidecar. */}}

{{/*
A probe. Takes a dict: root, probe (its values), path, port.
A probe brings no client certificate, so where one is wanted it only opens a connection.
*/}}
{{- define "isnotai-exporter.probe" -}}
{{- if .root.Values.webConfig.clientCertificates }}
tcpSocket:
  port: {{ .port | quote }}
{{- else }}
httpGet:
  path: {{ .path | quote }}
  port: {{ .port | quote }}
  scheme: {{ include "isnotai-exporter.scheme" .root | upper }}
{{- end }}
{{- with omit .probe "enabled" }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
The container. Takes a dict: root, name, port (its name), ready and startup (whether it has those
probes), optional (whether it starts without the Secrets that its variables name).
*/}}
{{- define "isnotai-exporter.container" -}}
{{- $env := include "isnotai-exporter.env" (dict "root" .root "optional" .optional) | trim -}}
name: {{ .name | quote }}
image: {{ include "isnotai-exporter.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args:
  {{- include "isnotai-exporter.args" .root | trim | nindent 2 }}
{{- if $env }}
env:
  {{- $env | nindent 2 }}
{{- end }}
{{- with .root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: {{ .port | quote }}
    containerPort: {{ .root.Values.web.port }}
    {{- with .root.Values.hostPort }}
    hostPort: {{ . }}
    {{- end }}
    protocol: TCP
{{- if .startup }}
startupProbe:
  {{- include "isnotai-exporter.probe" (dict "root" .root "probe" .root.Values.startupProbe "port" .port "path" "/-/healthy") | trim | nindent 2 }}
{{- end }}
{{- if .root.Values.livenessProbe.enabled }}
livenessProbe:
  {{- include "isnotai-exporter.probe" (dict "root" .root "probe" .root.Values.livenessProbe "port" .port "path" "/-/healthy") | trim | nindent 2 }}
{{- end }}
{{- if .ready }}
readinessProbe:
  {{- include "isnotai-exporter.probe" (dict "root" .root "probe" .root.Values.readinessProbe "port" .port "path" "/-/ready") | trim | nindent 2 }}
{{- end }}
{{- range $key := list "lifecycle" "resources" "securityContext" }}
{{- with get $.root.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
volumeMounts:
{{- range $name, $path := include "isnotai-exporter.mounts" .root | fromYaml }}
  - name: {{ $name | quote }}
    mountPath: {{ $path | quote }}
    {{- if not (has $name (list "isnotai-state" "isnotai-tmp")) }}
    readOnly: true
    {{- end }}
{{- end }}
{{- with .root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether any key comes from a Secret, and not from a file that is there anyway; or nothing. */}}
{{- define "isnotai-exporter.keySecrets" -}}
{{- $secrets := list .Values.apiKey.existingSecret -}}
{{- range .Values.integrations -}}
{{- $secrets = append $secrets .existingSecret -}}
{{- end -}}
{{- compact $secrets | join "," -}}
{{- end }}

{{/* Where the chart's own volumes are mounted: name: path. */}}
{{- define "isnotai-exporter.mounts" -}}
{{- if include "isnotai-exporter.keySecrets" . }}
isnotai-key: /etc/isnotai/key
{{- end }}
{{- if include "isnotai-exporter.configFile" . }}
isnotai-config: /etc/isnotai/config
{{- end }}
{{- if .Values.webConfig.existingSecret }}
isnotai-web: /etc/isnotai/web
{{- end }}
{{- if include "isnotai-exporter.caBundle" . }}
isnotai-ca: /etc/isnotai/ca
{{- end }}
{{- if .Values.state.database.existingSecret }}
isnotai-database: /etc/isnotai/database
{{- else if .Values.state.enabled }}
isnotai-state: /var/lib/isnotai
{{- end }}
isnotai-tmp: /tmp
{{- end }}

{{/* The ConfigMap or Secret with certificates to trust, or nothing. */}}
{{- define "isnotai-exporter.caBundle" -}}
{{- default .Values.tls.caBundle.existingSecret .Values.tls.caBundle.existingConfigMap -}}
{{- end }}

{{/*
The volumes. Takes a dict: root, mode (of files with secrets), optional (whether the pod starts
without what they hold).
*/}}
{{- define "isnotai-exporter.volumes" -}}
{{- $here := . -}}
{{- with .root.Values }}
{{- if include "isnotai-exporter.keySecrets" $here.root }}
- name: isnotai-key
  projected:
    defaultMode: {{ $here.mode }}
    sources:
{{- range $index, $integration := .integrations }}
{{- with $integration.existingSecret }}
      - secret:
          name: {{ . | quote }}
          optional: {{ $here.optional }}
          items:
            - key: {{ default "api-key" $integration.existingSecretKey | quote }}
              path: {{ $index | quote }}
{{- end }}
{{- else }}
      - secret:
          name: {{ .apiKey.existingSecret | quote }}
          optional: {{ $here.optional }}
          items:
            - key: {{ .apiKey.existingSecretKey | quote }}
              path: api-key
{{- end }}
{{- end }}
{{- if include "isnotai-exporter.configFile" $here.root }}
- name: isnotai-config
  configMap:
    name: {{ include "isnotai-exporter.fullname" $here.root | quote }}
    defaultMode: 292
    {{- if eq .mode "sidecar" }}
    optional: true
    {{- end }}
{{- end }}
{{- if .webConfig.existingSecret }}
- name: isnotai-web
  secret:
    secretName: {{ .webConfig.existingSecret | quote }}
    optional: {{ $here.optional }}
    defaultMode: {{ $here.mode }}
{{- end }}
{{- if include "isnotai-exporter.caBundle" $here.root }}
- name: isnotai-ca
  {{- if .tls.caBundle.existingConfigMap }}
  configMap:
    name: {{ .tls.caBundle.existingConfigMap | quote }}
  {{- else }}
  secret:
    secretName: {{ .tls.caBundle.existingSecret | quote }}
  {{- end }}
    optional: {{ $here.optional }}
    defaultMode: 292
    items:
      - key: {{ .tls.caBundle.key | quote }}
        path: {{ .tls.caBundle.key | quote }}
{{- end }}
{{- if .state.database.existingSecret }}
- name: isnotai-database
  secret:
    secretName: {{ .state.database.existingSecret | quote }}
    optional: {{ $here.optional }}
    defaultMode: {{ $here.mode }}
    items:
      - key: {{ .state.database.existingSecretKey | quote }}
        path: {{ .state.database.existingSecretKey | quote }}
{{- else if .state.enabled }}
- name: isnotai-state
{{- if .persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ default (include "isnotai-exporter.fullname" $here.root) .persistence.existingClaim | quote }}
{{- else if .state.sizeLimit }}
  emptyDir:
    sizeLimit: {{ .state.sizeLimit | toJson }}
{{- else }}
  emptyDir: {}
{{- end }}
{{- end }}
- name: isnotai-tmp
  emptyDir: {}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
