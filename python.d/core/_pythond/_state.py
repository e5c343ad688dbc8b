"""What a run changed, carried to the next run of its collector: restored before run(), collected after it.

The bytes are `u16 length | JSON header | pickle`. The header says which names the pickle holds, for people; nobody
believes it. The pickle is of {'v', 'names', 'contents', 'gone', 'told'}: values bound to names, contents of objects that
stayed where they were, names that were deleted, and which warnings were given already.
"""
from __future__ import annotations

from functools import partial
from json.encoder import encode_basestring_ascii as quoted
from os import devnull
from struct import Struct

from ._state_bundle import CONTAINERS, Bundle, attributes_of, base_of, remove_attribute, set_attribute, set_attributes
from ._state_codec import Codec, Lost, NotPlain, content_of, refill, type_name
from ._state_vet import Refused
from ._state_watch import INSTANCE, THE_INSTANCE, Baseline, Shared, is_carried_name, is_plain, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ._state_watch import Held, Key, Owner

    Warn = Callable[[str, str], None]

MOST_BYTES = 1 << 20
MOST_NAMES_BYTES = 64 << 10  # of it, for what modules and classes hold
_MOST_HEADER = 8192
_MOST_TOLD = 200
_VERSION = 1
_LENGTH = Struct('>H')
_MISSING = object()
_SCALARS = (bool, int, float, complex, str, bytes)
_TIMES = 40  # see _rehearsal.py


class States:
    """The baselines of all collectors of a host."""

    def __init__(self, bundle: Bundle, instances: dict[str, Any]) -> None:
        shared = Shared(bundle)
        self._baselines = {key: Baseline(instance, shared) for key, instance in instances.items()}
        self.same = {key: baseline.same for key, baseline in self._baselines.items()}
        for check in self.same.values():
            for _ in range(_TIMES):
                check()
        _rehearse()

    def carrier(self, key: str, received: bytes | None, warn: Warn) -> Carrier:
        return Carrier(self._baselines[key], received, warn)


class _Sample:
    def __init__(self) -> None:
        self.count = 0
        self.seen: dict[int, float] = {}


def _rehearse() -> None:
    """Carry some state from run to run, so that a child finds all of this as it will be."""
    sample = _Sample()
    baseline = Baseline(sample, Shared(Bundle(devnull)))
    state: bytes | None = None
    for number in range(_TIMES):
        carrier = Carrier(baseline, state, _ignore)
        carrier.restore()
        sample.count += 1
        sample.seen[number % 4] = 1.5
        state = carrier.collect() or state


def _ignore(_code: str, _message: str) -> None:
    pass


class Carrier:
    """One run's state: made -> restored (where there was state) -> collected.

    Only a run that was given state, or that changed something, needs one.
    """

    def __init__(self, baseline: Baseline, received: bytes | None, warn: Warn) -> None:
        self._baseline = baseline
        self._received = received
        self._warn = warn
        self._codec = baseline.codec
        self._codec.find = self._object
        self._owners = baseline.owner_of
        self._held = baseline.held_of
        self._names: set[Key] = set()  # what the state brought, and goes on belonging to it
        self._contents: set[Key] = set()
        self._told: set[str] = set()
        self._known_told: set[str] = set()
        self._fresh: dict[Any, Any] = {}

    # -- before run()

    def restore(self) -> None:
        """Never raises: without its state a run starts from the baseline."""
        data = self._received
        if not data:
            return
        try:
            (length,) = _LENGTH.unpack_from(data)
            self._restore(self._codec.decode(data, _LENGTH.size + length))
        except Exception as error:
            why = str(error) if isinstance(error, Refused) else '{}: {}'.format(type(error).__name__, error)
            self._warn('state-refused', 'the state that earlier runs left is not used: ' + why[:500])

    def _restore(self, state: Any) -> None:
        if type(state) is not dict or state.get('v') != _VERSION:
            raise Refused('it is of a version that this host does not know')
        names, contents = _checked(state['names']), _checked(state['contents'])
        gone = [_key(key) for key in state['gone']]
        self._told = {told for told in state['told'] if type(told) is str}
        self._known_told = set(self._told)
        if self._codec.lost:
            self._drop_lost(names, contents)
        for key, (tag, content, attributes) in contents.items():
            if self._fill(key, tag, content, attributes):
                self._contents.add(key)
            elif key not in names and self._bind(key, self._object((*key, tag))):
                self._names.add(key)
        for key, value in names.items():
            if self._bind(key, value):
                self._names.add(key)
        for key in gone:
            self._unbind(key)

    def _drop_lost(self, names: dict[Key, Any], contents: dict[Key, Any]) -> None:
        for part in (names, contents):
            for key, value in list(part.items()):
                lost = _find_lost(value, self._codec)
                if lost is not None:
                    del part[key]
                    self._warn('state-dropped', '{} starts anew: it held an instance of {}, which the bundle has no '
                               'more'.format(self._label(key), lost.what))

    def _fill(self, key: Key, tag: Any, content: Any, attributes: Any) -> bool:
        """Fill the object of that name, or a new one that the bundle has no place for yet: then False."""
        value = self._object((*key, tag))
        base = base_of(type(value))
        if content is not None:
            refill(value, base, content)
        if attributes is not None:
            if type(attributes) is not dict:
                raise Refused('attributes that are none')
            set_attributes(value, attributes)
        held = self._held.get(key)
        return held is not None and held.value is value

    def _object(self, pid: Any) -> Any:
        """The object that a persistent id stands for."""
        if pid == THE_INSTANCE:
            return self._baseline.instance
        if type(pid) is not tuple or len(pid) != 3:
            raise Refused('a reference to nothing')
        owner, name, tag = pid
        held = self._held.get((owner, name))
        if held is not None and held.tag == tag and tag is not None:
            return held.value
        if pid not in self._fresh:
            self._fresh[pid] = self._new(tag)
        return self._fresh[pid]

    def _new(self, tag: Any) -> Any:
        for base in CONTAINERS:
            if base.__name__ == tag:
                return base()
        if tag == 'Counter':
            from collections import Counter

            return Counter()
        path, _, qualified = str(tag).partition(':')
        kind = self._bundle.resolve(path, qualified)
        base = None if kind is None else base_of(kind)
        if kind is None or not (base is object or base in CONTAINERS):
            raise Refused('an object of {}, which the bundle has no more'.format(str(tag)[:200]))
        return base.__new__(kind)

    def _bind(self, key: Key, value: Any) -> bool:
        owner = self._owners.get(key[0])
        if owner is None or not is_carried_name(key[1]):
            return False  # a module or class that is gone
        if owner.key == INSTANCE:
            set_attribute(owner.target, key[1], value)
            return True
        if key[1] in owner.keys and key[1] not in owner.names:
            return False  # what was data is code now
        if type in type(owner.target).__mro__:
            type.__setattr__(owner.target, key[1], value)
        else:
            owner.space()[key[1]] = value
        return True

    def _unbind(self, key: Key) -> None:
        owner = self._owners.get(key[0])
        if owner is None or key[1] not in owner.names or key[1] not in owner.space():
            return
        if owner.key == INSTANCE:
            remove_attribute(owner.target, key[1])
        elif type in type(owner.target).__mro__:
            type.__delattr__(owner.target, key[1])
        else:
            del owner.space()[key[1]]

    # -- after run()

    def collect(self) -> bytes | None:
        """The state to be carried on; None: it is what it was; empty: there is none any more. Never raises."""
        try:
            payload = self._payload()
            if payload == (self._received or b''):
                return None
            return payload
        except Exception as error:
            self._warn('state-not-carried', 'what this run changed is not carried to the next one: {}: {}'.format(
                type(error).__name__, str(error)[:500]))
            return None

    def _payload(self) -> bytes:
        names, gone = self._changed_names()
        contents = self._changed_contents()
        try:
            data = self._encode(names, contents, gone)
        except Exception:  # something in it is not plain
            data = None
        if data is None or len(data) > MOST_NAMES_BYTES:
            return self._part_by_part(names, contents, gone)
        return data

    def _part_by_part(self, names: dict[Key, Any], contents: dict[Key, Held], gone: list[Key]) -> bytes:
        """Leave out what can't be carried, or is too much."""
        sizes = self._sizes(names, contents)
        self._fit(sizes, lambda key: key[0] != INSTANCE, MOST_NAMES_BYTES)
        self._fit(sizes, lambda key: True, MOST_BYTES - _MOST_HEADER - 4096)
        return self._encode({key: names[key] for kind, key in sizes if kind == 'name'},
                            {key: contents[key] for kind, key in sizes if kind == 'content'}, gone)

    def _encode(self, names: dict[Key, Any], contents: dict[Key, Held], gone: list[Key]) -> bytes:
        if not (names or contents or gone or self._told):
            return b''
        header = self._header([*names, *contents, *gone])
        pickled = self._codec.encode({
            'v': _VERSION, 'names': names, 'contents': {key: self._content(held) for key, held in contents.items()},
            'gone': sorted(gone), 'told': sorted(self._told)[:_MOST_TOLD]})
        return _LENGTH.pack(len(header)) + header + pickled

    def _content(self, held: Held) -> tuple[str | None, Any, dict[str, Any] | None]:
        value = held.value
        base = base_of(type(value))
        return (held.tag, content_of(value, base) if base in CONTAINERS else None,
                attributes_of(value) if self._bundle.locate(type(value)) is not None else None)

    def _changed_names(self) -> tuple[dict[Key, Any], list[Key]]:
        names: dict[Key, Any] = {}
        gone: list[Key] = []
        for owner in self._baseline.owners:
            space = dict(owner.space())
            for name, before in zip(owner.names, owner.values):
                now = space.get(name, _MISSING)
                if now is _MISSING:
                    gone.append((owner.key, name))
                elif (owner.key, name) in self._names or (
                        now is not before and not self._is_equal((owner.key, name), before, now)):
                    names[owner.key, name] = now
                elif now is before and self._is_changed_inside((owner.key, name)):
                    names[owner.key, name] = now
            for name in space.keys() - owner.keys:
                if owner.key == INSTANCE or self._is_new_data(name, space[name]):
                    names[owner.key, name] = space[name]
        return {key: names[key] for key in sorted(names)}, gone

    def _is_equal(self, key: Key, before: Any, now: Any) -> bool:
        """Bound anew, to the same data: a run that clears what it had is no change."""
        held = self._held.get(key)
        if type(before) is not type(now) or (held is not None and not held.look.same()):
            return False
        if type(now) in _SCALARS:
            return repr(before) == repr(now)
        try:
            codec = Codec(self._bundle, {id(self._baseline.instance): THE_INSTANCE})
            return codec.encode(before) == codec.encode(now)
        except Exception:
            return False

    def _is_changed_inside(self, key: Key) -> bool:
        """Of what can't be filled in place: a tuple of lists, say."""
        held = self._held.get(key)
        return held is not None and held.tag is None and not held.look.same()

    def _is_new_data(self, name: str, value: Any) -> bool:
        """A module or class got a name: by an import or a def in run(), which the next run does itself, or for data."""
        kind = type(value)
        if not is_carried_name(name) or type in kind.__mro__ or kind.__name__ in (
                'module', 'function', 'builtin_function_or_method', 'property', 'staticmethod', 'classmethod'):
            return False
        return True

    def _changed_contents(self) -> dict[Key, Held]:
        changed = {held.key: held for held in self._baseline.held
                   if held.tag is not None and (held.key in self._contents or not held.look.same())}
        return {key: changed[key] for key in sorted(changed)}

    def _sizes(self, names: dict[Key, Any], contents: dict[Key, Held]) -> dict[tuple[str, Key], int]:
        """The size of all that can be carried; says what can't."""
        sizes: dict[tuple[str, Key], int] = {}
        for key, value in names.items():
            size = self._size(key, partial(self._codec.encode, value))
            if size is not None:
                sizes['name', key] = size
        for key, held in contents.items():
            size = self._size(key, partial(self._encode_content, held))
            if size is not None:
                sizes['content', key] = size
        return sizes

    def _encode_content(self, held: Held) -> bytes:
        return self._codec.encode(self._content(held))

    def _size(self, key: Key, encode: Callable[[], bytes]) -> int | None:
        try:
            return len(encode()) + sum(map(len, key)) + 16
        except NotPlain as error:
            why = 'it holds {}'.format(error)
        except RecursionError:
            why = 'it is nested too deeply'
        except Exception as error:
            why = '{}: {}'.format(type(error).__name__, str(error)[:200])
        self._tell('state-not-carried', key, '{} is not carried to the next run: {}. Only plain data and instances of '
                   'the script\'s own classes are'.format(self._label(key), why))
        return None

    def _fit(self, parts: dict[tuple[str, Key], int], concerns: Callable[[Key], bool], most: int) -> None:
        """Leave the largest out until the rest fits."""
        sizes = sorted((size, part) for part, size in parts.items() if concerns(part[1]))
        total = sum(size for size, _ in sizes)
        while total > most:
            size, part = sizes.pop()
            total -= size
            del parts[part]
            self._tell('state-too-large', part[1], '{} is not carried to the next run: it takes {:,} bytes, and {:,} '
                       'are the most for {}'.format(
                           self._label(part[1]), size, most, 'names of modules and classes'
                           if most == MOST_NAMES_BYTES else 'all state of a collector'))

    def _tell(self, code: str, key: Key, message: str) -> None:
        told = '{} {} {}'.format(code, *key)
        self._told.add(told)
        if told not in self._known_told:
            self._warn(code, message)

    # -- names

    @property
    def _bundle(self) -> Bundle:
        return self._baseline.shared.bundle

    def _codec(self) -> Codec:
        named: dict[int, Any] = {id(held.value): held.pid for held in self._baseline.held if held.tag is not None}
        named[id(self._baseline.instance)] = THE_INSTANCE
        return Codec(self._bundle, named, self._object)

    def _label(self, key: Key) -> str:
        owner, name = key
        if owner == INSTANCE:
            return 'self.' + name
        path, _, qualified = owner.partition(':')
        module = self._module_name(path)
        return '{}.{} of {}'.format(qualified, name, module) if qualified else '{} of {}'.format(name, module)

    def _module_name(self, path: str) -> str:
        module = self._bundle.modules.get(path)
        name = getattr(module, '__name__', path)
        return path if name.startswith('_pythond_') else name

    def _header(self, keys: list[Key]) -> bytes:
        """By hand, since an encoder would be made anew in every run with state."""
        instance: list[str] = []
        modules: dict[str, list[str]] = {}
        classes: dict[str, list[str]] = {}
        for owner, name in sorted(set(keys)):
            path, _, qualified = owner.partition(':')
            if owner == INSTANCE:
                names = instance
            elif qualified:
                names = classes.setdefault('{}:{}'.format(self._module_name(path), qualified), [])
            else:
                names = modules.setdefault(self._module_name(path), [])
            names.append(quoted(name))
        text = '{{"instance":[{}],"modules":{},"classes":{}}}'.format(
            ','.join(instance), _listed(modules), _listed(classes)).encode('ascii')
        return text if len(text) <= _MOST_HEADER else b'{"count":%d}' % len(keys)


def _listed(owners: dict[str, list[str]]) -> str:
    return '{{{}}}'.format(','.join('{}:[{}]'.format(quoted(owner), ','.join(names)) for owner, names in owners.items()))


def _key(key: Any) -> Key:
    if type(key) is tuple and len(key) == 2 and type(key[0]) is str and type(key[1]) is str:
        return key
    raise Refused('a name that is none')


def _checked(part: Any) -> dict[Key, Any]:
    if type(part) is not dict:
        raise Refused('names that are none')
    return {_key(key): value for key, value in part.items()}


def _find_lost(value: Any, codec: Codec) -> Lost | None:
    seen = {id(value)}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is Lost:
            return one
        for part in codec.parts(one):
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
    return None
