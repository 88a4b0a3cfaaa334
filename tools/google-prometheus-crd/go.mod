module isnotai-exporter/tools/google-prometheus-crd

go 1.24.0

require github.com/GoogleCloudPlatform/prometheus-engine v0.12.0
