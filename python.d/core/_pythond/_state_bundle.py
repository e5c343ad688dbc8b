"""Which modules and classes are the bundle's own: what state may belong to, and what it may hold instances of."""
from __future__ import annotations

import os
import sys
from collections import OrderedDict, defaultdict, deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_HEAP_TYPE = 1 << 9
CONTAINERS = (list, dict, set, bytearray, deque, OrderedDict, defaultdict)  # what can be filled once it is there
_VALUES = (int, float, complex, str, bytes, tuple, frozenset)
_BASES = (*CONTAINERS, *_VALUES)


class Bundle:
    """Modules by the path of their file within the bundle: the name of a module may differ from host to host."""

    def __init__(self, root: str) -> None:
        self._roots = tuple({root.rstrip(os.sep) + os.sep, os.path.realpath(root) + os.sep})
        self.modules: dict[str, ModuleType] = {}
        self._paths: dict[str, str] = {}  # by the module's name
        self._located: dict[type, tuple[str, str] | None] = {}
        for name, module in list(sys.modules.items()):
            path = self._path(module)
            if path is not None and path not in self.modules:
                self.modules[path] = module
                self._paths[name] = path

    def _path(self, module: Any) -> str | None:
        try:
            file = vars(module).get('__file__')
        except TypeError:  # a stand-in that has no __dict__
            return None
        if type(file) is str:
            for root in self._roots:
                if file.startswith(root):
                    return file[len(root):]
        return None

    def classes(self) -> list[tuple[str, type]]:
        """All classes that are defined at the top of a module, each with its owner's key."""
        return [(path + ':' + value.__qualname__, value) for path, module in self.modules.items()
                for value in list(vars(module).values()) if isinstance_exactly_type(value)
                and value.__module__ == module.__name__ and self.locate(value) == (path, value.__qualname__)]

    def locate(self, cls: type) -> tuple[str, str] | None:
        """Where a class is found again, (path, qualified name); None: not in the bundle, or not by its name."""
        if cls not in self._located:
            path = self._paths.get(cls.__module__) if type(cls.__module__) is str else None
            found = None if path is None else (path, cls.__qualname__)
            self._located[cls] = found if found and self.resolve(*found) is cls else None
        return self._located[cls]

    def resolve(self, path: str, qualified: str) -> type | None:
        """The class of that name, found without running code of anybody's."""
        holder: Any = self.modules.get(path)
        if holder is None:
            return None
        for part in qualified.split('.'):
            holder = vars(holder).get(part)
            if not isinstance_exactly_type(holder):
                return None
        return holder if self._paths.get(holder.__module__) == path and holder.__qualname__ == qualified else None


def isinstance_exactly_type(value: Any) -> bool:
    """Whether it is a class; isinstance() would ask the value itself."""
    return type in type(value).__mro__


def base_of(cls: type) -> type | None:
    """The built-in type that instances of a bundle's class are of, object for most; None: one that is not plain."""
    found: type = object
    for base in cls.__mro__:
        if base in _BASES:
            if found is object:
                found = base
        elif not base.__flags__ & _HEAP_TYPE and base is not object:
            return None
    return found


def attributes_of(value: Any) -> dict[str, Any]:
    """What an instance holds, in its __dict__ and its __slots__; properties are not asked."""
    slots = slots_of(type(value))
    try:
        held = dict(object.__getattribute__(value, '__dict__'))
    except AttributeError:
        held = {}
    for name, slot in slots.items():
        try:
            held[name] = slot.__get__(value)
        except AttributeError:
            pass  # not set
    return held


_slots: dict[type, dict[str, Any]] = {}


def slots_of(cls: type) -> dict[str, Any]:
    """The descriptors of the __slots__ of a class and its bases, by name."""
    if cls not in _slots:
        _slots[cls] = {name: value for base in reversed(cls.__mro__) if base.__flags__ & _HEAP_TYPE
                       for name, value in vars(base).items()
                       if type(value).__name__ == 'member_descriptor' and name not in ('__dict__', '__weakref__')}
    return _slots[cls]


def set_attribute(value: Any, name: str, held: Any) -> None:
    slot = slots_of(type(value)).get(name)
    if slot is not None:
        slot.__set__(value, held)
    else:
        object.__getattribute__(value, '__dict__')[name] = held


def set_attributes(value: Any, held: dict[str, Any]) -> None:
    """Have an instance hold these attributes and no others."""
    for name in attributes_of(value).keys() - held.keys():
        remove_attribute(value, name)
    for name, one in held.items():
        set_attribute(value, name, one)


def remove_attribute(value: Any, name: str) -> None:
    slot = slots_of(type(value)).get(name)
    if slot is not None:
        slot.__delete__(value)
    else:
        object.__getattribute__(value, '__dict__').pop(name, None)
