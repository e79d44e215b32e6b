"""databricks_apps: an app as a resource of a bundle, with the warehouse or the secret that it may use."""

from typing import Any

from aj.competencies.draw import Draw, Made, Pattern, Tasks
from aj.competencies.patterns.documents import Path, Reply, Value, as_yaml, changed, renamed, without

FORM = "reply with the YAML of a bundle that holds the app"
REPLY = Reply(as_yaml, "bundle_validate_passes")


def _bundle(bundle: str, app: str, body: Value, **above: Any) -> Value:
    return {"bundle": {"name": bundle}, **above, "resources": {"apps": {app: body}}}


def _plain_app(draw: Draw) -> Made:
    bundle, app = draw.word("schema"), draw.word("app")
    name = f"{draw.word('catalog')}-{app}"
    source, other = draw.words("source", 2)
    gold = _bundle(bundle, app, {"name": name, "source_code_path": f"./{source}"})
    at: Path = ("resources", "apps", app)
    return REPLY.made(
        {"bundle": bundle, "app": app, "name": name, "source": f"./{source}"},
        gold,
        REPLY.invalid("unknown_field", renamed(gold, (*at, "source_code_path"), "source_path")),
        REPLY.invalid("no_name", without(gold, (*at, "name")), "missing_field"),
        REPLY.invalid("unknown_resource", renamed(gold, ("resources", "apps"), "app"), "unknown_resource_type"),
        REPLY.invalid("at_the_top", {"bundle": gold["bundle"], **gold["resources"]}, "unknown_top_level_key"),
        REPLY.other("other_folder", changed(gold, (*at, "source_code_path"), f"./{other}")),
    )


def _app_with_warehouse(draw: Draw) -> Made:
    bundle, app, source = draw.word("schema"), draw.word("app"), f"./{draw.word('source')}"
    warehouse, other = draw.words("warehouse", 2)
    right = {"name": "warehouse", "sql_warehouse": {"id": "${var.warehouse}", "permission": "CAN_USE"}}
    body = {"name": app, "source_code_path": source, "resources": [right]}
    gold = _bundle(bundle, app, body, variables={"warehouse": {"lookup": {"warehouse": warehouse}}})
    at: Path = ("resources", "apps", app, "resources")
    part: Path = (*at, 0, "sql_warehouse")
    return REPLY.made(
        {"bundle": bundle, "app": app, "source": source, "warehouse": warehouse},
        gold,
        REPLY.invalid("undeclared_variable", without(gold, ("variables",))),
        REPLY.invalid("malformed_reference", changed(gold, (*part, "id"), "{{var.warehouse}}")),
        REPLY.invalid("resources_no_list", changed(gold, at, right), "wrong_type"),
        REPLY.invalid("unknown_field", renamed(gold, at, "warehouses")),
        REPLY.other("too_much_right", changed(gold, (*part, "permission"), "CAN_MANAGE")),
        REPLY.other("other_warehouse", changed(gold, ("variables", "warehouse", "lookup", "warehouse"), other)),
    )


def _app_with_secret(draw: Draw) -> Made:
    bundle, app, source, scope = draw.word("schema"), draw.word("app"), f"./{draw.word('source')}", draw.word("scope")
    key, other = draw.words("key", 2)
    right = {"name": key, "secret": {"scope": scope, "key": key, "permission": "READ"}}
    gold = _bundle(bundle, app, {"name": app, "source_code_path": source, "resources": [right]})
    at: Path = ("resources", "apps", app)
    part: Path = (*at, "resources", 0, "secret")
    clear = {"env": [{"name": f"{key}_password", "value": f"{app}{draw.number(100, 999)}"}]}
    return REPLY.made(
        {"bundle": bundle, "app": app, "source": source, "scope": scope, "key": key},
        gold,
        REPLY.invalid("secret_in_clear", changed(without(gold, (*at, "resources")), (*at, "config"), clear)),
        REPLY.invalid("resources_no_list", changed(gold, (*at, "resources"), right), "wrong_type"),
        REPLY.invalid("unknown_field", renamed(gold, (*at, "resources"), "secrets")),
        REPLY.other("too_much_right", changed(gold, (*part, "permission"), "MANAGE")),
        REPLY.other("other_secret", changed(gold, (*part, "key"), other)),
    )


TASKS: Tasks = {
    "write_app": {
        "plain_app": Pattern(
            _plain_app,
            (
                "bundle {bundle} with app {app} called {name}, its code is in {source}",
                "write bundle {bundle}: app {app} from folder {source}, deployed as {name}",
                "deploy folder {source} as app {app} of bundle {bundle} under the name {name}",
                "app {app} in bundle {bundle}, name {name}, source {source}",
                "i need app {app} named {name} in bundle {bundle} from code in {source}",
            ),
            FORM,
        ),
        "app_with_warehouse": Pattern(
            _app_with_warehouse,
            (
                "bundle {bundle} with app {app} from {source} that may use warehouse {warehouse}",
                "app {app} of bundle {bundle}, code in {source}, queries warehouse {warehouse}",
                "let app {app} in bundle {bundle} use warehouse {warehouse}, source {source}",
                "warehouse {warehouse} for app {app} in folder {source}, bundle {bundle}",
                "i need app {app} of {source} in bundle {bundle} with the right to use warehouse {warehouse}",
            ),
            FORM,
        ),
        "app_with_secret": Pattern(
            _app_with_secret,
            (
                "bundle {bundle} with app {app} from {source} that reads secret {key} of scope {scope}",
                "app {app} of bundle {bundle}, code in {source}, may read secret {scope}/{key}",
                "let app {app} in bundle {bundle} read key {key} of scope {scope}, source {source}",
                "secret {key} in scope {scope} for app {app} in folder {source}, bundle {bundle}, only to read",
                "i need app {app} of {source} in bundle {bundle}, it needs secret {key} from scope {scope}",
            ),
            FORM,
        ),
    },
}
