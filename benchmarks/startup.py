"""Whole processes: importing, ``--version`` and ``--help``, against ``import requests``."""

from __future__ import annotations

from common import medians, process_cost

RUNS = 15
PROGRAMS = {
    "import requests": ["-c", "import requests"],
    "import hugchat_sync": ["-c", "import hugchat_sync"],
    "from hugchat_sync import Client": ["-c", "from hugchat_sync import Client"],
    "from hugchat_sync import HuggingChat": ["-c", "from hugchat_sync import HuggingChat"],
    "hugchat-sync --version": ["-m", "hugchat_sync", "--version"],
    "hugchat-sync --help": ["-m", "hugchat_sync", "--help"],
}


def main() -> None:
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    for run in range(RUNS + 1):
        for name, arguments in PROGRAMS.items():
            found = process_cost(*arguments)
            if run:  # the first compiles
                spent[name].append(found)
    clock, processor = medians(spent["import requests"])
    for name, values in spent.items():
        seconds, used = medians(values)
        print(
            f"{name:<38} {seconds * 1000:>5.0f} ms  {seconds / clock:.2f}, "
            f"of the processor {used / processor:.2f}"
        )


if __name__ == "__main__":
    main()
