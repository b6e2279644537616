"""A job that asks once: a new process, the import, one answer of 50 tokens, the end.

Against a script over requests that somebody would write by hand for it. Quote the ratios.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from common import print_costs, process_cost
from many_prompts import running

RUNS = 15

BY_HAND = """
import json, sys
import requests

url = sys.argv[1]
with requests.Session() as session:
    session.headers["Origin"] = "/".join(url.split("/")[:3])
    made = session.post(f"{url}/conversation", json={"model": "m", "preprompt": ""}, timeout=60)
    made.raise_for_status()
    where = made.json()["conversationId"]
    root = json.loads(made.json()["conversation"])["json"]["rootMessageId"]
    data = json.dumps({"inputs": "hi", "id": root, "is_retry": False})
    place = f"{url}/conversation/{where}"
    with session.post(place, files={"data": (None, data)}, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        rest, text = b"", ""
        for piece in answer.iter_content(None):
            *lines, rest = (rest + piece).split(b"\\n")
            for line in lines:
                event = json.loads(line)
                if event["type"] == "finalAnswer":
                    text = event["text"]
    assert text, "no answer came"
    print(text)
"""

OURS = """
import sys
from hugchat_sync import Client

with Client(sys.argv[1], dialect="v2-2025"{cookies}) as client:
    print(client.ask("hi", model="m", system_prompt=""))
"""

PROGRAMS = {
    "requests, by hand": BY_HAND,
    "Client": OURS.format(cookies=""),
    "Client, cookies of a file": OURS.format(cookies=", cookies=sys.argv[2]"),
}


def main() -> None:
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    with running() as port, tempfile.TemporaryDirectory() as folder:
        cookies = Path(folder, "cookies.json")
        cookies.write_text(json.dumps({"hf-chat": "0" * 36}))
        for run in range(RUNS + 1):
            for name, program in PROGRAMS.items():
                found = process_cost("-c", program, f"http://127.0.0.1:{port}/50/0", str(cookies))
                if run:  # the first compiles
                    spent[name].append(found)
    print_costs(spent)


if __name__ == "__main__":
    main()
