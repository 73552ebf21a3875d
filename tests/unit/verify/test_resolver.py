"""Intrinsics resolve from gathered facts, and what cannot be resolved says why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoints.verify.resolver import StackValues, Unresolved, name_of, resolve, same_name

VALUES = StackValues(
    pseudo={"AWS::Region": "eu-west-1"},
    physical_ids={"Model": "arn:aws:sagemaker:eu-west-1:1:model/m-1", "Bucket": "weights"},
    parameters={"Stage": "blue"},
    exports={"foundation:Bucket": "exported"},
)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "Bucket"}, "weights"),
        ({"Ref": "Stage"}, "blue"),
        ({"Fn::GetAtt": ["Model", "ModelName"]}, "m-1"),
        ({"Fn::GetAtt": "Model.ModelName"}, "m-1"),
        ({"Fn::GetAtt": ["Model", "Arn"]}, "arn:aws:sagemaker:eu-west-1:1:model/m-1"),
        ({"Fn::Join": ["/", ["s3:/", {"Ref": "Bucket"}, 1]]}, "s3://weights/1"),
        ({"Fn::Sub": "${AWS::Region}-${Bucket}-${!Literal}"}, "eu-west-1-weights-${Literal}"),
        ({"Fn::Sub": ["${x}/${Model.ModelName}", {"x": {"Ref": "Stage"}}]}, "blue/m-1"),
        ({"Fn::ImportValue": {"Fn::Sub": "foundation:Bucket"}}, "exported"),
        ({"Fn::Select": ["1", {"Fn::Split": [":", "a:b"]}]}, "b"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 2]}, {"b": [2]}),
    ],
)
def test_an_intrinsic_resolves(value: Any, resolved: Any) -> None:
    assert resolve(value, VALUES) == resolved


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"Ref": "Nobody"}, "Nobody is not in the stack"),
        ({"Fn::GetAtt": ["Nobody", "Arn"]}, "Nobody is not in the stack"),
        ({"Fn::GetAtt": ["Bucket", "DomainName"]}, "not among the facts"),
        ({"Fn::ImportValue": "gone"}, "no stack exports gone"),
        ({"Fn::Join": ["", ["a", {"Ref": "Nobody"}]]}, "Nobody is not in the stack"),
        ({"Fn::Sub": "${Nobody}"}, "Nobody is not in the stack"),
        ({"Fn::Base64": "x"}, "Fn::Base64 is not understood here"),
        ({"Fn::Select": [5, ["a"]]}, "Fn::Select 5 of 1"),
    ],
)
def test_what_is_unknown_says_why(value: Any, why: str) -> None:
    resolved = resolve(value, VALUES)

    assert isinstance(resolved, Unresolved)
    assert why in resolved.why


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="abc"), inner),
    max_leaves=20,
)


@given(json_values)
def test_what_holds_no_intrinsic_stays_as_it_is(value: Any) -> None:
    assert resolve(value, VALUES) == value


def test_names_are_compared_as_sagemaker_does() -> None:
    assert name_of("arn:aws:sagemaker:eu-west-1:1:endpoint-config/config-ab") == "config-ab"
    assert name_of("Config-AB") == "Config-AB"
    assert same_name("config-ab", "Config-AB")
    assert not same_name("config-ab", Unresolved("unknown"))
