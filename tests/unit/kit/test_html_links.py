"""Links of a document are found where a browser would find them, in time that grows with its length alone."""

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.kit.html_links import scan
from tests.support.html_tokens import anchors

pieces = st.sampled_from(
    (
        *("<a ", "<a", "<A ", "<area ", "<p ", "<p", "</a", "</p x", "<abbr ", "href=", "HREF = ", "href", "title="),
        *('"', "'", ">", "<", "/", "!", "--", "<!--", "-->", "<!-->", "--!>", "->", "x", " ", "\n", "=", "\t", "\f"),
        *("<script>", "<script", "</script>", "</script", "<style>", "</style>", "<title>", "</title ", "<textarea>"),
        *("</textarea>", "<xmp>", "</xmp>", "<plaintext>", "</body>", "<body>", "<![CDATA[", "<?", "<!DOCTYPE html>"),
        *("http://x/", "&amp;", "&copy", "&copy;", "&lt", "&#38;", "&#x26", "&notit;", "&", "; ", "é", "`", "</>"),
        *("ses:no-track", 'ses:tags="k:v;"', " ses:tags=a:b; ", "</ ", "<1", "{{x}}", "<o:p>", "<a:b ", "<a/"),
        *('<a href="', '<a href="http://x/">', "<a href=", "<a href='", '">', "<![if !mso]>", "<a ses:no-track "),
    )
)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(pieces, max_size=20).map("".join))
def test_links_are_those_that_a_browser_finds(document: str) -> None:
    found = scan(document.encode("latin-1")).anchors

    assert [(anchor.href, anchor.is_tracked, anchor.tags) for anchor in found] == anchors(document)


@given(st.binary(max_size=200))
def test_no_document_is_too_odd(document: bytes) -> None:
    found = scan(document)

    assert 0 <= found.body_end <= len(document)
    places = [(anchor.start, anchor.end) for anchor in found.anchors]
    assert all(before[1] <= after[0] for before, after in pairwise(places))


@pytest.mark.parametrize(
    "document, end",
    [
        (b"<p>x</body>y", 4),
        (b"<p>x</body>y</BODY\n>z", 12),
        (b"<p>x<!-- </body>", 4),
        (b"<!-- </body> -->x", 17),
        (b"x<style></body>", 1),
        (b"x<style></body></style>y", 24),
        (b"x<plaintext>y", 1),
        (b'x<p title="y', 1),
        (b"x<o:p title='y", 1),
        (b"x<script><!--<script></script>", 1),
        (b"", 0),
    ],
)
def test_the_body_ends_where_it_is_still_shown(document: bytes, end: int) -> None:
    assert scan(document).body_end == end


@pytest.mark.parametrize(
    "filling",
    [
        *(b"<", b"<a", b"<a ", b"<a href=", b'<a href="', b"<a href='x", b"<!--", b"<!-", b"-->", b"<!", b"<?", b"</"),
        *(b'"', b"'", b"=", b"<p ", b'<p a="', b"<p a='\"", b"<script>", b"<script><!--", b"<style>", b"</style"),
        *(b"<title>", b"<textarea></text", b"&", b"&amp", b'<a href="&amp;">', b"<a ses:tags=x ", b"<a x x x ", b"/"),
        *(b"<script><!--<script></script>", b"<a b=c", b"<a/", b"<plaintext>", b"</body>", b"<a =", b" = "),
    ],
)
def test_a_document_made_to_cost_much_costs_little(filling: bytes) -> None:
    document = filling * (800_000 // len(filling))
    began = process_time()
    scan(document)
    scan(b"<a " + document)

    assert process_time() - began < 4
