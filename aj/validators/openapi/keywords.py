"""Misspelt keywords of JSON Schema: ``requird`` is no error to a validator of schemas, which ignores it, and the rule that it should be is lost.

A key is misspelt where one or two letters more, less, other or swapped make a keyword of it; other unknown keys are annotations, which the
standard allows. What is not covered: keywords in the wrong place, and those of other vocabularies.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import combinations
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
LONGEST = max(map(len, KEYWORDS)) + 2
SHORT = 6  # letters: of shorter words, two less could be anything
MOST_UNKNOWN = 200  # different keys: each takes 0.1 ms


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
    if not 3 <= len(key) <= LONGEST or key.startswith("x-"):
        return ""
    once, twice = _less(key)
    one, two = _shortened()
    tried = ((one, {key} | once),) if len(key) < SHORT else ((two, {key} | once), (one, twice))
    return next((word for table, shorts in tried for short in sorted(shorts) for word in table.get(short, ())), "")


@cache
def _shortened() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Keywords by what is left of them without at most one letter, and without at most two (Garbe's symmetric deletes)."""
    one: dict[str, list[str]] = {}
    two: dict[str, list[str]] = {}
    for word in sorted(KEYWORDS):
        if len(word) < 4 or word in ("xml", "else"):
            continue  # "note" is no "not"
        once, twice = _less(word)
        for short in {word} | once:
            one.setdefault(short, []).append(word)
        for short in ({word} | once | twice) if len(word) >= SHORT else ({word} | once):
            two.setdefault(short, []).append(word)
    return one, two


def _less(word: str) -> tuple[set[str], set[str]]:
    """The word without each letter, and without each two."""
    places = range(len(word))
    return {word[:i] + word[i + 1 :] for i in places}, {
        word[:i] + word[i + 1 : j] + word[j + 1 :] for i, j in combinations(places, 2)
    }
