"""Names of all validators, and where each is; nothing of them is imported here."""

WHERE = {
    "sql_compiles": "sql:sql_compiles",
    "grants_audit_passes": "grants:grants_audit_passes",
    "bundle_validate_passes": "bundle:bundle_validate_passes",
    "policy_safety": "safety:policy_safety",
    "tool_contract_valid": "contracts:tool_contract_valid",
    "job_definition_valid": "jobs:job_definition_valid",
    "pipeline_definition_valid": "pipelines:pipeline_definition_valid",
    "openapi_tool_valid": "openapi:openapi_tool_valid",
    "no_secrets_in_clear": "secrets:no_secrets_in_clear",
    "streaming_query_safe": "streaming:streaming_query_safe",
    "guardrails_kept": "persona:guardrails_kept",
    "answers_task": "answers:answers_task",
    "episode_done": "answers:episode_done",
}


def names() -> list[str]:
    """Names of all validators."""
    return sorted(WHERE)
