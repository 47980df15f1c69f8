"""Tests that need Ray or submitit run where those are: `make test-cluster` installs the extras first."""

import ast

from tests.helpers import ROOT

EXTRAS = {"ray", "submitit"}


def needing(module: ast.Module) -> list[ast.FunctionDef]:
    """The functions that are skipped without an extra, and those that take such a fixture."""
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    found: list[ast.FunctionDef] = []
    while new := [one for one in functions if one not in found and (skipped(one) or takes(one, found))]:
        found += new
    return found


def skipped(function: ast.FunctionDef) -> bool:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return any(ast.unparse(call.func) == "pytest.importorskip" and call.args[0].value in EXTRAS for call in calls)


def takes(function: ast.FunctionDef, fixtures: list[ast.FunctionDef]) -> bool:
    return bool({each.arg for each in function.args.args} & {each.name for each in fixtures})


def test_what_needs_an_extra_of_clusters_is_marked() -> None:
    tests = [
        (path.name, function.name, [ast.unparse(mark) for mark in function.decorator_list])
        for path in ROOT.glob("tests/**/test_*.py")
        if "importorskip" in (text := path.read_text())
        for function in needing(ast.parse(text))
        if function.name.startswith("test_")
    ]
    assert len(tests) > 20
    assert [test[:2] for test in tests if "pytest.mark.cluster" not in test[2]] == []
