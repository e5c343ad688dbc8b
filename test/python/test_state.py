"""What a run changes goes on with the next one, on whatever host."""
from __future__ import annotations

import json
import os
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTestCase, frames  # noqa: E402

HEAD = 'from datakit_framework import DataKitFramework\n'


class Ran:
    def __init__(self, data: bytes) -> None:
        decoder = frames.Decoder(frames.FROM_RUN)
        decoder.feed(data)
        self.state = None
        self.told = []
        self.error = None
        self.warnings = []
        self.kinds = []
        for kind, payload in decoder.frames():
            self.kinds.append(kind)
            if kind == frames.NEW_STATE:
                self.state = bytes(payload)
            elif kind == frames.WARNING:
                self.warnings.append(json.loads(payload))
            elif kind == frames.FINISHED:
                self.error = json.loads(payload)['error']
            elif kind == frames.REPORT:
                self.told += [point['fields']['v'] for point in json.loads(payload)['points']]

    @property
    def codes(self):
        return [warning['code'] for warning in self.warnings]


class StateTestCase(HostTestCase):
    number = 0

    def host(self, init: str, run: str, head: str = '', **more):
        text = HEAD + textwrap.dedent(head) + '\nclass One(DataKitFramework):\n'
        if init:
            text += '    def __init__(self):\n' + textwrap.indent(textwrap.dedent(init), ' ' * 8) + '\n'
        text += '    def run(self):\n' + textwrap.indent(textwrap.dedent(run), ' ' * 8) + TOLD
        return self.start({'python.d/D/one.py': text}, **more)

    def go(self, host, state=None, key='D/one:One', carries=True) -> Ran:
        self.number += 1
        if state is not None:
            host.socket.sendall(frames.frame(frames.STATE, self.number.to_bytes(4, 'big') + state))
        host.order(self.number, key, **({} if carries else {'state': False}))
        host.wait_for(frames.ENDED, self.number)
        return Ran(host.results.pop(self.number, b''))

    def series(self, host, count: int):
        """Runs one after the other, each from what the last one left."""
        state, all_ran = None, []
        for _ in range(count):
            ran = self.go(host, state)
            state = state if ran.state is None else ran.state or None
            all_ran.append(ran)
        return all_ran


TOLD = '\n    def tell(self, value):\n        self.feed_metric(measurement="m", fields={"v": repr(value)})\n'


class CarriedTest(StateTestCase):
    def test_counters_of_instance_class_and_module_go_on(self):
        host = self.host('self.n = 0', '''
            global TOTAL
            TOTAL += 1
            Kept.runs += 1
            One.made_later = getattr(One, 'made_later', 0) + 1
            self.n += 1
            self.tell((self.n, Kept.runs, One.made_later, TOTAL))
        ''', head='TOTAL = 0\nclass Kept:\n    runs = 0\n')
        told = [ran.told for ran in self.series(host, 4)]
        self.assertEqual(told, [[repr((n, n, n, n))] for n in range(1, 5)])

    def test_what_was_mutated_goes_on(self):
        host = self.host('''
            import collections
            self.list, self.dict, self.set, self.bytes = [], {'a': {'b': []}}, set(), bytearray()
            self.deque, self.ordered = collections.deque(maxlen=2), collections.OrderedDict()
            self.default, self.counter = collections.defaultdict(list), collections.Counter()
            self.stats = Stats()
        ''', '''
            n = len(self.list)
            self.list.append(n)
            self.dict['a']['b'].append(n)
            self.set.add(n)
            self.bytes.append(n)
            self.deque.append(n)
            self.ordered[n] = n
            self.default['x'].append(n)
            self.counter['c'] += 1
            self.stats.add(n)
            TABLE.append(n)
            self.tell([self.list, self.dict, self.set, self.bytes, self.deque, list(self.ordered), dict(self.default),
                       self.counter['c'], self.stats.seen, self.stats.last, TABLE, type(self.default).__name__])
        ''', head='''
            TABLE = []
            class Stats:
                def __init__(self):
                    self.seen, self.last = {}, None
                def add(self, n):
                    self.seen[n] = n
                    self.last = n
        ''')
        last = self.series(host, 3)[-1]
        self.assertEqual(last.told, [
            "[[0, 1, 2], {'a': {'b': [0, 1, 2]}}, {0, 1, 2}, bytearray(b'\\x00\\x01\\x02'), deque([1, 2], maxlen=2), "
            "[0, 1, 2], {'x': [0, 1, 2]}, 3, {0: 0, 1: 1, 2: 2}, 2, [0, 1, 2], 'defaultdict']"])
        self.assertEqual(last.warnings, [])

    def test_new_values_of_every_kind(self):
        host = self.host('self.n = None', '''
            import datetime, decimal, fractions, uuid
            if self.n is None:
                self.n = [1, 2.5, 'x', b'y', None, True, 1j, (1, (2,)), {1}, frozenset([2]), 1 << 80,
                          datetime.date(2020, 1, 2), datetime.time(1, 2), datetime.timedelta(1, 2, 3),
                          datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.timezone.utc), decimal.Decimal('1.50'),
                          fractions.Fraction(1, 3), uuid.UUID(int=5), Color.RED, Pair(1, 2), Frozen(3), Slotted(4),
                          Text('t'), Numbers([1, 2])]
                self.n.append(self.n)
            else:
                assert self.n[-1] is self.n
                self.tell((self.n[:-1], self.n[-2].label))
        ''', head='''
            import collections, dataclasses, enum
            class Color(enum.Enum):
                RED = 1
            Pair = collections.namedtuple('Pair', 'a b')
            @dataclasses.dataclass(frozen=True)
            class Frozen:
                x: int
            class Slotted:
                __slots__ = ('y',)
                def __init__(self, y): self.y = y
                def __repr__(self): return 'Slotted(%r)' % self.y
            class Text(str): pass
            class Numbers(list):
                label = None
                def __init__(self, items):
                    super().__init__(items)
                    self.label = 'mine'
        ''')
        first, second = self.series(host, 2)
        self.assertEqual((first.error, first.warnings, second.error), (None, [], None))
        self.assertIn("Fraction(1, 3), UUID('00000000-0000-0000-0000-000000000005'), <Color.RED: 1>, "
                      "Pair(a=1, b=2), Frozen(x=3), Slotted(4), 't', [1, 2]]", second.told[0])
        self.assertTrue(second.told[0].endswith("'mine')"), second.told)
        self.assertIsNone(second.state)

    def test_what_two_names_share_they_go_on_sharing(self):
        host = self.host('''
            self.config = {'n': 0}
            self.reader = Reader(self.config, self)
        ''', '''
            self.config['n'] += 1
            self.reader.count += 1
            self.alias = self.config
            self.tell((self.reader.config is self.config, self.reader.owner is self, self.alias is self.config,
                       SHARED is self.shared(), self.config, self.reader.count))
        ''', head='''
            SHARED = []
            class Reader:
                def __init__(self, config, owner):
                    self.config, self.owner, self.count = config, owner, 0
            def shared(self):
                SHARED.append(1)
                return SHARED
            DataKitFramework.shared = shared
        ''')
        told = [ran.told[0] for ran in self.series(host, 3)]
        self.assertEqual(told, ["(True, True, True, True, {{'n': {0}}}, {0})".format(n) for n in (1, 2, 3)])

    def test_another_host_goes_on_from_there(self):
        make = lambda: self.host('self.n = 0', 'self.n += 1\nself.tell(self.n)')  # noqa: E731
        hosts = [make(), make()]
        state = None
        for n in range(1, 6):
            ran = self.go(hosts[n % 2], state)
            self.assertEqual(ran.told, [str(n)])
            state = ran.state

    def test_a_value_that_another_host_starts_with_is_kept(self):
        start = 'import os\nself.n = int(os.environ["START"])\nself.extra = None'
        run = 'self.n += 2\nself.tell(self.n)'
        five, seven = (self.host(start, run, env={'START': n, 'PATH': os.environ['PATH']}) for n in '57')
        first = self.go(five)
        second = self.go(seven, first.state)  # what it is given is what it starts with itself, and yet it is state
        third = self.go(five, second.state)
        self.assertEqual([first.told, second.told, third.told], [['7'], ['9'], ['11']])

    def test_deleted_and_cleared(self):
        host = self.host('self.once, self.n = 1, 0', '''
            self.tell((hasattr(self, 'once'), self.n))
            if hasattr(self, 'once'):
                del self.once
        ''')
        first, second, third = self.series(host, 3)
        self.assertEqual([ran.told for ran in (first, second, third)], [['(True, 0)'], ['(False, 0)'], ['(False, 0)']])
        self.assertEqual((second.state, third.state), (None, None))

    def test_nothing_is_left_when_all_is_as_it_was(self):
        host = self.host('self.cache = {}', '''
            self.extra = 1 if not hasattr(self, 'extra') else None
            if self.extra is None:
                del self.extra
        ''')
        first, second = self.series(host, 2)
        self.assertTrue(first.state)
        self.assertEqual(second.state, b'')

    def test_the_same_data_bound_anew_is_no_change(self):
        host = self.host('self.cache, self.last = {}, 1.5', 'self.cache = dict()\nself.last = float("1.5")')
        self.assertIsNone(self.go(host).state)

    def test_it_is_kept_when_run_raises_and_comes_before_finished(self):
        host = self.host('self.n = 0', 'self.n += 1\nraise ValueError(str(self.n))')
        first, second = self.series(host, 2)
        self.assertEqual((first.error['message'], second.error['message']), ('1', '2'))
        self.assertEqual(second.kinds[-2:], [frames.NEW_STATE, frames.FINISHED])

    def test_not_where_it_is_turned_off(self):
        host = self.host('self.n = 0', 'import threading\nself.n += 1\nself.lock = threading.Lock()\nself.tell(self.n)')
        ran = self.go(host, carries=False)
        self.assertEqual((ran.told, ran.state, ran.warnings), (['1'], None, []))

    def test_what_an_import_or_def_in_run_adds_is_no_state(self):
        host = self.host('', '''
            global json, helper, K
            import json
            def helper(): pass
            class K: pass
        ''')
        ran = self.go(host)
        self.assertEqual((ran.state, ran.warnings), (None, []))

    def test_what_a_process_of_the_run_changes_is_its_own(self):
        host = self.host('self.n = 0', '''
            import os
            self.n = 1
            if os.fork() == 0:
                self.n = 2
                return
            os.wait()
        ''')
        ran = self.go(host)
        self.assertEqual(ran.kinds.count(frames.NEW_STATE), 1)
        self.assertEqual(self.go(host, ran.state).state, None)

    def test_the_header_names_what_is_in_it(self):
        host = self.host('self.n = 0', 'global T\nself.n += 1\nT = 1\nKept.c = 2', head='T = 0\nclass Kept:\n    c = 0\n')
        state = self.go(host).state
        length = int.from_bytes(state[:2], 'big')
        self.assertEqual(json.loads(state[2:2 + length]), {
            'instance': ['n'], 'modules': {'one': ['T']}, 'classes': {'one:Kept': ['c']}})


class WarningsTest(StateTestCase):
    def test_what_is_not_plain_is_named_once_and_the_rest_is_carried(self):
        host = self.host('self.n = 0', '''
            import threading
            self.n += 1
            self.lock = {'deep': [threading.Lock()]}
            self.tell(self.n)
        ''')
        runs = self.series(host, 3)
        self.assertEqual([ran.told for ran in runs], [['1'], ['2'], ['3']])
        self.assertEqual([ran.codes for ran in runs], [['state-not-carried'], [], []])
        self.assertRegex(runs[0].warnings[0]['message'], r'^self\.lock is not carried .*: it holds a _?thread\.[lL]ock')

    def test_what_the_constructor_made_and_nobody_changed_is_not_named(self):
        host = self.host('import threading\nself.lock = threading.Lock()\nself.n = 0', 'self.n += 1\nwith self.lock: pass')
        self.assertEqual([ran.warnings for ran in self.series(host, 2)], [[], []])

    def test_too_large_names_and_attributes_are_left_out(self):
        host = self.host('self.n = 0', '''
            global BIG
            self.n += 1
            BIG = 'x' * 70000
            self.huge = 'y' * (1 << 20)
            self.fits = 'z' * 500000
            self.tell((self.n, len(BIG)))
        ''', head='BIG = ""')
        runs = self.series(host, 2)
        self.assertEqual([ran.told for ran in runs], [['(1, 70000)'], ['(2, 70000)']])
        self.assertEqual(sorted(runs[0].codes), ['state-too-large', 'state-too-large'])
        self.assertEqual(runs[1].warnings, [])
        self.assertLess(len(runs[0].state), 1 << 20)
        self.assertIn('BIG of one', ' '.join(warning['message'] for warning in runs[0].warnings))

    def test_a_class_that_is_gone_takes_only_its_own_along(self):
        old = self.host('self.n, self.item = 0, None', 'self.n += 1\nself.item = {"in": [Old()]}',
                        head='class Old:\n    pass\n')
        state = self.go(old).state
        new = self.host('self.n, self.item = 0, None', 'self.n += 1\nself.tell((self.n, self.item))')
        ran = self.go(new, state)
        self.assertEqual((ran.told, ran.codes), (['(2, None)'], ['state-dropped']))
        self.assertIn('Old of python.d/D/one.py', ran.warnings[0]['message'])

    def test_state_of_another_version_is_offered_by_name(self):
        old = self.host('self.n, self.gone = 0, []', 'self.n += 1\nself.gone.append(1)', head='TABLE = {}')
        state = self.go(old).state
        new = self.host('self.n, self.gone = "text", None', 'self.tell((self.n, self.gone))')
        self.assertEqual(self.go(new, state).told, ['(1, [1])'])

    def test_a_name_that_is_code_by_now_stays_so(self):
        old = self.host('', 'global LIMIT\nLIMIT += 1', head='LIMIT = 0')
        state = self.go(old).state
        new = self.host('', 'self.tell(callable(LIMIT))', head='def LIMIT(): pass')
        self.assertEqual(self.go(new, state).told, ['True'])


class OrderTest(StateTestCase):
    def test_a_state_has_to_be_followed_by_its_run(self):
        for frame in (frames.message(frames.RENEW, {'run': 1, 'leaseMs': 1}), frames.frame(frames.STATE, b'\0\0\0\1'),
                      frames.message(frames.RUN, {'run': 2, 'collector': 'x', 'timeoutMs': 1, 'leaseMs': 1})):
            host = self.host('', 'pass')
            host.socket.sendall(frames.frame(frames.STATE, b'\0\0\0\1') + frame)
            self.assertEqual(host.wait_for(frames.FATAL)['code'], 'unexpected')


if __name__ == '__main__':
    unittest.main()
