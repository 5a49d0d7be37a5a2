"""How the tree itself must look: one small function for each rule, from files to findings.

No test stands here; tests/test_tidy.py asks the rules. Words and addresses that must not
occur are put together from pieces, because this file is read by its own rules.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent

FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 500
FOLDER_MODULES_MAX = 14

# Folders that a walk without git must not enter: environments, caches and build results.
NOT_OURS = {"build", "dist", "htmlcov", "__pycache__"}

UNFINISHED_WORDS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "core", "manager", "managers"}
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "deb" + ".debian.org",
    "crates" + ".io",
    "proxy.golang" + ".org",
)
MACHINE_PATH = re.compile(
    r"(?:file://|(?<![\w.\-/}]))/(?:home|Users|root|work|workspace|builds)/[\w.\-]+"
    r"|\b[A-Z]:\\Users\\"
)
PURE_FOLDERS = ("src/nuqta/ledger/", "src/nuqta/loyalty/")


@dataclass(frozen=True)
class File:
    """One text file of the tree; `path` is relative to its root, with forward slashes."""

    path: str
    text: str

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def is_test(self) -> bool:
        return self.is_python and self.path.startswith("tests/")

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)


Rule = Callable[[Sequence[File]], Iterable[str]]


# --- reading the tree -------------------------------------------------------------------


def tree_files() -> list[File]:
    """Every text file of the tree, in order of path."""
    found = []
    for path in sorted(listed_by_git() or listed_by_walking()):
        text = text_of(ROOT / path)
        if text is not None:
            found.append(File(path, text))
    return found


def listed_by_git() -> list[str]:
    """What git tracks, and what it would track: a file is judged before it is added.

    Empty where there is no git or no checkout (an unpacked archive).
    """
    if not (ROOT / ".git").exists():
        return []
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in answer.stdout.decode().split("\0") if name]


def listed_by_walking() -> list[str]:
    """The tree without git; of the hidden folders only .ci is ours."""

    def walk(folder: Path) -> Iterator[str]:
        for entry in folder.iterdir():
            if not entry.is_dir():
                yield entry.relative_to(ROOT).as_posix()
            elif entry.name == ".ci" or not foreign(entry.name):
                yield from walk(entry)

    def foreign(name: str) -> bool:
        return name in NOT_OURS or name.startswith(".") or name.endswith(".egg-info")

    return list(walk(ROOT))


def text_of(path: Path) -> str | None:
    """The file's text; None if it is gone (deleted, not yet committed) or is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
        return None


# --- rules on shape ---------------------------------------------------------------------


def opens_with_a_docstring(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        if file.is_python and file.path.startswith("src/") and not ast.get_docstring(file.tree):
            yield f"{file.path}:1: open with a sentence on what lives here, and what must not"


def functions_are_short(files: Sequence[File]) -> Iterator[str]:
    for file, node in python_nodes(files):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield at(file, node, f"{node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}")


def modules_are_short(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        lines = len(file.text.splitlines())
        if file.is_python and lines > MODULE_LINES_MAX:
            yield f"{file.path}: has {lines} lines, at most {MODULE_LINES_MAX}"


def folders_are_small(files: Sequence[File]) -> Iterator[str]:
    counts = Counter(str(PurePosixPath(file.path).parent) for file in files if file.is_python)
    for folder, count in counts.items():
        if count > FOLDER_MODULES_MAX:
            yield f"{folder}/: has {count} Python files, at most {FOLDER_MODULES_MAX}"


def names_say_something(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        if file.is_python:
            for part in PurePosixPath(file.path).with_suffix("").parts:
                if part in EMPTY_NAMES:
                    yield f"{file.path}: '{part}' says nothing; name the idea that lives here"


# --- rules on words ---------------------------------------------------------------------


def nothing_is_left_unfinished(files: Sequence[File]) -> Iterator[str]:
    words = re.compile(r"\b(?:" + "|".join(UNFINISHED_WORDS) + r")\b")
    yield from matches(files, words, "do it, or open an issue")


def no_registry_is_named(files: Sequence[File]) -> Iterator[str]:
    addresses = re.compile("|".join(re.escape(address) for address in REGISTRIES))
    yield from matches(files, addresses, "whoever installs chooses the registry")


def no_machine_is_named(files: Sequence[File]) -> Iterator[str]:
    yield from matches(files, MACHINE_PATH, "a path of one machine means nothing on another")


def suppressions_are_precise(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        if file.is_python:
            for line, comment in comments(file):
                if re.search(r"#\s*type:\s*ignore(?!\[[\w-])", comment):
                    yield f"{file.path}:{line}: name the code: type: ignore[code]"
                if re.search(r"#\s*(?:ruff:\s*)?noqa(?!:\s*[A-Z]+[0-9]+)", comment, re.I):
                    yield f"{file.path}:{line}: name the rule: noqa: RULE"


# --- rules on the pure rings ------------------------------------------------------------


def points_are_whole(files: Sequence[File]) -> Iterator[str]:
    """Points and money are integers in their smallest unit; a float would lose some."""
    for file, node in python_nodes(files):
        if file.path.startswith(PURE_FOLDERS):
            if isinstance(node, ast.Name) and node.id == "float":
                yield at(file, node, "no float where points are counted")
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                yield at(file, node, f"no float where points are counted: {node.value}")


# --- rules on tests ---------------------------------------------------------------------


def no_test_sleeps(files: Sequence[File]) -> Iterator[str]:
    """A sleep of zero only lets other tasks run; any other waits for luck."""
    for file, node in python_nodes(files):
        if file.is_test:
            if isinstance(node, ast.ImportFrom) and node.module in SLEEPERS:
                if any(name.name == "sleep" for name in node.names):
                    yield at(file, node, f"call it {node.module}.sleep, so that it can be seen")
            elif isinstance(node, ast.Call) and is_real_sleep(node):
                yield at(file, node, "no sleep in a test: wait for the thing itself")


SLEEPERS = ("time", "asyncio", "anyio")


def is_real_sleep(call: ast.Call) -> bool:
    name = dotted(call.func)
    if name == "time.sleep":
        return True
    lets_others_run = len(call.args) == 1 and is_zero(call.args[0])
    return name in ("asyncio.sleep", "anyio.sleep") and not lets_others_run


def is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def no_test_mocks_us(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        if file.is_test:
            ours = names_from_nuqta(file.tree)
            for node in ast.walk(file.tree):
                if imports_mock(node):
                    yield at(file, node, "no mock: give the real thing a small world")
                elif isinstance(node, ast.Call) and patches_us(node, ours):
                    yield at(file, node, "no patch of our own layers: pass it as an argument")


def imports_mock(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name in ("mock", "unittest.mock") for name in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in ("mock", "unittest.mock") or (
            node.module == "unittest" and any(name.name == "mock" for name in node.names)
        )
    return False


def names_from_nuqta(tree: ast.Module) -> set[str]:
    """The names under which a test knows our modules and what is in them."""
    ours = {"nuqta"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            ours |= {n.asname for n in node.names if n.asname and is_nuqta(n.name)}
        elif isinstance(node, ast.ImportFrom) and is_nuqta(node.module or ""):
            ours |= {name.asname or name.name for name in node.names}
    return ours


def is_nuqta(module: str) -> bool:
    return module == "nuqta" or module.startswith("nuqta.")


def patches_us(call: ast.Call, ours: set[str]) -> bool:
    if not dotted(call.func).endswith(("patch.setattr", "patch.delattr", "patch.setitem")):
        return False
    target = call.args[0] if call.args else None
    if isinstance(target, ast.Constant):
        return is_nuqta(str(target.value))
    return target is not None and dotted(target).split(".")[0] in ours


def skips_give_a_reason(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        if file.is_test:
            nodes = list(ast.walk(file.tree))
            calls = [node for node in nodes if isinstance(node, ast.Call)]
            explained = [call.func for call in calls if explains_itself(call)]
            for node in nodes:
                if isinstance(node, ast.Attribute) and node not in explained:
                    name = dotted(node)
                    if name in SKIPS:
                        yield at(file, node, f"{name} needs a reason")


# For each: may the reason also stand first, without its name?
SKIPS = {
    "pytest.mark.skip": True,
    "pytest.mark.skipif": False,
    "pytest.mark.xfail": False,
    "pytest.skip": True,
    "pytest.xfail": True,
}


def explains_itself(call: ast.Call) -> bool:
    reasons = [word.value for word in call.keywords if word.arg == "reason"]
    if SKIPS.get(dotted(call.func)):
        reasons += call.args[:1]
    return any(not (isinstance(r, ast.Constant) and not r.value) for r in reasons)


# --- what the rules share ---------------------------------------------------------------


def python_nodes(files: Sequence[File]) -> Iterator[tuple[File, ast.AST]]:
    for file in files:
        if file.is_python:
            for node in ast.walk(file.tree):
                yield file, node


def at(file: File, node: ast.AST, sentence: str) -> str:
    return f"{file.path}:{getattr(node, 'lineno', 1)}: {sentence}"


def dotted(node: ast.expr) -> str:
    """`a.b.c` as written; empty for anything that is no plain chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        front = dotted(node.value)
        return f"{front}.{node.attr}" if front else ""
    return ""


def matches(files: Sequence[File], pattern: re.Pattern[str], advice: str) -> Iterator[str]:
    for file in files:
        for number, line in enumerate(file.text.splitlines(), start=1):
            found = pattern.search(line)
            if found:
                yield f"{file.path}:{number}: '{found.group()}': {advice}"


def comments(file: File) -> Iterator[tuple[int, str]]:
    """Real comments only: the same words inside a string are no suppression."""
    for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
