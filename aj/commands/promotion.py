"""`aj promote`, `aj rollback` and `aj policies`."""

import argparse
from pathlib import Path

from aj.commands import Commands


def register(commands: Commands) -> None:
    """Add the three."""
    promote_ = commands.add_parser(
        "promote", help="judge a model against the one in production, and put it there where it passes"
    )
    promote_.add_argument("model", type=Path, help="models/grpo, models/merged, models/gguf/q4km, or the file in it")
    promote_.add_argument("--candidate", action="store_true", help="make the version, and leave production as it is")
    promote_.add_argument("--rules", type=Path, default=Path("data/gate.yaml"))
    promote_.set_defaults(run=promote)
    rollback_ = commands.add_parser("rollback", help="bring back what was in production before, by its hash")
    rollback_.add_argument("policy", nargs="?", help="AJ-CODE-FLAVOUR; not needed where only one is in production")
    rollback_.set_defaults(run=rollback)
    policies_ = commands.add_parser(
        "policies", help="every version and its stage; exits 1 where files, MLflow or GTO say something else"
    )
    policies_.add_argument("--events", action="store_true", help="what happened, instead")
    policies_.add_argument("--sync", action="store_true", help="bring MLflow and GTO to what the log says first")
    policies_.set_defaults(run=policies)


def promote(given: argparse.Namespace) -> None:
    """Print what was decided; raise PromotionError where it is refused."""
    from aj.gate import rules
    from aj.promotion.promote import promote as put

    policy, verdicts, compared = put(given.model, rules.read(given.rules), only_candidate=given.candidate)
    asked = sum(v.status == "pass" for v in verdicts)
    if not compared:
        print(
            f"No version of {policy.policy_id} is in production: accepted on the absolute rules alone, and those against merged."
        )
    print(f"{asked} rules passed, {len(verdicts) - asked} were not asked.")
    stage = "a candidate" if given.candidate else "in production"
    print(f"{policy.policy_id} {policy.version} is {stage} (model {policy.model[:12]}, parent {policy.parent or 'none'}).")


def rollback(given: argparse.Namespace) -> None:
    """Print what is in production again."""
    from aj.promotion.promote import rollback as back

    left, restored, file = back(given.policy)
    print(f"{restored.policy_id}: {left.version} -> {restored.version}; {file} has hash {restored.model}.")


def policies(given: argparse.Namespace) -> None:
    """Print versions, or events; raise PromotionError where something else says otherwise."""
    from aj.promotion import log
    from aj.promotion.policy import PromotionError, states
    from aj.promotion.promote import follow, problems

    events = log.read()
    if given.events:
        for event in events:
            why = "; ".join(event.get("reasons", ()))
            print(
                f"{event['at']}  {event['event']:11} {event['policy_id']} {event['version']}  {event['hash'][:12]}{f'  {why}' if why else ''}"
            )
        return
    wrong: list[str] = []
    for policy_id, state in states(events).items():
        if not state.versions:
            continue
        if given.sync:
            follow(policy_id)
        for version, policy in state.versions.items():
            print(
                f"{policy_id} {version:8} {state.stages[version]:10} model {policy.model[:12]}  data {policy.data[:12]}  params {policy.params[:12]}  parent {policy.parent or 'none'}"
            )
        wrong += problems(policy_id, state)
    if wrong:
        raise PromotionError(
            "\n".join(f"{problem}, the event log says otherwise: `aj policies --sync`, or mend it." for problem in wrong)
        )
