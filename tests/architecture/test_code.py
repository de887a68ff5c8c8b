"""What an import graph cannot see: who constructs what, who reads a clock, how large things grow."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "controller").rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in SOURCES}

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
CLOCKLESS = ("controller/core/", "controller/wire/", "controller/trust/")
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "time_ns"}
WALL_CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
# Each passes it on as the time that objects and evidence are judged at; a Retry-After may name a date (RFC 9110).
WALL_CLOCK_READERS = {
    *(f"controller/cli/{name}.py" for name in ("lint", "scan", "serve", "verify", "verify_bundle")),
    "controller/demo/run.py",
    "controller/reconcile/operator.py",
    "controller/registry/retries.py",
    "controller/telemetry/lines.py",  # when a line was told, as logging itself would ask
}
VAGUE = {"check", "process", "handle", "handler", "manager", "helper", "helpers", "utils", "util", "data", "info"}


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def callee(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_only_verification_makes_a_verified_statement() -> None:
    makers = {path for path, tree in TREES.items() if any(callee(call) == "VerifiedStatement" for call in calls(tree))}
    assert makers == {"controller/trust/verify.py"}


def test_a_verdict_is_concluded_in_one_place() -> None:
    makers = {path for path, tree in TREES.items() if any(callee(call) == "Verdict" for call in calls(tree))}
    assert makers == {"controller/core/verdict.py"}


def test_types_of_ours_are_read_by_where_they_are_learned() -> None:
    """Elsewhere two threads may learn one at a time, which crashes the interpreter."""
    found = {
        f"{path}: {ast.unparse(call)}"
        for path, tree in TREES.items()
        for call in calls(tree)
        if ast.unparse(call.func) in {"msgspec.json.Decoder", "msgspec.convert", "msgspec.json.decode"}
        and path != "controller/wire/shapes.py"
        and not (callee(call) == "convert" and ast.unparse(call.args[1]) == "bytes")
        and not (callee(call) == "decode" and len(call.args) == 1 and not call.keywords)
    }
    assert found == set()


@pytest.mark.parametrize("package", CLOCKLESS)
def test_pure_packages_read_no_clock(package: str) -> None:
    found = [
        f"{path}:{call.lineno}"
        for path, tree in TREES.items()
        if path.startswith(package)
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr in CLOCKS
    ]
    assert found == []


@pytest.mark.case("SVC-014")
def test_the_wall_clock_is_read_at_the_edge_and_by_nothing_that_measures_time() -> None:
    readers = {path for path, tree in TREES.items() for call in calls(tree) if ast.unparse(call.func) in WALL_CLOCKS}
    assert readers == WALL_CLOCK_READERS


def test_files_keep_one_concern_and_functions_stay_short() -> None:
    files = [path for path in TREES if len((ROOT / path).read_text().splitlines()) > MAX_FILE_LINES]
    long = [
        f"{path}:{function.name}"
        for path, tree in TREES.items()
        for function in functions(tree)
        if (function.end_lineno or 0) - function.lineno >= MAX_FUNCTION_LINES
    ]
    assert (files, long) == ([], [])


def test_names_say_what_they_are() -> None:
    files = [path for path in TREES if Path(path).stem in VAGUE]
    definitions = [
        f"{path}:{node.name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name.lower() in VAGUE
    ]
    assert (files, definitions) == ([], [])


def test_broad_excepts_stand_only_where_a_bug_becomes_a_refusal_or_an_exit() -> None:
    """`except Exception` hides bugs: the webhook's last resort and the command line's border may have one."""
    broad = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    }
    assert broad <= {"controller/webhook/review.py"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_names_a_package_registry_host() -> None:
    """Which index, proxy or mirror serves packages is the environment's business (DECISIONS.md, 3)."""
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "proxy.golang" + ".org", "sum.golang" + ".org", "npmjs" + ".org"]
    naming = [str(path) for path in tracked() if any(host in path.read_text(errors="replace") for host in hosts)]
    assert naming == []


def test_no_file_carries_a_path_of_one_machine() -> None:
    homes = ["/" + "root/", "/" + "work/", "/home" + "/"]
    naming = [
        str(path)
        for path in tracked()
        if path.name != "uv.lock" and any(home in path.read_text(errors="replace") for home in homes)
    ]
    assert naming == []
