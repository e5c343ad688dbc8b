"""State as bytes, and back: plain data, and instances of the bundle's own classes.

A pickle of protocol 4 in which nothing is named that could be imported or called: whatever is not a built-in kind of
data is a call of one of the builders below, which the pickle names by a persistent id, as it does the collector itself
and the objects that the bundle holds under a name of its own (so that these stay the same object in the next run).
No code of the bundle runs to encode or decode, but for the creation of enum members.
"""
from __future__ import annotations

import sys
from _pickle import Pickler, UnpicklingError, Unpickler
from collections import Counter, OrderedDict, defaultdict, deque
from enum import Enum
from io import BytesIO

from ._state_bundle import CONTAINERS, attributes_of, base_of, set_attributes
from ._state_vet import Refused, parts_of_containers, vet_opcodes, weigh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ._state_bundle import Bundle

    Reduced = tuple[Any, ...]

_FACTORIES = {kind.__name__: kind for kind in (
    bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, bytearray, deque, OrderedDict, Counter)}


class NotPlain(Exception):
    """A value that can't be carried; the message says what it is, as in 'a _thread.lock'."""


class Lost:
    """Stands for an instance of a class that the bundle has no more."""

    def __init__(self, what: str) -> None:
        self.what = what


# -- the builders: what a pickle may call

def _bytearray(data: Any = b'') -> bytearray:
    return bytearray(_of(bytes, data))


def _complex(real: float, imaginary: float) -> complex:
    return complex(_of(float, real), _of(float, imaginary))


def _deque(longest: int | None) -> Any:
    return deque((), longest)


def _ordered_dict() -> Any:
    return OrderedDict()


def _counter() -> Any:
    return Counter()


def _defaultdict(factory: str | None) -> Any:
    return defaultdict(None if factory is None else _FACTORIES[factory])


def _standard(name: str, *args: Any) -> Any:
    """A date, time, number or id of the standard library."""
    module, kind = _STANDARD[name][0].split(':')
    __import__(module)
    return getattr(sys.modules[module], kind)(*args)


def _uuid(number: int) -> Any:
    from uuid import UUID

    return UUID(int=number)


_STANDARD: dict[str, tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    'date': ('datetime:date', lambda d: (d.year, d.month, d.day)),
    'datetime': ('datetime:datetime', lambda d: d.__reduce_ex__(4)[1]),
    'time': ('datetime:time', lambda t: t.__reduce_ex__(4)[1]),
    'timedelta': ('datetime:timedelta', lambda d: (d.days, d.seconds, d.microseconds)),
    'timezone': ('datetime:timezone', lambda z: z.__getinitargs__()),
    'zone': ('zoneinfo:ZoneInfo', lambda z: (z.key,)),
    'decimal': ('decimal:Decimal', lambda d: (str(d),)),
    'fraction': ('fractions:Fraction', lambda f: (f.numerator, f.denominator)),
}
_BY_TYPE = {'datetime.date': 'date', 'datetime.datetime': 'datetime', 'datetime.time': 'time',
            'datetime.timedelta': 'timedelta', 'datetime.timezone': 'timezone', 'zoneinfo.ZoneInfo': 'zone',
            'decimal.Decimal': 'decimal', 'fractions.Fraction': 'fraction'}


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise Refused('{} stands where a {} should'.format(type(value).__name__, kind.__name__))
    return value


class Codec:
    """Made in the host, where it costs no run; each child has its own copy.

    `named` are the objects that keep their identity, each with its persistent id; `find` gives them by that id.
    """

    def __init__(self, bundle: Bundle, named: dict[int, Any]) -> None:
        self.bundle = bundle
        self.lost: list[Lost] = []
        self.find: Callable[[Any], Any] = _find_nothing
        self._safe: set[type] = set()
        self._builders = {'bytearray': _bytearray, 'complex': _complex, 'deque': _deque, 'dict': _ordered_dict,
                          'counter': _counter, 'defaultdict': _defaultdict, 'standard': _standard, 'uuid': _uuid,
                          'make': self._make, 'member': self._member, 'fill': self._fill}
        self._ids = dict(named)
        self._ids.update((id(builder), name) for name, builder in self._builders.items())
        self._ids[id(bytearray)] = 'bytearray'  # the pickler calls it itself
        self.persistent_id = self._ids.get

    def encode(self, value: Any) -> bytes:
        """Raises NotPlain, or RecursionError."""
        out = BytesIO()
        _Pickler(out, self).dump(value)
        return out.getvalue()

    def decode(self, data: bytes, start: int) -> Any:
        """Raises Refused, whatever is wrong. What belongs to classes that are gone is in `lost`, and a Lost."""
        is_suspect = vet_opcodes(data, start)
        reader = BytesIO(data)
        reader.seek(start)
        try:
            value = _Unpickler(reader, self).load()
        except Refused:
            raise
        except (Exception, RecursionError) as error:
            raise Refused('{}: {}'.format(type(error).__name__, str(error)[:200])) from None
        if is_suspect:
            weigh(value, self.parts)
        return value

    def parts(self, value: Any) -> list[Any]:
        held = parts_of_containers(value)
        kind = type(value)
        if id(value) not in self._ids and self.bundle.locate(kind) is not None and base_of(kind) is not None:
            held = held or (list(value) if issubclass(kind, (list, tuple, set, frozenset)) else held)
            held = [*held, *attributes_of(value).values()]
        return held

    # -- instances of the bundle's classes

    def reduce(self, value: Any) -> Reduced:
        kind = type(value)
        standard = _BY_TYPE.get('{}.{}'.format(kind.__module__, kind.__qualname__))
        if standard is not None:
            return self._reduce_standard(value, kind, standard)
        if kind is complex:
            return self._builders['complex'], (value.real, value.imag)
        if kind is deque:
            return self._builders['deque'], (value.maxlen,), None, iter(list(value))
        if kind is OrderedDict or kind is Counter:
            builder = self._builders['dict' if kind is OrderedDict else 'counter']
            return builder, (), None, None, iter(list(value.items()))
        if kind is defaultdict:
            return self._reduce_defaultdict(value)
        if kind.__module__ == 'uuid' and kind.__qualname__ == 'UUID':
            return self._builders['uuid'], (value.int,)
        located = self.bundle.locate(kind)
        if located is None:
            raise NotPlain('a {}'.format(type_name(kind)))
        if issubclass(kind, Enum):
            return self._builders['member'], (*located, value._name_)
        return self._reduce_instance(value, kind, located)

    def _reduce_standard(self, value: Any, kind: type, name: str) -> Reduced:
        module, qualified = _STANDARD[name][0].split(':')
        if getattr(sys.modules.get(module), qualified, None) is not kind:
            raise NotPlain('a {}'.format(type_name(kind)))
        args = _STANDARD[name][1](value)
        if name == 'zone' and args[0] is None:
            raise NotPlain('a zone without a name')
        return self._builders['standard'], (name, *args)

    def _reduce_defaultdict(self, value: Any) -> Reduced:
        factory = value.default_factory
        name = None if factory is None else getattr(factory, '__name__', None)
        if factory is not None and _FACTORIES.get(name) is not factory:
            raise NotPlain('a defaultdict of {}'.format(str(name)))
        return self._builders['defaultdict'], (name,), None, None, iter(list(value.items()))

    def _reduce_instance(self, value: Any, kind: type, located: tuple[str, str]) -> Reduced:
        base = self._base(kind)
        if base in CONTAINERS:
            own: Any = None
            content = content_of(value, base)
        elif base is object:
            own = content = None
        else:
            own, content = _own_value(value, base), None
        return (self._builders['make'], (*located, base.__name__, own), (content, attributes_of(value)), None, None,
                self._builders['fill'])

    def _base(self, kind: type) -> type:
        base = base_of(kind)
        if base is None:
            raise NotPlain('a {}, whose base is not plain'.format(type_name(kind)))
        if kind not in self._safe:
            try:
                base.__new__(kind)
            except TypeError as error:
                raise NotPlain('a {} ({})'.format(type_name(kind), error)) from None
            self._safe.add(kind)
        return base

    def _make(self, path: str, qualified: str, base_name: str, own: Any) -> Any:
        kind = self.bundle.resolve(_of(str, path), _of(str, qualified))
        base = None if kind is None else base_of(kind)
        if kind is None or base is None or base.__name__ != base_name or issubclass(kind, Enum):
            lost = Lost('{} of {}'.format(qualified, path))
            self.lost.append(lost)
            return lost
        if base is object or base in CONTAINERS:
            return base.__new__(kind)
        return base.__new__(kind, _of(base, own))

    def _member(self, path: str, qualified: str, name: str) -> Any:
        kind = self.bundle.resolve(_of(str, path), _of(str, qualified))
        if kind is not None and issubclass(kind, Enum):
            member = kind.__members__.get(_of(str, name))
            if member is not None:
                return member
        lost = Lost('{}.{} of {}'.format(qualified, name, path))
        self.lost.append(lost)
        return lost

    def _fill(self, value: Any, state: Any) -> None:
        content, held = state
        if type(value) is Lost:
            return
        kind = type(value)
        if self.bundle.locate(kind) is None or id(value) in self._ids:
            raise Refused('it changes what it should not')
        if content is not None:
            refill(value, base_of(kind), content)
        names = _of(dict, held)
        set_attributes(value, {_of(str, name): one for name, one in names.items()})

    def load_persistent(self, pid: Any) -> Any:
        if type(pid) is str:
            builder = self._builders.get(pid)
            if builder is None:
                raise Refused('it calls "{}"'.format(pid[:100]))
            return builder
        return self.find(pid)


class _Pickler(Pickler):
    def __init__(self, out: Any, codec: Codec) -> None:
        super().__init__(out, 4)
        self._reduce = codec.reduce
        self._known = codec.persistent_id

    def persistent_id(self, value: Any) -> Any:
        return self._known(id(value))

    def reducer_override(self, value: Any) -> Any:
        return self._reduce(value)


class _Unpickler(Unpickler):
    def __init__(self, data: Any, codec: Codec) -> None:
        super().__init__(data)
        self._load = codec.load_persistent

    def persistent_load(self, pid: Any) -> Any:
        return self._load(pid)

    def find_class(self, module: str, name: str) -> Any:
        raise UnpicklingError('it names {}.{}'.format(module, name)[:200])


def _find_nothing(_pid: Any) -> Any:
    raise Refused('a reference to nothing')


def is_standard(kind: type) -> bool:
    """Whether it is one of the standard library's kinds of data that are never changed in place."""
    name = '{}.{}'.format(kind.__module__, kind.__qualname__)
    return name in _BY_TYPE or name == 'uuid.UUID'


def type_name(kind: type) -> str:
    try:
        module = kind.__module__
        return kind.__qualname__ if module == 'builtins' else '{}.{}'.format(module, kind.__qualname__)
    except Exception:
        return 'value of some type'


def _own_value(value: Any, base: type) -> Any:
    """The value of an instance of a subclass of str, int, tuple..., without its class."""
    if base is str:
        return str.__str__(value)
    if base is bytes:
        return bytes.__getitem__(value, slice(None))
    if base is int:
        return int.__int__(value)
    if base is float:
        return float.__float__(value)
    if base is complex:
        return complex(value.real, value.imag)
    return base(base.__iter__(value))


def content_of(value: Any, base: type) -> Any:
    """What is in a container, as a list, dict, set or bytes; `base` is the built-in type that it is of."""
    if issubclass(base, dict):
        factory = value.default_factory if issubclass(base, defaultdict) else None
        name = None if factory is None else getattr(factory, '__name__', None)
        if factory is not None and _FACTORIES.get(name) is not factory:
            raise NotPlain('a defaultdict of {}'.format(str(name)))
        return (name, dict(dict.items(value)))
    if base is set:
        return set(set.__iter__(value))
    if base is bytearray:
        return bytes(value)
    if base is deque:
        return (value.maxlen, list(deque.__iter__(value)))
    return list(list.__iter__(value))


def refill(value: Any, base: type | None, content: Any) -> None:
    """Have a container hold `content` and nothing else; it stays the object that it is."""
    if base is None or base not in CONTAINERS:
        raise Refused('it fills a {}'.format(type(value).__name__))
    if issubclass(base, dict):
        name, items = content
        _of(dict, items)
        if base is defaultdict:
            value.default_factory = None if name is None else _FACTORIES[name]
        base.clear(value)
        for key, one in items.items():
            base.__setitem__(value, key, one)
    elif base is set:
        set.clear(value)
        set.update(value, _of(set, content))
    elif base is bytearray:
        bytearray.__setitem__(value, slice(None), _of(bytes, content))
    elif base is deque:
        longest, items = content
        deque.__init__(value, _of(list, items), longest)
    else:
        list.__setitem__(value, slice(None), _of(list, content))
