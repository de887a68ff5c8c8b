{{/* The webhook's identity; the release's name tells two installations of a test cluster apart. */}}
{{- define "navicert.webhook" -}}
{{ printf "%s-webhook" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "navicert.labels" -}}
app.kubernetes.io/name: navicert
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: webhook
{{- end -}}

{{/* Navicert's namespace is exempt from its own webhook, by name. default is where everybody's workloads land. */}}
{{- define "navicert.namespace" -}}
{{- if eq .Release.Namespace "default" -}}
{{- fail "navicert needs a namespace of its own, not default: add --namespace navicert-system --create-namespace" -}}
{{- end -}}
{{ .Release.Namespace }}
{{- end -}}
