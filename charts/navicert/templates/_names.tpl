{{/*
Names are the same in every release: two releases in one cluster would judge the same pods twice and fight over the
webhook configurations, so helm refuses the second one, whose objects exist already.
*/}}
{{- define "navicert.name" -}}navicert{{- end -}}
{{- define "navicert.webhook" -}}navicert-webhook{{- end -}}
{{- define "navicert.operator" -}}navicert-operator{{- end -}}

{{- define "navicert.selector" -}}
app.kubernetes.io/name: navicert
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{/* Called with a list: the context, and the component, empty for what belongs to both. */}}
{{- define "navicert.labels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: navicert
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Navicert's namespace is exempt from its own webhook, by name. default is where everybody's workloads land. */}}
{{- define "navicert.namespace" -}}
{{- if eq .Release.Namespace "default" -}}
{{- fail "navicert needs a namespace of its own, not default: add --namespace navicert-system --create-namespace" -}}
{{- end -}}
{{ .Release.Namespace }}
{{- end -}}

{{- define "navicert.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What the restricted pod security standard asks for, and a root file system that nobody writes to. */}}
{{- define "navicert.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "navicert.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Called with a list: the context, the component. Replicas stand on different nodes and zones where there are such. */}}
{{- define "navicert.spread" -}}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "navicert.selector" (index $ 1) | nindent 6 }}
{{- end }}
{{- end -}}

{{/* Called with a list: the context, the component's values. */}}
{{- define "navicert.scheduling" -}}
{{- $ := index . 0 -}}
{{- $own := index . 1 -}}
{{- with $.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "navicert.reportGroup" -}}
{{ get (dict "policyreport" "wgpolicyk8s.io" "openreports" "openreports.io" "none" "") .Values.reports }}
{{- end -}}

{{- define "navicert.reportKinds" -}}
{{ get (dict "policyreport" (list "policyreports" "clusterpolicyreports") "openreports" (list "reports" "clusterreports") "none" list) .Values.reports | toJson }}
{{- end -}}

{{/* What both programs need to read from registries: arguments, mounts and volumes. */}}
{{- define "navicert.registryArguments" -}}
{{- if .Values.registries }}
- --registries=/settings/registries.yaml
{{- end }}
{{- if .Values.credentials }}
- --credentials=/credentials
{{- end }}
{{- if .Values.credentialPrograms }}
- --credential-programs=/credential-programs
{{- end }}
{{- if .Values.podPullSecrets }}
- --pod-pull-secrets
{{- end }}
{{- end -}}

{{/* Volumes bear numbers: what is a name of a Secret need not be one of a volume. */}}
{{- define "navicert.registryMounts" -}}
- {name: settings, mountPath: /settings, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- range $number, $name := .Values.credentials }}
- {name: credentials-{{ $number }}, mountPath: /credentials/{{ $name }}, readOnly: true}
{{- end }}
{{- if .Values.credentialPrograms }}
- {name: credential-programs, mountPath: /credential-programs, readOnly: true}
{{- end }}
{{- range $number, $name := .Values.registryCertificates }}
- {name: certificates-{{ $number }}, mountPath: /registry-certificates/{{ $name }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "navicert.registryVolumes" -}}
- name: settings
  configMap: {name: {{ include "navicert.name" . }}-settings}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- range $number, $name := .Values.credentials }}
- name: credentials-{{ $number }}
  secret: {secretName: {{ $name }}}
{{- end }}
{{- with .Values.credentialPrograms }}
- name: credential-programs
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $number, $name := .Values.registryCertificates }}
- name: certificates-{{ $number }}
  secret: {secretName: {{ $name }}}
{{- end }}
{{- end -}}
