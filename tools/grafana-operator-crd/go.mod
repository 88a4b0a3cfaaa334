module isnotai-exporter/tools/grafana-operator-crd

go 1.24.2

require github.com/grafana/grafana-operator/v5 v5.18.0
