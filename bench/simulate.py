"""How a cell of docs/scale.md behaves when messages come in bursts, a machine dies, or what it needs is away or slow.

Run with `make bench-simulate`; nothing is measured, all is simulated (bench/support/cell.py) from what the other
benchmarks measured. The same seed gives the same figures.
"""

from collections.abc import Callable, Sequence

from bench.support.cell import Cell, Happening, Seen, Simulation

# A twelfth of a billion messages a day, and three times that in the busiest hour.
AVERAGE, PEAK = 965.0, 2_895.0
CELL = Cell(fronts=4, deliverers=12, database_cores=8)
SECONDS = 60.0


def steady(rate: float) -> Callable[[float], float]:
    return lambda _: rate


def bursts(when: float) -> float:
    """Ten seconds of three times the peak in every thirty."""
    return 3 * PEAK if 10 <= when % 30 < 20 else AVERAGE


SCENARIOS: dict[str, tuple[Callable[[float], float], float, Sequence[Happening]]] = {
    "average": (steady(AVERAGE), AVERAGE, ()),
    "peak": (steady(PEAK), PEAK, ()),
    "bursts of three peaks": (bursts, 3 * PEAK, ()),
    "peak, a machine with 3 deliverers is dead for 20 s": (steady(PEAK), PEAK, [Happening(20, 40, dead=3)]),
    "peak, the database is away for 10 s": (steady(PEAK), PEAK, [Happening(20, 30, database_away=True)]),
    "peak, the far side takes five times as long for 20 s": (steady(PEAK), PEAK, [Happening(20, 40, far_times=5.0)]),
}


def at(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def told(name: str, seen: Seen) -> str:
    accepts, waits = (
        " / ".join(f"{at(some, share) * 1e3:,.0f}" for share in (0.5, 0.99, 1.0)) for some in (seen.accepts, seen.waits)
    )
    depths = " / ".join(f"{at(seen.depths, share):,.0f}" for share in (0.5, 0.99, 1.0))
    busy = " / ".join(f"{one:.0%}" for one in (seen.front_busy, seen.deliverer_busy, seen.database_busy))
    return f"| {name} | {accepts} | {waits} | {depths} | {busy} | {seen.refused:,} | {seen.repeated:,} |"


def main() -> None:
    print("Each: half of all / 99 in 100 / the most.\n")
    headings = (
        "load | answer, ms | until the attempt, ms | queue | busy: fronts / deliverers / database | refused | twice"
    )
    print(f"| {headings} |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, (rate, most, happenings) in SCENARIOS.items():
        print(told(name, Simulation(CELL, happenings).run(rate, most, SECONDS)), flush=True)


if __name__ == "__main__":
    main()
