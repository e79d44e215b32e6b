"""Misspelt keywords of JSON Schema: ``requird`` is no error to a validator of schemas, which ignores it, and the rule that it should be is lost.

A key is misspelt where one or two letters more, less, other or swapped make a keyword of it; other unknown keys are annotations, which the
standard allows. What is not covered: keywords in the wrong place, and those of other vocabularies.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from aj.validators.json_values import as_list, as_map
from aj.validators.wordset import wordset

KEYWORDS = wordset(
    """$schema $id $ref $anchor $dynamicRef $dynamicAnchor $vocabulary $comment $defs definitions $recursiveRef $recursiveAnchor
    allOf anyOf oneOf not if then else dependentSchemas dependencies prefixItems items additionalItems contains properties patternProperties
    additionalProperties propertyNames unevaluatedItems unevaluatedProperties type enum const multipleOf maximum exclusiveMaximum
    minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains maxProperties
    minProperties required dependentRequired title description default deprecated readOnly writeOnly examples example format
    contentEncoding contentMediaType contentSchema discriminator xml externalDocs nullable id"""
)
MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
ONE = wordset(
    """items additionalProperties additionalItems contains not if then else propertyNames unevaluatedItems unevaluatedProperties contentSchema"""
)
MISTAKABLE = sorted(word for word in KEYWORDS if len(word) > 3 and word != "else")  # "note" is no "not"
LONGEST = max(map(len, KEYWORDS)) + 2
SHORT = 6  # letters: of shorter words, two other ones could be anything
MOST_UNKNOWN = 200  # different keys


def misspelt(schema: Any) -> Iterator[tuple[str, str]]:
    """(key, the keyword that was meant) of a schema and all that are in it."""
    todo, unknown = [schema], set[str]()
    while todo and len(unknown) < MOST_UNKNOWN:
        node = todo.pop()
        if not isinstance(node, dict):
            todo.extend(as_list(node))  # items: [...] of older drafts
            continue
        for key, value in node.items():
            if key not in KEYWORDS:
                unknown.add(key)
                if meant := _meant(key):
                    yield key, meant
            elif key in MAPS:
                todo.extend(as_map(value).values())
            elif key in LISTS:
                todo.extend(as_list(value))
            elif key in ONE:
                todo.append(value)


@lru_cache(maxsize=4_096)
def _meant(key: str) -> str:
    """The keyword that this key nearly is, '' where there is none."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA  # a swap of neighbours counts as one

    if not 3 <= len(key) <= LONGEST or key.startswith("x-"):
        return ""
    found = process.extractOne(key, MISTAKABLE, scorer=OSA.distance, score_cutoff=1 if len(key) < SHORT else 2)
    return found[0] if found else ""
