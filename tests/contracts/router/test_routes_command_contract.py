"""`adept routes` over the embedded AWS: what is in force, what a push changes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from endpoints.adapters.account_clients import Account
from endpoints.adapters.route_table_store import RouteTableStore
from endpoints.catalogue import Catalogue, Fault, InvalidCatalogueError, load_catalogue
from endpoints.commands import routes, verify
from endpoints.commands.every_command import app
from endpoints.errors import AdeptError, DeployError, LockError, RemoteError
from endpoints.findings import Finding, Severity
from endpoints.local.clients import client_environment
from endpoints.locks import Lock, read_lock
from endpoints.route_table import render_route_table
from endpoints.verify import live
from endpoints.verify.live import LiveStack
from lambdas.router.route_table import RouteTableError
from lambdas.router.route_table_reader import load_route_table
from lambdas.router.route_table_source import LastGood
from tests.contracts.ministack.running import Running, embedded_aws

STAGING = "staging"
BUCKET = "staging-route-tables"
TEMPLATE = {
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}}},
    "Outputs": {
        "RouteTableUrl": {"Value": f"s3://{BUCKET}/route_table.json"},
        "DeployedRouteTableUrl": {"Value": f"s3://{BUCKET}/deployed.json"},
    },
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with embedded_aws(tmp_path_factory.mktemp("aws")) as running:
        cloudformation = running.client("cloudformation")
        cloudformation.create_stack(StackName="adept-staging-router", TemplateBody=json.dumps(TEMPLATE))
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="adept-staging-router", WaiterConfig={"Delay": 1}
        )
        yield running


class Deployed:
    """A deployed staging: its table, and `adept` in this process with its account."""

    def __init__(self, aws: Running) -> None:
        given = client_environment(aws.settings)
        session = boto3.Session(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"])
        self.account = Account(session, given["AWS_REGION"], given["AWS_ENDPOINT_URL"])
        self._s3 = aws.client("s3")

    def put(self, document: object, key: str = "route_table.json") -> None:
        self.put_bytes(json.dumps(document).encode(), key)

    def put_bytes(self, body: bytes, key: str = "route_table.json") -> None:
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def brought_along(self, document: object) -> None:
        """What the last deploy had as its table."""
        self.put(document, "deployed.json")

    def remove(self) -> None:
        self._s3.delete_object(Bucket=BUCKET, Key="route_table.json")

    def text(self) -> bytes:
        body: bytes = self._s3.get_object(Bucket=BUCKET, Key="route_table.json")["Body"].read()
        return body

    def verified(self) -> tuple[Finding, ...]:
        """What `adept verify` says of the router's stack, which is deployed as it was synthesised."""
        name = "adept-staging-router"
        stack = LiveStack(name=name, status="CREATE_COMPLETE", template=TEMPLATE)
        reader: Any = SimpleNamespace(read=lambda _: live.Account(stacks={name: stack}, endpoints={}))
        return verify.verified(STAGING, {name: TEMPLATE}, reader)

    def adept(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["routes", *arguments, "--env", STAGING])

    def refused(self, *arguments: str) -> AdeptError:
        """The error of a command that must fail."""
        error = self.adept(*arguments).exception
        assert isinstance(error, AdeptError)
        return error


@pytest.fixture
def deployed(aws: Running, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """As after a deploy: the catalogue's table is in force."""
    deployed = Deployed(aws)
    monkeypatch.setattr(routes, "aws_of", lambda _: deployed.account)
    deployed.put(_rendered())
    deployed.brought_along(_rendered())
    return deployed


def _rendered() -> dict[str, Any]:
    catalogue = load_catalogue()
    return render_route_table(catalogue, catalogue.environment(STAGING))


def _other(**limits: int) -> dict[str, Any]:
    """A table with other limits for one use case."""
    table = _rendered()
    table["use_cases"]["job-parsing"]["limits"] |= limits
    return table


def test_after_a_deploy_the_catalogue_is_in_force(deployed: Deployed) -> None:
    shown, pushed = deployed.adept("show"), deployed.adept("push", "--yes")
    assert "This catalogue says the same." in shown.stdout
    assert "meta-llama/Llama-3.1-8B-Instruct" in shown.stdout
    assert pushed.stdout == "This is in force already.\n"


def test_what_an_operator_changed_is_shown_and_a_push_puts_the_catalogues_back(deployed: Deployed) -> None:
    deployed.put(_other(timeout_ms=1234))
    assert "job-parsing: limits.timeout_ms" in deployed.adept("show").stdout

    tried = deployed.adept("push", "--dry-run")
    assert "Nothing was changed." in tried.stdout
    assert json.loads(deployed.text()) == _other(timeout_ms=1234)

    assert "In force within seconds" in deployed.adept("push", "--yes").stdout
    assert json.loads(deployed.text()) == _rendered()


def test_the_router_takes_what_a_push_has_put_there(deployed: Deployed) -> None:
    deployed.put(_other(timeout_ms=1234))
    deployed.adept("push", "--yes")
    assert load_route_table(deployed.text()).environment == STAGING


def test_machines_are_told_in_json(deployed: Deployed) -> None:
    deployed.put(_other(timeout_ms=1234))
    shown = json.loads(deployed.adept("show", "--json").stdout)
    assert shown["table"] == _other(timeout_ms=1234)
    assert [each["place"] for each in shown["differences"]] == ["job-parsing: limits.timeout_ms"]
    pushed = json.loads(deployed.adept("push", "--yes", "--json").stdout)
    assert (pushed["pushed"], pushed["differences"]) == (True, shown["differences"])


@pytest.mark.parametrize(
    ("field", "value"), [("model_id", "acme/other"), ("usd_per_hour", 99.5), ("endpoint_name", "elsewhere")]
)
def test_a_table_for_other_models_than_the_deployed_is_refused(
    deployed: Deployed, field: str, value: object
) -> None:
    other = _rendered()
    other["use_cases"]["job-parsing"]["candidates"][0][field] = value
    deployed.put(other)
    deployed.brought_along(other)
    refused = deployed.refused("push", "--yes")
    assert isinstance(refused, DeployError)
    assert f"job-parsing: primary has {field}" in refused.message
    assert f"deployed is {value}" in refused.message
    assert "adept deploy --env staging" in str(refused.remedy)
    assert json.loads(deployed.text()) == other


def test_a_candidate_that_only_somebody_has_written_there_is_mended_by_a_push(deployed: Deployed) -> None:
    """What counts is what is deployed, not what stands in the table: no deploy would put that right."""
    other = _rendered()
    other["use_cases"]["job-parsing"]["candidates"][0]["model_id"] = "acme/other"
    deployed.put(other)
    assert deployed.adept("push", "--yes").exit_code == 0
    assert json.loads(deployed.text()) == _rendered()


def test_a_catalogue_that_is_not_locked_is_not_put_in_force(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = read_lock(STAGING)
    monkeypatch.setattr(routes, "environment_lock", lambda _: _with_another_instance(lock))
    deployed.put(_other(timeout_ms=1234))
    refused = deployed.refused("push", "--yes")
    assert isinstance(refused, LockError)
    assert "instance type: the lock says ml.g5.48xlarge" in refused.message
    assert json.loads(deployed.text()) == _other(timeout_ms=1234)


def _with_another_instance(lock: Lock) -> Lock:
    first, *others = lock.candidates
    settings = first.settings.model_copy(update={"instance_type": "ml.g5.48xlarge"})
    return lock.model_copy(update={"candidates": (first.model_copy(update={"settings": settings}), *others)})


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda: _other(timeout_ms=-3), "$.use_cases.job-parsing.limits.timeout_ms: got -3"),
        (lambda: _rendered() | {"environment": "production"}, "$.environment: got 'production'"),
        (lambda: ["not a table"], "got ['not a table']"),
        (lambda: _rendered() | {"version": 1}, "$.version: got 1"),
    ],
)
def test_a_table_that_the_router_does_not_take_is_said_to_be_one_and_a_push_mends_it(
    deployed: Deployed, broken: Callable[[], object], said: str
) -> None:
    deployed.put(broken())
    refused = deployed.refused("show")
    assert isinstance(refused, RemoteError)
    assert said in refused.message
    assert "keeps the last good one" in str(refused.remedy)
    with pytest.raises(RouteTableError):
        LastGood(load_route_table(json.dumps(_rendered()))).offer(deployed.text())

    shown = deployed.adept("show", "--json")
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["valid"] is False
    assert said in json.loads(shown.stdout)["faults"][0]

    pushed = deployed.adept("push", "--yes")
    assert said in pushed.stdout
    assert len(pushed.stdout.splitlines()) < 20
    assert json.loads(deployed.text()) == _rendered()


def test_verify_finds_a_table_that_the_router_does_not_take(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "aws_of", lambda _: deployed.account)
    assert deployed.verified() == ()

    deployed.put(_other(timeout_ms=-3))
    (finding,) = deployed.verified()
    assert (finding.check, finding.severity) == ("route-table", Severity.BLOCKER)
    assert "$.use_cases.job-parsing.limits.timeout_ms: got -3" in finding.found
    assert finding.remedy == "Put the catalogue's there: adept routes push --env staging"

    deployed.remove()
    assert "there is no object" in deployed.verified()[0].found


def test_an_object_that_is_gone_or_no_json_is_said_to_be_so_and_a_push_mends_it(deployed: Deployed) -> None:
    deployed.put_bytes(b"{")
    assert "it is not JSON" in deployed.refused("show").message
    deployed.remove()
    assert "there is no object" in deployed.refused("show").message
    assert "there is no object" in deployed.adept("push", "--yes").stdout
    assert json.loads(deployed.text()) == _rendered()


def test_what_is_in_force_is_shown_where_the_catalogue_has_faults(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty() -> Catalogue:
        raise InvalidCatalogueError([Fault("use_cases.yaml", "use_cases[0]", "nothing", "a use case")])

    monkeypatch.setattr(routes, "load_catalogue", faulty)
    shown = deployed.adept("show")
    assert shown.exit_code == 0
    assert "meta-llama/Llama-3.1-8B-Instruct" in shown.stdout
    assert "1 fault in the catalogue" in shown.stdout
    assert json.loads(deployed.adept("show", "--json").stdout)["differences"] is None


def test_two_pushes_at_once_do_not_undo_each_other(deployed: Deployed) -> None:
    store = RouteTableStore.of(deployed.account, STAGING)
    seen = store.read()
    deployed.put(_other(timeout_ms=1234))
    with pytest.raises(RemoteError, match="changed by somebody else"):
        store.replace(seen, _rendered())
    assert json.loads(deployed.text()) == _other(timeout_ms=1234)


def test_where_nobody_can_be_asked_nothing_is_changed_unless_it_is_said(deployed: Deployed) -> None:
    deployed.put(_other(timeout_ms=1234))
    asked = deployed.adept("push")
    assert "job-parsing: limits.timeout_ms" in asked.stdout  # what it would have been asked about
    assert isinstance(asked.exception, DeployError)
    assert "--yes" in str(asked.exception.remedy)
    assert json.loads(deployed.text()) == _other(timeout_ms=1234)


def test_an_environment_that_is_not_deployed_is_said_to_be_so(deployed: Deployed) -> None:
    with pytest.raises(RemoteError, match="adept-production-router is not deployed"):
        RouteTableStore.of(deployed.account, "production")
