"""Prints the README's table "which server era has what" out of the dialects themselves."""

from __future__ import annotations

from hugchat_sync.dialects import ERAS, FEATURES, load_dialect

MEANINGS = {
    "web_search": "web search, its own switch",
    "tool_servers": "tool servers, web search among them",
    "system_prompts": "system prompts for a model",
    "conversation_prompts": "system prompts for a conversation",
    "trees": "branches",
    "retry": "``retry``",
    "edit": "``edit``",
    "stop": "``stop``",
    "files": "files",
    "reattach": "a log to go on from after a cut",
    "parameters": "generation parameters of yours",
    "titles": "titles made by the server",
    "share": "``share``",
    "import_share": "``import_share``",
    "remove_message": "``remove_message``",
    "elicitation": "questions of tool servers",
    "transcribe": "``transcribe``",
}


def table() -> str:
    """Return the table as reStructuredText."""
    dialects = [load_dialect(name) for name in ERAS]
    width = max(len(text) for text in MEANINGS.values())
    rule = " ".join(["=" * width, *("=" * 10 for _ in dialects)])
    head = " ".join(["what".ljust(width), *(dialect.name.ljust(10) for dialect in dialects)])
    rows = [
        " ".join(
            [
                MEANINGS[feature].ljust(width),
                *(("yes" if feature in one.features else "–").ljust(10) for one in dialects),
            ]
        )
        for feature in FEATURES
    ]
    return "\n".join(line.rstrip() for line in [rule, head, rule, *rows, rule])


if __name__ == "__main__":
    print(table())
