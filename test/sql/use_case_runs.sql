-- The use cases of runs, each as its user would write it: what fires, what
-- does not, and who is told.  No worker runs here, so executions stay PENDING.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT wb.setup() \gset
SELECT wb.create_team('use_case_runs', 'use_case_runs org') \gset
SELECT wb.create_slack_integration('use_case_runs', 'https://hooks.slack.com/services/T0/B0/alerts', '#alerts') \gset
SELECT wb.create_slack_integration('use_case_runs', 'https://hooks.slack.com/services/T0/B0/oncall', '#oncall') \gset
SELECT wb.create_webhook_integration('use_case_runs', 'pipeline', 'https://ci.example.com/hooks/training') \gset

-- what fired in a project, in order
CREATE FUNCTION pg_temp.fired(project text) RETURNS TABLE (automation text, run text, state text, told text, why text) LANGUAGE sql AS $$
	SELECT e.automation_name, e.event->>'runName', e.state, lower(i.kind) || ' ' || i.name, e.why
	FROM wb.executions e LEFT JOIN wb.deliveries d ON d.execution_id = e.id LEFT JOIN wb.integrations i ON i.id = d.integration_id
	WHERE e.project_id = wb.project_id('use_case_runs', fired.project) ORDER BY e.id $$;
-- a training script logs these values, one step after the other
CREATE PROCEDURE pg_temp.train(run bigint, metric text, VARIADIC logged double precision[]) LANGUAGE plpgsql AS $$
DECLARE
	value double precision;
BEGIN
	FOREACH value IN ARRAY logged LOOP
		PERFORM wb.log(run, jsonb_build_object(metric, value));
	END LOOP;
END $$;

-- E01 a run fails: Slack
SELECT wb.create_project('use_case_runs', 'e01') AS project \gset
SELECT wb.create_automation('run failed', wb.on_run_state(wb.project('use_case_runs', 'e01'), '{failed}'),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), title => '${run_name} failed', severity => 'ERROR')) \gset
SELECT wb.start_run(:project, 'good') AS good, wb.start_run(:project, 'bad') AS bad \gset
SELECT wb.finish_run(:good), wb.finish_run(:bad, exit_code => 1) \gset
SELECT * FROM pg_temp.fired('e01');
SELECT event->>'newRunState' AS state, action #>> '{notificationActionInput,title}' AS title, action #>> '{notificationActionInput,severity}' AS severity
FROM wb.executions WHERE run_id = :bad;

-- E03 a run fails, or crashes: it beat once, and has said nothing for five minutes
SELECT wb.create_project('use_case_runs', 'e03') AS project \gset
SELECT wb.create_automation('failed or crashed', wb.on_run_state(wb.project('use_case_runs', 'e03'), '{failed}'),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'pipeline'), '{"run": "${run_path}", "state": "${run_status}"}')) \gset
SELECT wb.start_run(:project, 'fails') AS fails, wb.start_run(:project, 'falls silent') AS silent, wb.start_run(:project, 'goes on') AS alive \gset
SELECT wb.finish_run(:fails, 1), wb.heartbeat(:silent), wb.heartbeat(:alive) \gset
INSERT INTO wb.run_metrics (run_id, name, step, value, logged_at) VALUES (:alive, 'loss', 1, 0.5, clock_timestamp() + interval '5 minutes');
SELECT wb.sweep(clock_timestamp() + interval '6 minutes') \gset
SELECT * FROM pg_temp.fired('e03');

-- E04 a long experiment is done: its name says that it is one
SELECT wb.create_project('use_case_runs', 'e04') AS project \gset
SELECT wb.create_automation('experiment done', wb.on_run_state(wb.project('use_case_runs', 'e04'), '{finished}', wb.where('display_name', '~', '^long-')),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), title => '${run_name} is done')) \gset
SELECT wb.start_run(:project, 'long-1') AS long, wb.start_run(:project, 'short-1') AS short, wb.start_run(:project, 'long-2') AS failing \gset
SELECT wb.finish_run(:long), wb.finish_run(:short), wb.finish_run(:failing, 1) \gset
SELECT * FROM pg_temp.fired('e04');

-- E05 a run starts, at once or after it was pending
SELECT wb.create_project('use_case_runs', 'e05') AS project \gset
SELECT wb.create_automation('run starts', wb.on_run_state(wb.project('use_case_runs', 'e05'), '{running}'), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'at once') \gset
SELECT wb.start_run(:project, 'queued', state => 'pending') AS queued \gset
SELECT wb.start_run(:project, 'imported', state => 'finished') \gset
SELECT automation, run, why FROM pg_temp.fired('e05');
UPDATE wb.runs SET state = 'running' WHERE id = :queued;
SELECT automation, run, why FROM pg_temp.fired('e05');

-- E06 a run that somebody kills is silent: not failed, and not finished
SELECT wb.create_project('use_case_runs', 'e06') AS project \gset
SELECT wb.create_automation('any state', wb.on_run_state(wb.project('use_case_runs', 'e06'), '{running,finished,failed}'),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts')), once_per => 'run_state') \gset
SELECT wb.start_run(:project, 'killed') AS killed, wb.start_run(:project, 'ends') AS ends \gset
UPDATE wb.runs SET state = 'killed' WHERE id = :killed;
SELECT wb.finish_run(:ends) \gset
SELECT automation, run, why FROM pg_temp.fired('e06');

-- E07 the loss becomes NaN: no comparison would see it
SELECT wb.create_project('use_case_runs', 'e07') AS project \gset
SELECT wb.create_automation('loss is NaN', wb.on_run_metric(wb.project('use_case_runs', 'e07'), wb.is_nan('loss')),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), title => 'loss is NaN', severity => 'ERROR')) \gset
SELECT wb.create_automation('loss is high', wb.on_run_metric(wb.project('use_case_runs', 'e07'), wb.metric('loss', '>', 10)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'diverges') AS run \gset
CALL pg_temp.train(:run, 'loss', 2.5, 0.7, 'NaN');
SELECT * FROM pg_temp.fired('e07');
SELECT event->>'metricName' AS metric, event->'metricValues' AS "values", event->'step' AS step FROM wb.executions WHERE run_id = :run;

-- E08 accuracy drops below a threshold, on average: one bad value is no drop
SELECT wb.create_project('use_case_runs', 'e08') AS project \gset
SELECT wb.create_automation('accuracy dropped', wb.on_run_metric(wb.project('use_case_runs', 'e08'), wb.avg('accuracy', '<', 0.75, window_size => 4)),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), severity => 'WARN')) \gset
SELECT wb.start_run(:project, 'dips') AS dips, wb.start_run(:project, 'drops') AS drops \gset
CALL pg_temp.train(:dips, 'accuracy', 1, 1, 0.5, 1, 1);
CALL pg_temp.train(:drops, 'accuracy', 1, 1, 0.5, 0.5, 0.5);
SELECT * FROM pg_temp.fired('e08');

-- E09 accuracy above 0.6, on average of five values, and not before there are five
SELECT wb.create_project('use_case_runs', 'e09') AS project \gset
SELECT wb.create_automation('good accuracy', wb.on_run_metric(wb.project('use_case_runs', 'e09'), wb.avg('accuracy', '>', 0.6)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'run') AS run \gset
CALL pg_temp.train(:run, 'accuracy', 0.875, 0.875, 0.875, 0.875);
SELECT count(*) AS with_four FROM pg_temp.fired('e09');
CALL pg_temp.train(:run, 'accuracy', 0.875);
SELECT automation, run, why FROM pg_temp.fired('e09');

-- E10 loss under 0.01: 0.01 itself is not
SELECT wb.create_project('use_case_runs', 'e10') AS project \gset
SELECT wb.create_automation('converged', wb.on_run_metric(wb.project('use_case_runs', 'e10'), wb.metric('loss', '<', 0.01)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'run') AS run \gset
CALL pg_temp.train(:run, 'loss', 0.5, 0.01, 0.0095);
SELECT automation, run, why FROM pg_temp.fired('e10');

-- E11 accuracy improves by five per cent; by four it does not, and a loss of five is none
SELECT wb.create_project('use_case_runs', 'e11') AS project \gset
SELECT wb.create_automation('improves', wb.on_run_metric(wb.project('use_case_runs', 'e11'),
	wb.increases_by('accuracy', frac => 0.05, window_size => 2, prior_window_size => 2)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'by 4') AS four, wb.start_run(:project, 'by 6') AS six, wb.start_run(:project, 'worse') AS worse \gset
CALL pg_temp.train(:four, 'accuracy', 0.5, 0.5, 0.52, 0.52);
CALL pg_temp.train(:six, 'accuracy', 0.5, 0.5, 0.53125, 0.53125);
CALL pg_temp.train(:worse, 'accuracy', 0.5, 0.5, 0.4, 0.4);
SELECT automation, run, why FROM pg_temp.fired('e11');

-- E12 average loss falls by at least .25: as a difference, and as a part of what it was
SELECT wb.create_project('use_case_runs', 'e12') AS project \gset
SELECT wb.create_automation('by .25', wb.on_run_metric(wb.project('use_case_runs', 'e12'),
	wb.decreases_by('loss', diff => 0.25, window_size => 2, prior_window_size => 2)), wb.do_nothing()) \gset
SELECT wb.create_automation('by a quarter', wb.on_run_metric(wb.project('use_case_runs', 'e12'),
	wb.decreases_by('loss', frac => 0.25, window_size => 2, prior_window_size => 2)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'from 2 to 1.75') AS high, wb.start_run(:project, 'from 0.5 to 0.375') AS low, wb.start_run(:project, 'from 1 to 1.5') AS up \gset
CALL pg_temp.train(:high, 'loss', 2, 2, 1.75, 1.75);
CALL pg_temp.train(:low, 'loss', 0.5, 0.5, 0.375, 0.375);
CALL pg_temp.train(:up, 'loss', 1, 1, 1.5, 1.5);
SELECT automation, run, why FROM pg_temp.fired('e12');

-- E13 custom-metric above 10: a Slack message, the SDK's own first example
SELECT wb.create_project('use_case_runs', 'e13') AS project \gset
SELECT wb.create_automation(
	name        => 'my-automation',
	event       => wb.on_run_metric(wb.project('use_case_runs', 'e13'), wb.metric('custom-metric', '>', 10)),
	action      => wb.send_notification(wb.slack_integration('use_case_runs'), title => 'custom-metric is high', severity => 'WARN'),
	description => 'Slack message whenever custom-metric is above 10') \gset
SELECT wb.start_run(:project, 'run') AS run \gset
CALL pg_temp.train(:run, 'custom-metric', 10, 10.5);
CALL pg_temp.train(:run, 'other-metric', 11);
SELECT * FROM pg_temp.fired('e13');

-- E14 the average of the last five of my-metric is above 123.45
SELECT wb.create_project('use_case_runs', 'e14') AS project \gset
SELECT wb.create_automation('my-metric', wb.on_run_metric(wb.project('use_case_runs', 'e14'), wb.avg('my-metric', '>', 123.45, window_size => 5)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'run') AS run \gset
CALL pg_temp.train(:run, 'my-metric', 0, 123, 123, 123, 123, 130);
SELECT automation, run, why FROM pg_temp.fired('e14');
SELECT event->'metricValues' AS "values", event->>'metricFilter' AS rule FROM wb.executions WHERE run_id = :run;

-- E15 a system metric is a metric: the load of the CPU, of one name and no other
SELECT wb.create_project('use_case_runs', 'e15') AS project \gset
SELECT wb.create_automation('busy', wb.on_run_metric(wb.project('use_case_runs', 'e15'), wb.avg('system.cpu', '>', 90, window_size => 3)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'run') AS run \gset
SELECT wb.log(:run, '{"system": {"cpu": 95, "memory": 40}}') FROM generate_series(1, 2) \g /dev/null
SELECT count(*) AS with_two FROM pg_temp.fired('e15');
SELECT wb.log(:run, '{"system": {"cpu": 98, "memory": 40}}') \g /dev/null
SELECT automation, run, why FROM pg_temp.fired('e15');

-- E16 the training loss is on a plateau; one that still falls is not
SELECT wb.create_project('use_case_runs', 'e16') AS project \gset
SELECT wb.create_automation('plateau', wb.on_run_metric(wb.project('use_case_runs', 'e16'),
	wb.plateau('loss', window_size => 3, prior_window_size => 3, min_delta => 0.01)),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), title => '${run_name} learns no more')) \gset
SELECT wb.start_run(:project, 'falls') AS falls, wb.start_run(:project, 'stays') AS stays \gset
CALL pg_temp.train(:falls, 'loss', 1, 0.9, 0.8, 0.7, 0.6, 0.5);
CALL pg_temp.train(:stays, 'loss', 1, 0.9, 0.8, 0.81, 0.82, 0.8);
SELECT * FROM pg_temp.fired('e16');

-- E17 accuracy is unusually high: more than two deviations above what it was
SELECT wb.create_project('use_case_runs', 'e17') AS project \gset
SELECT wb.create_automation('unusual', wb.on_run_metric(wb.project('use_case_runs', 'e17'), wb.zscore('accuracy', window_size => 4, threshold => 2, direction => 'above')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'usual') AS usual, wb.start_run(:project, 'high') AS high, wb.start_run(:project, 'low') AS low \gset
CALL pg_temp.train(:usual, 'accuracy', 0.5, 0.75, 0.5, 0.75, 0.75);
CALL pg_temp.train(:high, 'accuracy', 0.5, 0.75, 0.5, 0.75, 1);
CALL pg_temp.train(:low, 'accuracy', 0.5, 0.75, 0.5, 0.75, 0.25);
SELECT automation, run, why FROM pg_temp.fired('e17');

-- E18 unusually low, or far from the usual on either side
SELECT wb.create_project('use_case_runs', 'e18') AS project \gset
SELECT wb.create_automation('low', wb.on_run_metric(wb.project('use_case_runs', 'e18'), wb.zscore('accuracy', window_size => 4, threshold => 2, direction => 'below')), wb.do_nothing()) \gset
SELECT wb.create_automation('either side', wb.on_run_metric(wb.project('use_case_runs', 'e18'), wb.zscore('accuracy', window_size => 4, threshold => 2)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'goes up') AS up, wb.start_run(:project, 'goes down') AS down \gset
CALL pg_temp.train(:up, 'accuracy', 0.5, 0.75, 0.5, 0.75, 1);
CALL pg_temp.train(:down, 'accuracy', 0.5, 0.75, 0.5, 0.75, 0.25);
SELECT automation, run, why FROM pg_temp.fired('e18');

-- E19 validation starts only while the loss is in bounds
SELECT wb.create_project('use_case_runs', 'e19') AS project \gset
SELECT wb.create_automation('validate', wb.on_run_metric(wb.project('use_case_runs', 'e19'), wb.metric('loss', '<=', 0.5)),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'pipeline'), '{"job": "validate", "run": "${run_path}"}')) \gset
SELECT wb.start_run(:project, 'in bounds') AS inside, wb.start_run(:project, 'out of bounds') AS outside \gset
CALL pg_temp.train(:inside, 'loss', 2, 0.5);
CALL pg_temp.train(:outside, 'loss', 2, 0.75);
SELECT * FROM pg_temp.fired('e19');

-- E20 a model in production gets worse: train it again, from the run that says so
SELECT wb.create_project('use_case_runs', 'e20') AS project \gset
SELECT wb.create_automation('retrain', wb.on_run_metric(wb.project('use_case_runs', 'e20'), wb.max('live.f1', '<', 0.8, window_size => 3)),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'pipeline'), '{"job": "train", "from": "${run_path}", "because": "${why}"}')) \gset
SELECT wb.start_run(:project, 'monitor', name => 'live0001') AS run \gset
CALL pg_temp.train(:run, 'live.f1', 0.9, 0.7, 0.75);
SELECT count(*) AS with_one_good_value FROM pg_temp.fired('e20');
CALL pg_temp.train(:run, 'live.f1', 0.5);
SELECT * FROM pg_temp.fired('e20');
SELECT event->>'runPath' AS run_path, action #>> '{genericWebhookActionInput,requestPayload}' AS payload FROM wb.executions WHERE run_id = :run;

-- E21 the runs of one user
SELECT wb.create_project('use_case_runs', 'e21') AS project \gset
SELECT wb.create_automation('runs of ann', wb.on_run_state(wb.project('use_case_runs', 'e21'), '{finished}', wb.where('username', '=', 'ann')), wb.do_nothing()) \gset
SELECT wb.create_automation('loss of ann', wb.on_run_metric(wb.project('use_case_runs', 'e21'), wb.metric('loss', '>', 1), wb.where('username', '=', 'ann')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'by ann', username => 'ann') AS ann, wb.start_run(:project, 'by bob', username => 'bob') AS bob \gset
CALL pg_temp.train(:ann, 'loss', 2);
CALL pg_temp.train(:bob, 'loss', 2);
SELECT wb.finish_run(:ann), wb.finish_run(:bob) \gset
SELECT automation, run, why FROM pg_temp.fired('e21');

-- E22 runs whose name begins with bert-
SELECT wb.create_project('use_case_runs', 'e22') AS project \gset
SELECT wb.create_automation('bert', wb.on_run_metric(wb.project('use_case_runs', 'e22'), wb.metric('loss', '>', 1), wb.where('display_name', '~', '^bert-.*')), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'bert-large') AS bert, wb.start_run(:project, 'distil-bert-1') AS other, wb.start_run(:project, 'BERT-large') AS loud \gset
CALL pg_temp.train(:bert, 'loss', 2);
CALL pg_temp.train(:other, 'loss', 2);
CALL pg_temp.train(:loud, 'loss', 2);
SELECT automation, run, why FROM pg_temp.fired('e22');

-- E23 each of two runs fires once in 24 hours; the day after, once more
SELECT wb.create_project('use_case_runs', 'e23') AS project \gset
SELECT wb.create_automation('high loss', wb.on_run_metric(wb.project('use_case_runs', 'e23'), wb.metric('loss', '>', 10)), wb.do_nothing()) \gset
SELECT wb.start_run(:project, 'one') AS one, wb.start_run(:project, 'two') AS two \gset
CALL pg_temp.train(:one, 'loss', 11, 12, 13);
CALL pg_temp.train(:two, 'loss', 11);
SELECT automation, run, state, why FROM pg_temp.fired('e23') WHERE state = 'PENDING';
SET wb_automations.clock_offset = '23h';
CALL pg_temp.train(:one, 'loss', 14);
SELECT count(*) FILTER (WHERE state = 'PENDING') AS fired FROM pg_temp.fired('e23');
SET wb_automations.clock_offset = '25h';
CALL pg_temp.train(:one, 'loss', 15);
SELECT count(*) FILTER (WHERE state = 'PENDING') AS fired FROM pg_temp.fired('e23');
RESET wb_automations.clock_offset;

-- E39 one policy for every project of a team, those that are made later too
SELECT wb.create_team('use_case_runs e39') \gset
SELECT wb.create_slack_integration('use_case_runs e39', 'https://hooks.slack.com/services/T0/B0/policy', '#policy') \gset
SELECT wb.create_automation('no NaN here', wb.on_run_metric(wb.entity('use_case_runs e39'), wb.is_not_finite('loss')),
	wb.send_notification(wb.slack_integration('use_case_runs e39', '#policy'), title => '${run_path}')) AS automation \gset
SELECT wb.start_run(wb.create_project('use_case_runs e39', 'made later'), 'ours') AS ours, wb.start_run(wb.create_project('use_case_runs', 'e39'), 'of another team') AS other \gset
CALL pg_temp.train(:ours, 'loss', 'Infinity');
CALL pg_temp.train(:other, 'loss', 'Infinity');
SELECT automation_name, project, run_name, why FROM wb.automation_history WHERE automation_id = :automation;

-- E41 another tracking system follows every run, from its start to its end
SELECT wb.create_project('use_case_runs', 'e41') AS project \gset
SELECT wb.create_automation('tell the other tracker', wb.on_run_state(wb.project('use_case_runs', 'e41'), '{running,finished,failed}'),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'pipeline'), '{"run": "${run_path}", "status": "${run_status}"}'), once_per => 'run_state') \gset
SELECT wb.start_run(:project, 'run') AS run \gset
SELECT wb.finish_run(:run) \gset
SELECT automation, run, state, told, why FROM pg_temp.fired('e41');

-- E46 a summary of the day, every morning at nine where the team is
SELECT wb.create_project('use_case_runs', 'e46') AS project \gset
SELECT wb.create_automation('good morning', wb.on_schedule(wb.project('use_case_runs', 'e46'), '1 day', '09:00', 'Europe/Berlin', metrics => '{loss}'),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), title => 'the last day', message => '${summary}')) AS automation \gset
UPDATE wb.automations SET created_at = '2026-11-20 08:00+00' WHERE id = :automation;
INSERT INTO wb.runs (project_id, display_name, state, created_at, finished_at) VALUES
	(:project, 'good', 'finished', '2026-11-20 10:00+00', '2026-11-20 11:00+00'), (:project, 'bad', 'failed', '2026-11-20 12:00+00', '2026-11-20 13:00+00'),
	(:project, 'older', 'finished', '2026-11-18 10:00+00', '2026-11-18 11:00+00');
SELECT wb.log(id, '{"loss": 0.25}') FROM wb.runs WHERE project_id = :project AND display_name = 'good' \g /dev/null
SELECT wb.sweep('2026-11-21 07:59+00') \gset
SELECT count(*) AS before_nine FROM pg_temp.fired('e46');
SELECT wb.sweep('2026-11-21 08:01+00') \gset
SELECT wb.sweep('2026-11-21 09:01+00') \gset
SELECT * FROM pg_temp.fired('e46');
SELECT s.summary - 'metrics' - 'since' - 'before' AS counts, s.summary #>> '{metrics,loss}' AS loss
FROM wb.executions e, LATERAL (SELECT e.event->'summary' AS summary) s WHERE automation_id = :automation;

-- E49 no alarm that nobody reads: a filter leaves out trials, and a second threshold wakes somebody up
SELECT wb.create_project('use_case_runs', 'e49') AS project \gset
SELECT wb.create_automation('loss is high', wb.on_run_metric(wb.project('use_case_runs', 'e49'), wb.avg('loss', '>', 5, window_size => 2), wb.none_of(wb.where('tags', '=', 'trial'))),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), severity => 'WARN')) \gset
SELECT wb.create_automation('loss explodes', wb.on_run_metric(wb.project('use_case_runs', 'e49'), wb.avg('loss', '>', 100, window_size => 2), wb.none_of(wb.where('tags', '=', 'trial'))),
	wb.send_notification(wb.slack_integration('use_case_runs', '#oncall'), severity => 'ERROR')) \gset
SELECT wb.start_run(:project, 'trial', tags => '{trial,big}') AS trial, wb.start_run(:project, 'high', tags => '{big}') AS high, wb.start_run(:project, 'explodes') AS explodes \gset
CALL pg_temp.train(:trial, 'loss', 1000, 1000);
CALL pg_temp.train(:high, 'loss', 8, 8);
CALL pg_temp.train(:explodes, 'loss', 1000, 1000);
SELECT * FROM pg_temp.fired('e49');

-- E52 an agent is asked by a webhook: why a run failed, how a version compares with production, for a report of a success
SELECT wb.create_project('use_case_runs', 'e52') AS project \gset
SELECT wb.create_registry('use_case_runs org', 'models') AS registry \gset
SELECT wb.create_webhook_integration('use_case_runs', 'agent', 'https://agent.example.com/ask') \gset
SELECT wb.create_automation('diagnose', wb.on_run_state(wb.project('use_case_runs', 'e52'), '{failed}'),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'agent'), '{"prompt": "Why did ${run_path} fail?"}')) \gset
SELECT wb.create_automation('report', wb.on_run_state(wb.project('use_case_runs', 'e52'), '{finished}'),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'agent'), '{"prompt": "Write a report on ${run_path}."}')) \gset
SELECT wb.create_automation('compare', wb.on_link_artifact(wb.registry('use_case_runs org', 'models')),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'agent'), '{"prompt": "Compare ${artifact_version_string} with production."}')) AS compare \gset
SELECT wb.start_run(:project, 'fails') AS fails, wb.start_run(:project, 'succeeds') AS succeeds \gset
SELECT wb.finish_run(:fails, 1), wb.finish_run(:succeeds) \gset
SELECT wb.link_artifact(wb.log_artifact(:project, 'detector', 'model', run_id => :succeeds), :registry, 'detector') \gset
SELECT * FROM pg_temp.fired('e52');
SELECT automation_name, artifact, event->>'artifactVersionString' AS version FROM wb.automation_history WHERE automation_id = :compare;

-- E53 what a monitor of a live model finds is logged to a run of its own: low scores, a regression, a gate, errors and latency
SELECT wb.create_project('use_case_runs', 'e53') AS project \gset
SELECT wb.create_automation('low score', wb.on_run_metric(wb.project('use_case_runs', 'e53'), wb.avg('score', '<', 0.5, window_size => 3)),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'))) \gset
SELECT wb.create_automation('regression', wb.on_run_metric(wb.project('use_case_runs', 'e53'), wb.decreases_by('score', frac => 0.25, window_size => 3, prior_window_size => 3)),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'))) \gset
SELECT wb.create_automation('gate', wb.on_run_metric(wb.project('use_case_runs', 'e53'), wb.min('score', '>=', 0.75, window_size => 3)),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'pipeline'), '{"deploy": "${run_name}"}')) \gset
SELECT wb.create_automation('errors', wb.on_run_metric(wb.project('use_case_runs', 'e53'), wb.metric('error_rate', '>', 0.05)),
	wb.send_notification(wb.slack_integration('use_case_runs', '#oncall'))) \gset
SELECT wb.create_automation('latency', wb.on_run_metric(wb.project('use_case_runs', 'e53'), wb.avg('latency_p95', '>', 2, window_size => 2)),
	wb.send_notification(wb.slack_integration('use_case_runs', '#oncall'))) \gset
SELECT wb.start_run(:project, 'chat') AS chat, wb.start_run(:project, 'search') AS search \gset
CALL pg_temp.train(:chat, 'score', 1, 1, 1, 0.5, 0.25, 0.5);
CALL pg_temp.train(:chat, 'error_rate', 0.01, 0.0625);
CALL pg_temp.train(:chat, 'latency_p95', 1, 3.5);
CALL pg_temp.train(:search, 'score', 0.5, 1, 0.5);
CALL pg_temp.train(:search, 'error_rate', 0.01);
CALL pg_temp.train(:search, 'latency_p95', 1, 1);
SELECT * FROM pg_temp.fired('e53');

-- E55 in place of run.alert: a NaN, and low accuracy again after 300 seconds at the earliest, for somebody by name
SELECT wb.create_project('use_case_runs', 'e55') AS project \gset
SELECT wb.create_webhook_integration('use_case_runs', 'chat', 'https://hooks.slack.com/services/T0/B0/mentions') \gset
SELECT wb.create_automation('loss is NaN', wb.on_run_metric(wb.project('use_case_runs', 'e55'), wb.is_nan('loss')),
	wb.send_notification(wb.slack_integration('use_case_runs', '#alerts'), title => 'Loss is NaN', severity => 'ERROR')) \gset
SELECT wb.create_automation('low accuracy', wb.on_run_metric(wb.project('use_case_runs', 'e55'), wb.metric('accuracy', '<', 0.5)),
	wb.send_webhook(wb.webhook_integration('use_case_runs', 'chat'), '{"text": "<@U024BE7LH> accuracy of ${run_name} is ${observed}"}'), cooldown => '300 s') \gset
SELECT wb.start_run(:project, 'run') AS run \gset
CALL pg_temp.train(:run, 'loss', 'NaN');
CALL pg_temp.train(:run, 'accuracy', 0.25, 0.25);
SELECT automation, run, state, told, why FROM pg_temp.fired('e55') WHERE state = 'PENDING';
SET wb_automations.clock_offset = '299s';
CALL pg_temp.train(:run, 'accuracy', 0.25);
SELECT count(*) FILTER (WHERE state = 'PENDING') AS fired FROM pg_temp.fired('e55');
SET wb_automations.clock_offset = '301s';
CALL pg_temp.train(:run, 'accuracy', 0.25);
SELECT count(*) FILTER (WHERE state = 'PENDING') AS fired FROM pg_temp.fired('e55');
RESET wb_automations.clock_offset;

-- E57 a run that is preempted does not alarm as one that failed
SELECT wb.create_project('use_case_runs', 'e57') AS project \gset
SELECT wb.create_automation('failed', wb.on_run_state(wb.project('use_case_runs', 'e57'), '{failed}'),
	wb.send_notification(wb.slack_integration('use_case_runs', '#oncall'))) \gset
SELECT wb.start_run(:project, 'preempted') AS preempted, wb.start_run(:project, 'fails') AS fails \gset
UPDATE wb.runs SET state = 'preempting' WHERE id = :preempted;
SELECT wb.finish_run(:preempted, exit_code => 1), wb.finish_run(:fails, exit_code => 1) \gset
SELECT * FROM pg_temp.fired('e57');
SELECT state, exit_code FROM wb.runs WHERE id = :preempted;
