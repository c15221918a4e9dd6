"""Tables for a terminal hold what the Markdown holds, in columns."""

from hypothesis import given
from hypothesis import strategies as st

from underbudget.results_page.markdown import aligned, literal, markdown_table

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"))).map(str.strip)


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6)))
def test_columns_begin_at_the_same_place_and_hold_the_cells(cells: list[list[str]]) -> None:
    header = [f"column {i}" for i in range(len(cells[0]))]
    shown = aligned(markdown_table(header, [[literal(cell) for cell in row] for row in cells])).split("\n")
    head, rule, *lines, end = shown
    starts = [head.index(title) for title in header]
    assert end == "" and set(rule) <= {"-", " "} and len(lines) == len(cells)
    for line, row in zip(lines, cells, strict=True):
        ends = [*(start - 2 for start in starts[1:]), None]
        assert [line[a:b].strip() for a, b in zip(starts, ends, strict=True)] == row


def test_marks_are_left_out() -> None:
    assert aligned("| a | b |\n| --- | --- |\n| `x` | **missed** |\n") == "a  b\n-  ------\nx  missed\n"
