"""Kubernetes' judgement of a manifest without a cluster: schemas, and pod security `restricted`.

Core kinds are judged by kubernetes-validate's schemas, monitoring kinds by prometheus-operator's
own definitions, both strictly: an unknown field is a fault. The rules of `restricted` are those of
https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import yaml
from jsonschema import Draft202012Validator

from tests.tools.chart import Manifest, containers_of

MONITORING = "monitoring.coreos.com"
PLURALS = {
    "PodMonitor": "podmonitors",
    "PrometheusRule": "prometheusrules",
    "ServiceMonitor": "servicemonitors",
}
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


def check(manifest: Manifest, shared_file: Callable[[str], Path]) -> None:
    """Raise jsonschema's or kubernetes-validate's ValidationError where a manifest is wrong."""
    if manifest["apiVersion"].startswith(MONITORING):
        name = f"prometheus-operator-crd/{MONITORING}_{PLURALS[manifest['kind']]}.yaml"
        definition = yaml.safe_load(shared_file(name).read_text())
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        Draft202012Validator(_strict(schema)).validate(manifest)
        return
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifest, version, strict=True)


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
