"""`adept routes` over the embedded AWS: what is in force, what a push changes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from endpoints.adapters.account_clients import Account
from endpoints.adapters.route_table_store import RouteTableStore
from endpoints.catalogue import load_catalogue
from endpoints.cli import app
from endpoints.commands import routes
from endpoints.errors import AdeptError, DeployError, RemoteError
from endpoints.local.clients import client_environment
from endpoints.route_table import render_route_table
from lambdas.router.route_table_reader import load_route_table
from tests.contracts.ministack.running import Running, embedded_aws

STAGING = "staging"
BUCKET = "staging-route-tables"
TEMPLATE = {
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}}},
    "Outputs": {"RouteTableUrl": {"Value": f"s3://{BUCKET}/route_table.json"}},
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

    def put(self, document: object) -> None:
        self._s3.put_object(Bucket=BUCKET, Key="route_table.json", Body=json.dumps(document).encode())

    def remove(self) -> None:
        self._s3.delete_object(Bucket=BUCKET, Key="route_table.json")

    def text(self) -> bytes:
        body: bytes = self._s3.get_object(Bucket=BUCKET, Key="route_table.json")["Body"].read()
        return body

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


def test_a_table_for_other_models_than_the_deployed_is_refused(deployed: Deployed) -> None:
    other = _rendered()
    other["use_cases"]["job-parsing"]["candidates"][0]["model_id"] = "acme/other"
    deployed.put(other)
    refused = deployed.refused("push", "--yes")
    assert isinstance(refused, DeployError)
    assert "job-parsing has another primary" in refused.message
    assert "adept deploy --env staging" in str(refused.remedy)
    assert json.loads(deployed.text()) == other


def test_experiments_and_shadows_are_shown_whatever_an_operator_wrote(deployed: Deployed) -> None:
    edited = _rendered()
    edited["use_cases"]["job-parsing"]["shadow"] = {"candidate": "alternative", "percent": "five"}
    deployed.put(edited)
    assert "candidate alternative, percent five" in deployed.adept("show").stdout


def test_a_broken_object_is_said_to_be_one_and_a_push_mends_it(deployed: Deployed) -> None:
    deployed.put(["not a table"])
    assert "holds no route table of this release" in deployed.adept("show").stdout
    assert deployed.adept("push", "--yes").exit_code == 0
    assert json.loads(deployed.text()) == _rendered()


def test_a_push_makes_an_object_that_is_gone(deployed: Deployed) -> None:
    deployed.remove()
    assert "holds no route table" in deployed.adept("show").stdout
    deployed.adept("push", "--yes")
    assert json.loads(deployed.text()) == _rendered()


def test_two_pushes_at_once_do_not_undo_each_other(deployed: Deployed) -> None:
    store = RouteTableStore.of(deployed.account, STAGING)
    seen = store.read()
    deployed.put(_other(timeout_ms=1234))
    with pytest.raises(RemoteError, match="changed by somebody else"):
        store.replace(seen, _rendered())
    assert json.loads(deployed.text()) == _other(timeout_ms=1234)


def test_where_nobody_can_be_asked_nothing_is_changed_unless_it_is_said(deployed: Deployed) -> None:
    deployed.put(_other(timeout_ms=1234))
    assert "--yes" in str(deployed.refused("push").remedy)
    assert json.loads(deployed.text()) == _other(timeout_ms=1234)


def test_an_environment_that_is_not_deployed_is_said_to_be_so(deployed: Deployed) -> None:
    with pytest.raises(RemoteError, match="adept-production-router is not deployed"):
        RouteTableStore.of(deployed.account, "production")
