"""The collectors of a module, as its text tells of them."""
from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Set

    from ._survey_values import Values

_BASE = 'DataKitFramework'


def classes_of(tree: ast.Module, values: Values) -> List[Dict[str, Any]]:
    """A fact `collector` for each class, and what is wrong with its `interval`."""
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    facts: List[Dict[str, Any]] = []
    for node in classes.values():
        line = _line_of_bases(node, classes, values, set())
        if line is None:
            continue
        lineage = list(_lineage(node, classes))
        if not any(_method(one, 'run') for one in lineage):
            continue  # a base of others
        facts.append({'kind': 'collector', 'line': node.lineno, 'what': node.name})
        facts += _interval(node, lineage, values, is_whole=line)
    return facts


def _line_of_bases(node: ast.ClassDef, classes: Dict[str, ast.ClassDef], values: Values,
                   seen: Set[str]) -> Optional[bool]:
    """None: no collector. True: every base up to the framework's stands in this module."""
    if node.name in seen:
        return None
    seen.add(node.name)
    for base in node.bases:
        name = (values.dotted(base) or '').rpartition('.')[2]
        if name == _BASE:
            return True
        if name in classes:
            found = _line_of_bases(classes[name], classes, values, seen)
            if found is not None:
                return found
    return None


def _lineage(node: ast.ClassDef, classes: Dict[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    todo, seen = [node], set()
    while todo:
        one = todo.pop(0)
        if one.name in seen:
            continue
        seen.add(one.name)
        yield one
        todo += [classes[base.id] for base in one.bases if isinstance(base, ast.Name) and base.id in classes]


def _method(node: ast.ClassDef, name: str) -> bool:
    return any(isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and one.name == name for one in node.body)


def _interval(node: ast.ClassDef, lineage: List[ast.ClassDef], values: Values, is_whole: bool) -> Iterator[Dict[str, Any]]:
    for one in lineage:
        for line, value in _bindings(one, 'interval'):
            found = values.of(value)
            if isinstance(found, str) or (isinstance(found, (int, float)) and found < 0):
                yield {'kind': 'bad-interval', 'line': line, 'what': node.name, 'value': repr(found)}
            return
    if is_whole:
        yield {'kind': 'no-interval', 'line': node.lineno, 'what': node.name}


def _bindings(node: ast.ClassDef, name: str) -> Iterator[Any]:
    for one in ast.walk(node):
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
        for target in targets:
            is_attribute = isinstance(target, ast.Attribute) and getattr(target.value, 'id', '') in ('self', 'cls')
            if (is_attribute and target.attr == name) or (isinstance(target, ast.Name) and target.id == name
                                                          and one in node.body):
                yield one.lineno, one.value
