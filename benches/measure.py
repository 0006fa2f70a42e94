"""What the measuring scripts share: one command measured, contenders in turn, a table, a plot.

Contenders run in turn, so a busy machine hits all alike; quoted is the median of each, and the ratio of the medians. CPU is user
and system time of a command and its children, memory that of the largest process, written what they made dirty in the page cache.
"""
import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import time

import plot

HERE = pathlib.Path(__file__).resolve().parent


def options(text, runs, **more):
    """The options that all scripts have, and `more` of their own: names with their defaults."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pyro", default="target/release/pyro", help="the program")
    parser.add_argument("--runs", type=int, default=runs, help="how often each contender runs")
    parser.add_argument("--plots", type=pathlib.Path, default=pathlib.Path("target/bench/plots"), help="where plots go")
    for name, default in more.items():
        parser.add_argument(name if name == "jobs" else f"--{name}", default=default,
                            **({"nargs": "*"} if name == "jobs" else {"type": type(default) if default is not None else str}))
    found = parser.parse_args()
    found.pyro = str(pathlib.Path(found.pyro).resolve())
    found.plots.mkdir(parents=True, exist_ok=True)
    return found


def programs(work):
    """Builds the small programs that measurements need."""
    for program in ("lstat", "peak"):
        subprocess.run(["cc", "-O2", "-o", f"{work}/{program}", str(HERE / f"{program}.c")], check=True)


def measured(command, peak, **how):
    """Wall and CPU seconds, peak memory and bytes written, both in MiB, of a command; `peak` is the program that runs it."""
    kept = peak.parent / "peak.txt"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([str(peak), str(kept), *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **how)
    wall = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(kept.read_text()) / 1024, (after.ru_oublock - before.ru_oublock) / 2048


def in_turn(contenders, runs):
    """Runs each contender in turn, so many times; what was measured, by name."""
    seen = {name: [] for name in contenders}
    for _ in range(runs):
        for name, run in contenders.items():
            seen[name].append(run())
    return seen


def report(plots, job, title, seen):
    """Prints a table of medians, with ratios to the first contender, and draws the plot of the job."""
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in seen.items()}
    first = next(iter(medians.values()))
    count = len(next(iter(seen.values())))
    print(f"\n### {title}\n\nMedians of {count} runs in turn:\n\n| contender | wall s | CPU s | peak MiB | written MiB "
          "| wall / pyro | CPU / pyro |\n|---|---|---|---|---|---|---|")
    for name, (wall, cpu, memory, written) in medians.items():
        ratios = f"{wall / first[0]:.1f} | {cpu / max(first[1], 1e-6):.1f}"
        cell = name.replace("|", "\\|")
        print(f"| {cell} | {wall:.3f} | {cpu:.3f} | {memory:.0f} | {written:.0f} | {ratios} |", flush=True)
    seconds = {name: [row[0] for row in rows] for name, rows in seen.items()}
    note = f"wall seconds, median of {count}; each mark is a run; less is better"
    (plots / f"{job}.svg").write_text(plot.bars(title, seconds, note))
