"""`GET /v1/integration`: what the key resolved to. Nothing in it is needed, so nothing is kept."""

from exporter.api.schema.decode import object_with_or_without_envelope


def check_integration(body: object) -> None:
    """Raises InvalidResponseError where `body`, or `data` in it, is not an object."""
    object_with_or_without_envelope(body, "integration")
