"""Candidate against baseline on the same items, from the episodes that evaluation recorded: greedy, with one seed, the same items for all.

First the whole gate, then the plans of the form that is promoted; all comparisons together hold the gate's level.
"""

from dataclasses import asdict, replace

from aj.gate import plan
from aj.gate.evidence import Evidence, NoEvidence
from aj.gate.rules import Comparison, Form, Limit, Rules
from aj.gate.verdict import Verdict, judge


def replay(rules: Rules, form: Form, candidate: Evidence, baseline: Evidence | None) -> list[Verdict]:
    """Every verdict. Without a baseline only the absolute rules and those against merged are asked, and the others say so."""
    own = rules.promotion
    comparisons = [*rules.comparisons, *(Comparison(**asdict(rule), forms=[form], against="release") for rule in own.comparisons)]
    limits = [*rules.limits, *(Limit(**asdict(rule), forms=[form]) for rule in own.limits)]
    verdicts = judge(comparisons, limits, rules.level, candidate, baseline)
    return [*verdicts, _diversity(own.diversity, form, candidate, baseline)]


def _diversity(least: float, form: str, candidate: Evidence, baseline: Evidence | None) -> Verdict:
    verdict = Verdict(
        form=form, metric="diversity", direction="higher", asked=f"at least {least:g} of the baseline's",
        against=baseline.name if baseline else "nothing", status="pass",
    )  # fmt: skip
    if baseline is None:
        return replace(verdict, status="not asked", reason="there is no baseline")
    try:
        was, now = (plan.plans(side.questions(form), side.tasks(form)) for side in (baseline, candidate))
    except NoEvidence as error:
        return replace(verdict, status="fail", bucket=error.bucket, reason=str(error))
    common = [key for key in was if key in now]
    before, after = plan.diversity(was[k] for k in common), plan.diversity(now[k] for k in common)
    verdict = replace(verdict, before=before, after=after, n=len(common))
    if not before:
        return replace(
            verdict, status="fail", bucket="missing", reason="the baseline has no plan on these items: nothing to be a share of."
        )
    if after < least * before:
        reason = f"diversity is {after:.4g}, {after / before:.3g} of the baseline's; it must be at least {least:g} of it (higher is better)."
        return replace(verdict, status="fail", bucket="beyond_limit", reason=reason)
    return verdict
