"""Checks the Docker and Kubernetes files without an engine or a cluster."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.boundaries.test_boundaries import PRODUCTION
from tests.support.commands import ROOT, run
from twitter_project.settings.local_keys import keys

WORKFLOW = ROOT / ".github/workflows/integration-tests.yml"
KUBERNETES = ROOT / "deploy/kubernetes"
KUBERNETES_VERSION = "1.30"
KEDA = "keda.sh/"  # not in the schemas of Kubernetes

# The keys of the Secret that each process uses.
SECRETS_OF_ALL = {"DATABASE_URL", "SECRET_KEY", "JWT_VERIFYING_KEY"}
SECRETS_OF_CLIENTS = SECRETS_OF_ALL | {"REDIS_URL", "RABBITMQ_URL", "GRPC_TOKEN_KEYS"}
SECRETS = {
    "migrate": SECRETS_OF_ALL,
    "relay": SECRETS_OF_ALL | {"RABBITMQ_URL"},
    "accounts-grpc": SECRETS_OF_CLIENTS,
    "tweets-grpc": SECRETS_OF_CLIENTS,
    "tweets-worker": SECRETS_OF_CLIENTS,
    "feed-worker": SECRETS_OF_CLIENTS,
    "search-worker": SECRETS_OF_CLIENTS | {"ELASTICSEARCH_URL"},
    "web": SECRETS_OF_CLIENTS | {"ELASTICSEARCH_URL", "JWT_SIGNING_KEY"},
}

MANIFESTS = [
    document
    for file in sorted(KUBERNETES.glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
]
CONFIG = {doc["metadata"]["name"]: doc["data"] for doc in MANIFESTS if doc["kind"] == "ConfigMap"}
SECRET = {**PRODUCTION, "GRPC_TOKEN_KEYS": "k" * 32}
WORKLOADS = [doc for doc in MANIFESTS if doc["kind"] in ("Deployment", "Job")]


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.test.yml"])
def test_a_compose_file_is_valid(name: str) -> None:
    schema = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"

    jsonschema.validate(yaml.safe_load((ROOT / name).read_text()), json.loads(schema.read_text()))


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda doc: f"{doc['kind']}-{doc['metadata']['name']}"
)
def test_a_manifest_is_valid(manifest: dict[str, Any]) -> None:
    if manifest["apiVersion"].startswith(KEDA):
        assert manifest["spec"]["scaleTargetRef"]["name"] in names("Deployment")
        return
    kubernetes_validate.validate(manifest, KUBERNETES_VERSION, strict=True)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda doc: doc["metadata"]["name"])
def test_a_pod_has_no_unneeded_privileges(workload: dict[str, Any]) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= set(container["resources"])


@pytest.mark.parametrize(
    "deployment",
    [doc for doc in WORKLOADS if doc["kind"] == "Deployment"],
    ids=lambda doc: doc["metadata"]["name"],
)
def test_a_deployment_has_probes_and_an_existing_command(deployment: dict[str, Any]) -> None:
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert {"readinessProbe", "livenessProbe"} <= set(container)
    assert container["command"][:2] == ["python", "manage.py"]
    assert command_exists(container["command"][2])
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda doc: doc["metadata"]["name"])
def test_a_pod_gets_only_the_secrets_that_it_needs_to_start(workload: dict[str, Any]) -> None:
    name = workload["metadata"]["name"]
    [container] = workload["spec"]["template"]["spec"]["containers"]
    environment: dict[str, str] = {}
    for source in container["envFrom"]:  # ConfigMaps only
        environment |= CONFIG[source["configMapRef"]["name"]]
    taken = set()
    for variable in container["env"]:
        if "value" in variable:
            environment[variable["name"]] = variable["value"]
        else:
            taken.add(variable["valueFrom"]["secretKeyRef"]["key"])
            environment[variable["name"]] = SECRET[variable["name"]]
    assert taken == SECRETS[name]

    answer = run("-c", "import twitter_project.settings.prod", environment=environment)

    assert answer.returncode == 0, answer.stderr


def test_compose_and_github_start_the_same_test_servers() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.test.yml").read_text())
    [job] = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()

    for services in (compose["services"], job["services"]):
        assert [service["image"] for service in services.values()] == [
            "postgres:15",
            "redis:7",
            "rabbitmq:3-management",
            "elasticsearch:8.11.0",
        ]


def test_the_github_job_may_take_more_than_an_hour() -> None:
    [job] = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()

    assert job["timeout-minutes"] > 60


def test_the_build_context_has_every_copied_file() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    allowed = (ROOT / ".dockerignore").read_text().split()

    assert {f"!{name}" for name in copied} == {name for name in allowed if name.startswith("!")}


def test_every_process_of_compose_has_a_deployment() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ours = {name for name, service in services.items() if "build" in service}

    assert ours - {"migrate"} == names("Deployment")


def test_only_web_has_the_signing_key_in_compose() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    given = {
        name: service["environment"]["JWT_SIGNING_KEY"]
        for name, service in services.items()
        if "build" in service
    }

    assert {name for name, key in given.items() if key != "none"} == {"web"}


def test_doctor_accepts_a_process_without_the_signing_key(
    tmp_path: Path,
) -> None:
    verifying = keys(tmp_path / "keys.json")["verifying_key"]
    environment = {
        **PRODUCTION,
        "DJANGO_SETTINGS_MODULE": "twitter_project.settings.prod",
        "JWT_SIGNING_KEY": "none",
        "JWT_VERIFYING_KEY": verifying,
    }

    found = run("manage.py", "doctor", environment=environment)

    assert "the token keys are a pair" in found.stdout


def test_production_with_real_secrets_passes_djangos_checks() -> None:
    environment = {
        **PRODUCTION,
        "DJANGO_SETTINGS_MODULE": "twitter_project.settings.prod",
        "SECRET_KEY": "".join(map(chr, range(48, 123))),
    }

    answer = run(
        "manage.py", "check", "--deploy", "--fail-level", "WARNING", environment=environment
    )

    assert answer.returncode == 0, answer.stderr


def names(kind: str) -> set[str]:
    return {doc["metadata"]["name"] for doc in MANIFESTS if doc["kind"] == kind}


def command_exists(name: str) -> bool:
    return any(ROOT.glob(f"*/management/commands/{name}.py"))
