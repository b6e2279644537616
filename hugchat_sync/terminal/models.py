"""``models`` and ``system``, and how people name a model."""

from __future__ import annotations

import argparse

from .. import Client
from ..errors import ModelNotFound, model_not_found
from . import output
from .connection import open_client
from .input import read_stdin


def list_models(arguments: argparse.Namespace) -> None:
    """Print the models, the default first."""
    with open_client(arguments) as client:
        models = client.models()
    if arguments.json:
        output.write_array(models)
    else:
        output.write_rows(
            f"{model.id}  {model.description}".rstrip() if model.description else model.id
            for model in models
        )


def system_prompt(arguments: argparse.Namespace) -> None:
    """Print the system prompt kept for a model, or keep another one."""
    prompt = read_stdin() if arguments.prompt == "-" else arguments.prompt
    with open_client(arguments) as client:
        require_model(client, arguments.model)
        if prompt is None:
            kept = client.settings().stored_prompt(arguments.model)
            if kept:
                output.write_line(kept)
            else:
                output.note(f"no system prompt is kept for {arguments.model}")
        else:
            client.set_system_prompt(arguments.model, prompt)


def require_model(client: Client, name: str) -> None:
    """Refuse a model that the server does not offer, before anything depends on it.

    :raises ModelNotFound: it is none; the sentence has the nearest names.
    """
    names = [model.id for model in client.models()]
    if name not in names:
        raise model_not_found(name, names)


def find_model(client: Client, name: str) -> str:
    """Return the model of the server that is meant; see :func:`guess_model`."""
    try:
        require_model(client, name)
    except ModelNotFound as error:
        return guess_model(error)
    return name


def guess_model(error: ModelNotFound) -> str:
    """Return the model that was meant by a name that the server does not have.

    It is the same name in other letters, or the only one that is near, which is told.

    :raises ModelNotFound: that is none, or one of several.
    """
    same = [name for name in error.nearest if name.lower() == error.model.lower()]
    near = same or error.nearest
    if len(near) != 1:
        raise error
    if not same:
        output.note(f"hugchat-sync: there is no model {error.model}; {near[0]} is taken")
    return near[0]
