"""mcp_openapi_server: tools for agents, as MCP tools and as operations of an OpenAPI document."""

from aj.competencies.draw import Draw, Made, Pattern, Tasks
from aj.competencies.patterns.documents import Reply, Value, as_json, changed, renamed, without

TOOL = "reply with the JSON of an MCP tool"
OPENAPI = "reply with an OpenAPI 3.1 document in JSON"
KINDS = ("string", "integer", "number")
REPLY = Reply(as_json, "openapi_tool_valid")


def _tool(name: str, properties: Value, required: list[str]) -> Value:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"name": name, "description": name.replace("_", " "), "inputSchema": schema}


def _mcp_tool(draw: Draw) -> Made:
    name = draw.word("tool")
    needed, free = draw.words("argument", 2)
    kind, other = draw.rng.sample(KINDS, 2)
    kinds = {needed: kind, free: draw.rng.choice(KINDS)}
    gold = _tool(name, {argument: {"type": of} for argument, of in kinds.items()}, [needed])
    schema = "inputSchema"
    return REPLY.made(
        {"name": name, "about": gold["description"], "needed": f"{needed} ({kind})", "free": f"{free} ({kinds[free]})"},
        gold,
        REPLY.invalid("other_spelling", renamed(gold, (schema,), "parameters"), "missing_input_schema"),
        REPLY.invalid("required_not_declared", without(gold, (schema, "properties", needed))),
        REPLY.invalid("no_description", without(gold, ("description",)), "missing_description"),
        REPLY.invalid("unknown_type", changed(gold, (schema, "properties", needed, "type"), "text"), "bad_schema"),
        REPLY.other("other_type", changed(gold, (schema, "properties", needed, "type"), other)),
        REPLY.other("all_required", changed(gold, (schema, "required"), [needed, free]), "extra_item"),
    )


def _mcp_tool_with_choice(draw: Draw) -> Made:
    name, argument = draw.word("tool"), draw.rng.choice(["catalog", "schema", "volume", "group"])
    *choices, other = draw.words(argument, draw.number(3, 4))
    gold = _tool(name, {argument: {"type": "string", "enum": choices}}, [argument])
    at = ("inputSchema", "properties", argument)
    return REPLY.made(
        {"name": name, "about": gold["description"], "argument": argument, "choices": " or ".join(choices)},
        gold,
        REPLY.invalid("choices_no_list", changed(gold, (*at, "enum"), choices[0]), "bad_schema"),
        REPLY.invalid("required_not_declared", changed(gold, ("inputSchema", "required"), ["name"])),
        REPLY.invalid("no_object", changed(gold, ("inputSchema", "type"), "string"), "input_schema_not_object"),
        REPLY.other("unknown_word", renamed(gold, (*at, "enum"), "choices"), "missing_value"),
        REPLY.other("other_choice", changed(gold, (*at, "enum", 0), other)),
        REPLY.other("one_choice_more", changed(gold, (*at, "enum"), [*choices, other]), "extra_item"),
    )


def _openapi_get(draw: Draw) -> Made:
    title, argument, version = draw.word("schema"), draw.word("argument"), str(draw.number(1, 9))
    table, other = draw.words("table", 2)
    kind, path = draw.rng.choice(KINDS), f"/{table}/{{{argument}}}"
    parameter = {"name": argument, "in": "path", "required": True, "schema": {"type": kind}}
    get = {"operationId": f"get_{table}", "parameters": [parameter], "responses": {"200": {"description": "ok"}}}
    gold = {"openapi": "3.1.0", "info": {"title": title, "version": version}, "paths": {path: {"get": get}}}
    at = ("paths", path, "get", "parameters")
    return REPLY.made(
        {"title": title, "version": version, "path": path, "operation": f"get_{table}", "argument": argument, "kind": kind},
        gold,
        REPLY.invalid("not_required", without(gold, (*at, 0, "required")), "path_parameter_not_required"),
        REPLY.invalid("undeclared_parameter", without(gold, at), "path_parameter_missing"),
        REPLY.invalid("parameter_elsewhere", changed(gold, (*at, 0, "in"), "query"), "path_parameter_missing"),
        REPLY.invalid("version_as_number", changed(gold, ("info", "version"), int(version)), "wrong_type"),
        REPLY.invalid("no_title", without(gold, ("info", "title")), "missing_field"),
        REPLY.other("other_path", renamed(gold, ("paths", path), f"/{other}/{{{argument}}}"), "missing_value"),
    )


TASKS: Tasks = {
    "register_tool": {
        "mcp_tool": Pattern(
            _mcp_tool,
            (
                "mcp tool {name} ({about}): needs {needed}, may take {free}",
                "register {name} for agents as {about}, required {needed}, optional {free}",
                "agents shall {about}: tool {name} with required {needed} and optional {free}",
                "describe tool {name}, it can {about}, takes {needed} always and {free} if given",
                "i need an mcp tool {name} to {about}; {needed} is a must, {free} is not",
            ),
            TOOL,
        ),
        "mcp_tool_with_choice": Pattern(
            _mcp_tool_with_choice,
            (
                "mcp tool {name} ({about}): needs {argument}, one of {choices}",
                "register {name} for agents as {about}, required {argument} is {choices}",
                "agents shall {about}: tool {name} with a required choice {argument}, {choices}",
                "describe tool {name}, it can {about}, always takes {argument}: {choices}",
                "i need an mcp tool {name} to {about}; {argument} is a must and can be {choices}",
            ),
            TOOL,
        ),
        "openapi_get": Pattern(
            _openapi_get,
            (
                "api {title} version {version}: GET {path} is {operation}, {argument} is {kind}",
                "describe GET {path} as operation {operation} of api {title} {version}, {argument} of type {kind}",
                "openapi of {title}, version {version}, with one operation {operation}: GET {path}, {kind} {argument}",
                "operation {operation} reads GET {path} with {kind} {argument}, api {title} in version {version}",
                "i need GET {path} as {operation} in version {version} of api {title}; {argument} is a {kind}",
            ),
            OPENAPI,
        ),
    },
}
