"""What kind of text stands there: a command, a statement, Python, or sentences for people.

What is not covered: other languages than English; a sentence that is also a command is read as what it begins like.
"""

import ast
import re

from aj.validators.wordset import wordset

SQL_START = re.compile(
    r"""(?:\s|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*+\*/|\()*+(?:
    (?:select|explain|show|describe|desc)\b(?!\s*(?:-|\w+\s+in\b))|with\s+[\w`]+\s*(?:\([^)]*\))?\s*as\s*\(|drop\s+(?:table|schema|database|namespace|catalog|view|function|volume|materialized|streaming|temporary|index|policy|share|connection|external|foreign|user|role)\b
    |delete\s+from\b|update\s+[\w.`"$\{\}\[\]]+\s+(?:as\s+)?(?:[\w`]+\s+)?set\b|truncate\s+(?:table\s+)?[A-Za-z`"{$][\w.`"{}$]*\s*(?:;|$|\bpartition\b|\s)|grant\s+\w+[\w\s,]*\bon\b|grant\s+all\b|revoke\s+\w+|deny\s+\w+\s+on
    |merge\s+into|insert\s+(?:into|overwrite)|create\s+(?:or\s+|table|schema|database|catalog|view|function|volume|materialized|streaming|temp|external|connection|share|user|role|index|unique|procedure|live)|alter\s+(?:table|schema|catalog|view|volume|database|share|user|materialized|streaming)
    |use\s+(?:catalog|schema|database)|execute\s+immediate|begin\b(?!\s*\{)|declare\s+(?:or\s|variable|[a-z_]\w*\s+(?:int|string|date|double|boolean|bigint|decimal))|copy\s+into|optimize\s+\S|vacuum\s+\S|restore\s+table|undrop|comment\s+on|analyze\s+table|refresh\s+\w|call\s+[\w.]+\s*\(|set\s+var\b|apply\s+changes
    )""",
    re.I | re.S | re.X,
)
COMMAND_START = re.compile(
    r"""(?:\#!|\$\s|(?:sudo|doas|env|nohup|time|xargs|rm|mv|cp|ls|cd|cat|echo|printf|grep|sed|awk|find|dd|mkfs\S*|chmod|chown|chgrp|curl|wget|git|docker|podman|kubectl|databricks|dbfs|dbx|bash|sh|zsh|eval|exec
    |ssh|scp|rsync|tar|pip3?|python3?|node|npm|npx|uv|uvx|poetry|conda|make|terraform|tofu|aws|az|gcloud|gsutil|hdfs|hadoop|psql|mysql|sqlite3|duckdb|spark-sql|spark-submit|bq|shutdown|reboot|halt|poweroff|init|systemctl
    |service|kill|pkill|killall|export|source|set|unset|trap|alias|mkdir|touch|ln|tee|head|tail|sort|test|true|false|read|for|while|until|if|case|function|shred|wipefs|fdisk|parted|sgdisk|crontab|su|perl|ruby|base64|dropdb|pulumi|truncate
    |apt|apt-get|yum|dnf|brew|history|ps|df|du|man|which|nice|timeout|watch|tmux|iex|iwr|blkdiscard|zpool|cryptsetup|busybox|redis-cli|mysqladmin|lvremove|vgremove)(?=[\s;&|<>]|$)
    |[A-Za-z_]\w*=\S*|\.{0,2}/[\w./-]+|[\w:.]+\s*\(\)\s*\{|[>({!:"'\\`~\[]|\$[({\w])""",
    re.X,
)
STOP_WORDS = wordset(
    """the a an is are was were be been will would should must can could may might never not always you your we our i my they
    it its this that these those because when before after which who how why what please don't do does did of to in on with
    as by from and or but if for so then use using run removes deletes deleted remove drop dangerous safe"""
)
VERB_AFTER = re.compile(
    r"^(?:\S+ ){1,5}(?:is|are|was|will|would|should|must|can|deletes?|removes?|destroys?|wipes?|does|has|drops|means|needs|takes)\b"
)
PYTHON_SIGNS = re.compile(
    r"^[ \t]*(?:import |from \w[\w.]* import|def |class |@\w|print\(|async |with \w.*:|for .*:[ \t]*$|if .*:[ \t]*$|try:|\w[\w.\[\]'\"]*[ \t]*=\s|[\w.]+\(|__\w+__|%%?\w)",
    re.M,
)


def first_line(text: str) -> str:
    """The first line that is no comment."""
    return next(
        (line.strip() for line in text.split("\n") if line.strip() and not line.lstrip().startswith(("--", "#", "/*"))), ""
    )


def looks_python(text: str) -> bool:
    """Whether Python reads a text, or would but for a small fault, and it is more than words."""
    if not PYTHON_SIGNS.search(text):
        return False
    if re.search(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import|import[ \t]+\w[\w., ]*$|def \w+\(.*:[ \t]*$)", text, re.M):
        return not re.match(r"(?:sudo|python3?|bash|sh|cat|rm|cd)\s", text)
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(node, ast.Call | ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) for node in module.body
    ) or any(isinstance(node, ast.Expr | ast.Assign | ast.For | ast.With | ast.If | ast.Try | ast.Assert) for node in module.body)


def mentions(line: str) -> bool:
    """Whether a line that begins like code is a sentence about it."""
    bare = re.sub(r"\s#.*$|--.*$", "", re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'", "x", line)).strip()
    if re.search(r"[;&|{}=()]|\s-\w", bare[:-1]) and not VERB_AFTER.match(bare):
        return False
    words = re.findall(r"[A-Za-z']+", bare.lower())
    return VERB_AFTER.match(bare) is not None and sum(word in STOP_WORDS for word in words) >= 2 and len(words) >= 5


def prose(text: str) -> bool:
    """Whether a text is written for people: sentences rather than commands."""
    line = first_line(text)
    if not line:
        return False
    if COMMAND_START.match(line) and not re.match(r"[\"'`(*]", line):
        return mentions(line)
    bare = re.sub(r"`[^`]*`|\"[^\"]*\"", "x", line)
    words = re.findall(r"[A-Za-z'’]+", bare.lower())
    stops = sum(word in STOP_WORDS for word in words)
    return (
        stops >= 2
        or (stops >= 1 and len(words) <= 8)
        or (line[:1].isupper() and line[-1:] in ".!?:")
        or (line[:1] in "-*" and line[1:2] == " ")
    )
