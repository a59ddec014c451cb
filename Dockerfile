# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
# One stage builds with the tools, another runs without them. Images have their full version, so that builds repeat and
# upgrades are deliberate. With a digest (docker buildx imagetools inspect IMAGE) not even their publisher can change them.
FROM python:3.13.9-slim-bookworm AS build
WORKDIR /opt/canale
COPY . .
# Builds .venv (with Node, which the front end needs), front end, messages and static files.
RUN CANALE_DATA=/tmp/canale-build bin/setup \
    && rm -rf /tmp/canale-build frontend/node_modules .git tests bench

FROM python:3.13.9-slim-bookworm
# Backups of PostgreSQL need its own programs, of the server's version (compose.yaml: 15).
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client-15 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 canale \
    && useradd --system --uid 10001 --gid canale --home-dir /var/lib/canale canale \
    && install --directory --owner canale --group canale --mode 0700 /var/lib/canale /var/backups/canale
COPY --from=build /opt/canale /opt/canale
WORKDIR /opt/canale
# By number, so that Kubernetes can verify that it is not root.
USER 10001:10001
ENV CANALE_DATA=/var/lib/canale CANALE_HOST=0.0.0.0 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PATH=/opt/canale/.venv/bin:$PATH
VOLUME /var/lib/canale
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["/opt/canale/.venv/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["/opt/canale/.venv/bin/canale"]
CMD ["serve"]
