-- What a session remembers of rules has a limit, whatever it is asked.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset
SELECT wb.create_project('rule_memory', 'p') AS project \gset
SELECT wb.start_run(:project) AS run \gset
CREATE FUNCTION pg_temp.rules_memory() RETURNS bigint LANGUAGE sql AS $$
	SELECT coalesce(sum(total_bytes), 0)::bigint FROM pg_backend_memory_contexts WHERE name ~ '^wb (automation cache|parsed|retired)';
$$;
-- metrics without a rule: names that are met once do not stay
INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT :run, 'name ' || n, 1, 1 FROM generate_series(1, 20000) n;
SELECT pg_temp.rules_memory() < 4 * 1024 * 1024 AS is_bounded;

-- rules that change in a transaction, each of them judged: old ones do not stay
SELECT wb.create_automation('loss', wb.on_run_metric(wb.project('rule_memory', 'p'), wb.metric('loss', '>', 1)), wb.do_nothing()) AS automation \gset
CREATE FUNCTION pg_temp.change(automation bigint, run bigint, times integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		UPDATE wb.automations SET description = i::text WHERE id = automation;
		INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, 'loss', i, 0);
	END LOOP;
END $$;
BEGIN;
SELECT pg_temp.change(:automation, :run, 500);
SELECT pg_temp.rules_memory() < 256 * 1024 AS is_bounded, (SELECT sum(total_bytes) < 1024 * 1024 FROM pg_backend_memory_contexts WHERE parent = 'TopTransactionContext') AS is_transaction_bounded;
COMMIT;
-- and those that are gone do not either
CREATE FUNCTION pg_temp.come_and_go(run bigint, times integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	automation bigint;
BEGIN
	FOR i IN 1 .. times LOOP
		automation := wb.create_automation('gone', wb.on_run_metric(wb.project('rule_memory', 'p'), wb.metric('loss', '>', 1)), wb.do_nothing());
		INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (run, 'loss', 1000 + i, 0);
		DELETE FROM wb.automations WHERE id = automation;
	END LOOP;
END $$;
SELECT pg_temp.come_and_go(:run, 300);
SELECT wb.log(:run, '{"loss": 0}', 2000) \gset
SELECT pg_temp.rules_memory() < 256 * 1024 AS is_bounded;
