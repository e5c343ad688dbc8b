"""What scripts rely on, found by parsing them: nothing of them is imported or run.

Standard input: {"files": [{"path", "disk", "listed", "source"}], "roots": [disk path]}; `source` is base64, `disk` where
the file lies, `listed` whether collectors are looked for in it. Standard output: {"files": [{"path", "facts": […]}]}; a
fact has `kind`, `line` and, depending on the kind, `what`, `value`, `sure`.
"""
from __future__ import annotations

import ast
import base64
import importlib.util
import json
import os
import sys
import warnings

from ._paths import folders_of_user_code
from ._survey_calls import Calls
from ._survey_classes import classes_of
from ._survey_values import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Set

    Fact = Dict[str, Any]

_MOST_FACTS = 500


def main() -> None:
    request = json.loads(sys.stdin.buffer.read().decode('utf-8'))
    warnings.simplefilter('ignore')  # an invalid escape in a script is not ours to print
    modules = Modules(request['roots'])
    answer = [{'path': file['path'], 'facts': facts_of(file, modules)[:_MOST_FACTS]} for file in request['files']]
    sys.stdout.write(json.dumps({'files': answer}))


def facts_of(file: Dict[str, Any], modules: Modules) -> List[Fact]:
    source = base64.b64decode(file['source'])
    try:
        tree = ast.parse(source, file['path'])
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, 'lineno', None) or 1
        return [{'kind': 'syntax', 'line': line, 'what': getattr(error, 'msg', None) or str(error)}]
    try:
        return sorted(_facts(tree, file, modules), key=lambda fact: fact['line'])
    except RecursionError:
        return []


def _facts(tree: ast.Module, file: Dict[str, Any], modules: Modules) -> List[Fact]:
    values = Values(tree, file['disk'])
    calls = Calls(tree, values)
    facts = calls.facts()
    facts += _imports(tree, modules, [os.path.dirname(file['disk']), *calls.search_paths])
    if file['listed']:
        facts += classes_of(tree, values)
        if modules.shadows_library(file['disk']):
            facts.append({'kind': 'library-name', 'line': 1, 'what': _stem(file['path'])})
    return facts


def _imports(tree: ast.Module, modules: Modules, beside: List[str]) -> Iterator[Fact]:
    told: Set[str] = set()
    for node, sure in _with_certainty(tree, True):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        for name in names:
            top = name.partition('.')[0]
            if top not in told and not modules.has(top, beside):
                told.add(top)
                yield {'kind': 'missing-module', 'line': node.lineno, 'what': top, 'sure': sure}


def _with_certainty(node: ast.AST, sure: bool) -> Iterator[Any]:
    """Every node, and whether it is run whenever the module is: not in a function, a branch, or a try that catches."""
    for child in ast.iter_child_nodes(node):
        inner = sure
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.If)):
            inner = False
        elif isinstance(child, ast.Try) and child.handlers:
            inner = False
        yield child, inner
        yield from _with_certainty(child, inner)


class Modules:
    """What can be imported: by this interpreter, and from the roots of the input."""

    def __init__(self, roots: List[str]) -> None:
        self._roots = roots
        self._known: Dict[str, bool] = {}
        for folder in folders_of_user_code():
            if folder not in sys.path:
                sys.path.append(folder)

    def has(self, top: str, beside: List[str]) -> bool:
        if top in ('datakit_framework', '__future__', '__main__'):
            return True
        if top not in self._known:
            self._known[top] = _is_there(top) or any(_lies_in(folder, top) for folder in self._roots)
        return self._known[top] or any(_lies_in(folder, top) for folder in beside)

    def shadows_library(self, disk: str) -> bool:
        """Whether Python's library has a module of the name; one in a folder below a root has another name."""
        if os.path.dirname(disk) not in self._roots:
            return False
        return _stem(disk) in sys.builtin_module_names or _lies_in(os.path.dirname(os.__file__), _stem(disk))


def _is_there(top: str) -> bool:
    """Whether it is found; a module without dots is looked for without importing anything."""
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _lies_in(folder: str, top: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(name == top or name == top + '.py' or (name.startswith(top + '.') and name.endswith('.so'))
               for name in names)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
