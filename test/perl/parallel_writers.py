# Sessions that write the same metrics at the same time, each step once, and
# what must have come of it.
#
#   parallel_writers.py play SEED SESSIONS TRANSACTIONS FIRST_RUN_ID DIRECTORY
#
# writes a script for psql a session.  Steps come from a sequence that all share;
# some are made late.  The low bits of a step name the session and transaction.
#
#   parallel_writers.py check DIRECTORY
#
# reads what the server made of it: the points, when each transaction was about
# to commit and when it had, and the executions.  Two automations hold on every
# window of 4 and of 20 values: they show what the judge saw at each row, its
# view.  Then
#
# stale    a view lacks a point up to its row that was committed before the row
#          was written, or a row that its own transaction judged before
# early    a view has a point that nobody committed, that nobody had begun to
#          commit when the row was judged, that comes after the row, or out of
#          order
# direct   a row has no view, or the other automations did not fire on just those
#          views on which they hold, by plain arithmetic
# twice    an automation has fired twice on a step

import bisect
import os
import random
import sys

from arrival_oracle import Rule

ROWS_PER_RUN = 2000
RULES = {
    'all 4': Rule('loss', 'threshold', size=4, agg='max', word='>', amount=-1.0),
    'all 20': Rule('loss', 'threshold', size=20, agg='max', word='>', amount=-1.0),
    'avg 4': Rule('loss', 'threshold', size=4, agg='avg', word='>', amount=60.0),
    'low 4': Rule('loss', 'threshold', size=4, agg='max', word='<', amount=60.0),
    'rise 4': Rule('loss', 'change', size=2, prior=2, agg='avg', word='increase', amount=30.0),
    'avg 20': Rule('loss', 'threshold', size=20, agg='avg', word='<', amount=47.0),
    'far 20': Rule('loss', 'zscore', prior=19, word='any', amount=1.5),
    'flat 20': Rule('loss', 'plateau', size=10, prior=10, agg='min', amount=0.5),
}
ALWAYS = {'all 4': 4, 'all 20': 20}


# ----- play

def put(rng, session, transaction, count):
    late = rng.choice([0, 0, 0, 0, 1, 3, 30]) if rng.random() < 0.3 else 0
    return ("INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at)"
            " SELECT :first + 2 * (n / %d) + %d, 'loss', ((n - %d) << 32) + %d + n %% 64, (n * 7919 %% 1000003) / 10000.0, clock_timestamp()"
            " FROM (SELECT nextval('steps') AS n FROM generate_series(1, %d)) s;\n"
            % (ROWS_PER_RUN, rng.random() < 0.3, late, (session << 28) + (transaction << 6), count))


def ended(session, transaction):
    return 'INSERT INTO ended VALUES (%d, %d, clock_timestamp());\n' % (session, transaction)


def play_transaction(rng, session, number):
    if rng.random() < 0.35:
        return put(rng, session, number, rng.choice([1, 1, 1, 3])) + ended(session, number)
    level = rng.choice(['', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE'])
    sql = 'BEGIN%s;\n' % level
    for _ in range(rng.randrange(1, 5)):
        kind = rng.random()
        if kind < 0.15:
            sql += 'SAVEPOINT s;\n' + put(rng, session, number, 2) + ('ROLLBACK TO s;\n' if rng.random() < 0.6 else 'RELEASE s;\n')
        elif kind < 0.2 and 'SERIALIZABLE' not in level:
            # what a DELETE reads can itself be in the way of another one's rows
            sql += "INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:first, 'else', %d, 1); DELETE FROM wb.run_metrics WHERE run_id = :first AND name = 'else' AND step = %d;\n" % ((session << 40) + number, (session << 40) + number)
        else:
            sql += put(rng, session, number, rng.choice([1, 1, 1, 2, 4, 30]))
        if rng.random() < 0.1:
            # stay open while others go on
            sql += 'SELECT count(*) FROM generate_series(1, %d);\n' % rng.randrange(40000)
    if rng.random() < 0.15:
        return sql + 'ROLLBACK;\n'
    sql += 'INSERT INTO sent VALUES (%d, %d, clock_timestamp());\n' % (session, number)
    if rng.random() < 0.06:
        name = "'p%d_%d'" % (session, number)
        return sql + 'PREPARE TRANSACTION %s;\n%sCOMMIT PREPARED %s;\n' % (name, put(rng, session, number + 1, 1) + ended(session, number + 1), name) + ended(session, number)
    return sql + 'COMMIT;\n' + ended(session, number)


def play(seed, sessions, transactions, first_run, directory):
    for session in range(1, sessions + 1):
        rng = random.Random(seed * 100 + session)
        with open(os.path.join(directory, 'session%d.sql' % session), 'w') as out:
            out.write('\\set first %d\n' % first_run)
            for number in range(transactions):
                kind = rng.random()
                if kind < 0.003:
                    out.write('\\c\n')
                elif kind < 0.008:
                    out.write("UPDATE wb.automations SET enabled = NOT enabled WHERE name = 'unheard';\n")
                out.write(play_transaction(rng, session, 2 * number))


# ----- check

class Point:
    def __init__(self, step, value, at, commit):
        self.step, self.value, self.at, self.commit = int(step), float(value), float(at), commit
        # points of before the sessions are of nobody
        self.key = (self.step >> 28 & 15, self.step >> 6 & (1 << 22) - 1) if self.step > 0 else None
        self.views = {}


def read(directory, name):
    with open(os.path.join(directory, name)) as file:
        return [line.rstrip('\n').split('\t') for line in file]


class Firing:
    def __init__(self, name, run, step, at, observed, values, commit):
        self.name, self.run, self.step, self.at = name, int(run), int(step), float(at)
        self.observed, self.values, self.commit = float(observed), [float(v) for v in values.split(',')], commit


class Check:
    def __init__(self, directory):
        self.found = dict.fromkeys(['stale', 'early', 'direct', 'twice'], 0)
        self.told = {}
        self.ended = {(int(s), int(t)): float(at) for s, t, at in read(directory, 'ended')}
        self.sent = {(int(s), int(t)): float(at) for s, t, at in read(directory, 'sent')}
        self.runs, self.firings = {}, {}
        for run, *point in read(directory, 'points'):
            self.runs.setdefault(int(run), []).append(Point(*point))
        for firing in read(directory, 'executions'):
            firing = Firing(*firing)
            self.firings.setdefault(firing.run, []).append(firing)
        self.direct = 0

    def tell(self, what, *words):
        self.found[what] += 1
        self.told.setdefault(what, []).append(words)

    def check(self):
        for run in self.firings.keys() - self.runs.keys():
            self.tell('direct', 'no points', run)
        for run, points in sorted(self.runs.items()):
            points.sort(key=lambda p: p.step)
            self.check_run(run, points, self.firings.get(run, []))

    def check_run(self, run, points, firings):
        by_value = {p.value: p for p in points}
        by_step = {p.step: p for p in points}
        assert len(by_value) == len(points)
        fired, views = {}, []
        for firing in firings:
            firing.window = [by_value.get(v) for v in firing.values]
            firing.row = by_step.get(firing.step)
            if None in firing.window or firing.row is None or [p.step for p in firing.window] != sorted({p.step for p in firing.window}):
                self.tell('early', 'not committed, or not in order', firing.name, run, firing.step, firing.values)
                continue
            if (firing.name, firing.step) in fired:
                self.tell('twice', firing.name, run, firing.step)
            fired[firing.name, firing.step] = firing
            if firing.name in ALWAYS:
                firing.row.views[ALWAYS[firing.name]] = firing.window
                views.append(firing)
        self.check_views(run, points, views)
        self.check_direct(run, points, fired, views)

    def check_views(self, run, points, views):
        """What was committed before a row was written is in its view, what was not yet is not."""
        order = sorted((p for p in points if p.key is None or p.key in self.ended), key=lambda p: self.ended.get(p.key, 0))
        own = {}
        for p in points:
            own.setdefault(p.key, []).append(p)
        visible, following = [], 0
        for firing in sorted(views, key=lambda f: f.row.at):
            row, window = firing.row, firing.window
            while following < len(order) and self.ended.get(order[following].key, 0) < row.at:
                bisect.insort(visible, order[following].step)
                following += 1
            steps = {p.step for p in window}
            mine = [p.step for p in own[row.key] if p.at < row.at]
            seen = visible[:bisect.bisect_right(visible, row.step)]
            lacking = [s for s in seen[-len(window):] + mine if window[0].step < s <= row.step and s not in steps]
            if lacking or row is not window[-1]:
                self.tell('stale', run, row.step, 'lacks', lacking)
            for p in window:
                is_own = p.key == row.key
                if is_own and p.at > row.at or not is_own and p.key is not None and self.sent.get(p.key, p.at) > firing.at:
                    self.tell('early', run, row.step, 'has', p.step)

    def check_direct(self, run, points, fired, views):
        """Every row has its views, and an automation fires on just those on which it holds."""
        expected = set()
        for row in points:
            if row.key is not None and set(row.views) != set(ALWAYS.values()):
                self.tell('direct', 'was not judged', run, row.step)
        for view in views:
            for name, rule in RULES.items():
                if rule.size + rule.prior != len(view.window):
                    continue
                seen, holds = rule.observe(view.values)
                firing = fired.get((name, view.step))
                if not holds:
                    continue
                expected.add((name, view.step))
                if firing is None or firing.row.commit != firing.commit or firing.values != view.values or firing.observed != seen:
                    self.tell('direct', 'did not', name, run, view.step)
        self.direct += len(expected)
        for (name, step), firing in fired.items():
            if (name, step) not in expected:
                self.tell('direct', 'did', name, run, step)

    def report(self):
        for what, words in self.told.items():
            for some in words[:3]:
                print(what, *some, file=sys.stderr)
        figures = dict(self.found, points=sum(map(len, self.runs.values())), firings=self.direct)
        print(' '.join('%s=%s' % item for item in figures.items()))


if sys.argv[1] == 'play':
    play(*map(int, sys.argv[2:6]), sys.argv[6])
else:
    check = Check(sys.argv[2])
    check.check()
    check.report()
