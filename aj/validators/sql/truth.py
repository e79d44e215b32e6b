"""Whether a SQL condition holds for every row, for none, or for some, by constants and by comparing a thing with itself.

What is not covered: conditions that are true because of types or of what the table holds (`id >= 0`, `id IS NOT NULL`); these count as bounded.
"""

import operator
from typing import Any

SAME = frozenset(["EQ", "GTE", "LTE", "NullSafeEQ"])
COMPARE = {
    "EQ": operator.eq, "NullSafeEQ": operator.eq, "NEQ": operator.ne, "GT": operator.gt, "LT": operator.lt, "GTE": operator.ge, "LTE": operator.le,
}  # fmt: skip
OPPOSITE = {"EQ": "NEQ", "NEQ": "EQ", "GT": "LTE", "LTE": "GT", "LT": "GTE", "GTE": "LT"}
MISSING = object()


def constant(node: Any) -> Any:
    """Value of a constant expression, MISSING where it is none."""
    kind = type(node).__name__
    if kind == "Paren":
        return constant(node.this)
    if kind == "Literal":
        if node.is_string:
            return node.this
        try:
            return float(node.this)
        except ValueError:
            return MISSING
    if kind == "Boolean":
        return bool(node.this)
    if kind == "Neg":
        inner = constant(node.this)
        return -inner if isinstance(inner, float) else MISSING
    if kind in ("Add", "Sub", "Mul"):
        left, right = constant(node.left), constant(node.right)
        if isinstance(left, float) and isinstance(right, float):
            return left + right if kind == "Add" else left - right if kind == "Sub" else left * right
    if kind in ("Cast", "TryCast") and type(node.this).__name__ == "Boolean":
        return bool(node.this.this)
    if kind in ("Lower", "Upper") and isinstance(constant(node.this), str):
        return constant(node.this).lower() if kind == "Lower" else constant(node.this).upper()
    return MISSING


def bare(node: Any) -> Any:
    """A node without its brackets."""
    while type(node).__name__ == "Paren":
        node = node.this
    return node


def same(left: Any, right: Any) -> bool:
    """Whether two nodes are the same deterministic expression."""
    left, right = bare(left), bare(right)
    if type(left).__name__ in ("Rand", "Uuid", "Anonymous"):
        return False
    return bool(left.sql().lower() == right.sql().lower())


def flat(node: Any, kind: str) -> list[Any]:
    """Operands of a chain of ANDs or ORs, without recursion."""
    out, todo = [], [node]
    while todo:
        at = bare(todo.pop())
        if type(at).__name__ == kind:
            todo += [at.left, at.right]
        else:
            out.append(at)
    return out


def truth(node: Any) -> bool | None:
    """True, False, or None for a condition that depends on the row."""
    node = bare(node)
    kind = type(node).__name__
    if kind in ("And", "Or"):
        parts = flat(node, kind)
        values = [truth(part) for part in parts]
        decisive = kind == "Or"
        if decisive in values or (decisive and complementary(parts)):
            return decisive
        return (not decisive) if all(value is (not decisive) for value in values) else None
    if kind == "Not":
        if type(bare(node.this)).__name__ == "Null":
            return False
        inner = truth(node.this)
        return None if inner is None else not inner
    if kind in COMPARE:
        return compared(node, kind)
    return by_kind(node, kind)


def compared(node: Any, kind: str) -> bool | None:
    """A comparison: of constants, or of a thing with itself."""
    left, right = constant(node.left), constant(node.right)
    if left is not MISSING and right is not MISSING:
        for boolean, other in ((left, right), (right, left)):
            if isinstance(boolean, bool) and isinstance(other, str):
                left, right = str(left).lower(), str(right).lower()
                break
        if isinstance(left, str) != isinstance(right, str):
            try:
                left, right = float(left), float(right)
            except ValueError:
                return None
        return bool(COMPARE[kind](left, right))
    for side, other in ((left, node.right), (right, node.left)):
        if (side is True and kind == "EQ") or (side is False and kind == "NEQ"):
            return truth(other)
    if same(node.left, node.right):
        return kind in SAME
    return None


def by_kind(node: Any, kind: str) -> bool | None:
    """Predicates other than comparisons, and constants."""
    value = constant(node)
    if value is not MISSING:
        if isinstance(value, str):
            return {
                "true": True,
                "t": True,
                "1": True,
                "yes": True,
                "y": True,
                "false": False,
                "f": False,
                "0": False,
                "no": False,
            }.get(value.lower())
        return bool(value)
    if kind in ("Like", "ILike"):
        pattern = constant(node.expression)
        if isinstance(pattern, str) and pattern and set(pattern) == {"%"}:
            return True
        if constant(node.this) is not MISSING and constant(node.this) == pattern:
            return True
    if kind == "RLike" and constant(node.expression) in (".*", "^.*$", ""):
        return True
    if kind == "In" and not node.args.get("query"):
        wanted = constant(node.this)
        options = node.expressions
        if wanted is not MISSING and all(constant(option) is not MISSING for option in options):
            return any(constant(option) == wanted for option in options)
        return True if any(same(node.this, option) for option in options) else None
    if kind == "Between":
        low, high, value = constant(node.args["low"]), constant(node.args["high"]), constant(node.this)
        if MISSING not in (low, high, value) and len({type(item) for item in (low, high, value)}) == 1:
            return bool(low <= value <= high)
        return True if same(node.this, node.args["low"]) and same(node.this, node.args["high"]) else None
    if kind == "Exists":
        query = bare(node.this)
        if (
            type(query).__name__ == "Select"
            and not query.args.get("from")
            and not query.args.get("from_")
            and not query.args.get("where")
        ):
            return True
    if kind == "Is":
        null = type(bare(node.expression)).__name__ == "Null"
        inner = constant(node.this)
        if null:
            return False if inner is not MISSING else True if type(bare(node.this)).__name__ == "Null" else None
        wanted = constant(node.expression)
        if isinstance(wanted, bool) and (value := truth(node.this)) is not None:
            return value is wanted
    if kind == "Null":
        return False
    if kind == "Coalesce":
        return truth(node.this) if constant(node.this) is not MISSING else None
    if kind == "Case" and node.args.get("this") is None:
        branch = node.args["ifs"][0]
        return truth(branch.args["true"]) if truth(branch.this) is True else None
    if kind == "If":
        inner_truth = truth(node.this)
        return (
            truth(node.args["true"])
            if inner_truth
            else truth(node.args["false"])
            if inner_truth is False and node.args.get("false")
            else None
        )
    return None


def complementary(parts: list[Any]) -> bool:
    """Whether an OR holds a test and its opposite: `x IS NULL OR x IS NOT NULL`, `x = 1 OR x <> 1`."""
    if len(parts) > 50:
        return False
    seen: set[tuple[object, ...]] = set()
    for part in parts:
        part = bare(part)
        negated = False
        while type(part).__name__ == "Not":
            part, negated = bare(part.this), not negated
        kind = type(part).__name__
        if kind in OPPOSITE:
            left, right = bare(part.left).sql().lower(), bare(part.right).sql().lower()
            kind = OPPOSITE[kind] if negated else kind
            if (OPPOSITE[kind], left, right) in seen:
                return True
            seen.add((kind, left, right))
        else:
            key = part.sql().lower()
            if (not negated, key) in seen:
                return True
            seen.add((negated, key))
    return False
