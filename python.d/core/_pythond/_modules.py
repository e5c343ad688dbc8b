"""Loading the user's modules.

A module is imported by its name wherever the import system would find that very file, so that others which import it
share it. Where something else has the name (the standard library's `test`, or a file of that name in another dir) it
is loaded from its own file under a private name, and what a plain `import test` gives to anybody stays as it was.
"""
from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_private_packages: dict[str, str] = {}


def load(name: str, path: str, root: str) -> ModuleType:
    """The module of `path`, a file in `root` or one level down. Raises whatever the user's code raises."""
    if not os.path.isfile(path):  # a FIFO would block for ever
        raise FileNotFoundError('{} is not a regular file'.format(path))
    folder = os.path.dirname(path)
    package = None if _same(folder, root) else os.path.basename(folder)
    if _is_found(name, path, package):
        return import_module(name)
    if package is None:
        return _run_file(_unique(_stem(path)), path)
    package = _private_package(folder)
    full = package + '.' + _stem(path)
    if full in sys.modules:  # a relative import was there first
        return sys.modules[full]
    module = _run_file(full, path)
    setattr(sys.modules[package], _stem(path), module)
    return module


def _is_found(name: str, path: str, package: str | None) -> bool:
    """Whether `import name` gives the file at `path`."""
    if name.count('.') != (0 if package is None else 1) or not path.endswith('.py'):
        return False
    locations = None
    if package is not None:
        # Only a package that holds the file is imported here: importing another would run code nobody asked for.
        locations = _package_folders(package)
        if not any(_same(folder, os.path.dirname(path)) for folder in locations):
            return False
        locations = import_module(package).__path__
    if name in sys.modules:
        return _same(getattr(sys.modules[name], '__file__', None), path)
    spec = _find(name, locations)
    return spec is not None and _same(spec.origin, path)


def _package_folders(package: str) -> list[str]:
    if package in sys.modules:
        return list(getattr(sys.modules[package], '__path__', ()))
    spec = _find(package, None)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def _find(name: str, locations: Any) -> ModuleSpec | None:
    """What importlib.util.find_spec does, without importing parents."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, 'find_spec', None)
        spec = find_spec(name, locations) if find_spec is not None else None
        if spec is not None:
            return spec
    return None


def _private_package(folder: str) -> str:
    """A package of a private name for a folder whose own name means something else; siblings share it."""
    if folder not in _private_packages:
        name = _unique(os.path.basename(folder))
        init = os.path.join(folder, '__init__.py')
        if os.path.isfile(init):
            _run_file(name, init, [folder])
        else:
            from importlib.util import module_from_spec

            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [folder]
            sys.modules[name] = module_from_spec(spec)
        _private_packages[folder] = name
    return _private_packages[folder]


def _run_file(name: str, path: str, locations: list[str] | None = None) -> ModuleType:
    """Run a file as module `name`. It stands in sys.modules, where dataclasses and pickle look classes up."""
    from importlib.util import module_from_spec, spec_from_file_location

    loader = SourceFileLoader(name, path)
    spec = spec_from_file_location(name, path, loader=loader, submodule_search_locations=locations)
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return sys.modules.get(name, module)  # a module may replace itself


def _unique(stem: str) -> str:
    """A top-level module name that nobody has; without dots, which would make it a submodule."""
    base = '_pythond_' + ''.join(c if c.isalnum() else '_' for c in stem)
    number = 1
    while '{}_{}'.format(base, number) in sys.modules:
        number += 1
    return '{}_{}'.format(base, number)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _same(one: Any, other: str) -> bool:
    try:
        return one == other or os.path.samefile(one, other)
    except (OSError, TypeError, ValueError):
        return False
