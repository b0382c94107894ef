# One image for all processes; the command chooses one. See docker-compose.yml.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements/base.txt requirements/base.txt
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
    -r requirements/base.txt
COPY manage.py ./
COPY accounts accounts
COPY common common
COPY feed feed
COPY grpc_services grpc_services
COPY hydration hydration
COPY messaging messaging
COPY search search
COPY tweets tweets
COPY twitter_project twitter_project
# collectstatic with the development settings, which need no secret, into production's STATIC_ROOT.
RUN DATA_DIR=/data /venv/bin/python -m compileall -q . \
    && printf 'from twitter_project.settings.dev import *\nSTATIC_ROOT = "/data/static"\n' > /tmp/collect.py \
    && PYTHONPATH=/tmp DATA_DIR=/tmp/keys DJANGO_SETTINGS_MODULE=collect /venv/bin/python manage.py collectstatic --no-input --verbosity 0

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home app
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build /data/static /data/static
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data \
    DJANGO_SETTINGS_MODULE=twitter_project.settings.prod
USER 10001
EXPOSE 8000
# For web, the default command; docker-compose.yml sets the checks of the others.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--drain", "5"]
