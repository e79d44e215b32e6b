"""Names of all validators, and where each is; nothing of them is imported here."""

WHERE = {
    "sql_compiles": "sql.statement:sql_compiles",
    "grants_audit_passes": "sql.grants:grants_audit_passes",
    "bundle_validate_passes": "definitions.bundle:bundle_validate_passes",
    "policy_safety": "safety.policy:policy_safety",
    "tool_contract_valid": "calls.contract:tool_contract_valid",
    "job_definition_valid": "definitions.jobs:job_definition_valid",
    "pipeline_definition_valid": "definitions.pipelines:pipeline_definition_valid",
    "openapi_tool_valid": "openapi.registration:openapi_tool_valid",
    "no_secrets_in_clear": "secret.clear:no_secrets_in_clear",
    "streaming_query_safe": "streaming.queries:streaming_query_safe",
    "guardrails_kept": "persona:guardrails_kept",
    "answers_task": "answers:answers_task",
    "episode_done": "episode:episode_done",
}


def names() -> list[str]:
    """Names of all validators."""
    return sorted(WHERE)
