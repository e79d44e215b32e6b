"""Long honest texts pass: the caps that stop hostile ones leave room for a few hundred lines."""

import pytest

from aj.validators.registry import LONGEST, validate

SHELL = "\n".join(
    ["#!/usr/bin/env bash", "set -euo pipefail", "stage=/tmp/stage"]
    + [
        line
        for day in range(1, 55)
        for line in (
            f'echo "day {day}: copy, check, load" # part {day} of 54',
            f'if [ ! -d "$stage/{day}" ]; then mkdir -p "$stage/{day}"; fi',
            f"databricks fs cp -r dbfs:/Volumes/main/raw/landing/{day} $stage/{day} --overwrite",
            f"count=$(ls $stage/{day} | grep -c '.json$' || true)",
            f'[ "$count" -gt 0 ] && databricks jobs run-now --json \'{{"job_id": {day}, "job_parameters": {{"day": "{day}"}}}}\'',
            f"rm -rf $stage/{day}",
        )
    ]
)
SQL_QUERY = (
    "SELECT\n  customer_id,\n"
    + ",\n".join(f"  SUM(CASE WHEN MONTH(day) = {n % 12 + 1} AND region = 'r{n}' THEN amount END) AS sum_{n}" for n in range(60))
    + "\nFROM main.sales.orders\nWHERE\n  "
    + "\n  AND ".join(f"status <> 'x{n}'" for n in range(60))
    + "\nGROUP BY customer_id\nORDER BY customer_id"
)
SQL_SCRIPT = ";\n".join(
    statement
    for n in range(75)
    for statement in (
        f"CREATE TABLE IF NOT EXISTS main.silver.t{n} (id BIGINT, day DATE)",
        f"INSERT INTO main.silver.t{n}\nSELECT id, day FROM main.bronze.t{n} WHERE day > '2026-01-01' AND id IS NOT NULL",
        f"DELETE FROM main.silver.t{n} WHERE day < '2020-01-01'",
    )
)
GRANTS = "\n".join(
    f"GRANT USE CATALOG ON CATALOG c{n} TO `g{n}`;\nGRANT USE SCHEMA ON SCHEMA c{n}.s TO `g{n}`;\nGRANT SELECT ON TABLE c{n}.s.t TO `g{n}`;"
    for n in range(100)
)
PYTHON = "import os\n" + "\n".join(
    line
    for n in range(75)
    for line in (
        f"df{n} = spark.read.table('main.bronze.t{n}')",
        f"df{n} = df{n}.filter(df{n}.id.isNotNull()).dropDuplicates(['id'])",
        f"spark.sql('OPTIMIZE main.silver.t{n}')",
        f"print('done', {n}, df{n}.count())",
    )
)
JOB = "name: nightly\ntasks:\n" + "\n".join(
    f"  - task_key: load_{n}\n    depends_on: [{{task_key: load_{max(n - 1, 0)}}}]\n    notebook_task:\n      notebook_path: /jobs/load_{n}"
    if n
    else "  - task_key: load_0\n    notebook_task:\n      notebook_path: /jobs/load_0"
    for n in range(80)
)
BUNDLE = "bundle: {name: nightly}\nresources:\n  jobs:\n    nightly:\n" + "\n".join("      " + line for line in JOB.split("\n"))
SCRIPTS = {
    "shell": ("policy_safety", SHELL),
    "SQL query": ("sql_compiles", SQL_QUERY),
    "safe SQL query": ("policy_safety", SQL_QUERY),
    "SQL script": ("policy_safety", SQL_SCRIPT),
    "Python": ("policy_safety", PYTHON),
    "Python without secrets": ("no_secrets_in_clear", PYTHON),
    "shell without secrets": ("no_secrets_in_clear", SHELL),
    "grants": ("grants_audit_passes", GRANTS),
    "job": ("job_definition_valid", JOB),
    "bundle": ("bundle_validate_passes", BUNDLE),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_long_honest_text_passes(name: str) -> None:
    validator, text = SCRIPTS[name]
    assert len(text) <= LONGEST and text.count("\n") >= 120
    assert validate(validator, text).reasons == ()


def test_one_dangerous_line_among_three_hundred_is_found() -> None:
    lines = SHELL.split("\n")
    assert len(lines) > 300
    assert validate("policy_safety", "\n".join([*lines[:200], "rm -rf $HOME", *lines[200:]])).codes == ("destructive_delete",)
    assert validate("policy_safety", SQL_SCRIPT + ";\nDELETE FROM main.silver.t1").codes == ("unbounded_delete",)
