"""Land one source under data/raw/NAME, with its pin: id, revision, licence, rows, and the hash of every file.

Run by `dvc repro`; by hand: `python -m stages.download sqlenv`.
"""

from aj.sources import canaries, competencies, episodes, files, herbal, hub, pin, sqlenv
from aj.sources import card as cards
from aj.stage import Run, seal


def main(run: Run) -> None:
    name = run.item
    card = cards.read(name)
    out = run.out(f"data/raw/{name}")
    out.mkdir()

    # 1. Rows, each kind in its own way. What was fetched before a run was killed is not fetched again.
    account: dict[str, int] = {}
    match card.kind:
        case "files":
            rows, account = files.land(card, name, out, run.resume_dir)
        case "hub":
            rows, account = hub.land(card, name, out, run.resume_dir)
        case "herbal":
            rows, account = herbal.land(card, name, out)
        case "episodes":
            rows, account = episodes.land(card, name, out)
        case "sqlenv":
            rows = sqlenv.land(card, name, out, seed=run.params.seed, system=run.params.system)
        case "competencies":
            rows = competencies.land(card, out, seed=run.params.seed)
        case "canaries":
            rows = canaries.land(card, out, seed=run.params.seed)

    # 2. The pin.
    pin.write(out, card, rows, account)
    dropped = "".join(f", {key} {count}" for key, count in account.items() if key.startswith("filtered."))
    print(f"{name}: {rows} rows from {card.id} at {card.revision} ({card.licence}){dropped}")


if __name__ == "__main__":
    seal("download", main)
