"""Sides of the split, by the hash of a group."""

from aj.mix.split import fraction, held_out


def test_fractions_are_pinned_and_spread_evenly() -> None:
    assert fraction("split:a") == 0.2831332440436951
    share = sum(held_out(f"x{n}", 0.1) for n in range(5000)) / 5000
    assert 0.08 < share < 0.12


def test_a_larger_held_out_share_only_adds_groups() -> None:
    groups = [f"g{n}" for n in range(1000)]
    assert {g for g in groups if held_out(g, 0.1)} < {g for g in groups if held_out(g, 0.2)}
