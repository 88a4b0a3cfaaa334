"""Kubernetes' judgement of a manifest without a cluster: schemas, and pod security `restricted`.

Kubernetes' own kinds are judged by kubernetes-validate's schemas of a version, the others by the
definitions of those who made them, both strictly: an unknown field is a fault. The rules of
`restricted` are those of
https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import yaml
from jsonschema import Draft202012Validator

from tests.tools.chart import Manifest, containers_of

#: The oldest Kubernetes that the chart supports (`kubeVersion` of Chart.yaml), and the newest that
#: there are schemas of.
OLDEST = "1.26.0"
NEWEST = kubernetes_validate.latest_version()

#: Definitions of the kinds that are not Kubernetes' own, by API group: files under `.tools/share`.
DEFINITIONS = {
    "monitoring.coreos.com": tuple(
        f"prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml"
        for plural in ("podmonitors", "prometheusrules", "servicemonitors")
    ),
    "gateway.networking.k8s.io": ("gateway-api-crd/gateway.networking.k8s.io_httproutes.yaml",),
    "monitoring.googleapis.com": (
        "google-prometheus-crd/monitoring.googleapis.com_podmonitorings.yaml",
    ),
    "grafana.integreatly.org": (
        "grafana-operator-crd/grafana.integreatly.org_grafanadashboards.yaml",
    ),
    "autoscaling.k8s.io": ("vertical-pod-autoscaler-crd/vpa-v1-crd-gen.yaml",),
}
#: Azure's managed Prometheus has prometheus-operator's kinds under a group of its own.
SAME_AS = {"azmonitoring.coreos.com": "monitoring.coreos.com"}
SAFE_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def definitions(shared_file: Callable[[str], Path]) -> Iterator[Manifest]:
    """Each CustomResourceDefinition that the chart's kinds need."""
    for files in DEFINITIONS.values():
        for name in files:
            yield from _parsed(shared_file(name))


@cache
def _parsed(path: Path) -> tuple[Manifest, ...]:
    return tuple(filter(None, yaml.load_all(path.read_text(), yaml.CSafeLoader)))


@cache
def _validator(path: Path, kind: str, version: str) -> Draft202012Validator:
    """What judges one version of a kind that the file defines."""
    (schema,) = [
        served["schema"]["openAPIV3Schema"]
        for definition in _parsed(path)
        if definition["spec"]["names"]["kind"] == kind
        for served in definition["spec"]["versions"]
        if served["name"] == version
    ]
    return Draft202012Validator(_strict(schema))


def check(manifest: Manifest, shared_file: Callable[[str], Path], version: str = NEWEST) -> None:
    """Raise jsonschema's or kubernetes-validate's ValidationError where a manifest is wrong.

    version: the Kubernetes that judges its own kinds.
    """
    group, _, name = manifest["apiVersion"].rpartition("/")
    group = SAME_AS.get(group, group)
    if group not in DEFINITIONS:
        kubernetes_validate.validate(_without_nulls(manifest), version, strict=True)
        return
    (path,) = [
        shared_file(file)
        for file in DEFINITIONS[group]
        if any(
            definition["spec"]["names"]["kind"] == manifest["kind"]
            for definition in _parsed(shared_file(file))
        )
    ]
    _validator(path, manifest["kind"], name).validate(manifest)


def _without_nulls(value: Any) -> Any:
    """A manifest as the API server stores it: a null means that the field is not there."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _strict(schema: Any, inside: bool = False) -> Any:
    """A structural schema as JSON Schema: unknown fields refused, int-or-string understood."""
    if isinstance(schema, list):
        return [_strict(item, inside) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    strict = {key: _strict(value, inside) for key, value in schema.items() if key != "format"}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        properties = schema["properties"]
        if isinstance(properties, dict) and "type" in schema:
            strict.setdefault("additionalProperties", False)
    return strict


def restricted_faults(pod: Manifest) -> Iterator[str]:
    """What pod security `restricted` refuses about a pod template."""
    spec = pod["spec"]
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    for volume in spec.get("volumes", []):
        if not SAFE_VOLUMES & volume.keys():
            yield f"volume {volume['name']}"
    for container in containers_of(pod):
        for fault in _container_faults(container, spec.get("securityContext", {})):
            yield f"{container['name']}: {fault}"


def _container_faults(container: Manifest, of_pod: Manifest) -> Iterator[str]:
    own = container.get("securityContext", {})
    context = of_pod | own
    if own.get("privileged") or own.get("procMount", "Default") != "Default":
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "runAsNonRoot"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile"
    capabilities = own.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"]:
        yield "capabilities"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "hostPort"
