# Limner as a checkout: the requirements first, so that a change of the code installs nothing again.
FROM python:3.12-slim-bookworm

RUN useradd --uid 1000 --create-home limner && install -d -o limner -g limner /data

WORKDIR /app
COPY requirements.txt .
# what several replicas need beside: deploy/compose.yaml sets it
ARG EXTRAS=""
RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt $EXTRAS
COPY . .
RUN python -m compileall -q .

# PORT alone means every address of the container; a platform that sets its own is followed.
ENV PORT=7860 \
    LIMNER_DATA_DIR=/data \
    PYTHONUNBUFFERED=1

USER limner
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD ["python", "app.py"]
