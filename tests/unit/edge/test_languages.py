"""The language of a page is the one that its reader likes best."""

import pytest

from pillarbox.edge.languages import best_language

AVAILABLE = ("en", "de", "fr", "zh-CN")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE-at", "de"),
        ("fr;q=0.3, de;q=0.7", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("ja, zh-TW;q=0.8", "zh-CN"),
        ("zh-Hant-TW", "zh-CN"),
        ("*", "en"),
        ("de;q=x, fr", "fr"),
        (";;;,,=,", "en"),
        (", ".join(["xx"] * 1000 + ["de"]), "en"),
    ],
)
def test_the_best_of_the_wishes_is_met(accepted: str, language: str) -> None:
    assert best_language(accepted, AVAILABLE, "en") == language
