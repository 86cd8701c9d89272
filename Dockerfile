# The playground in an image, for the CPU (default) or for CUDA:
#
#   docker build -t playground .
#   docker build -t playground:cuda --build-arg VARIANT=cuda .
#   docker run --init -p 8501:8501 playground
#
# PIP_EXTRA_INDEX_URL chooses torch's build: give the address of PyTorch's own wheel index for "cpu", which makes
# the image several gigabytes smaller, or for a CUDA version.  Without it pip takes the build that it finds by itself.
#
# MORE_REQUIREMENTS=requirements-ray.txt makes an image for a cluster: see deploy/cluster.yaml.

ARG BASE_IMAGE=python:3.11.13-slim-bookworm
ARG VARIANT=cpu

FROM ${BASE_IMAGE} AS build
ARG PIP_EXTRA_INDEX_URL=""
ARG MORE_REQUIREMENTS=""
WORKDIR /app
COPY requirements*.txt constraints.txt ./
RUN python3 -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check -r requirements.txt \
    ${MORE_REQUIREMENTS:+-r "$MORE_REQUIREMENTS"}

FROM ${BASE_IMAGE} AS base-cpu
COPY --from=build /app/.venv /app/.venv

FROM ${BASE_IMAGE} AS base-cuda
COPY --from=build /app/.venv /app/.venv
# An image that is called cuda must be able to use a GPU; the driver itself comes from the host.
RUN ["/app/.venv/bin/python", "-c", "import sys, torch; sys.exit(None if torch.version.cuda else 'pip chose a build of torch without CUDA')"]
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# hadolint ignore=DL3006
FROM base-${VARIANT} AS app
RUN useradd --create-home --uid 10001 --shell /usr/sbin/nologin playground && install -d -o playground /data
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PLAYGROUND_DATA=/data \
    PORT=8501
COPY . .
# Bytecode now: the official images come without that of the standard library, the user below may write none, and every
# process would compile all that it imports at each start, a second for each worker.
RUN python -m compileall -q -x '/(test|tests|idlelib|lib2to3|site-packages|dist-packages)/' \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" app.py engine ui
USER 10001
EXPOSE 8501
# Nobody is answered until the workers have imported every lab; on a busy machine that takes most of a minute.  Later
# /healthz answers 503 while no worker gives a sign of life.
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; base = os.environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '').strip('/'); urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/' + (base and base + '/') + 'healthz', timeout=4)"]
# A shell only because PORT is known when the container starts; exec hands its place, and its signals, to Streamlit.
# Without its welcome message Streamlit does not ask an outside service for this machine's address.
CMD ["sh", "-c", "exec streamlit run app.py --server.address=0.0.0.0 --server.port=\"$PORT\" --server.headless=true --logger.hideWelcomeMessage=true"]
