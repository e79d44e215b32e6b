"""What the documents of the pretraining corpus are drawn from: SQLEnv's lexicon, and the catalogue of the competencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from aj.competencies.registry import Catalogue, Competency
from aj.competencies.template import Group, groups
from aj.sqlenv.family import Lexicon


@dataclass(frozen=True)
class Words:
    """Both vocabularies of the tiny model."""

    lexicon: Lexicon
    catalogue: Catalogue

    @cached_property
    def patterns(self) -> Sequence[tuple[Competency, Sequence[Group]]]:
        """Of every pattern its template groups of the training side."""
        found: dict[tuple[str, str, str], tuple[Competency, list[Group]]] = {}
        for competency in self.catalogue.competencies:
            for task, pattern, wording in groups(self.catalogue, competency, "train"):
                found.setdefault((competency.name, task, pattern), (competency, []))[1].append((task, pattern, wording))
        return list(found.values())

    @cached_property
    def kinds(self) -> Sequence[str]:
        """What tasks name: catalog, schema, job, …"""
        return list(self.catalogue.words)
