"""The kinds of questions that need a join, as joins.yaml says them: how tables are linked, gold SQL, hasty queries, phrasings.

Links are written with letters: ``ab bc`` reads "a row of a belongs to a row of b, and that to a row of c". Read and checked here; drawn by joins.py.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.errors import ParamsError
from aj.params import read_yaml

LEVELS = {"medium": (2, 3), "hard": (4, 6)}  # fewest and most tables that a gold joins
LETTERS = set("abcdef")  # tables of a template; "an" and "av" are slots, no links
Link = tuple[str, str]


@dataclass(frozen=True)
class JoinTemplate:
    """One kind of question over linked tables, with the slots named in joins.yaml."""

    name: str
    links: tuple[Link, ...]
    """("a", "b"): a row of a belongs to a row of b."""
    sql: str
    hasty: tuple[str, ...]
    """Wrong queries: the join, its condition or a filter left out."""
    phrasing: tuple[str, ...]
    held_out_phrasing: tuple[str, ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """The tables that it speaks of."""
        return letters_of(self.links)


@dataclass(frozen=True)
class Level:
    """One difficulty: how its databases are linked, and its templates."""

    shapes: tuple[tuple[Link, ...], ...]
    templates: tuple[JoinTemplate, ...]
    held_out_templates: tuple[JoinTemplate, ...]


@dataclass(frozen=True)
class Joins:
    """What joins.yaml says; the words are the lexicon's."""

    rows: tuple[int, int]
    levels: Mapping[str, Level]

    @classmethod
    def read(cls, path: Path) -> "Joins":
        """Read the YAML file; ParamsError when a field is missing or unknown, or a template cannot be asked."""
        tree = read_yaml(path)
        try:
            levels = {name: _level(**fields) for name, fields in tree["levels"].items()}
            fewest, most = tree["rows"]
            joins = cls(**{**tree, "rows": (fewest, most), "levels": levels})
            backwards = not 1 <= fewest <= most
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ParamsError(f"{path} is not a complete set of joins ({error}): compare it with the one in git.") from None
        if backwards:
            raise ParamsError(f"{path}: rows is [{fewest}, {most}]: write the fewest and the most rows of a table, as [8, 16].")
        if list(levels) != list(LEVELS):
            raise ParamsError(f"{path}: levels are {', '.join(levels) or 'none'}: write {', '.join(LEVELS)}.")
        for name, level in levels.items():
            if problem := next(_problems(name, level), ""):
                raise ParamsError(f"{path}: {name}: {problem}")
        return joins


def _level(shapes: list[str], templates: dict[str, Any], held_out_templates: dict[str, Any]) -> Level:
    return Level(tuple(map(_links, shapes)), _templates(templates), _templates(held_out_templates))


def _templates(tree: dict[str, Any]) -> tuple[JoinTemplate, ...]:
    return tuple(_template(name, **fields) for name, fields in tree.items())


def _template(
    name: str, links: str, sql: str, hasty: list[str], phrasing: list[str], held_out_phrasing: list[str]
) -> JoinTemplate:
    for texts in (hasty, phrasing, held_out_phrasing):
        if not isinstance(texts, list):
            raise TypeError(f"{texts!r} of {name!r} is not a list")
    return JoinTemplate(name, _links(links), sql, tuple(hasty), tuple(phrasing), tuple(held_out_phrasing))


def _links(text: str) -> tuple[Link, ...]:
    if any(len(pair) != 2 or not set(pair) <= LETTERS for pair in text.split()):
        raise ValueError(f"links {text!r} are not pairs of letters a to f")
    return tuple((pair[0], pair[1]) for pair in text.split())


def letters_of(links: Sequence[Link]) -> tuple[str, ...]:
    """The tables that links speak of, in their order."""
    return tuple(dict.fromkeys(letter for link in links for letter in link))


def _problems(name: str, level: Level) -> Iterator[str]:
    """What is wrong with a level, a sentence each."""
    fewest, most = LEVELS[name]
    if not level.shapes or not level.templates or not level.held_out_templates:
        yield "shapes, templates and held_out_templates need one entry each: add what is missing."
    for links in (*level.shapes, *(t.links for t in level.templates + level.held_out_templates)):
        text = " ".join(map("".join, links))
        if not links or any({a, b}.isdisjoint(letters_of(links[:i])) for i, (a, b) in enumerate(links) if i):
            yield f"links {text!r} are not one piece: let each link name a table of one before it."
        if len(letters_of(links)) != len(links) + 1:
            yield f"links {text!r} close a circle: leave one out."
    for template in level.templates + level.held_out_templates:
        if not fewest <= len(template.letters) <= most:
            yield f"template {template.name!r} joins {len(template.letters)} tables: {name} is {fewest} to {most}."
        if len(template.phrasing) < 2 or not template.held_out_phrasing or not template.hasty:
            yield f"template {template.name!r} needs two phrasings, one held out, and a hasty query: add what is missing."
        slots = {"x", *map("".join, template.links), *(x + kind for x in template.letters for kind in ("", *"NKnkvw"))}
        for text in (template.sql, *template.hasty, *template.phrasing, *template.held_out_phrasing):
            try:
                text.format(**dict.fromkeys(slots, "a"))
            except (KeyError, IndexError, ValueError) as error:
                yield f"template {template.name!r} has a slot that its links do not give ({error}): {text!r}."
        if not any(fits(template.links, shape) for shape in level.shapes):
            yield f"template {template.name!r} fits none of the shapes: add one that has its links."


def fits(links: Sequence[Link], shape: Sequence[Link]) -> bool:
    """Whether a shape has these links, whatever its tables are called."""
    letters = letters_of(links)
    renamed = (dict(zip(letters, chosen, strict=True)) for chosen in itertools.permutations(letters_of(shape), len(letters)))
    return any(all((names[a], names[b]) in shape for a, b in links) for names in renamed)
