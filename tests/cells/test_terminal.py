"""Lines of the terminal that are said once."""

from bench.cells.terminal import Once


def test_a_line_is_said_once_and_a_warning_of_data_not_again_with_each_run() -> None:
    said: list[str] = []
    told = Once(said.append)
    for line in ("warning: data=table: ties; many of them", "warning: data=table: ties; many of them", "planning"):
        told(line)
    assert said == ["warning: data=table: ties; many of them", "planning"]
    opening = "warning: data=table: "
    assert told.new_part("ties; many of them; the bound is loose", opening) == "the bound is loose"
    assert told.new_part("ties; many of them", opening) == ""
    assert told.new_part("the bound is loose", opening) == "the bound is loose"
    assert told.new_part("ties; many of them", "warning: data=other: ") == "ties; many of them"
