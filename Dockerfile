# The workflow with what the locks pin, for a user without rights:
#   docker build --tag dropscape .
#   docker run --rm --volume "$PWD/results:/dropscape/results" dropscape reproduce --scale smoke
# With --build-arg SOURCE=official the image holds the data, for machines without a network. docs/container.md
FROM python:3.11-slim-bookworm AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 dropscape \
    && install --directory --owner dropscape /dropscape
USER dropscape
WORKDIR /dropscape

FROM base AS image
COPY --chown=dropscape . .
RUN PIP_NO_CACHE_DIR=1 python envs/prepare.py RUNTIME
ENV PATH=/dropscape/.venv/bin:$PATH
ARG SOURCE=embedded
RUN dropscape fetch --source "$SOURCE"
ENTRYPOINT ["dropscape"]
CMD ["reproduce"]
