"""Time everything, and print what was found; all of it lands in build/bench, too."""

import argparse
import json
import time
import warnings
from pathlib import Path

from benchmarks import cases, memory, report
from benchmarks.measure import Row, measure


def main() -> None:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often everything runs (default: 7)")
    parser.add_argument("--only", default="", help="only cases with this in their name, such as SmoothGrad or ResNet")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where to (default: build/bench)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    started, rows = time.perf_counter(), list[Row]()
    print(f"On {report.machine()}; {options.rounds} rounds.", flush=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the other libraries warn about themselves
        for case in cases.all_cases():
            if options.only in case.name:
                rows += measure(case, options.rounds)
                print(f"{time.perf_counter() - started:4.0f} s  {case.name}", flush=True)
    memories = {} if options.only else memory.in_a_child()
    growth = memories.get("growth", {})
    text = [report.table(rows), report.memory_table(memories) if memories else ""]
    text += [f"Memory of {name}, {memory.MANY} samples / {memory.FEW}: {f:.3f}" for name, f in growth.items()]
    text += [f"Missed: {sentence}" for sentence in report.shortfalls(rows, growth)] or ["All goals are reached."]
    print("\n".join(text))
    (options.out / "bench.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    (options.out / "bench.json").write_text(json.dumps(report.as_json(rows, memories), indent=1), encoding="utf-8")
    report.draw(rows, options.out / "bench.png")
    print(f"{time.perf_counter() - started:.0f} s; written to {options.out}/bench.md, .json and .png")


if __name__ == "__main__":
    main()
