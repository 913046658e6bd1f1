"""What tokens cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BadConfig
from foveal.tools.models.prices import Price, load_prices


@given(*[st.integers(0, 10**7)] * 3)
def test_cached_tokens_are_part_of_the_prompt(prompt: int, cached: int, written: int) -> None:
    price = Price(2.0, 0.5, 8.0)
    usd = price.usd(prompt, cached, written)
    assert usd <= price.usd(prompt, 0, written)
    assert usd == pytest.approx(((prompt - min(cached, prompt)) * 2 + min(cached, prompt) * 0.5 + written * 8) / 1e6)


def test_shipped_prices_have_a_date_and_are_of_their_host_only() -> None:
    table = load_prices()
    assert len(table.as_of) == 7
    assert table.of("api.openai.com", "gpt-4o") == Price(2.5, 1.25, 10.0)
    assert table.of("api.openai.com", "gpt-4o-2024-08-06") == table.of("api.openai.com", "gpt-4o")
    assert table.of("127.0.0.1:8080", "gpt-4o") is None
    assert table.of("api.openai.com", "gpt-4o-unheard-of") is None


def test_own_prices_go_before_the_shipped(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(
        '["api.openai.com"]\n"gpt-4o" = { in = 1, out = 2 }\n["10.0.0.1"]\nmine = { in = 0.1, cached = 0, out = 0.2 }\n'
        '["*"]\n"any-2" = { in = 3, out = 4 }\n'
    )
    table = load_prices(own)
    assert table.of("api.openai.com", "gpt-4o") == Price(1.0, 1.0, 2.0)
    assert table.of("10.0.0.1:8000", "mine") == Price(0.1, 0.0, 0.2)
    assert table.of("elsewhere.example", "any-2") == Price(3.0, 3.0, 4.0)
    assert table.of("api.openai.com", "gpt-5") is not None


@pytest.mark.parametrize(
    "text",
    ["[[", "host = 3", '["h"]\nm = 3', '["h"]\nm = { in = 1 }', '["h"]\nm = { in = -1, out = 1 }',
     '["h"]\nm = { in = "1", out = 1 }', '["h"]\nm = { in = 1, out = nan }', '["h"]\nm = { in = 1, out = 1, of = 1 }'],
)  # fmt: skip
def test_row_77_a_bad_price_file_is_named(tmp_path: Path, text: str) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(text)
    with pytest.raises(BadConfig, match=r"mine\.toml") as error:
        load_prices(own)
    assert "in = 1.25" in error.value.remedy


def test_a_missing_price_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read"):
        load_prices(tmp_path / "none.toml")
