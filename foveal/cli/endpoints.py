"""``foveal models probe`` and ``foveal models prices``: what a model behind an endpoint can do, and what it costs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from foveal.cli import options
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.output import note, print_json, say, table
from foveal.errors import BadInput

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="openai:NAME, or openai:NAME@http://host:port/v1.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Find out anew what is known already.")]


def probe(context: typer.Context, spec: Spec, refresh: Refresh = False, json: options.Json = False) -> None:
    """Find out what a model behind an OpenAI-compatible endpoint can do: about ten short calls, kept for a week."""
    from foveal.tools.models.openai import make_openai_model

    kind, _, argument = spec.partition(":")
    if kind != "openai":
        raise BadInput(f"{spec!r} is not behind an endpoint.", remedy="Give openai:NAME.")
    model = make_openai_model(argument, options.settings_of(context), None)

    async def find() -> Any:
        try:
            return await model.probe(refresh=refresh)
        finally:
            await model.aclose()

    found = run_until_interrupted(find())
    if json:
        print_json({**found.as_dict(), "notes": list(model.capabilities.notes)})
        return
    can = model.capabilities
    rows = [
        ("pictures", _yes(can.vision)),
        ("json_schema", _yes(can.json_schema)),
        ("json_object", _yes(can.json_object)),
        ("tools", _yes(can.tools)),
        ("log probabilities", f"yes, of {found.top_logprobs} tokens" if can.logprobs else "no"),
        ("context", f"{found.context_tokens:,} tokens" if found.context_tokens else "not told"),
        ("continues a reply", _yes(found.prefill != "none")),
        ("thinks aloud", _yes(found.thinks)),
    ]
    say(table(("feature", model.name), rows))
    for line in can.notes:
        note(line)


def prices(context: typer.Context, json: options.Json = False) -> None:
    """List what tokens cost, in US dollars a million; the setting `prices` names a file of your own."""
    from foveal.tools.models.prices import load_prices

    known = load_prices(options.settings_of(context).prices)
    rows = [(host, model, price) for (host, model), price in sorted(known.prices.items())]
    if json:
        listed = [
            {"host": host, "model": model, "in": p.prompt, "cached": p.cached, "out": p.written}
            for host, model, p in rows
        ]
        print_json({"schema": "foveal.prices/1", "as_of": known.as_of, "prices": listed})
        return
    lines = [(model, host, f"{p.prompt:g}", f"{p.cached:g}", f"{p.written:g}") for host, model, p in rows]
    say(table(("model", "host", "in", "cached", "out"), lines))
    note(f"Shipped prices are of {known.as_of}; your own go into a file that the setting `prices` names.")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
