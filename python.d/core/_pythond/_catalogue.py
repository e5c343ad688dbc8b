"""Which classes are collectors, and whether they can be run."""
from __future__ import annotations

from ._attributes import DEFAULT_INTERVAL, interval, isolation, timeout
from ._failures import describe, shorten
from ._hints import hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterator

    from ._confine import Confinement
    from ._leavings import Leavings
    from ._setup import Module

_ABSTRACT = 1 << 20  # the type flag that inspect.isabstract reads; inspect itself is costly to import
_FAILURES_LIMIT = 1 << 20  # characters, each of which may take six bytes in JSON
_WARNINGS_LIMIT = 200


class Catalogue:
    """What `ready` tells, and the instances by key."""

    def __init__(self, framework: type, bundle_root: str) -> None:
        self._framework = framework
        self._bundle_root = bundle_root
        self._failures_size = 0
        self.confinement: Confinement | None = None
        self.wanted: set[str] | None = None  # keys of those to be built; None: all
        self.leavings: Leavings | None = None
        self.unbuilt: list[tuple[str, Module, type]] = []  # key, module, class
        self._keys: set[str] = set()
        self._last_key = ''
        self.instances: dict[str, Any] = {}
        self.collectors: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.warnings: list[dict[str, str]] = []

    def warn(self, code: str, message: str) -> None:
        if len(self.warnings) < _WARNINGS_LIMIT:
            self.warnings.append({'code': code, 'message': shorten(message, 2000)})

    def fail(self, module: Module, error: BaseException, class_name: str | None = None,
             remedy: str | None = None) -> None:
        failure = {'module': module.name, 'dir': module.dir, 'file': module.file, 'class': class_name,
                   **describe(error), 'hint': remedy or hint(error, module, self._bundle_root)}
        refused = self.confinement.refused(error) if self.confinement is not None else None
        if refused:
            failure['refused'] = refused
        # One frame holds all of them: thousands of broken modules must not break it.
        self._failures_size += sum(len(value) for value in failure.values() if value)
        if self._failures_size > _FAILURES_LIMIT:
            failure.update(message=shorten(failure['message'], 200), traceback='', hint=None)
        self.failures.append(failure)

    def add(self, loaded: list[tuple[Module, ModuleType]]) -> None:
        """Find the collectors of all modules, and build each once.

        A class runs once: where it is defined, or, where its own module is not among the listed ones, in the first
        that imported it.
        """
        homes = {getattr(code, '__name__', None): code for _, code in loaded}
        seen: set[int] = set()
        for module, code in loaded:
            for cls in _classes(code, self._framework):
                home = homes.get(cls.__module__)
                if id(cls) in seen or (home is not None and home is not code
                                       and cls in _classes(home, self._framework)):
                    continue
                seen.add(id(cls))
                try:
                    self._add_class(module, code, cls)
                except BaseException as error:  # its constructor, or an attribute that can't be used
                    self.fail(module, error, cls.__name__, _constructor_hint(error, cls))
                    self.unbuilt.append((self._last_key, module, cls))

    def _add_class(self, module: Module, code: ModuleType, cls: type) -> None:
        if cls.__flags__ & _ABSTRACT:
            return
        if cls.run is self._framework.run:
            if cls.__module__ == getattr(code, '__name__', None):
                self.warn('class-without-run', '{}: class {} does not define run(), so it is taken for a base class '
                          'and not run'.format(module.file, cls.__name__))
            return
        key = self._key('{}/{}:{}'.format(module.dir, module.name, cls.__name__))
        if self.wanted is None or key in self.wanted:
            self.build(key, module, cls)

    def build(self, key: str, module: Module, cls: type) -> None:
        """Raises what the constructor raises, or when an attribute can't be used."""
        instance = cls()
        if self.leavings is not None:
            self.leavings.of_instance(cls.__name__, instance)
        self.collectors.append(self._entry(key, module, cls, instance))
        self.instances[key] = instance

    def _entry(self, key: str, module: Module, cls: type, instance: Any) -> dict[str, Any]:
        warnings: list[dict[str, str]] = []
        name = getattr(instance, 'name', None)
        if name is None or name is self._framework.name:
            name = cls.__name__
        return {'key': key, 'module': module.name, 'dir': module.dir, 'class': cls.__name__, 'name': shorten(str(name), 256),
                'interval': interval(getattr(instance, 'interval', DEFAULT_INTERVAL)),
                'timeout': timeout(getattr(instance, 'timeout', None), warnings),
                'isolation': isolation(getattr(instance, 'isolation', None), warnings),
                'warnings': warnings}

    def _key(self, wanted: str) -> str:
        key, number = wanted, 1
        while key in self._keys:
            number += 1
            key = '{}#{}'.format(wanted, number)
        self._keys.add(key)
        self._last_key = key
        return key


def _classes(code: ModuleType, framework: type) -> Iterator[type]:
    for value in list(getattr(code, '__dict__', {}).values()):
        # isinstance() would ask the value itself: lazy proxies raise, or load what they stand for.
        if type in type(value).__mro__ and value is not framework and framework in value.__mro__:
            yield value


def _constructor_hint(error: BaseException, cls: type) -> str | None:
    if isinstance(error, TypeError) and '__init__() missing' in str(error):
        return 'a collector is built without arguments: give each parameter of {}.__init__ a default'.format(
            cls.__name__)
    return None
