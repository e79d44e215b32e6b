"""Shell commands that harm the machine: disks, mode and owner of system folders, power, every process, infrastructure.

What is not covered: commands that ask before they act.
"""

import re

from aj.validators.safety.paths import is_disk, owned_by_system
from aj.validators.shell.host import Rule, Shell
from aj.validators.shell.options import asks_help, has, operands
from aj.validators.shell.values import UNKNOWN, UNSET, plain
from aj.validators.wordset import wordset


def mv(arguments: list[str], stdin: str, shell: Shell) -> None:
    """mv, cp, install: onto a disk, or into nothing."""
    names = operands(arguments)
    if len(names) > 1 and is_disk(names[-1]):
        shell.look.found("disk_overwrite", f"writes over the disk {plain(names[-1])}")


def chmod(arguments: list[str], stdin: str, shell: Shell) -> None:
    """chmod: -R of a system folder, or the root opened to all."""
    names = operands([word for word in arguments if not re.fullmatch(r"-[rwxXst,+=]+", word)])
    opens = any(re.fullmatch(r"0?777|0?000|a\+rwx|ugo\+rwx|a=rwx|\+rwx|o\+w|a\+w|a-rwx", plain(word)) for word in names[:1])
    for path in names[1:]:
        why = owned_by_system(path)
        if why and (has(arguments, "R", "--recursive") or opens):
            shell.look.found("opens_permissions", f"chmod of {plain(path)}: {why}")


def chown(arguments: list[str], stdin: str, shell: Shell) -> None:
    """chown, chgrp: -R of a system folder."""
    if has(arguments, "R", "--recursive"):
        names = operands(arguments)
        for path in names if any(word.startswith("--reference") for word in arguments) else names[1:]:
            why = owned_by_system(path)
            if why:
                shell.look.found("changes_ownership", f"chown of {plain(path)}: {why}")


def mkfs(arguments: list[str], stdin: str, shell: Shell) -> None:
    """mkfs and kin: on a device, or on what nobody knows; a file may be formatted."""
    target = [
        word
        for word in arguments
        if word.startswith(("/dev/", UNKNOWN, UNSET)) and not word.startswith(("/dev/loop", "/dev/ram"))
    ]
    if target and not asks_help(arguments[:1]):
        shell.look.found("disk_overwrite", f"formats {plain(target[0])}")


def dd(arguments: list[str], stdin: str, shell: Shell) -> None:
    """dd: of= a disk."""
    for word in arguments:
        if word.startswith("of="):
            shell.write(word[3:], UNKNOWN, True)


def on_disk(arguments: list[str], stdin: str, shell: Shell) -> None:
    """shred, wipefs, blkdiscard, badblocks: on a disk."""
    if asks_help(arguments):
        return
    for word in arguments:
        if is_disk(word):
            shell.look.found("disk_overwrite", f"wipes the disk {plain(word)}")


def partitions(arguments: list[str], stdin: str, shell: Shell) -> None:
    """fdisk, parted, sgdisk: unless they only list."""
    if not {"-l", "--list", "print", "-d", "--dump", "-p", "--print", "-s"} & set(arguments):
        on_disk(arguments, stdin, shell)


def volumes(arguments: list[str], stdin: str, shell: Shell) -> None:
    """zpool, zfs, cryptsetup, mdadm, hdparm, nvme, diskutil: their verbs that destroy."""
    verbs = wordset(
        """destroy luksFormat erase --zero-superblock --security-erase format eraseDisk eraseVolume secureErase labelclear"""
    )
    if verbs & set(arguments[:3]):
        shell.look.found("disk_overwrite", f"destroys a volume: {plain(' '.join(arguments[:3]))}")


def removes_volume(arguments: list[str], stdin: str, shell: Shell) -> None:
    """lvremove, vgremove, pvremove."""
    if arguments and not asks_help(arguments):
        shell.look.found("disk_overwrite", f"removes a volume: {plain(' '.join(arguments[:3]))}")


def power(arguments: list[str], stdin: str, shell: Shell) -> None:
    """shutdown, reboot, halt, poweroff."""
    if "--help" not in arguments and not {"-c", "--show", "-k", "-w", "--wtmp-only"} & set(arguments):
        shell.look.found("stops_machine", "shuts the machine down")


def init(arguments: list[str], stdin: str, shell: Shell) -> None:
    """init 0, telinit 6."""
    if arguments[:1] in (["0"], ["6"]):
        shell.look.found("stops_machine", "shuts the machine down")


def systemctl(arguments: list[str], stdin: str, shell: Shell) -> None:
    """systemctl poweroff and kin."""
    verbs = [word for word in arguments if not word.startswith("-")]
    if verbs[:1] and verbs[0] in ("poweroff", "reboot", "halt", "kexec", "emergency", "rescue", "suspend", "hibernate"):
        shell.look.found("stops_machine", f"systemctl {verbs[0]}")


def kill(arguments: list[str], stdin: str, shell: Shell) -> None:
    """kill -9 -1: every process. A first -1 alone is a signal."""
    rest = list(arguments)
    if rest[:1] in (["-s"], ["-n"], ["--signal"]):
        rest = rest[2:]
    elif rest and rest[0].startswith("-") and rest[0] != "--" and len(rest) > 1:
        rest = rest[1:]
    elif rest and rest[0] != "--":
        return
    if "-1" in rest or (rest == ["1"] and len(arguments) > 1):
        shell.look.found("kills_everything", "kill of every process")


def kill_all(arguments: list[str], stdin: str, shell: Shell) -> None:
    """killall5."""
    shell.look.found("kills_everything", "kill of every process")


def destroys(arguments: list[str], stdin: str, shell: Shell) -> None:
    """terraform destroy and kin."""
    verbs = [word for word in arguments if not word.startswith("-")]
    if asks_help(arguments):
        return
    if (
        verbs[:1] == ["destroy"]
        or verbs[:2] == ["run-all", "destroy"]
        or (verbs[:1] == ["apply"] and {"-destroy", "--destroy"} & set(arguments))
    ):
        shell.look.found("destroys_infrastructure", f"destroys what is deployed: {' '.join(verbs[:2])}")


RULES: dict[str, Rule] = {
    "dd": dd, "shred": on_disk, "wipefs": on_disk, "blkdiscard": on_disk, "badblocks": on_disk, "mkswap": mkfs, "mke2fs": mkfs, "newfs": mkfs, "cp": mv, "install": mv,
    "parted": partitions, "fdisk": partitions, "sfdisk": partitions, "gdisk": partitions, "sgdisk": partitions, "cfdisk": partitions,
    "zpool": volumes, "zfs": volumes, "cryptsetup": volumes, "mdadm": volumes, "hdparm": volumes, "nvme": volumes, "diskutil": volumes,
    "lvremove": removes_volume, "vgremove": removes_volume, "pvremove": removes_volume, "chmod": chmod, "chown": chown, "chgrp": chown,
    "shutdown": power, "reboot": power, "halt": power, "poweroff": power, "init": init, "telinit": init, "systemctl": systemctl, "kill": kill, "killall5": kill_all,
    "terraform": destroys, "tofu": destroys, "terragrunt": destroys, "pulumi": destroys, "cdk": destroys,
}  # fmt: skip
