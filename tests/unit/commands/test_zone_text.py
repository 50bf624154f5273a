"""Records as a zone file writes them."""

import pytest

from pillarbox.commands.zone_text import zone_line


@pytest.mark.parametrize(
    ("kind", "value", "line"),
    [
        ("MX", "10 mx.example.org", "example.com. IN MX 10 mx.example.org."),
        ("CNAME", "one.example.org", "example.com. IN CNAME one.example.org."),
        ("A", "192.0.2.1", "example.com. IN A 192.0.2.1"),
        ("TXT", 'a "b" \\c', 'example.com. IN TXT "a \\"b\\" \\\\c"'),
        ("TXT", "x" * 300, f'example.com. IN TXT "{"x" * 255}" "{"x" * 45}"'),
    ],
)
def test_a_line_can_be_pasted_into_a_zone_file(kind: str, value: str, line: str) -> None:
    assert zone_line("example.com", kind, value) == line
