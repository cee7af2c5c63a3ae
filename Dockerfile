# The same steps as the Makefile's, from the same locks; tests/packaging holds the two together.

FROM node:24-slim AS graphiql
WORKDIR /src
COPY gateway/web/graphiql/package.json gateway/web/graphiql/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY gateway/web/graphiql/ ./
RUN npm run build

FROM python:3.13-slim AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python -m pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY schema/ schema/
COPY gateway/ gateway/
COPY --from=graphiql /src/dist/ gateway/web/graphiql/dist/
RUN python -m pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels .

# An environment without pip: what runs cannot install anything.
FROM python:3.13-slim AS environment
WORKDIR /src
RUN python -m venv --without-pip /opt/gateway
COPY requirements/run.txt requirements/
RUN python -m pip --python /opt/gateway install --no-cache-dir --require-hashes -r requirements/run.txt
COPY --from=wheel /wheels/ /wheels/
RUN python -m pip --python /opt/gateway install --no-cache-dir --no-deps --no-index /wheels/*.whl
WORKDIR /state

FROM python:3.13-slim
RUN python -m pip uninstall --yes --root-user-action ignore pip setuptools wheel \
    && rm -r "$(python -c 'import ensurepip; print(*ensurepip.__path__)')"
COPY --from=environment /opt/gateway/ /opt/gateway/
COPY --from=environment --chown=10001:10001 /state/ /var/lib/clients-gateway/
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_PORT=8000 \
    GATEWAY_STATE_DIR=/var/lib/clients-gateway/state
WORKDIR /
ARG REVISION=unknown
LABEL org.opencontainers.image.title="clients-gateway" \
      org.opencontainers.image.description="A GraphQL gateway over the ActuallyCare Clients REST API that spends its small budget carefully" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION"
USER 10001:10001
VOLUME ["/var/lib/clients-gateway"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.build_opener(web.ProxyHandler({})).open(f'http://127.0.0.1:{os.environ[\"GATEWAY_PORT\"]}/livez', timeout=2)"]
ENTRYPOINT ["clients-gateway"]
CMD ["serve"]
