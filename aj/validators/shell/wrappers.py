"""Commands that run another one after options of their own: sudo, env, timeout, uv run.

What is not covered: wrappers that the table does not name; the command behind them is then not seen.
"""

import re

from aj.validators.shell.code import run_shell
from aj.validators.shell.host import Shell
from aj.validators.shell.options import after_options
from aj.validators.shell.values import UNKNOWN, plain
from aj.validators.wordset import wordset

TABLE = """
sudo 0 --chdir --group --host --user -C -D -R -T -U -g -h -p -r -t -u
doas 0 -C -u
env 0 --chdir --unset -C -u
nohup 0
time 0 --format --output -f -o
nice 0 --adjustment -n
ionice 0 --class --classdata -c -n
timeout 1 --kill-after --signal -k -s
gtimeout 1 -k -s
stdbuf 0 -e -i -o
setsid 0
exec 0 -a
command 0
builtin 0
strace 0 -e -o -p -s
caffeinate 0 -t -w
chroot 1
flock 1 --timeout -w
unshare 0
busybox 0
toybox 0
unbuffer 0
runuser 0 -g -u
pkexec 0 --user
npx 0 --package -p
bunx 0
uvx 0 --from --with
coproc 0
noglob 0
proxychains 0 -f
firejail 0
"""
"""Name, positional arguments before the command, options with a value of their own."""
WRAPPERS = {name: (frozenset(valued), int(before)) for name, before, *valued in map(str.split, TABLE.strip().splitlines())}
RUNNERS = frozenset(("uv", "poetry", "pipenv", "pdm", "hatch", "conda", "mamba", "rye", "pixi"))
RUNNERS_VALUED = wordset("-n --name -p --with --env-file --python -e")


def unwrap(name: str, arguments: list[str], stdin: str, shell: Shell) -> str:
    """The command that a wrapper runs."""
    if name == "command" and arguments[:1] in (["-v"], ["-V"]):
        return UNKNOWN
    for option, value in zip(arguments, [*arguments[1:], ""], strict=False):
        if (name == "env" and option in ("-S", "--split-string")) or (name in ("flock", "runuser") and option == "-c"):
            return shell.child(plain(value))
        if not option.startswith("-"):
            break
    rest = after_options(arguments, *WRAPPERS[name])
    if name == "flock" and rest[:1] == ["-c"]:
        return shell.child(plain(" ".join(rest[1:2])))
    if name == "runuser" and rest[:1] == ["--"]:
        rest = rest[1:]
    while name in ("sudo", "env", "doas") and rest and re.match(r"\w+=", rest[0]):
        assigned, _, value = rest[0].partition("=")
        shell.assign(assigned, value)
        rest = rest[1:]
    if name == "sudo" and not rest and any(option in ("-s", "-i") for option in arguments):
        return run_shell([], stdin, shell)
    return shell.judge(rest, stdin)


def run_by(arguments: list[str], stdin: str, shell: Shell) -> str:
    """The command that a project tool runs: uv run, poetry run."""
    return shell.judge(after_options(arguments[1:], RUNNERS_VALUED), stdin)
