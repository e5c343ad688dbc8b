"""What a collector and its bundle held when the host was ready, and whether a run has left it so.

Nearly every run changes nothing, and is to pay next to nothing for that to be known: what is kept are the very
objects, and they are compared by identity, at the speed of C and without a copy or a call of anybody's code. A run that
is found to differ is looked at again, slowly, by _state.py.
"""
from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from operator import is_

from ._state_bundle import CONTAINERS, attributes_of, base_of, isinstance_exactly_type, slots_of
from ._state_codec import is_standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

    from ._state_bundle import Bundle

    Key = tuple[str, str]  # owner, name

_SCALARS = frozenset((type(None), bool, int, float, complex, str, bytes))
_DICTS = frozenset((dict, OrderedDict, defaultdict, Counter))
_MOST_ITEMS = 20_000  # of one object, nested ones included: more is a table, and only its length is watched
_MOST_SHARED_ITEMS = 50_000  # of all module and class names of a bundle

INSTANCE = ''


class Look:
    """What an object and everything below it held: `same()` tells whether it still does."""

    __slots__ = ('lists', 'dicts', 'slotted', 'lengths', 'size')

    def __init__(self) -> None:
        self.lists: list[tuple[Any, tuple[Any, ...]]] = []
        self.dicts: list[tuple[Any, tuple[Any, ...], tuple[Any, ...]]] = []
        self.slotted: list[tuple[Any, dict[str, Any]]] = []
        self.lengths: list[tuple[Any, int]] = []
        self.size = 0

    def same(self) -> bool:
        for held, count in self.lengths:
            if len(held) != count:
                return False
        for held, items in self.lists:
            if len(held) != len(items) or not all(map(is_, held, items)):
                return False
        for held, keys, values in self.dicts:
            if len(held) != len(keys) or not all(map(is_, dict.values(held), values)) \
                    or not all(map(is_, held, keys)):
                return False
        for held, attributes in self.slotted:
            now = attributes_of(held)
            if len(now) != len(attributes) or not all(now.get(name, self) is value
                                                      for name, value in attributes.items()):
                return False
        return True

    def add(self, other: Look) -> None:
        self.lists += other.lists
        self.dicts += other.dicts
        self.slotted += other.slotted
        self.lengths += other.lengths

    @property
    def is_any(self) -> bool:
        return bool(self.lists or self.dicts or self.slotted or self.lengths)

    def note_dict(self, held: Any) -> None:
        self.dicts.append((held, tuple(dict.keys(held)), tuple(dict.values(held))))


class Held:
    """A name whose value can change without being bound anew."""

    __slots__ = ('key', 'value', 'tag', 'look')

    def __init__(self, key: Key, value: Any, tag: str | None, look: Look) -> None:
        self.key, self.value, self.look = key, value, look
        self.tag = tag  # None: it can't be filled in place

    @property
    def pid(self) -> tuple[str, str, str | None]:
        return (*self.key, self.tag)


class Owner:
    """The collector's instance, a module or a class: whose names are watched."""

    def __init__(self, key: str, target: Any, names: list[str]) -> None:
        self.key = key
        self.target = target
        self.is_slotted = key == INSTANCE and bool(slots_of(type(target)))
        space = self.space()
        self.names = tuple(names)
        self.values = tuple(space[name] for name in names)
        self.keys = frozenset(space)
        self.count = len(space)

    def space(self) -> Mapping[str, Any]:
        if self.is_slotted:
            return attributes_of(self.target)
        if self.key == INSTANCE:
            try:
                return object.__getattribute__(self.target, '__dict__')
            except AttributeError:
                return {}
        return vars(self.target)

    def same_slots(self) -> bool:
        space = self.space()
        return len(space) == self.count and all(space.get(name, self) is value
                                                for name, value in zip(self.names, self.values))


class Shared:
    """What all collectors of a bundle see: its modules' and classes' plain names."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.owners: list[Owner] = []
        self.held: list[Held] = []
        self.look = Look()
        self._budget = _MOST_SHARED_ITEMS
        for path, module in bundle.modules.items():
            self._watch(path, module)
        for key, cls in bundle.classes():
            self._watch(key, cls)

    def _watch(self, key: str, target: Any) -> None:
        names = [name for name, value in list(vars(target).items())
                 if is_carried_name(name) and is_plain(value, self.bundle)]
        owner = Owner(key, target, names)
        self.owners.append(owner)
        for name, value in zip(owner.names, owner.values):
            held = hold((key, name), value, self.bundle, min(_MOST_ITEMS, self._budget))
            if held is not None:
                self._budget -= held.look.size
                self.held.append(held)
                self.look.add(held.look)


class Baseline:
    """What one collector may change."""

    def __init__(self, instance: Any, shared: Shared) -> None:
        self.instance = instance
        self.shared = shared
        own = Owner(INSTANCE, instance, [])
        own = Owner(INSTANCE, instance, [name for name in own.space() if type(name) is str])
        self.owners = [own, *shared.owners]
        self.held = list(shared.held)
        look = Look()
        look.add(shared.look)
        for name, value in zip(own.names, own.values):
            held = hold((INSTANCE, name), value, shared.bundle, _MOST_ITEMS)
            if held is not None:
                self.held.append(held)
                look.add(held.look)
        self.same = check(self.owners, look)


def check(owners: list[Owner], look: Look) -> Callable[[], bool]:
    """A function that tells whether everything is as it was.

    It is written for these owners, as one expression: every run calls it once, right after a fork, when each object that
    is touched costs the copy of its page, which takes longer than all that is done with it.
    """
    terms: list[str] = []
    known: dict[str, Any] = {}
    for number, owner in enumerate(owners):
        space = 's{}'.format(number)
        known[space] = owner.space()
        if owner.is_slotted:
            known[space] = owner
            terms.append('{}.same_slots()'.format(space))
            continue
        terms.append('len({}) == {}'.format(space, owner.count))
        for index, (name, value) in enumerate(zip(owner.names, owner.values)):
            known['{}v{}'.format(space, index)] = value
            terms.append('{0}[{1!r}] is {0}v{2}'.format(space, name, index))
    if look.is_any:
        known['look'] = look
        terms.append('look.same()')
    source = 'def same():\n try:\n  return {}\n except KeyError:\n  return False'.format('\n   and '.join(terms) or 'True')
    exec(compile(source.replace('\n   and ', ' and '), '<state>', 'exec'), known)
    return known['same']


def is_carried_name(name: Any) -> bool:
    return type(name) is str and not (name.startswith('__') and name.endswith('__')) and name != '_abc_impl'


def is_plain(value: Any, bundle: Bundle) -> bool:
    """Whether a name of a module or class that holds this is data, and not code or somebody else's object."""
    kind = type(value)
    if kind in _SCALARS or kind in _DICTS or kind in CONTAINERS or kind in (tuple, frozenset) or is_standard(kind):
        return True
    return not isinstance_exactly_type(value) and bundle.locate(kind) is not None


def hold(key: Key, value: Any, bundle: Bundle, budget: int) -> Held | None:
    """None for what can't change but by being bound anew, or is not looked into."""
    look = Look()
    if not _look_into(value, bundle, look, budget):
        look = Look()
        try:
            look.lengths.append((value, len(value)))
        except Exception:
            return None
    elif not (look.lists or look.dicts or look.slotted):
        return None
    return Held(key, value, tag_of(value, bundle), look)


def tag_of(value: Any, bundle: Bundle) -> str | None:
    """Which kind of object can be filled with the content of this one; None: none can."""
    kind = type(value)
    if kind in CONTAINERS or kind is Counter:
        return kind.__name__
    located = bundle.locate(kind)
    base = base_of(kind) if located is not None else None
    return '{}:{}'.format(*located) if located and (base is object or base in CONTAINERS) else None


def _look_into(top: Any, bundle: Bundle, look: Look, budget: int) -> bool:
    """False when there is more than `budget`."""
    seen = {id(top)}
    waiting = [top]
    while waiting:
        value = waiting.pop()
        parts = _note(value, bundle, look)
        look.size += len(parts)
        if look.size > budget:
            return False
        for part in parts:
            if type(part) not in _SCALARS and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
    return True


def _note(value: Any, bundle: Bundle, look: Look) -> list[Any]:
    """Note what a value holds; returns it."""
    kind = type(value)
    if kind in (list, set, deque):
        look.lists.append((value, tuple(value)))
        return list(value)
    if kind in (tuple, frozenset):
        return list(value)
    if kind is bytearray:
        look.lists.append((value, tuple(value)))
        return []
    if kind in _DICTS:
        look.note_dict(value)
        return [*dict.keys(value), *dict.values(value)]
    if bundle.locate(kind) is None or base_of(kind) is None:
        return []
    return _note_instance(value, kind, look)


def _note_instance(value: Any, kind: type, look: Look) -> list[Any]:
    parts: list[Any] = []
    base = base_of(kind)
    if base is not None and issubclass(base, dict):
        look.note_dict(value)
        parts += [*dict.keys(value), *dict.values(value)]
    elif base in (list, set, deque, tuple, frozenset):
        items = tuple(base.__iter__(value))
        if base in (list, set, deque):
            look.lists.append((value, items))
        parts += items
    attributes = attributes_of(value)
    if slots_of(kind):
        look.slotted.append((value, attributes))
    elif hasattr(type(value), '__dict__') and kind.__dictoffset__:
        look.note_dict(object.__getattribute__(value, '__dict__'))
    return [*parts, *attributes.values()]
