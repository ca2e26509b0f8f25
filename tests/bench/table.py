"""The README's table, a row for each job as soon as it is measured, and beside it all figures on standard error."""

import statistics
import sys

from tools import RIVALS


class Table:
    """Its columns: rdock with its memory, the others, what no client can be faster than, and rdock's time in parts of the
    best peer's and of that floor, with the part of the best peer's that it should not exceed."""

    def __init__(self, tools):
        self.tools = tools
        heads = ["job, in seconds", *tools, "floor", "of the best", "wanted", "of the floor"]
        print("| " + " | ".join(heads) + " |")
        print("| " + " | ".join("---" for _ in heads) + " |", flush=True)

    def row(self, job, taken, failed, least, target):
        medians = {name: [median(figures, key) for key in ("wall", "cpu", "memory")] for name, figures in taken.items()}
        wall, _, memory = medians["rdock"]
        rivals = [medians[name][0] for name in RIVALS if name in medians]
        cells = [job]
        for name in self.tools:
            cells.append(seconds(medians[name][0]) if name in medians else "fails" if name in failed else "–")
        cells[1] += f", {memory:.0f} MiB"
        cells.append(seconds(least) if least else "")
        cells.append(f"{wall / min(rivals):.2f}" if rivals else "")
        cells.append(f"{target:.2f}" if target else "")
        cells.append(f"{wall / least:.2f}" if least else "")
        print("| " + " | ".join(cells) + " |", flush=True)
        self.tell_all(job, medians)

    @staticmethod
    def tell_all(job, medians):
        for name, (wall, cpu, memory) in medians.items():
            used = "" if cpu is None else f"{cpu:8.3f} s of CPU"
            held = "" if memory is None else f"{memory:6.1f} MiB"
            print(f"{job:34} {name:8} {wall:8.3f} s {used} {held}", file=sys.stderr, flush=True)
            job = ""


def seconds(time):
    """To a part in fifty or so."""
    return f"{time:.3f}" if time < 0.1 else f"{time:.2f}" if time < 10 else f"{time:.1f}"


def median(figures, key):
    values = [getattr(it, key) for it in figures]
    return None if None in values else statistics.median(values)
