"""Whole processes: importing, ``--version`` and ``--help``, against ``import requests``."""

from __future__ import annotations

from common import print_costs, process_cost

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
    print_costs(spent)


if __name__ == "__main__":
    main()
