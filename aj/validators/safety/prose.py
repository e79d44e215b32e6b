"""Texts for people: their fenced blocks by language, and the lines that are as a whole a command or a statement.

What is not covered: inline code within a sentence, which is a mention.
"""

import re

from aj.validators.safety.consoles import prompted
from aj.validators.safety.kinds import COMMAND_START, SQL_START, STOP_WORDS, mentions
from aj.validators.safety.look import Look
from aj.validators.safety.tool_calls import read_call
from aj.validators.wordset import wordset

FENCE = re.compile(
    r"^[ \t>]{0,12}(?:[-*] |\d+\. )?(`{3,}+|~{3,}+)[ \t]*\{?\.?([\w+#.-]*)[^\n`]*\n(.*?)(?:^[ \t>]*\1[`~]*[ \t]*$|\Z)",
    re.M | re.S,
)
LANGUAGES = {
    "shell": "sh bash zsh shell console terminal shell-session shellsession fish cmd ps1 powershell bat batch ksh",
    "sql": "sql postgresql postgres mysql sparksql spark-sql tsql plpgsql databricks hive duckdb sqlite",
    "python": "python py python3 ipython pycon pyspark ipynb",
    "docker": "dockerfile docker",
    "any": "json jsonc json5 tool_call tool_code action xml code",
    "none": "text txt output log plaintext plain markdown md yaml yml toml ini html css diff patch csv mermaid hcl terraform tf js javascript ts typescript jsx tsx java scala r go rust c cpp cs kotlin",
}
KIND_OF = {language: kind for kind, names in LANGUAGES.items() for language in names.split()}
PROMPT = re.compile(
    r"^[ \t]*(?:\([\w-]+\)\s*)?(?:[\w.-]+@[\w.-]+[:~/\w.-]*)?[$%❯➜]\s+(?=\S)|^(?:Action Input|Command|Input|bash|shell)\s*:\s+",
    re.M,
)


def read_text(text: str, look: Look) -> None:
    """Prose: its fenced blocks by their language, and lines that are as a whole a command or a statement."""
    rest = []
    end = 0
    for found in list(FENCE.finditer(text))[:100]:
        rest.append(text[end : found.start()])
        end = found.end()
        kind = KIND_OF.get(found[2].lower(), "any")
        body = textwrap_out(found[3])
        if kind == "any" and FENCE.search(body):
            read_text(body, look)
        elif kind not in ("none",) and body.strip():
            look.into(kind, prompted(body) if kind == "shell" else body)
    rest.append(text[end:])
    for call in re.finditer(r"<(tool_call|function_call)>(.*?)(?:</\1>|\Z)", text, re.S):
        try:
            read_call(call[2], look)
        except ValueError:
            look.into("any", call[2])
    read_lines("\n".join(rest), look)


def textwrap_out(body: str) -> str:
    """A block without the quote marks and the indent of its place."""
    import textwrap

    return textwrap.dedent(re.sub(r"^[ \t]*> ?", "", body, flags=re.M) if re.match(r"\s*>", body) else body)


def read_lines(text: str, look: Look) -> None:
    """Lines of prose that are a command or a statement as a whole; inline code within a sentence is a mention."""
    for line in text.split("\n"):
        bare = line.strip()
        if not bare or bare[:1] in ("`", "#", "|", ">", "*", '"', "'", "(", "[", "<", "-") or len(bare) > 2_000:
            continue
        prompt = PROMPT.match(bare)
        bare = bare[prompt.end() :] if prompt else bare
        if bare[:1] == "{" and bare[-1:] == "}":
            try:
                read_call(bare, look)
                continue
            except ValueError:
                pass
        words = re.findall(r"[a-z']+", re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'", "", bare).lower())
        if SQL_START.match(bare):
            sentence = mentions(bare) or (
                not bare.endswith(";")
                and sum(
                    word in STOP_WORDS - wordset("from on as in and or if not to is drop by with then when") for word in words
                )
                > 0
            )
            if not sentence:
                look.into("sql", bare)
        elif (
            COMMAND_START.match(bare)
            and (prompt or (bare[-1:] not in ".!?:," or bare.endswith((" .", "/.", ".."))))
            and not mentions(bare)
        ) and (
            prompt
            or sum(
                word in STOP_WORDS - {"run", "if", "for", "then", "do", "use", "in", "drop", "on", "my", "remove"}
                for word in words
            )
            < 2
        ):
            look.into("shell", bare)
