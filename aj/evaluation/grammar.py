"""A GBNF grammar (llama.cpp's grammars/README.md) of exactly one call of one of the tools, in ChatML's spelling.

What is not covered: what JSON Schema says and llama.cpp's converter does not read (minProperties, say); several calls in a turn.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aj.transcript import CHATML_CALL

ROOT = re.compile(r"^root ::= ", re.MULTILINE)


def of_one_call(tools: Sequence[Mapping[str, Any]]) -> str:
    """The grammar, made from the tools' own JSON Schema."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    functions = [tool.get("function", tool) for tool in tools]
    schema = {"oneOf": [_call(function) for function in functions]}
    rules = ROOT.sub("call ::= ", json_schema_to_gbnf(json.dumps(schema), prop_order=["name", "arguments"]))
    opens, closes = map(json.dumps, CHATML_CALL)
    return f"root ::= {opens} call {closes}\n{rules}"


def _call(function: Mapping[str, Any]) -> dict[str, Any]:
    properties = {"name": {"const": function["name"]}, "arguments": function["parameters"]}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
