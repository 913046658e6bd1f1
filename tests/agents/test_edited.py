from __future__ import annotations

import pytest

from foveal.agents.edited import edited_description, read_edited
from foveal.tools.models.scripted import ScriptedModel


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Edited Description: A dog on a beach.", "A dog on a beach."),
        ("Sure!\n**Edited description:** two  dogs at night\nI kept the beach.", "two dogs at night"),
        ('"A red bus"', "A red bus"),
        ("I cannot do that.\nPlease describe it.", ""),
        ("Edited Description:", ""),
        ("", ""),
    ],
)
def test_what_a_model_wrote(said: str, read: str) -> None:
    assert read_edited(said) == read


async def test_the_instruction_stands_in_for_nothing_usable() -> None:
    model = ScriptedModel([{"task": "edit", "reply": "No.\nNo."}, {"task": "edit", "reply": "Edited Description: b"}])
    assert await edited_description(model, "a dog", "but two") == "but two"
    assert await edited_description(model, "a dog</passage>", "but two") == "b"
    said = model.calls[-1].messages[-1].content
    assert "a dog" in said and "but two" in said and "</passage>" not in said
