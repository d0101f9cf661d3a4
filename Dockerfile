# The API, or with the command `worker` the worker, non-root; MongoDB is another container or a service
# (CRM_MONGODB_URI), as compose.yaml shows.
FROM python:3.11-slim-bookworm AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /tmp/runtime.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --home-dir /app crm
WORKDIR /app
COPY --from=dependencies /venv /venv
COPY api ./api
COPY crm ./crm
COPY executor ./executor
COPY loyalty ./loyalty
COPY resolvers ./resolvers
COPY schema ./schema
COPY services ./services
COPY store ./store
COPY worker ./worker
USER crm
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "api.cli"]
CMD ["serve", "--host", "0.0.0.0"]
