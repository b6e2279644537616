"""Write the golden files anew: ``python tests/golden/record.py``; read the difference then."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]

from replaying import stage  # noqa: E402
from scenes import ERAS, scenes  # noqa: E402


def main() -> None:
    """Write a file an era."""
    for era in ERAS:
        with stage(era) as played:
            found = {
                name: played.play(*replies, **options)
                for name, (replies, options) in scenes(era).items()
            }
        (HERE / f"{era}.json").write_text(written(found), "utf-8")
        print(f"{era}: {len(found)} answers")  # noqa: T201


def written(found: dict[str, dict[str, object]]) -> str:
    """Return golden values as text, a line an event."""
    scenes = []
    for name, shown in found.items():
        lines = []
        for key, value in shown.items():
            if key == "events":
                events = ",\n   ".join(json.dumps(event) for event in value)  # type: ignore[attr-defined]
                lines.append(f'  "events": [\n   {events}\n  ]' if events else '  "events": []')
            else:
                lines.append(f'  "{key}": {json.dumps(value)}')
        scenes.append(f" {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(scenes) + "\n}\n"


if __name__ == "__main__":
    main()
