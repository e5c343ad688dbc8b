"""What a collector and its bundle held when the host was ready, and whether a run has left it so.

Nearly every run changes nothing, and is to pay next to nothing for that to be known: what is kept are the very
objects, and they are compared by identity, at the speed of C and without a copy or a call of anybody's code. A run that
is found to differ is looked at again, slowly, by _state.py.
"""
from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from itertools import chain
from operator import is_

from ._state_bundle import CONTAINERS, attributes_of, base_of, isinstance_exactly_type, slots_of
from ._state_codec import Codec, is_standard

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
THE_INSTANCE = (INSTANCE, '', '')  # its persistent id

flat = chain.from_iterable
_VALUES_OF = dict.values


class Look:
    """What an object and everything below it held: `same()` tells whether it still does.

    All that the objects held lies in a few long tuples: one for each object would be as many pages to copy.
    """

    __slots__ = ('lists', 'items', 'lengths', 'dicts', 'keys', 'values', 'counts', 'odd', 'sized', 'size')

    def __init__(self) -> None:
        self.lists: list[Any] = []  # and what is iterated likewise
        self.items: list[Any] = []
        self.lengths: list[int] = []
        self.dicts: list[Any] = []
        self.keys: list[Any] = []
        self.values: list[Any] = []
        self.counts: list[int] = []
        self.odd: list[tuple[Any, Callable[[Any], Any], Any]] = []  # subclasses and __slots__
        self.sized: list[tuple[Any, int]] = []  # too much to look into
        self.size = 0

    def same(self) -> bool:
        for held, count in self.sized:
            if len(held) != count:
                return False
        if self.lists and ([*map(len, self.lists)] != self.lengths
                           or not all(map(is_, flat(self.lists), self.items))):
            return False
        if self.dicts and ([*map(len, self.dicts)] != self.counts or not all(map(is_, flat(self.dicts), self.keys))
                           or not all(map(is_, flat(map(_VALUES_OF, self.dicts)), self.values))):
            return False
        for held, contents_of, contents in self.odd:
            now = contents_of(held)
            if len(now) != len(contents) or not all(map(is_, now, contents)):
                return False
        return True

    def add(self, other: Look) -> None:
        for mine, others in zip(self._parts(), other._parts()):
            mine += others

    def _parts(self) -> tuple[list[Any], ...]:
        return (self.lists, self.items, self.lengths, self.dicts, self.keys, self.values, self.counts, self.odd,
                self.sized)

    @property
    def is_any(self) -> bool:
        return any(self._parts())

    def note_list(self, held: Any) -> None:
        self.lists.append(held)
        self.lengths.append(len(held))
        self.items += held

    def note_dict(self, held: Any) -> None:
        self.dicts.append(held)
        self.counts.append(len(held))
        self.keys += held
        self.values += held.values()

    def note_odd(self, held: Any, contents_of: Callable[[Any], Any]) -> None:
        self.odd.append((held, contents_of, contents_of(held)))


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
        # One for all collectors: each with its own would be a memory of collectors times classes, which forks copy.
        self.same = check(self.owners, self.look)

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
        for name, value in zip(own.names, own.values):
            held = hold((INSTANCE, name), value, shared.bundle, _MOST_ITEMS)
            if held is not None:
                self.held.append(held)
                look.add(held.look)
        self.same = check([own], look, shared.same)
        # What only a run with state needs, made here because it is dearer in a child.
        self.owner_of = {owner.key: owner for owner in self.owners}
        self.held_of = {held.key: held for held in self.held}
        named: dict[int, Any] = {id(held.value): held.pid for held in self.held if held.tag is not None}
        named[id(instance)] = THE_INSTANCE
        self.codec = Codec(shared.bundle, named)


def check(owners: list[Owner], look: Look, others: Callable[[], bool] | None = None) -> Callable[[], bool]:
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
    if others is not None:
        known['others'] = others
        terms.append('others()')
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
            look.sized.append((value, len(value)))
        except Exception:
            return None
    elif not look.is_any:
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
    if kind in (list, set, deque, bytearray):
        look.note_list(value)
        return [] if kind is bytearray else list(value)
    if kind in (tuple, frozenset):
        return list(value)
    if kind in _DICTS:
        look.note_dict(value)
        return [*value, *value.values()]
    base = base_of(kind) if bundle.locate(kind) is not None else None
    if base is None:
        return []
    return [*_note_content(value, base, look), *_note_attributes(value, kind, look)]


def _note_content(value: Any, base: type, look: Look) -> list[Any]:
    """What an instance of a subclass of list, dict... holds as such; methods of the subclass are not called."""
    if issubclass(base, dict):
        look.note_odd(value, _items_of)
        return _items_of(value)
    if base in (tuple, frozenset):
        return list(base.__iter__(value))
    if base not in (list, set, deque, bytearray):
        return []
    iterate = base.__iter__

    def contents_of(held: Any) -> list[Any]:
        return list(iterate(held))

    look.note_odd(value, contents_of)
    return contents_of(value)


def _items_of(held: Any) -> list[Any]:
    return [*dict.keys(held), *dict.values(held)]


def _note_attributes(value: Any, kind: type, look: Look) -> list[Any]:
    if slots_of(kind):
        look.note_odd(value, _attributes_of)
    elif kind.__dictoffset__:
        look.note_dict(object.__getattribute__(value, '__dict__'))
    return list(attributes_of(value).values())


def _attributes_of(held: Any) -> list[Any]:
    attributes = attributes_of(held)
    return [*attributes, *attributes.values()]
