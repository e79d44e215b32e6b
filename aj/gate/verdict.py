"""Every rule judged, one verdict each; what could not be judged has failed.

A comparison fails where the drop is larger than its rule allows and chance does not explain it: the exact paired p, adjusted over all
comparisons of the gate (Holm), is at most ``level``. So where nothing has changed, the probability that one of them or more fails is at
most ``level``. Limits are values compared with a value: they have no error rate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aj.gate.evidence import Evidence, NoEvidence
from aj.gate.metrics import Measured, is_paired, is_recorded
from aj.gate.paired import Flip, Paired, holm, pair
from aj.gate.rules import SIGN, Comparison, Limit

ROUNDED = 1e-5
"""How far a recorded share may be from its episodes': metrics are rounded to six digits."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one rule for one form."""

    form: str
    metric: str
    direction: str
    asked: str
    """The rule in words."""
    against: str
    status: Literal["pass", "fail", "not asked"]
    bucket: str = ""
    """Why it failed: missing, not_a_number, unreadable, changed, mismatch, crashed, too_few, worse, beyond_limit."""
    reason: str = ""
    before: float | None = None
    after: float | None = None
    n: int | None = None
    adjusted: float | None = None
    """Adjusted p of a comparison."""
    flips: Sequence[Flip] = ()


def judge(
    comparisons: Sequence[Comparison], limits: Iterable[Limit], level: float, candidate: Evidence, baseline: Evidence | None
) -> list[Verdict]:
    """Verdicts in the order of the rules. ``baseline`` None: what would be compared with it is not asked, and its verdict says so."""
    asked = [(rule, form) for rule in comparisons for form in rule.forms]
    verdicts: list[Verdict] = []
    tested: dict[int, Paired] = {}
    for rule, form in asked:
        before, other = (candidate, "merged") if rule.against == "merged" else (baseline, form)
        verdict = Verdict(
            form=form, metric=rule.metric, direction=rule.direction, asked=f"drop at most {rule.largest_drop:g}, n at least {rule.smallest_n}",
            against=rule.against if rule.against == "merged" else baseline.name if baseline else "nothing", status="pass",
        )  # fmt: skip
        if before is None:
            verdicts.append(replace(verdict, status="not asked", reason="there is no baseline"))
            continue
        try:
            found = pair(
                _items(before, other, rule.metric).items, _items(candidate, form, rule.metric).items, SIGN[rule.direction]
            )
            if found.n < rule.smallest_n:
                raise NoEvidence(
                    "too_few", f"{found.n} items are on both sides ({found.left_out} on one), {rule.smallest_n} are asked."
                )
        except NoEvidence as error:
            verdicts.append(replace(verdict, status="fail", bucket=error.bucket, reason=str(error)))
            continue
        except ValueError as error:
            verdicts.append(replace(verdict, status="fail", bucket="too_few", reason=f"{error}: evaluate both on the same set."))
            continue
        tested[len(verdicts)] = found
        verdicts.append(replace(verdict, before=found.before, after=found.after, n=found.n, flips=found.flips))
    drops = {place: asked[place][0].largest_drop for place in tested}
    for place, p in zip(tested, holm([found.p for found in tested.values()]), strict=True):
        verdicts[place] = _weighed(verdicts[place], tested[place], p, drops[place], level, len(tested))
    return verdicts + [_bounded(rule, form, candidate) for rule in limits for form in rule.forms]


def _weighed(verdict: Verdict, found: Paired, p: float, largest_drop: float, level: float, comparisons: int) -> Verdict:
    verdict = replace(verdict, adjusted=p)
    if found.best_p * comparisons > level:
        reason = (
            f"{found.n} items in {found.clusters} clusters: the smallest p is {found.best_p:.2g}, above {level:g} / {comparisons}, so that "
            "no loss could be told from chance; evaluate on more databases or templates."
        )
        return replace(verdict, status="fail", bucket="too_few", reason=reason)
    drop = SIGN[verdict.direction] * (found.before - found.after)
    if drop <= largest_drop + 1e-12:
        return verdict
    if p > level:
        return replace(
            verdict, reason=f"a drop of {drop:.3g} is more than {largest_drop:g}, and chance explains it (p = {p:.2g})"
        )
    reason = f"a drop of {drop:.3g} is more than {largest_drop:g}, and chance does not explain it (p = {p:.2g})."
    return replace(verdict, status="fail", bucket="worse", reason=reason)


def _bounded(rule: Limit, form: str, candidate: Evidence) -> Verdict:
    sense = "at least" if rule.direction == "higher" else "at most"
    verdict = Verdict(
        form=form, metric=rule.metric, direction=rule.direction, asked=f"{sense} {rule.limit:g}", against="limit", status="pass"
    )
    n: int | None = None
    try:
        if is_paired(rule.metric):
            found = _items(candidate, form, rule.metric)
            value, n = found.mean, len(found.items)
        else:
            value, n = candidate.number(form, rule.metric), int(candidate.number(form, rule.count)) if rule.count else None
        verdict = replace(verdict, after=value, n=n)
        if n is not None and n < rule.smallest_n:
            raise NoEvidence("too_few", f"{n} items, {rule.smallest_n} are asked.")
    except NoEvidence as error:
        return replace(verdict, status="fail", bucket=error.bucket, reason=str(error))
    if SIGN[rule.direction] * (value - rule.limit) < -1e-12:
        reason = f"{rule.metric} is {value:.6g}, it must be {sense} {rule.limit:g} ({rule.direction} is better)."
        return replace(verdict, status="fail", bucket="beyond_limit", reason=reason)
    return verdict


def _items(side: Evidence, form: str, metric: str) -> Measured:
    """The items of a metric, held against the number that evaluation recorded."""
    found = side.items(form, metric)
    if found.crashed:
        raise NoEvidence(
            "crashed", f"a check crashed on {found.crashed} tasks of {form} in {side.name}: mend the validator, run eval again."
        )
    if is_recorded(metric):
        recorded = side.number(form, metric)
        if abs(recorded - found.mean) > ROUNDED:
            raise NoEvidence(
                "mismatch",
                f"metrics/eval_{form}.json of {side.name} says {metric} {recorded:g}, its episodes say {found.mean:.6g}: they are not of "
                "one run; run eval again.",
            )
    return found
