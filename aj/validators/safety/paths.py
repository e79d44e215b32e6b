"""Which paths must not be deleted or changed as a whole: the root, homes, system folders, everything here, roots of stores.

What is not covered: whether a path exists, symbolic links, and what a variable that nobody set holds on the machine.
"""

import re
from fnmatch import fnmatchcase

from aj.validators.shell.values import HERE, HOME, MARK, PRIVATE, SET, STAR, UNSET, plain
from aj.validators.wordset import wordset

ME = "\ue015"
TOP = wordset(
    """bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys usr var data database backup
    backups Users Library System Applications Volumes dbfs Workspace databricks c"""
)
BELOW = frozenset(
    [
        "usr bin",
        "usr sbin",
        "usr lib",
        "usr lib64",
        "usr libexec",
        "usr local",
        "usr share",
        "usr include",
        "var lib",
        "var spool",
        "mnt c",
        "System Library",
        "etc ssh",
    ]
)
OWNED = wordset("bin boot dev etc home lib lib32 lib64 proc root run sbin srv sys usr var System Library Users")
EVERYTHING = re.compile(rf"[{MARK}.]*+{STAR}[{STAR}{MARK}.]*+|\.?{SET}[!^]\.\]{STAR}|{SET}(?=[^\]]*a-z)[^\]]*+\]{STAR}")
DISK = re.compile(
    rf"/dev/(?:[shv]d[a-z{PRIVATE.pattern[1:-1]}]|xvd|nvme\d|mmcblk\d|r?disk\d|md\d|dm-\d|mapper/|disk/|mem$|kmem$|port$|[{PRIVATE.pattern[1:-1]}])"
)
CRITICAL = frozenset(["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers", "/etc/fstab", "/etc/hosts.deny"])
STORE = re.compile(r"(?P<scheme>s3[an]?|gs|gcs|abfss?|wasbs?|hdfs|dbfs|file):/*(?P<rest>.*)", re.S)


def parts(path: str, here: str = "") -> tuple[bool, list[str], bool]:
    """(absolute, components without . and .., whether only what is inside is meant) of a path value."""
    if path.count(UNSET) == 1 and (path.startswith((UNSET + "/", "/" + UNSET)) and path.strip("/" + UNSET + STAR) == ""):
        path = path.replace(UNSET, "")
    if path[:1] == HOME:
        path = f"/home/{ME}{path[1:]}"
    elif path[:1] == HERE:
        path = "." + path[1:]
    if re.match(r"[A-Za-z]:[\\/]", path):
        path = "/c/" + path[3:].replace("\\", "/")
    if not path.startswith("/") and here:
        path = f"{here}/{path}"
        path = f"/home/{ME}{path[1:]}" if path[:1] == HOME else path
    out: list[str] = []
    for component in path.split("/"):
        if component == ".." and out and out[-1] != "..":
            out.pop()
        elif component == ".." and path.startswith("/"):
            continue
        elif component not in ("", "."):
            out.append(component)
    inside = False
    while out and EVERYTHING.fullmatch(out[-1]):
        out.pop()
        inside = True
    return path.startswith("/"), out, inside


def pattern_of(component: str) -> str:
    """A path component as a pattern of fnmatch."""
    return re.sub(r"([*?\[])", r"[\1]", component).replace(STAR, "*").replace(MARK, "?").replace(SET, "[")


def is_top(component: str) -> bool:
    """Whether a component, maybe with wildcards, names a system folder below the root."""
    if any(mark in component for mark in (STAR, MARK, SET)):
        return any(fnmatchcase(name, pattern_of(component)) for name in TOP)
    return component in TOP


def ruinous(path: str, here: str = "") -> str:
    """Why deleting this path with all below it is ruinous, '' where it is not. ``here``: the current folder where it is known."""
    if not path:
        return ""
    store = STORE.match(path)
    if store:
        return ruinous_store(store["scheme"], plain(store["rest"]))
    absolute, names, inside = parts(path, here)
    if not absolute:
        if not names and (inside or path.strip("./") == "" or path.startswith(HERE)):
            return "everything in the current folder"
        return "a folder above the current one" if names and set(names) == {".."} else ""
    if not names:
        return "the root of the file system"
    if len(names) == 1 and is_top(names[0]):
        return f"the system folder /{plain(names[0])}"
    if len(names) == 2 and names[0] in ("home", "Users") and names[1] != "Shared":
        return "a whole home folder"
    return whole_volume(names) or (f"the system folder /{'/'.join(names)}" if " ".join(names) in BELOW else "")


def whole_volume(names: list[str]) -> str:
    """Why a path /Volumes/catalog/schema/volume, or above it, must not be deleted; '' for a folder in a volume."""
    return "a whole volume" if names[:1] == ["Volumes"] and len(names) <= 4 else ""


def ruinous_store(scheme: str, rest: str) -> str:
    """Why deleting this address of an object store is ruinous, '' where it is not."""
    names = [name for name in rest.split("/") if name not in ("", ".", "*")]
    if scheme in ("dbfs", "file"):
        root = not names or (len(names) == 1 and names[0] in ("mnt", "user", "FileStore", "databricks", "Volumes", *TOP))
        return "the root of the file store" if root or names == ["user", "hive", "warehouse"] else whole_volume(names)
    return "a whole bucket or container" if len(names) <= 1 else ""


def owned_by_system(path: str) -> str:
    """Why changing mode or owner of all below this path breaks the machine, '' where it does not."""
    absolute, names, _ = parts(path)
    if absolute and not names:
        return "the root of the file system"
    return f"the system folder /{plain(names[0])}" if absolute and len(names) == 1 and names[0] in OWNED else ""


def is_disk(path: str) -> bool:
    """Whether a path names a disk or the machine's memory."""
    return DISK.match(re.sub("/+", "/", path)) is not None


def narrows(pattern: str) -> bool:
    """Whether a pattern of find's -name picks some files rather than all."""
    return re.sub(r"[*?./]", "", plain(pattern)) != ""
