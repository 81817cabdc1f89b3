{{/* The name of a component's objects in the release's namespace: RELEASE-COMPONENT. */}}
{{- define "mci.name" -}}
{{- printf "%s-%s" .Release.Name .component | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* The name of its objects outside namespaces: two releases in two namespaces do not meet. */}}
{{- define "mci.clusterName" -}}
{{- printf "%s-%s-%s" .Release.Namespace .Release.Name .component -}}
{{- end }}

{{- define "mci.labels" -}}
app.kubernetes.io/name: multicluster-ingress
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
