# The exporter's image: a slim Python, the exporter and PostgreSQL's driver in an environment of their
# own, and no installer.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" --tag isnotai-exporter .
#
# A release pins PYTHON_IMAGE by digest (release.yaml); `make base-image` prints the newest one.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements/build.txt requirements/postgres.txt requirements/
# Two environments: one that builds and has pip, and one that is shipped and does not. Wheels only:
# nothing is compiled, so that no compiler is needed on either architecture.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/isnotai \
    && /build/bin/python3 -m pip install --only-binary :all: --no-deps --require-hashes \
    -r requirements/build.txt \
    && /build/bin/python3 -m pip --python /opt/isnotai/bin/python3 install \
    --only-binary :all: --no-deps --require-hashes -r requirements/postgres.txt
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY alerts/prometheus alerts/prometheus
COPY docs/man docs/man
ARG REVISION=unknown
RUN echo "${REVISION}" > exporter/REVISION \
    && /build/bin/python3 -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/python3 -m pip --python /opt/isnotai/bin/python3 install --no-deps --no-index \
    --find-links /wheels isnotai-exporter \
    && /opt/isnotai/bin/python3 -m compileall -q --invalidation-mode unchecked-hash /opt/isnotai/lib

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=https://github.com/isnotai-exporter/isnotai-exporter
LABEL org.opencontainers.image.title="isnotai-exporter" \
    org.opencontainers.image.description="Prometheus and OpenTelemetry exporter for the Not AI API" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
RUN --mount=type=bind,source=deploy/image,target=/mnt python3 /mnt/remove_installers.py
COPY --from=build /opt/isnotai /opt/isnotai
ENV PATH=/opt/isnotai/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/isnotai
# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 10984
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 \
    CMD ["isnotai-exporter", "healthcheck"]
ENTRYPOINT ["isnotai-exporter"]
