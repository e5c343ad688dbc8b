"""Values that a script writes down: constants, names bound once to one, and paths made of them."""
from __future__ import annotations

import ast
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

_FOLDED_DEPTH = 8
# Stands before a path that was made of __file__: such a path is another one on every worker.
OWN = '\0'


class Values:
    """Looks up what an expression is, as far as the text tells; None where it does not."""

    def __init__(self, tree: ast.Module, disk: str) -> None:
        self._disk = disk
        self._names: Dict[str, List[ast.expr]] = {}
        self._modules: Dict[str, str] = {}
        self._parts: Dict[str, str] = {}
        for node in ast.walk(tree):
            self._learn(node)

    def dotted(self, node: ast.AST) -> Optional[str]:
        """The full name of what is called or read, imports resolved: `env('X')` after `from os import getenv as env`."""
        if isinstance(node, ast.Name):
            return self._parts.get(node.id) or self._modules.get(node.id) or node.id
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return None if owner is None else owner + '.' + node.attr
        if isinstance(node, ast.Call):
            owner = self.dotted(node.func)
            return None if owner is None else owner + '()'
        return None

    def of(self, node: Optional[ast.AST], depth: int = 0) -> Any:
        if node is None or depth > _FOLDED_DEPTH:
            return None
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self.of(node.operand, depth + 1)
            return -value if isinstance(value, (int, float)) else None
        if isinstance(node, ast.Name):
            return OWN + self._disk if node.id == '__file__' else self._bound(node.id, depth)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, depth)
        if isinstance(node, ast.BinOp):
            return self._binary(node, depth)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        return None

    def text(self, node: Optional[ast.AST]) -> Optional[str]:
        value = self.of(node)
        return value if isinstance(value, str) else None

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._modules[alias.asname or alias.name.partition('.')[0]] = \
                    alias.name if alias.asname else alias.name.partition('.')[0]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                self._parts[alias.asname or alias.name] = node.module + '.' + alias.name
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._bind(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            self._bind(node.target, node)
        elif isinstance(node, ast.arg):
            self._names.setdefault(node.arg, []).append(ast.Lambda())  # whatever the caller gives

    def _bind(self, target: ast.AST, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._names.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == 'self':
            self._names.setdefault(target.attr, []).append(value)

    def _bound(self, name: str, depth: int) -> Any:
        bound = self._names.get(name, [])
        return self.of(bound[0], depth + 1) if len(bound) == 1 else None

    def _attribute(self, node: ast.Attribute, depth: int) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in ('self', 'cls'):
            return self._bound(node.attr, depth)
        if node.attr == 'parent':  # Path(__file__).parent
            value = self.of(node.value, depth + 1)
            return os.path.dirname(value) if isinstance(value, str) else None
        return None

    def _binary(self, node: ast.BinOp, depth: int) -> Any:
        left, right = self.of(node.left, depth + 1), self.of(node.right, depth + 1)
        if not isinstance(left, str) or not isinstance(right, str):
            return None
        if isinstance(node.op, ast.Div):  # Path('/a') / 'b'
            return os.path.join(left, right)
        return left + right if isinstance(node.op, ast.Add) else None

    def _call(self, node: ast.Call, depth: int) -> Any:
        name = self.dotted(node.func) or ''
        args = [self.of(arg, depth + 1) for arg in node.args]
        if isinstance(node.func, ast.Attribute) and not args and node.func.attr in ('resolve', 'absolute'):
            return self.of(node.func.value, depth + 1)
        if not args or not all(isinstance(arg, str) for arg in args):
            return None
        last = name.rpartition('.')[2]
        if last == 'join' and name.endswith('path.join'):
            return os.path.normpath(os.path.join(*args))
        if last == 'dirname':
            return os.path.dirname(args[0])
        if last in ('Path', 'PurePath', 'PosixPath', 'abspath', 'realpath', 'normpath', 'expanduser', 'str', 'fspath'):
            return os.path.join(*args)
        return None
