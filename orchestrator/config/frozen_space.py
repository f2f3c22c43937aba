"""Search spaces as JSON values and back; orders count, because an axis comes after the one it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.parameters import ChoiceParameter, Condition, FloatParameter, IntParameter, Parameter, Value
from search_spaces.space import FamilySpace, SearchSpace


def space_to_json(space: SearchSpace) -> list[dict[str, Any]]:
    """One table for each family."""
    return [
        {
            "family": one.family,
            "parameters": [_parameter_to_json(parameter) for parameter in one.parameters],
            "fixed": {name: _to_json(one.fixed[name]) for name in sorted(one.fixed)},
        }
        for one in space.families
    ]


def space_from_json(families: Sequence[Mapping[str, Any]]) -> SearchSpace:
    """What ``space_to_json`` gave.

    Raises:
        KeyError, TypeError, ValueError: it is no such thing.
    """
    return SearchSpace(
        families=tuple(
            FamilySpace(
                family=one["family"],
                parameters=tuple(_parameter(parameter) for parameter in one["parameters"]),
                fixed={name: _value(value) for name, value in one["fixed"].items()},
            )
            for one in families
        )
    )


def axis_text(axis: Mapping[str, Any]) -> str:
    """An axis in its JSON form, as a person reads it: ``8..24 step 8``, ``one of 1, 2``."""
    if axis["kind"] == "choice":
        text = f"one of {', '.join(str(choice) for choice in axis['choices'])}"
    else:
        text = f"{axis['low']}..{axis['high']}"
        text += f" step {axis['step']}" if axis["step"] not in (None, 1) else ""
        text += " log" if axis["log"] else ""
    condition = axis["condition"]
    if condition is None:
        return text
    return f"{text} where {condition['parameter']} is {', '.join(str(value) for value in condition['values'])}"


def _parameter_to_json(parameter: Parameter) -> dict[str, Any]:
    condition = parameter.condition
    common = {
        "name": parameter.name,
        "condition": None
        if condition is None
        else {"parameter": condition.parameter, "values": [_to_json(value) for value in condition.values]},
    }
    if isinstance(parameter, ChoiceParameter):
        return {"kind": "choice", **common, "choices": [_to_json(choice) for choice in parameter.choices]}
    kind = "int" if isinstance(parameter, IntParameter) else "float"
    ends = {"low": parameter.low, "high": parameter.high, "step": parameter.step, "log": parameter.log}
    return {"kind": kind, **common, **ends}


def _parameter(fields: Mapping[str, Any]) -> Parameter:
    rest = {name: value for name, value in fields.items() if name not in ("kind", "condition", "choices")}
    condition = fields["condition"]
    if condition is not None:
        values = tuple(_value(value) for value in condition["values"])
        rest["condition"] = Condition(parameter=condition["parameter"], values=values)
    if fields["kind"] == "choice":
        return ChoiceParameter(**rest, choices=tuple(_value(choice) for choice in fields["choices"]))
    kinds: dict[str, type[IntParameter] | type[FloatParameter]] = {"int": IntParameter, "float": FloatParameter}
    return kinds[fields["kind"]](**rest)


def _to_json(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _value(value: Any) -> Value:
    return tuple(value) if isinstance(value, list) else value
