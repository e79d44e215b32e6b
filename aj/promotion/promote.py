"""Promote and roll back. The event log is what holds: files go first, then the event is written, then MLflow and GTO follow it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aj import revision
from aj.gate.evidence import Evidence
from aj.gate.rules import Rules
from aj.gate.verdict import Verdict
from aj.promotion import files, gto_tags, log, mlflow_registry
from aj.promotion.candidate import find, policy_of
from aj.promotion.policy import Policy, PromotionError, State, states
from aj.promotion.replay import replay


def promote(given: Path, rules: Rules, *, only_candidate: bool = False) -> tuple[Policy, list[Verdict], bool]:
    """Judge a model against the version in production and put it there.

    Returns its version, the verdicts, and whether there was a baseline. Raises PromotionError where it is refused, which is written
    into the log, and where a version of its number exists with other hashes.
    """
    mlflow_registry.needed()
    with log.alone():
        candidate = find(given)
        state = states(log.read()).get(candidate.policy_id, State())
        current = state.production
        policy = policy_of(candidate, parent=current.version if current else "")
        if (tagged := gto_tags.commit_of(policy.policy_id, policy.version)) and tagged != policy.commit:
            policy = _released(policy, candidate.out, tagged)
        known = state.versions.get(policy.version)
        if known and (known.model, known.data, known.params) != (policy.model, policy.data, policy.params):
            raise PromotionError(
                f"{policy.policy_id} {policy.version} exists and has model {known.model[:12]}, this one is {policy.model[:12]}: versions are never "
                "changed; raise `version` in params.yaml."
            )
        if current and current.version == policy.version:
            raise PromotionError(f"{policy.policy_id} {policy.version} is in production already.")
        baseline = Evidence(current.commit) if current else None
        verdicts = replay(rules, candidate.form, Evidence(), baseline)
        if failed := [v for v in verdicts if v.status == "fail"]:
            reasons = [_refusal(v) for v in failed]
            log.append(
                {
                    "event": "refused",
                    "policy_id": policy.policy_id,
                    "version": policy.version,
                    "model": policy.model,
                    "reasons": reasons,
                }
            )
            raise PromotionError(
                f"{policy.policy_id} {policy.version} is refused: {reasons[0]}"
                + (f" And {len(failed) - 1} more." if failed[1:] else "")
            )
        if not known:
            log.append({
                "event": "created", "policy_id": policy.policy_id, "version": policy.version, "policy": policy.row(), "passed": len(verdicts),
                "baseline": current.version if current else None,
            })  # fmt: skip
        if not only_candidate:
            files.restore(known or policy)
            log.append({"event": "promoted", "policy_id": policy.policy_id, "version": policy.version, "model": policy.model})
        follow(policy.policy_id)
    return known or policy, verdicts, baseline is not None


def rollback(policy_id: str | None) -> tuple[Policy, Policy, Path]:
    """Bring back what was in production before, by its hash. Returns (version left, version restored, its file)."""
    mlflow_registry.needed()
    with log.alone():
        found = states(log.read())
        held = [name for name, state in found.items() if state.history]
        if policy_id is None and len(held) != 1:
            raise PromotionError(f"which policy? {', '.join(held) or 'none'} in production: name one.")
        name = policy_id or held[0]
        if name not in found:
            raise PromotionError(f"{name!r} is no policy: there are {', '.join(found) or 'none'}.")
        state = found[name]
        if len(state.history) < 2:
            raise PromotionError(f"{name} has no earlier version in production: there is nothing to go back to.")
        left, wanted = (state.versions[state.history[place]] for place in (-1, -2))
        file = files.restore(wanted)
        log.append(
            {"event": "rolled_back", "policy_id": name, "version": wanted.version, "from": left.version, "model": wanted.model}
        )
        follow(name)
    return left, wanted, file


def follow(policy_id: str) -> None:
    """Bring MLflow and GTO to what the log says."""
    state = states(log.read())[policy_id]
    gto_tags.follow(policy_id, state)
    mlflow_registry.follow(policy_id, state)


def problems(policy_id: str, state: State) -> list[str]:
    """Where files, MLflow or GTO say something else than the log."""
    wrong = files.differs(state.production) if state.production else ""
    return [*([wrong] if wrong else []), *gto_tags.differs(policy_id, state), *mlflow_registry.differs(policy_id, state)]


def _refusal(v: Verdict) -> str:
    value = "not known" if v.after is None else f"{v.after:.6g}"
    return f"{v.metric} of {v.form} is {value} ({v.direction} is better; {v.asked}): {v.reason}"


def _released(policy: Policy, out: str, tagged: str) -> Policy:
    """The version at the commit that its release tag stands on, where that records the same files."""
    hashes: Sequence[str | None] = [
        revision.files(rev).info(out).get("dvc_info", {}).get("md5") for rev in (tagged, policy.commit)
    ]
    if hashes[0] is None or hashes[0] != hashes[1]:
        raise PromotionError(
            f"tag {policy.policy_id}@v{policy.version} stands on {tagged[:12]}, whose dvc.lock has another {out}: raise `version` in params.yaml."
        )
    return replace(policy, commit=tagged)
