"""The stager's bundle: few dependencies, locked, the project's own versions, and sufficient alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from infra.lambda_bundle import WEIGHTS, Target, build_bundle

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "lambdas" / "weights" / "requirements.txt"
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def test_the_lock_holds_botocores_tree_alone_with_hashes_and_no_index() -> None:
    text = LOCK.read_text()
    assert dict(PINNED.findall(text)).keys() == {"botocore", "jmespath", "python-dateutil", "six", "urllib3"}
    assert text.count("--hash=sha256:") >= 5
    assert "index" not in text


def test_the_stager_runs_on_what_the_project_is_tested_with() -> None:
    project = dict(PINNED.findall((ROOT / "requirements" / "run.txt").read_text()))
    assert dict(PINNED.findall(LOCK.read_text())).items() <= project.items()


def test_both_handlers_work_in_an_interpreter_that_has_nothing_but_the_bundle() -> None:
    bundle = build_bundle(WEIGHTS, Target.resolve("host", "host"), {}, for_this_host=True)
    program = (
        "import json, sys\n"
        "sys.dont_write_bytecode = True\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from lambdas.weights import clients, resource, worker\n"
        "services = [clients.client(name).meta.service_model.service_name\n"
        "            for name in ('s3', 'secretsmanager', 'stepfunctions')]\n"
        "worker._worker()\n"
        "loaded = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "print(json.dumps({'services': services, 'loaded': loaded}))\n"
    )
    variables = {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TOKEN_SECRET_ARN": "arn",
        "WEIGHTS_BUCKET": "bucket",
        "PART_MIB": "64",
    }
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", program, str(bundle)],
        capture_output=True,
        text=True,
        env=variables,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["services"] == ["s3", "secretsmanager", "stepfunctions"]
    assert not {"boto3", "endpoints", "infra", "pydantic", "aws_cdk"} & set(said["loaded"])
