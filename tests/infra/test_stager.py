"""What the stager may do and nobody else may, what it is made of, and what waits for it."""

from __future__ import annotations

import json
from typing import Any

from endpoints.catalogue import load_catalogue
from endpoints.catalogue.deployment import deployed_candidates
from endpoints.locks import read_lock, snapshot_of
from endpoints.locks.files import SELECTION
from infra.staged_snapshot import TYPE
from tests.infra.conftest import Template, resources, statements_of, templates

CATALOGUE = load_catalogue()


def _foundation(environment: str) -> Template:
    return templates(environment)[f"adept-{environment}-foundation"]


def _functions(environment: str) -> dict[str, dict[str, Any]]:
    """The properties of the foundation's functions, by the module that they run."""
    found = resources(_foundation(environment), "AWS::Lambda::Function").values()
    return {function["Properties"]["Handler"].split(".")[2]: function["Properties"] for function in found}


def _machines(environment: str) -> dict[str, dict[str, Any]]:
    found = resources(_foundation(environment), "AWS::StepFunctions::StateMachine").values()
    return {machine["Properties"]["StateMachineName"]: machine["Properties"] for machine in found}


def _actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)


# Who may do what


def test_the_worker_is_the_only_principal_of_any_template_that_may_read_the_token(environment: str) -> None:
    readers = [
        (name, role["Ref"])
        for name, template in templates(environment).items()
        for policy in resources(template, "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if any(action.startswith("secretsmanager:") or action == "*" for action in _actions(statement))
        for role in policy["Properties"]["Roles"]
    ]

    assert len(readers) == 1
    assert readers[0][0] == f"adept-{environment}-foundation"
    assert readers[0][1].startswith("StagerWorkerRole")


def test_no_role_may_do_anything_that_is_not_in_these_statements(environment: str) -> None:
    kinds = {"AWS::IAM::Role", "AWS::IAM::Policy"}
    for template in templates(environment).values():
        found = {resource["Type"] for resource in template["Resources"].values()}
        assert {kind for kind in found if kind.startswith("AWS::IAM::")} <= kinds
        for role in resources(template, "AWS::IAM::Role").values():
            assert "Policies" not in role["Properties"]
            managed = json.dumps(role["Properties"].get("ManagedPolicyArns", []))
            assert managed == "[]" or managed.count("policy/") == managed.count("PushToCloudWatchLogs") == 1


def test_the_worker_reads_the_one_secret_and_may_use_the_key_only_for_it_and_for_objects(
    environment: str,
) -> None:
    region = CATALOGUE.environment(environment).region
    statements = statements_of(_foundation(environment), role_prefix="StagerWorkerRole")

    (secret,) = [s for s in statements if "secretsmanager:GetSecretValue" in _actions(s)]
    assert _actions(secret) == ["secretsmanager:GetSecretValue"]
    assert secret["Resource"] == {"Ref": "HuggingFaceTokenSecretD74994DF"}
    uses = {
        str(s["Condition"]["StringEquals"]["kms:ViaService"]): sorted(_actions(s))
        for s in statements
        if any(action.startswith("kms:") for action in _actions(s))
    }
    assert uses == {
        f"s3.{region}.amazonaws.com": ["kms:Decrypt", "kms:GenerateDataKey"],
        f"secretsmanager.{region}.amazonaws.com": ["kms:Decrypt"],
    }


def test_the_resource_function_starts_and_describes_stages_and_reads_manifests_alone(
    environment: str,
) -> None:
    statements = statements_of(_foundation(environment), role_prefix="StagerCustomResourceRole")
    by_action = {action: json.dumps(s["Resource"]) for s in statements for action in _actions(s)}

    own = {action for action in by_action if not action.startswith("logs:")}
    assert own == {
        "kms:Decrypt",
        "s3:GetObject",
        "s3:ListBucket",
        "states:DescribeExecution",
        "states:StartExecution",
    }
    assert "/_manifests/*" in by_action["s3:GetObject"]
    assert f":execution:adept-{environment}-stager:*" in by_action["states:DescribeExecution"]


def test_a_machine_invokes_its_one_function(environment: str) -> None:
    for role, function in {
        "StagerStagerRole": "StagerWorker",
        "StagerWaiterRole": "StagerCustomResource",
    }.items():
        statements = statements_of(_foundation(environment), role_prefix=role)
        (invoke,) = [s for s in statements if "lambda:InvokeFunction" in _actions(s)]
        assert str(invoke["Resource"]["Fn::GetAtt"][0]).startswith(function)


def test_no_statement_of_the_stager_is_about_everything(environment: str) -> None:
    for statement in statements_of(_foundation(environment), role_prefix="Stager"):
        assert statement["Resource"] != "*"
        assert "*" not in "".join(_actions(statement))


# What it is made of


def test_the_worker_copies_as_the_environment_says(environment: str) -> None:
    settings = CATALOGUE.environment(environment)
    worker = _functions(environment)["worker"]

    variables = worker["Environment"]["Variables"]
    assert variables["PART_MIB"] == str(settings.staging.part_mib)
    assert worker["Timeout"] == 900
    assert worker["MemorySize"] >= 2 * settings.staging.part_mib + 256
    # The embedded AWS passes its own on: the Hub that it serves.
    assert variables.get("HF_ENDPOINT") == (None if settings.embedded else settings.hub_url)


def test_the_resource_function_knows_no_secret(environment: str) -> None:
    assert set(_functions(environment)["resource"]["Environment"]["Variables"]) == {
        "WEIGHTS_BUCKET",
        "STAGER_ARN",
        "WAITER_ARN",
    }


def test_the_machines_names_are_those_that_executions_are_joined_by(environment: str) -> None:
    assert set(_machines(environment)) == {
        f"adept-{environment}-stager",
        f"adept-{environment}-stager-waiter",
    }


def test_maps_run_as_many_workers_as_the_environment_says_and_keep_nothing_of_what_they_answer(
    environment: str,
) -> None:
    definition = json.loads(_machines(environment)[f"adept-{environment}-stager"]["DefinitionString"])
    maps = [state for state in definition["States"].values() if state["Type"] == "Map"]

    assert len(maps) == 2
    for state in maps:
        assert state["MaxConcurrency"] == CATALOGUE.environment(environment).staging.concurrency
        assert state["ResultPath"] is None
        (child,) = state["ItemProcessor"]["States"].values()
        assert child["OutputPath"] is None


def test_every_retry_that_waits_spreads_its_workers(environment: str) -> None:
    text = "".join(machine["DefinitionString"] for machine in _machines(environment).values())

    assert text.count('"JitterStrategy": "FULL"') == text.count('"IntervalSeconds"') > 0


def test_a_waiter_that_fails_or_is_stopped_is_answered_for(environment: str) -> None:
    (rule,) = resources(_foundation(environment), "AWS::Events::Rule").values()

    assert rule["Properties"]["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    (target,) = rule["Properties"]["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith("StagerCustomResource")


def test_an_unfinished_stage_can_be_taken_up_for_a_week_and_costs_nothing_afterwards(
    environment: str,
) -> None:
    bucket = _foundation(environment)["Resources"]["WeightsBucket670F500A"]["Properties"]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

    uploads = rules["abort-unfinished-uploads"]["AbortIncompleteMultipartUpload"]
    assert uploads == {"DaysAfterInitiation": 7}
    assert rules["forget-unfinished-stages"]["Prefix"] == "_staging/"
    assert rules["forget-unfinished-stages"]["ExpirationInDays"] == 7
    assert not [
        rule for rule in rules.values() if "ExpirationInDays" in rule and rule.get("Prefix") != "_staging/"
    ]


# What waits for it


def test_every_model_waits_for_its_own_snapshot(environment: str) -> None:
    settings, lock = CATALOGUE.environment(environment), read_lock(environment)
    if settings.load_from_hub:
        return
    for use_case in CATALOGUE.use_cases:
        template = templates(environment)[f"adept-{environment}-{use_case.id}"]
        staged = {name: found["Properties"] for name, found in resources(template, TYPE).items()}
        for candidate in deployed_candidates(use_case, settings):
            snapshot = snapshot_of(lock, use_case, candidate)
            (model,) = [
                model
                for model in resources(template, "AWS::SageMaker::Model").values()
                if f"/{snapshot.key}/" in json.dumps(model)
                and candidate.role.value.capitalize() in str(model["DependsOn"])
            ]
            (waited_for,) = [staged[name] for name in model["DependsOn"] if name in staged]
            assert (waited_for["Repository"], waited_for["Revision"]) == (
                snapshot.repository,
                snapshot.revision,
            )
            assert waited_for["ServiceTimeout"] == "3600"


def test_the_selection_travels_as_data(environment: str) -> None:
    for template in templates(environment).values():
        for found in resources(template, TYPE).values():
            selected = json.loads(found["Properties"]["Select"])
            assert selected == {name: list(patterns) for name, patterns in SELECTION.items()}
