"""The JSON schema of ``[space.<family>]``, from the rules of the family's axes."""

from __future__ import annotations

from typing import Any

from orchestrator.config.entries import MAX_CHOICES
from search_spaces.axes import Axis
from search_spaces.family import Family
from search_spaces.rules import Flag, Number, OneOf, OneOrEach, Rule, WholeNumber, WholeNumbers


def family_schema(family: Family) -> dict[str, Any]:
    """Every axis of a family as one value, choices or a range; an axis that repeats also with a number."""
    axes = {name: _axis_schema(axis) for name, axis in family.axes.items()}
    repeated = {name: axis for name, axis in family.axes.items() if axis.repeats}
    return {
        "type": "object",
        "description": f"What is searched in {family.name}; its default space where the table is empty.",
        "properties": axes,
        "patternProperties": {f"^{name}_[1-9][0-9]*$": axes[name] for name in repeated},
        "additionalProperties": False,
    }


def _axis_schema(axis: Axis) -> dict[str, Any]:
    rule = axis.rule
    forms = [_value_schema(rule.rule if isinstance(rule, OneOrEach) else rule)]
    choices = {"type": "array", "items": _value_schema(rule), "minItems": 1, "maxItems": MAX_CHOICES}
    forms.append({**choices, "uniqueItems": True, "title": "choices"})
    if isinstance(rule, OneOrEach):
        rule = rule.rule
    if isinstance(rule, WholeNumber | Number):
        forms.append(_range_schema(rule))
    return {"oneOf": forms, "description": axis.meaning}


def _value_schema(rule: Rule) -> dict[str, Any]:
    match rule:
        case WholeNumber() | Number():
            return _number_schema(rule)
        case OneOf(choices=choices):
            return {"enum": list(choices)}
        case Flag():
            return {"type": "boolean"}
        case WholeNumbers(max_count=max_count, low=low, high=high):
            item = {"type": "integer", "minimum": low, "maximum": high}
            return {"type": "array", "items": item, "minItems": 1, "maxItems": max_count}
        case OneOrEach(rule=each, max_count=max_count):
            value = _value_schema(each)
            return {"oneOf": [value, {"type": "array", "items": value, "minItems": 1, "maxItems": max_count}]}
        case _:
            # A rule of a family of someone's own: its values are checked where the file is read.
            return {}


def _number_schema(rule: WholeNumber | Number) -> dict[str, Any]:
    if isinstance(rule, WholeNumber):
        return {"type": "integer", "minimum": rule.low, "maximum": rule.high}
    lowest = "exclusiveMinimum" if rule.open_low else "minimum"
    highest = "exclusiveMaximum" if rule.open_high else "maximum"
    return {"type": "number", lowest: rule.low, highest: rule.high}


def _range_schema(rule: WholeNumber | Number) -> dict[str, Any]:
    end = _number_schema(rule)
    is_whole = isinstance(rule, WholeNumber)
    step = {"type": "integer", "minimum": 1} if is_whole else {"type": "number", "exclusiveMinimum": 0}
    return {
        "type": "object",
        "title": "range",
        "properties": {"low": end, "high": end, "step": step, "log": {"type": "boolean", "default": False}},
        "required": ["low", "high"],
        "additionalProperties": False,
    }
