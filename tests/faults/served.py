"""A server in a process of its own, so that client and server do not share one core.

Prints its address; ends when its input ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from eras.arena import EMBEDDED  # noqa: E402

from hugchat_sync.local.responder import Text, ToolCall, ToolProgress, ToolResult  # noqa: E402
from hugchat_sync.local.testing import Script, Scripted  # noqa: E402

CALL = ToolCall("look", {"q": "x"}, uuid="11111111-2222-4333-8444-555555555555")

#: thinking, a tool, an emoji in two halves, a tag that is none, other alphabets, a late title
ANSWER = Script(
    reasoning=["I ", "th\ud83d", "\ude00ink"],
    tokens=["A \ud83d", "\ude80 <", "b> ", "é\u2028 ", "x<thin", "g> ", "漢字", " end"],
    before=[
        Text("One. "),
        CALL,
        ToolProgress(CALL.uuid, 1.0, 2.0),
        ToolResult(CALL.uuid, "out"),
    ],
)

if __name__ == "__main__":
    with EMBEDDED[sys.argv[1]](
        responder=Scripted(ANSWER, title="Late", title_seconds=0.01)
    ) as server:
        print(server.url, flush=True)
        sys.stdin.read()
