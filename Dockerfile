# Tieout and Airflow from requirements.lock. No secret is built in: all of them come with the environment.

FROM python:3.11-slim AS packages
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/* \
    && python -m venv /opt/uv
COPY requirements-uv.lock /tmp/requirements-uv.lock
RUN /opt/uv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/requirements-uv.lock
COPY requirements.lock /tmp/requirements.lock
RUN /opt/uv/bin/uv venv /opt/venv \
    && /opt/uv/bin/uv pip install --no-cache --python /opt/venv/bin/python --require-hashes --only-binary :all: \
        --compile-bytecode -r /tmp/requirements.lock

FROM python:3.11-slim
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/var/lib/tieout \
    PYTHONPATH=/opt/tieout \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/tieout/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/tieout/plugins \
    TIEOUT_HOME=/var/lib/tieout
# Named volumes take their owner from the folders they cover.
RUN printf '#!/bin/sh\nexec python -m include.cli "$@"\n' > /opt/venv/bin/tieout \
    && chmod 755 /opt/venv/bin/tieout \
    && useradd --uid 50000 --no-create-home --shell /usr/sbin/nologin tieout \
    && mkdir -p /var/lib/airflow/logs /var/lib/tieout \
    && chown -R tieout:tieout /var/lib/airflow /var/lib/tieout
WORKDIR /opt/tieout
COPY airflow_settings.yaml pyproject.toml ./
COPY sql sql
COPY docs docs
COPY include include
COPY plugins plugins
COPY dags dags
USER tieout
CMD ["airflow", "version"]
