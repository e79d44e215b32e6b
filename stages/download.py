"""Land one source under data/raw/NAME, with its pin: id, revision, licence, rows, and the hash of every file.

Run by `dvc repro`; by hand: `python -m stages.download sqlenv`.
"""

import json

from aj.params import as_dict
from aj.sources import card as cards
from aj.sources import files, hub, sqlenv
from aj.stage import Run, seal


def main(run: Run) -> None:
    name = run.item
    card = cards.read(name)
    out = run.out(f"data/raw/{name}")
    out.mkdir()

    # 1. Rows, each kind in its own way.
    match card.kind:
        case "files":
            rows = files.land(card, name, out)
        case "hub":
            rows = hub.land(card, name, out)
        case "sqlenv":
            rows = sqlenv.land(card, name, out, seed=run.params.seed, system=run.params.system)

    # 2. The pin. Hashes of the files stand in the manifest that the seal writes beside it.
    (out / "source.json").write_text(json.dumps({**as_dict(card), "rows": rows}, sort_keys=True, indent=1) + "\n")
    print(f"{name}: {rows} rows from {card.id} at {card.revision} ({card.licence})")


if __name__ == "__main__":
    seal("download", main)
