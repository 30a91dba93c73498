# Random statements of one session, twice: once with every series read anew by
# each statement, once with series kept from one to the next.  What automations
# see is the same, to the last value.
#
# WB_SERIES_ROWS=1000000 makes it long.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $rows = $ENV{WB_SERIES_ROWS} // 5000;
my $node = WbAutomations::Node->new('kept', conf => "wb_automations.worker = off\nsynchronous_commit = off\nautovacuum = off");
my $file = $node->basedir . '/points';

$node->sql(q(SELECT wb.create_team('kept')));
$node->sql(<<'SQL');
CREATE FUNCTION rules(project text) RETURNS void LANGUAGE sql AS $$
	SELECT wb.create_automation(n, wb.on_run_metric(wb.project('kept', project), m), wb.do_nothing(), cooldown => '0')
	FROM (VALUES ('last', wb.metric('loss', '>', 9)), ('avg', wb.avg('loss', '>', 6, 5)), ('min', wb.min('loss', '>', 3, 3)),
		('change', wb.changes_by('loss', diff => 3, window_size => 3, prior_window_size => 9)),
		('long', wb.avg('loss', '>', 5.6, 40)), ('wide', wb.changes_by('loss', diff => 1.5, window_size => 20, prior_window_size => 30)),
		('far', wb.zscore('loss', 30, 2)), ('top', wb.max('loss', '<', 9.7, 25)),
		('other', wb.max('acc', '<', 7, 4))) r(n, m)
$$;

-- one random thing to do; each row takes a value of a coarse grid
CREATE PROCEDURE act(base bigint, project text, file text, step_at INOUT bigint, done INOUT bigint) LANGUAGE plpgsql AS $$
DECLARE
	kind float8 := random();
	run bigint := base + floor(random() * 4);
	metric text := CASE WHEN random() < 0.7 THEN 'loss' ELSE 'acc' END;
	size int := CASE WHEN random() < 0.8 THEN 1 ELSE 1 + floor(random() * 12) END;
	rule text := (array['last', 'avg', 'min', 'change', 'long', 'far', 'other'])[1 + floor(random() * 7)];
	late int := CASE WHEN random() < 0.8 THEN 0 ELSE 1 + floor(random() * 15) END;
BEGIN
	done := done + size;
	step_at := step_at + size;
	DELETE FROM fresh;
	INSERT INTO fresh (run_id, name, step, value)
	SELECT CASE WHEN size > 6 THEN base + g % 4 ELSE run END, metric, step_at - size + g - late, floor(random() * 100) / 10
	FROM generate_series(1, size) g;
	IF kind < 0.03 THEN
		DELETE FROM wb.run_metrics WHERE run_id = run AND step > step_at - 5;
	ELSIF kind < 0.05 THEN
		UPDATE wb.run_metrics SET step = step_at + 1 WHERE (run_id, name, step) = (SELECT run_id, name, step
			FROM wb.run_metrics WHERE run_id = run ORDER BY step DESC, name LIMIT 1);
		step_at := step_at + 1;
	ELSIF kind < 0.07 THEN
		UPDATE wb.run_metrics SET name = CASE name WHEN 'loss' THEN 'unseen' ELSE 'loss' END WHERE (run_id, name, step) = (SELECT run_id, name, step
			FROM wb.run_metrics m WHERE run_id = run AND NOT EXISTS (SELECT FROM wb.run_metrics o WHERE o.run_id = m.run_id AND o.step = m.step AND o.name <> m.name)
			ORDER BY step DESC, name LIMIT 1);
	ELSIF kind < 0.09 THEN
		UPDATE wb.automations SET enabled = NOT enabled WHERE name = rule AND scope_id = wb.project_id('kept', project);
	ELSIF kind < 0.12 THEN
		SET wb_automations.capture = off;
		INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT f.run_id, f.name, f.step, f.value FROM fresh f ORDER BY n ON CONFLICT DO NOTHING;
		RESET wb_automations.capture;
	ELSIF kind < 0.15 THEN
		SET session_replication_role = replica;
		INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT f.run_id, f.name, f.step, f.value FROM fresh f ORDER BY n ON CONFLICT DO NOTHING;
		RESET session_replication_role;
	ELSIF kind < 0.18 AND late = 0 THEN
		EXECUTE format('COPY (SELECT run_id, name, step, value FROM fresh ORDER BY n) TO %L', file);
		EXECUTE format('COPY wb.run_metrics (run_id, name, step, value) FROM %L', file);
	ELSIF kind < 0.20 THEN
		WITH gone AS (DELETE FROM wb.run_metrics m WHERE m.run_id = run AND m.step = step_at - size - 1 RETURNING 1)
		INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT f.run_id, f.name, f.step, f.value FROM fresh f ORDER BY n
		ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
	ELSIF kind < 0.22 THEN
		BEGIN
			INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT f.run_id, f.name, f.step, f.value + 5 FROM fresh f ORDER BY n
			ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
			IF random() < 0.7 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	ELSE
		INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT f.run_id, f.name, f.step, f.value FROM fresh f ORDER BY n
		ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;
	END IF;
END $$;
CREATE PROCEDURE play(base bigint, project text, file text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	step_at bigint := 0;
	done bigint := 0;
	kind float8;
BEGIN
	PERFORM setseed(0.5);
	PERFORM wb.create_project('kept', project);
	PERFORM rules(project);
	INSERT INTO wb.runs (id, project_id) SELECT base + g, wb.project_id('kept', project) FROM generate_series(0, 3) g;
	CREATE TEMP TABLE fresh (n serial, run_id bigint, name text, step bigint, value float8);
	COMMIT;
	WHILE done < rows LOOP
		CALL act(base, project, file, step_at, done);
		kind := random();
		IF kind < 0.6 THEN
			COMMIT;
		ELSIF kind < 0.65 THEN
			ROLLBACK;
		END IF;
	END LOOP;
	COMMIT;
END $$;
SQL

$node->safe_psql('postgres', "SET wb_automations.series_memory = 0; CALL play(10, 'anew', '$file', $rows)", timeout => 100000);
my $started = time;
$node->safe_psql('postgres', "CALL play(20, 'kept', '$file', $rows)", timeout => 100000);
diag(sprintf '%d rows with series kept: %d s', $rows, time - $started) if $ENV{WB_SERIES_ROWS};

my $firings = q(SELECT row_number() OVER (PARTITION BY automation_name ORDER BY id) AS n, automation_name, run_id % 10 AS run, event->>'step' AS step, event->>'metricValues' AS judged
	FROM wb.executions WHERE run_id BETWEEN %d AND %d + 3);
is($node->sql(sprintf q(SELECT count(*) FROM (%s) a FULL JOIN (%s) b USING (n, automation_name) WHERE (a.*) IS DISTINCT FROM (b.*)),
		map { sprintf $firings, $_, $_ } 10, 20), 0, 'all windows that fired are the same, in the same order');
cmp_ok($node->sql('SELECT count(*) FROM wb.executions WHERE run_id >= 20'), '>', $rows / 20, 'and they are many');
is($node->sql(q(SELECT count(DISTINCT automation_name) FROM wb.executions WHERE run_id >= 20)), 9, 'of every rule, running windows included');
is($node->sql(q(SELECT count(*) FROM (SELECT run_id % 10, name, step, value FROM wb.run_metrics WHERE run_id >= 20
		EXCEPT SELECT run_id % 10, name, step, value FROM wb.run_metrics WHERE run_id < 20) d)), 0, 'of the same points');
$node->stop;
done_testing();
