"""Whether a tool that an agent registers can be registered: an OpenAPI 3.x document, or MCP tools.

An MCP tool is ``{name, description, inputSchema}``, a list of them, or the result of ``tools/list``.
What is not covered: references to other files (trusted), examples against their schemas, Swagger 2.0, servers that answer.
"""

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from aj.validators.documents import YamlRefused, load
from aj.validators.openapi.document import MOST_REASONS, openapi
from aj.validators.openapi.mcp import mcp
from aj.validators.score import Reason, Score

if TYPE_CHECKING:
    pass

READ = {
    "yaml_invalid": "bad_yaml",
    "yaml_duplicate_key": "duplicate_key",
    "yaml_too_deep": "too_deep",
    "yaml_too_many_nodes": "too_large",
}


def openapi_tool_valid(text: str, context: Mapping[str, Any]) -> Score:
    """1 where the text is a valid OpenAPI 3.x document or MCP registration, else 0. The context is not read.

    Codes: bad_yaml, duplicate_key, too_deep, too_large and the other codes of documents.py; not_a_registration; for OpenAPI bad_version, missing_field, unknown_field, wrong_type,
    bad_value, invalid_field, no_operations, path_parameter_missing, path_parameter_unused, path_parameter_not_required,
    duplicate_path, duplicate_operation_id, unresolved_ref, unknown_security_scheme, bad_schema, misspelt_keyword; for MCP missing_name, bad_name,
    missing_description, missing_input_schema, input_schema_not_object, bad_schema, misspelt_keyword, schema_too_costly, required_not_declared, bad_annotations,
    duplicate_tool.
    """
    try:
        document = load(text).value
    except YamlRefused as error:
        return Score.of([Reason(READ.get(error.code, error.code), error.detail)])
    if isinstance(document, dict) and isinstance(document.get("result"), dict) and "jsonrpc" in document:
        document = document["result"]
    if isinstance(document, dict) and isinstance(document.get("tools"), list) and "openapi" not in document:
        document = document["tools"]
    if isinstance(document, dict) and document.keys() & {"openapi", "swagger", "paths", "info"}:
        reasons = openapi(document)
    elif isinstance(document, list) and document:
        reasons = mcp(document)
    elif isinstance(document, dict) and document.keys() & {"name", "inputSchema", "input_schema", "parameters"}:
        reasons = mcp([document])
    else:
        return Score.of([Reason("not_a_registration", "neither an OpenAPI document nor an MCP tool")])
    return Score.of(list(islice(reasons, MOST_REASONS)))
