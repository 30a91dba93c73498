# Random statements about metrics, as a script for psql, and what must come of
# them.
#
#   arrivals.py SEED ROWS FIRST_RUN_ID DIRECTORY
#
# writes script.sql, and executions and points as COPY reads them.  The same
# seed makes the same files, so a failure is repeated by its seed.

import bisect
import math
import os
import random
import sys

from arrival_oracle import Automation, Rule, World

RUNS = 4
METRICS = ['loss', 'acc/é', 'a metric with a name that is longer than forty-four bytes', 'rare']
SIZES = [1, 1, 2, 3, 5, 10, 15, 16, 17, 18, 20, 25, 40, 64, 100, 150, 199, 200]
HOURS = 3  # the clock moves by so many; cooldowns of 4 and 10 hours end between two moves
INSERT = 'INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES %s'
REPLACE = ' ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value'
PLACE = "run_id = %d AND name = '%s' AND step = '%d'"


def text(value):
    return repr(value) if math.isfinite(value) else 'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'


def literal(value):
    return "'%s'" % text(value)


class Values:
    """One series' values, which change their manner now and then."""

    MANNERS = ['grid', 'grid', 'noise', 'noise', 'constant', 'narrow', 'large', 'huge', 'tiny', 'special', 'drift', 'gaps', 'empty']

    def __init__(self, random):
        self.random, self.manner, self.last = random, 'grid', 5.0

    def next(self):
        r = self.random
        if r.random() < 0.008:
            self.manner = r.choice(self.MANNERS)
        if r.random() < (0.2 if self.manner == 'special' else 0.0015):
            return r.choice([math.nan, math.nan, math.inf, -math.inf, -0.0, 0.0])
        if r.random() < 0.002:
            return r.choice([1e308, -1.7e308, 1e140, 1.01e140, 1e155, 5e-324, 1e16, -1e16])
        value = {
            'grid': lambda: r.randrange(21) / 2,
            'noise': lambda: r.gauss(5, 1),
            'constant': lambda: 5.0,
            'narrow': lambda: 5 + r.choice([-1, 0, 1]) * 2.0 ** -r.randrange(40, 53),
            'large': lambda: 1e15 + r.randrange(20) / 8,
            'huge': lambda: r.choice([1, -1]) * r.uniform(1, 17.9) * 10.0 ** r.choice([139, 140, 153, 200, 306, 307]),
            'tiny': lambda: r.choice([1, -1]) * r.random() * 10.0 ** -r.choice([150, 160, 300, 320]),
            'special': lambda: r.randrange(3) * 5.0,
            'gaps': lambda: math.nan if self.random.random() < 0.4 else r.randrange(21) / 2,
            'empty': lambda: math.nan if self.random.random() < 0.95 else 5.0,
            'drift': lambda: self.last + r.gauss(0, 0.1) if abs(self.last) < 100 else 0.0,
        }[self.manner]()
        self.last = self.last if math.isnan(value) else float(value)
        return float(value)


class Script:
    def __init__(self, seed, rows, first_run, out):
        self.random, self.rows, self.out = random.Random(seed), rows, out
        self.runs = [first_run + i for i in range(RUNS)]
        self.project = 'arrivals_%d' % first_run
        self.world = World()
        self.manners = {(run, metric): Values(self.random) for run in self.runs for metric in METRICS}
        # each run begins somewhere else, at the ends of the range too
        starts = [0, -50, -2 ** 63, 2 ** 63 - 1 - 400 * 1000 * 1000]
        self.top = {(run, metric): starts[i] for i, run in enumerate(self.runs) for metric in METRICS}
        self.written = self.made = self.errors = self.prepared = 0
        self.count = {}

    # Automations.

    def random_rule(self):
        r = self.random
        metric = r.choice(METRICS[:3] if r.random() < 0.9 else METRICS)
        kind = r.choice(['threshold'] * 4 + ['nan', 'notfinite', 'change', 'change', 'zscore', 'zscore', 'plateau'])
        size, prior = r.choice(SIZES), r.choice(SIZES)
        if kind == 'threshold':
            agg = r.choice(['last', 'avg', 'avg', 'min', 'max'])
            amount = r.choice([5.0, 5.0, r.randrange(21) / 2, r.gauss(5, 0.5), 5 + 2.0 ** -45, 0.0, 1e15 + 1, -1e300, 1e306])
            return Rule(metric, kind, size=1 if agg == 'last' else size, agg=agg,
                        word=r.choice(['>', '>', '<', '<', '>=', '<=', '=', '<>']), amount=amount)
        if kind in ('nan', 'notfinite'):
            return Rule(metric, kind)
        word = r.choice(['increase', 'decrease', 'any'])
        if kind == 'zscore':
            return Rule(metric, kind, prior=max(2, size), word=word, amount=r.choice([1.0, 1.5, 2.0, 3.0, 3.0]))
        if kind == 'plateau':
            return Rule(metric, kind, size=size, prior=prior, agg=r.choice(['min', 'max']), amount=r.choice([1e-9, 0.01, 0.1, 0.5]))
        agg = r.choice(['avg', 'avg', 'min', 'max', 'last'])
        if agg == 'last':
            size = prior = 1
        return Rule(metric, kind, size=size, prior=prior, agg=agg, word=word, is_relative=r.random() < 0.5,
                    amount=r.choice([0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0]))

    def rule_sql(self, rule):
        m = "'%s'" % rule.metric
        sizes = 'window_size => %d, prior_window_size => %d' % (rule.size, rule.prior)
        if rule.kind == 'threshold':
            if rule.agg == 'last':
                return "wb.metric(%s, '%s', %s)" % (m, rule.word, literal(rule.amount))
            return "wb.%s(%s, '%s', %s, %d)" % (rule.agg, m, rule.word, literal(rule.amount), rule.size)
        if rule.kind == 'nan':
            return 'wb.is_nan(%s)' % m
        if rule.kind == 'notfinite':
            return 'wb.is_not_finite(%s)' % m
        if rule.kind == 'zscore':
            words = {'increase': 'above', 'decrease': 'below', 'any': 'any'}
            return "wb.zscore(%s, %d, %s, '%s')" % (m, rule.prior, literal(rule.amount), words[rule.word])
        if rule.kind == 'plateau':
            return "wb.plateau(%s, %d, %d, %s, '%s')" % (m, rule.size, rule.prior, literal(rule.amount),
                                                        'maximize' if rule.agg == 'max' else 'minimize')
        function = {'increase': 'increases_by', 'decrease': 'decreases_by', 'any': 'changes_by'}[rule.word]
        return 'wb.%s(%s, %s => %s, agg => %s, %s)' % (function, m, 'frac' if rule.is_relative else 'diff', literal(rule.amount),
                                                       'NULL' if rule.agg == 'last' else "'%s'" % rule.agg, sizes)

    def event_sql(self, rule):
        return "wb.on_run_metric(wb.project('arrivals', '%s'), %s)" % (self.project, self.rule_sql(rule))

    def automation_sql(self, name):
        return "(SELECT id FROM wb.automations WHERE name = '%s')" % name

    def change_rules(self):
        r = self.random
        names = list(self.world.automations)
        what = r.choice(['create', 'toggle', 'toggle', 'toggle', 'change', 'delete'])
        if len(names) > 30:
            what = 'delete'
        elif len(names) < 18:
            what = 'create'
        if what == 'create':
            self.made += 1
            # names sort as ids do
            name, rule = 'rule %06d of %d' % (self.made, self.runs[0]), self.random_rule()
            cooldown = r.choice([0, 0, 4, 10])
            self.world.create(Automation(name, rule, cooldown))
            return "SELECT wb.create_automation('%s', %s, wb.do_nothing(), cooldown => '%d hours')" % (name, self.event_sql(rule), cooldown)
        name = r.choice(names)
        automation = self.world.automations[name]
        if what == 'toggle':
            self.world.assign(automation, 'is_enabled', not automation.is_enabled)
            return 'SELECT wb.%s_automation(%s)' % ('enable' if automation.is_enabled else 'disable', self.automation_sql(name))
        if what == 'change':
            rule = self.random_rule()
            self.world.assign(automation, 'rule', rule)
            return "SELECT wb.update_automation(%s, jsonb_build_object('event', %s))" % (self.automation_sql(name), self.event_sql(rule))
        self.world.drop(name)
        return 'SELECT wb.delete_automation(%s)' % self.automation_sql(name)

    # Points.  "rows" are (run, metric, step, value), no place twice.

    def random_series(self):
        r = self.random
        return r.choice(self.runs), r.choices(METRICS, [5, 3, 1, 1])[0]

    def aim(self, series, steps):
        """A point at the edge of a window."""
        rules = [a.rule for a in self.world.automations.values() if a.rule.metric == series[1]]
        if not rules:
            return None
        rule = self.random.choice(rules)
        back = self.random.choice([rule.size, rule.size + rule.prior]) + self.random.choice([-1, 0, 0, 0, 1])
        return steps[-back] if 0 < back <= len(steps) else None

    def random_rows(self, count, may_replace):
        r, rows, places = self.random, [], set()
        series = self.random_series()
        for _ in range(count):
            if r.random() < 0.2:
                series = self.random_series()
            steps = self.world.steps.get(series, [])
            aimed = self.aim(series, steps) if may_replace and r.random() < 0.08 else None
            if aimed is not None:
                step = aimed
            elif r.random() < 0.88 or not steps:
                step = self.top[series] = self.top[series] + r.choice([1, 1, 1, 2, 7])
            else:
                step = max(-2 ** 63, self.top[series] - r.choice([r.randrange(4), r.randrange(30), r.randrange(300), 100000]))
            is_there = self.world.get(*series, step) is not None
            if (*series, step) in places or is_there and not may_replace:
                continue
            value = self.manners[series].next()
            if aimed is not None:
                value += r.choice([-1000, 1000])
            elif is_there and r.random() < 0.2:
                value = self.world.get(*series, step)
            places.add((*series, step))
            rows.append((*series, step, value))
        self.written += len(rows)
        return rows

    def resumed_rows(self, may_replace):
        """A stretch of steps that comes late, as from a run that goes on from a checkpoint."""
        r, series = self.random, self.random_series()
        steps = self.world.steps.get(series, [])
        if not steps:
            return []
        step, stride, rows = steps[-r.randrange(1, 1 + min(len(steps), 700))] + r.randrange(2), r.choice([1, 1, 1, 2, 5]), []
        for _ in range(r.choice([1, 3, 20, 60, 250])):
            if step <= self.top[series] and (may_replace or self.world.get(*series, step) is None):
                rows.append((*series, step, self.manners[series].next()))
            step += stride
        order = r.random()
        if order < 0.15:
            rows.reverse()
        elif order < 0.3:
            r.shuffle(rows)
        if r.random() < 0.3:
            rows += [row for row in self.random_rows(8, may_replace) if row[:3] not in {o[:3] for o in rows}]
        self.written += len(rows)
        return rows

    def free_step(self, series):
        step = self.top[series] + 1
        while self.world.get(*series, step) is not None:
            step += 1
        return step

    def restart(self):
        """From now on the counter of a series goes on from an earlier step."""
        series = self.random_series()
        steps = self.world.steps.get(series)
        if steps:
            self.top[series] = self.random.choice([steps[0], self.random.choice(steps)]) - 1
        return None

    def values_sql(self, rows):
        return ', '.join("(%d, '%s', %d, %s)" % (run, metric, step, literal(value)) for run, metric, step, value in rows)

    def random_point(self):
        """A point that there is, mostly among the newest; None if there is none."""
        series = self.random_series()
        steps = self.world.steps.get(series)
        if not steps:
            return None
        step = self.random.choice(steps[-self.random.choice([1, 3, 20, 250]):])
        return (*series, step)

    def insert(self, may_copy):
        r = self.random
        count = 1 if r.random() < 0.6 else r.randrange(2, 12) if r.random() < 0.9 else r.randrange(12, 120)
        is_upsert = r.random() < 0.4
        rows = self.resumed_rows(is_upsert) if r.random() < 0.06 else self.random_rows(count, is_upsert)
        if not rows:
            return None
        for row in rows:
            self.world.write(*row)
        if is_upsert:
            if len(rows) == 1 and bits_survive_json(rows[0][3]) and r.random() < 0.3:
                run, metric, step, value = rows[0]
                return "SELECT wb.log(%d, jsonb_build_object('%s', %s), '%d')" % (
                    run, metric, text(value) + '::numeric' if math.isfinite(value) else literal(value) + '::text', step)
            return INSERT % self.values_sql(rows) + REPLACE
        if may_copy and (len(rows) > 12 or r.random() < 0.1):
            return 'COPY wb.run_metrics (run_id, name, step, value) FROM STDIN;\n%s\\.' % ''.join(
                '%d\t%s\t%d\t%s\n' % (run, metric, step, text(value)) for run, metric, step, value in rows)
        if may_copy and len(rows) == 1 and r.random() < 0.5:
            return "EXECUTE put(%d, '%s', %d, %s)" % (*rows[0][:3], literal(rows[0][3]))
        return INSERT % self.values_sql(rows)

    def insert_unjudged(self):
        rows = self.random_rows(self.random.randrange(1, 8), False)
        if not rows:
            return None
        for row in rows:
            self.world.set(*row)
        on, off = self.random.choice([('SET wb_automations.capture = off', 'RESET wb_automations.capture'),
                                      ('SET session_replication_role = replica', 'RESET session_replication_role')])
        return '%s; %s; %s' % (on, INSERT % self.values_sql(rows), off)

    def update(self):
        place = self.random_point()
        if place is None:
            return None
        value = self.manners[place[:2]].next()
        self.written += 1
        self.world.write(*place, value)
        return 'UPDATE wb.run_metrics SET value = %s WHERE %s' % (literal(value), PLACE % place)

    def move(self):
        place = self.random_point()
        if place is None:
            return None
        series = place[:2] if self.random.random() < 0.5 else self.random_series()
        step = self.top[series] = self.free_step(series)
        value = self.world.get(*place)
        self.world.set(*place, None)
        self.world.write(*series, step, value)
        return "UPDATE wb.run_metrics SET run_id = %d, name = '%s', step = %d WHERE %s" % (*series, step, PLACE % place)

    def delete(self):
        run, metric = self.random_series()
        steps = self.world.steps.get((run, metric), [])
        if not steps:
            return None
        first = self.random.randrange(1, 2 + min(len(steps), self.random.choice([1, 4, 30])))
        last = self.random.choice([1, 1, first])
        low, high = steps[-min(first, len(steps))], steps[-min(last, len(steps))]
        for step in steps[bisect.bisect_left(steps, low):bisect.bisect_right(steps, high)]:
            self.world.set(run, metric, step, None)
        return "DELETE FROM wb.run_metrics WHERE run_id = %d AND name = '%s' AND step BETWEEN '%d' AND '%d'" % (run, metric, low, high)

    def delete_run(self):
        run = self.random.choice(self.runs)
        for metric in METRICS:
            for step in list(self.world.steps.get((run, metric), [])):
                self.world.set(run, metric, step, None)
        return "DELETE FROM wb.runs WHERE id = %d; INSERT INTO wb.runs (id, project_id) VALUES (%d, wb.project_id('arrivals', '%s'))" % (
            run, run, self.project)

    def statement(self, may_copy=True):
        """The next random statement, done in the oracle; a repeat where there was nothing to do."""
        kinds = [('insert', 80), ('update', 4), ('move', 2), ('delete', 3), ('insert_unjudged', 3), ('change_rules', 3),
                 ('forget', 0.5), ('delete_run', 0.03), ('restart', 1)]
        while True:
            kind = self.random.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
            sql = self.insert(may_copy) if kind == 'insert' else getattr(self, kind)()
            if sql is not None:
                self.count[kind] = self.count.get(kind, 0) + 1
                return sql

    def forget(self):
        return 'SET wb_automations.series_memory = %s' % self.random.choice(['0', "'100kB'", "'16MB'", "'16MB'"])

    # Transactions.

    def emit(self, sql):
        self.out.write(sql + ('\n' if sql.endswith('\\.') else ';\n'))

    def block(self, depth):
        """A savepoint, with more in it, released or rolled back."""
        mark, name = len(self.world.undo), 's%d' % depth
        self.emit('SAVEPOINT ' + name)
        for _ in range(self.random.randrange(1, 4)):
            if depth < 4 and self.random.random() < 0.3:
                self.block(depth + 1)
            else:
                self.emit(self.statement())
        if self.random.random() < 0.5:
            self.fail(name)
            self.emit('ROLLBACK TO ' + name)
            self.world.rollback_to(mark)
        if self.random.random() < 0.8:
            self.emit('RELEASE ' + name)

    def fail(self, name):
        """Now and then the reason is a row that is there already, after others that are not."""
        place = self.random_point()
        if place is None or self.random.random() < 0.7:
            return
        rows = [place[:2] + (self.free_step(place[:2]), 9.0), place + (9.0,)]
        self.emit(INSERT % self.values_sql(rows))
        self.errors += 1

    def transaction(self):
        r, mark = self.random, len(self.world.undo)
        self.emit('BEGIN' + r.choice(['', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE']))
        for _ in range(r.randrange(1, 8)):
            if r.random() < 0.3:
                self.block(0)
            else:
                self.emit(self.statement())
        is_kept = r.random() < 0.75
        word = 'COMMIT' if is_kept else 'ROLLBACK'
        if r.random() < 0.1:
            self.emit("PREPARE TRANSACTION '%s'" % self.project)
            word += " PREPARED '%s'" % self.project
        self.emit(word)
        if not is_kept:
            self.world.rollback_to(mark)

    def plpgsql(self, depth=0):
        """Statements of a block, some of them in blocks that fail."""
        body = ''
        for _ in range(self.random.randrange(1, 5)):
            if depth < 3 and self.random.random() < 0.25:
                mark = len(self.world.undo)
                inner = self.plpgsql(depth + 1)
                if self.random.random() < 0.5:
                    inner += 'RAISE division_by_zero; '
                    self.world.rollback_to(mark)
                body += 'BEGIN %sEXCEPTION WHEN division_by_zero THEN NULL; END; ' % inner
            else:
                sql = self.statement(may_copy=False)
                body += ('PERFORM' + sql[6:] if sql.startswith('SELECT') else sql) + '; '
        return body

    def unit(self):
        kind = self.random.random()
        if kind < 0.004:
            self.world.hour += HOURS
            self.emit('SET wb_automations.clock_offset = %d' % (self.world.hour * 3600))
        elif kind < 0.5:
            self.emit(self.statement())
        elif kind < 0.85:
            self.transaction()
        elif kind < 0.93:
            self.emit('DO $do$ BEGIN %sEND $do$' % self.plpgsql())
        else:
            # several in one message are one transaction
            self.emit('\\; '.join(self.statement(may_copy=False).replace('; ', '\\; ') for _ in range(self.random.randrange(2, 5))))
        self.world.commit()

    def write(self):
        self.emit("SELECT wb.create_team('arrivals')")
        self.emit("SELECT wb.create_project('arrivals', '%s')" % self.project)
        for run in self.runs:
            self.emit("INSERT INTO wb.runs (id, project_id) VALUES (%d, wb.project_id('arrivals', '%s'))" % (run, self.project))
        self.emit('PREPARE put (bigint, text, bigint, float8) AS ' + INSERT % '($1, $2, $3, $4)')
        for _ in range(20):
            self.emit(self.change_rules())
        while self.written < self.rows:
            self.unit()


def bits_survive_json(value):
    """jsonb knows no sign of zero."""
    return value != 0


def main():
    seed, rows, first_run, directory = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

    def create(name):
        return open(os.path.join(directory, name), 'w', encoding='utf-8')

    with create('script.sql') as out:
        script = Script(seed, rows, first_run, out)
        script.write()
    world = script.world
    with create('executions') as out:
        for number, (name, run, step, state, observed) in enumerate(world.executions, 1):
            out.write('%d\t%s\t%d\t%d\t%s\t%s\n' % (number, name, run, step, state, text(observed)))
    with create('points') as out:
        for (run, metric), values in world.values.items():
            for step, value in values.items():
                out.write('%d\t%s\t%d\t%s\n' % (run, metric, step, text(value)))
    print('errors=%d judged=%d executions=%d %s' % (script.errors, world.judged, len(world.executions),
                                                  ' '.join('%s=%d' % item for item in sorted(script.count.items()))))


main()
