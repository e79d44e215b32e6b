"""Documents that teach copying: values and names said again, in lists and in a chat.

Copying is what a two-layer model has to learn first: a result is read off and answered, a table's name goes from the question into
the statement. Every word that tasks name is repeated here behind every mark (``.sales``, ``/sales``, ``"sales"``): each of these is
a token of its own, and what is learned of one says little of the next. Without them the tiny model wrote well-formed answers about
the schema that it had seen most.
"""

import random

from aj.sqlenv.family import Lexicon
from aj.tiny.words import Words

NAMES = (
    "{0}.{1}.{2}", "{0}.{1}", "/{0}/{1}", "/Volumes/{0}/{1}/{2}", "./{0}.py", "{0}", "{0}", "'{0}'", "`{0}`", "{0}_{1}",
    "{0}: {1}", '"{0}"', "{0}/{1}", "```{0}```",
)  # fmt: skip


def copying(rng: random.Random, words: Words) -> str:
    """Four short exchanges in chat form."""
    return "".join(_value(rng, words.lexicon) if rng.random() < 0.5 else _named(rng, words) for _ in range(4))


def repetition(rng: random.Random, words: Words) -> str:
    """A list, three times: values of SQLEnv, or names that tasks are about."""
    if rng.random() < 0.4:
        line = ", ".join(f"'{_listed(rng, words.lexicon)}'" for _ in range(rng.randint(6, 12)))
    else:
        line = ", ".join(_name(rng, words) for _ in range(rng.randint(4, 8)))
    return f"list: {line}\nagain: {line}\nagain: {line}\n"


def _value(rng: random.Random, lexicon: Lexicon) -> str:
    number = rng.randint(0, 10 ** rng.randint(1, 3) - 1)
    value = str(number) if rng.random() < 0.7 else rng.choice(lexicon.names)
    return _exchange(
        *rng.choice(
            [
                ("tool", value, f"ANSWER: {value}"),
                ("tool", value, f"ANSWER: {value}"),
                ("user", f"say '{value}'", f"'{value}'"),
                ("user", f"the result is {value}. what is the result?", value),
            ]
        )
    )


def _named(rng: random.Random, words: Words) -> str:
    name = _name(rng, words)
    return _exchange(
        *rng.choice(
            [
                ("user", f"say {name}", name),
                ("user", f"{name}: say it", name),
                ("tool", name, f"ANSWER: {name}"),
                ("user", f"the name is {name}. what is the name?", name),
            ]
        )
    )


def _exchange(role: str, heard: str, said: str) -> str:
    return f"<|im_start|>{role}\n{heard}<|im_end|>\n<|im_start|>assistant\n{said}<|im_end|>\n"


def _listed(rng: random.Random, lexicon: Lexicon) -> str:
    if rng.random() < 0.4:
        return rng.choice(lexicon.names)
    return str(rng.randint(0, 999)) if rng.random() < 0.5 else rng.choice([v for _, group in lexicon.categories for v in group])


def _name(rng: random.Random, words: Words) -> str:
    """Up to three words of any kind, as a table, a path, a file or a quoted word spells them."""
    drawn = [rng.choice(words.catalogue.words[rng.choice(words.kinds)]) for _ in range(3)]
    return rng.choice(NAMES).format(*drawn)
