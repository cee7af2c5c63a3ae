"""Count what makes a tree hard to read: repeated names, wide folders, long modules, cycles, words.

`python -m tests.house` prints each count and what it counts, and exits with 1 unless all are zero.
`python -m tests.house --counts` prints the counts alone, and exits with 0.
"""

from __future__ import annotations

import ast
import graphlib
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
PACKAGES = ("gateway", "schema")
MAX_FILES = 14
MAX_LINES = 260
MAX_SAME_NAME = 2
BANNED = ("told", "said", "asked", "anew", "of late", "nobody", "anybody", "whoever")
"""Words that stay out of all texts but the strings of tests and benchmarks."""
TEXTS = {".css", ".graphql", ".java", ".js", ".md", ".mjs", ".sh", ".toml", ".ts", ".tsx", ".yaml"}
"""Endings of files, beside Python's, whose words are counted."""
WITHOUT_SUFFIX = {".npmrc", "Dockerfile", "Makefile", "run"}
FOREIGN = re.compile(r"\.git|\.venv.*|build|dist|node_modules")
"""Folders of what is generated or installed."""

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_BANNED = re.compile(r"\b(?:" + "|".join(BANNED) + r")\b", re.IGNORECASE)


def modules() -> dict[str, tuple[Path, str]]:
    """Return the path and the text of each module, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                found[name.removesuffix(".__init__")] = path, path.read_text()
    return found


def repeated_classes() -> list[str]:
    """Return the names of classes that more than one module defines."""
    places = defaultdict(list)
    for name, (_, text) in modules().items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    return [f"{name}: {', '.join(where)}" for name, where in places.items() if len(where) > 1]


def repeated_modules() -> list[str]:
    """Return the names of modules that stand in more than two packages."""
    count = Counter(
        path.stem for path, _ in modules().values() if path.stem not in {"__init__", "__main__"}
    )
    return [f"{name}: {times}" for name, times in count.items() if times > MAX_SAME_NAME]


def wide_folders() -> list[str]:
    """Return the folders that hold more than `MAX_FILES` modules."""
    count = Counter(path.parent for path, _ in modules().values() if path.stem != "__init__")
    return [f"{folder.relative_to(ROOT)}: {n}" for folder, n in count.items() if n > MAX_FILES]


def long_modules() -> list[str]:
    """Return the modules of more than `MAX_LINES` lines."""
    lines = {name: text.count("\n") for name, (_, text) in modules().items()}
    return [f"{name}: {n}" for name, n in lines.items() if n > MAX_LINES]


def import_cycles() -> list[str]:
    """Return import cycles, imports for types counted."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    return [" > ".join(cycle) for cycle in cycles(imports)]


def cycles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Return cycles of the modules in `imports`, no two of which share an import."""
    left = {module: set(imported) for module, imported in imports.items()}
    found: list[list[str]] = []
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            cycle = list(error.args[1])
        else:
            return found
        found.append(cycle)
        for module in cycle:
            left[module] -= set(cycle)


def banned_words() -> list[str]:
    """Return the places of banned words, in the code, the tests, the benchmarks and the docs."""
    found = []
    for path in sorted(_texts(ROOT)):
        text = path.read_text()
        if not (_BANNED.search(text) or _BANNED.search(_split(text))):
            continue  # parsing shows where a word stands, and takes a second for each hundred files
        name = path.relative_to(ROOT)
        ours = name.parts[0] in PACKAGES
        words = (
            _words(text, strings=ours) if path.suffix == ".py" else enumerate(text.splitlines(), 1)
        )
        found += [
            f"{name}:{line}: {word.group()}"
            for line, phrase in words
            for word in _BANNED.finditer(phrase)
        ]
    return found


def _texts(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and not FOREIGN.fullmatch(path.name):
            yield from _texts(path)
        elif path.suffix in TEXTS | {".py"} or path.name in WITHOUT_SUFFIX:
            yield path


def _words(text: str, *, strings: bool) -> Iterator[tuple[int, str]]:
    """Yield identifiers, split into their words, docstrings and comments, each with its line.

    With `strings`, yield all strings: what clients and operators read.
    """
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=str(message), lineno=line) if strings:
                yield line, message
            case ast.Expr(value=ast.Constant(value=str(docstring)), lineno=line):
                yield line, docstring
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], _split(token.string)
        elif token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _split(name: str) -> str:
    return " ".join(_PARTS.findall(name)).lower()


Check = Callable[[], list[str]]
CHECKS: dict[str, Check] = {
    "class names defined twice": repeated_classes,
    "module names in more than two packages": repeated_modules,
    f"folders above {MAX_FILES} files": wide_folders,
    f"modules above {MAX_LINES} lines": long_modules,
    "import cycles": import_cycles,
    "banned words": banned_words,
}


def main() -> int:
    """Print each count and what it counts; return the exit status."""
    counts_only = sys.argv[1:] == ["--counts"]
    status = 0
    for title, check in CHECKS.items():
        found = check()
        sys.stdout.write(f"{title}: {len(found)}\n")
        if not counts_only:
            sys.stdout.writelines(f"  {line}\n" for line in found)
            status |= bool(found)
    return status


if __name__ == "__main__":
    sys.exit(main())
