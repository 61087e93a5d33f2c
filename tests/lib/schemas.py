"""Holds what commands print against docs/schemas/NAME.json."""
import json
import os

import jsonschema

from seed_platform import SOURCE


def fits(name, value):
    """Returns `value`; fails naming the schema and the place."""
    with open(f"{SOURCE}/docs/schemas/{name}.json") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    mistakes = sorted(jsonschema.Draft7Validator(schema).iter_errors(value), key=lambda one: list(map(str, one.path)))
    assert not mistakes, f"{name}.json: {'/'.join(map(str, mistakes[0].path))}: {mistakes[0].message}\n{json.dumps(value)[:2000]}"
    return value


def one(name, text):
    """Exactly one JSON object on one line."""
    assert text.count("\n") == 1 and text.endswith("\n"), f"{name}: not one line: {text!r}"
    return fits(name, json.loads(text))


def each(name, text):
    return [fits(name, json.loads(line)) for line in text.splitlines()]


def names():
    return {file[:-5] for file in os.listdir(f"{SOURCE}/docs/schemas")}
