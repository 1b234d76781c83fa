{{- define "sluicegate.serviceAccount" -}}
{{- .Values.serviceAccount.name | default .Release.Name -}}
{{- end -}}

{{- define "sluicegate.selector" -}}
app.kubernetes.io/name: sluicegate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sluicegate.labels" -}}
{{ include "sluicegate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* What the restricted pod security standard asks for, and a file system that nobody writes to. */}}
{{- define "sluicegate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "sluicegate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* How many seconds a pod may take to end: everybody learns of it, requests finish, and a little. */}}
{{- define "sluicegate.graceSeconds" -}}
{{- add .Values.preStopSeconds .Values.drainSeconds 5 -}}
{{- end -}}

{{- define "sluicegate.fleet" -}}
{{- if eq .Values.mode "fleet" -}}
{{- $_ := required "fleet mode needs fleet.tlsSecret" .Values.fleet.tlsSecret -}}
true
{{- else if ne .Values.mode "embedded" -}}
{{- fail "mode must be embedded or fleet" -}}
{{- end -}}
{{- end -}}

{{- define "sluicegate.gatewayServices" -}}
{{- if not (has .Values.service.mode (list "gateway" "shared" "none")) -}}
{{- fail "service.mode must be gateway, shared or none" -}}
{{- end -}}
{{- if and (eq .Values.service.mode "gateway") (not (include "sluicegate.fleet" .)) -}}
true
{{- end -}}
{{- end -}}
