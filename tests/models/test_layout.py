"""The folder of entries holds entries: each file of it is one of conf/model, or the contract."""

from tests.helpers import ROOT

CONTRACT = {"__init__", "entry", "optimise"}


def test_files_are_exactly_the_entries_of_conf_model() -> None:
    files = {path.stem for path in (ROOT / "bench" / "models").glob("*.py")}
    assert files - CONTRACT == {path.stem for path in (ROOT / "conf" / "model").glob("*.yaml")}
    assert files >= CONTRACT
