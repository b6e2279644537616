"""Whole processes: importing, ``--version`` and ``--help``, against ``import requests``."""

from __future__ import annotations

import subprocess
import sys
import time

from common import median

RUNS = 15
PROGRAMS = {
    "import requests": ["-c", "import requests"],
    "from hugchat_sync import HuggingChat": ["-c", "from hugchat_sync import HuggingChat"],
    "hugchat-sync --version": ["-m", "hugchat_sync", "--version"],
    "hugchat-sync --help": ["-m", "hugchat_sync", "--help"],
}


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for run in range(RUNS + 1):
        for name, arguments in PROGRAMS.items():
            taken = seconds(arguments)
            if run:
                spent[name].append(taken)
    base = median(spent["import requests"])
    for name, values in spent.items():
        print(f"{name:<38} {median(values) * 1000:>6.0f} ms  {median(values) / base:.2f}")


if __name__ == "__main__":
    main()
