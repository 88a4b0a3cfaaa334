{{/* The container, its volumes and the pod's annotations: alike in a Deployment and as a sidecar. */}}

{{/*
A probe. Takes a dict: root, probe (its values), path.
A probe brings no client certificate, so where one is wanted it only opens a connection.
*/}}
{{- define "isnotai-exporter.probe" -}}
{{- if .root.Values.webConfig.clientCertificates }}
tcpSocket:
  port: {{ .port }}
{{- else }}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
  scheme: {{ .root.Values.webConfig.tls | ternary "HTTPS" "HTTP" }}
{{- end }}
{{ toYaml (omit .probe "enabled") }}
{{- end }}

{{/*
The container. Takes a dict: root, name, port (its name), ready (whether it has that probe),
optional (whether it starts without the Secrets that its variables name).
*/}}
{{- define "isnotai-exporter.container" -}}
{{- $env := include "isnotai-exporter.env" (dict "root" .root "optional" .optional) | trim -}}
name: {{ .name }}
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
  - name: {{ .port }}
    containerPort: {{ .root.Values.web.port }}
    protocol: TCP
{{- if .root.Values.livenessProbe.enabled }}
livenessProbe:
  {{- include "isnotai-exporter.probe" (dict "root" .root "probe" .root.Values.livenessProbe "port" .port "path" "/-/healthy") | trim | nindent 2 }}
{{- end }}
{{- if .ready }}
readinessProbe:
  {{- include "isnotai-exporter.probe" (dict "root" .root "probe" .root.Values.readinessProbe "port" .port "path" "/-/ready") | trim | nindent 2 }}
{{- end }}
{{- with .root.Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: isnotai-key
    mountPath: /etc/isnotai/key
    readOnly: true
{{- if .root.Values.integrations }}
  - name: isnotai-config
    mountPath: /etc/isnotai/config
    readOnly: true
{{- end }}
{{- if .root.Values.webConfig.existingSecret }}
  - name: isnotai-web
    mountPath: /etc/isnotai/web
    readOnly: true
{{- end }}
{{- if .root.Values.state.enabled }}
  - name: isnotai-state
    mountPath: /var/lib/isnotai
{{- end }}
  - name: isnotai-tmp
    mountPath: /tmp
{{- with .root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
The volumes. Takes a dict: root, mode (of files with secrets), optional (whether the pod starts
without them).
*/}}
{{- define "isnotai-exporter.volumes" -}}
{{- $here := . -}}
- name: isnotai-key
  projected:
    defaultMode: {{ .mode }}
    sources:
{{- if .root.Values.integrations }}
{{- range $index, $integration := .root.Values.integrations }}
      - secret:
          name: {{ .existingSecret }}
          optional: {{ $here.optional }}
          items:
            - key: {{ default "api-key" .existingSecretKey }}
              path: {{ $index | quote }}
{{- end }}
- name: isnotai-config
  configMap:
    name: {{ include "isnotai-exporter.fullname" .root }}
{{- else }}
      - secret:
          name: {{ .root.Values.apiKey.existingSecret }}
          optional: {{ .optional }}
          items:
            - key: {{ .root.Values.apiKey.existingSecretKey }}
              path: api-key
{{- end }}
{{- if .root.Values.webConfig.existingSecret }}
- name: isnotai-web
  secret:
    secretName: {{ .root.Values.webConfig.existingSecret }}
    optional: {{ .optional }}
    defaultMode: {{ .mode }}
{{- end }}
{{- if .root.Values.state.enabled }}
- name: isnotai-state
{{- if .root.Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ default (include "isnotai-exporter.fullname" .root) .root.Values.persistence.existingClaim }}
{{- else if .root.Values.state.sizeLimit }}
  emptyDir:
    sizeLimit: {{ .root.Values.state.sizeLimit }}
{{- else }}
  emptyDir: {}
{{- end }}
{{- end }}
- name: isnotai-tmp
  emptyDir: {}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The pod's annotations, or nothing. */}}
{{- define "isnotai-exporter.podAnnotations" -}}
{{- if .Values.integrations }}
checksum/isnotai-config: {{ include "isnotai-exporter.configFile" . | sha256sum }}
{{- end }}
{{- if .Values.scrapeAnnotations.enabled }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.web.port | quote }}
prometheus.io/path: {{ .Values.web.telemetryPath }}
prometheus.io/scheme: {{ .Values.webConfig.tls | ternary "https" "http" }}
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
