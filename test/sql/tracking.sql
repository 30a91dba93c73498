-- Teams, projects, runs, metrics and artifacts through functions.
\set SHOW_CONTEXT never
SET client_min_messages = error;
SELECT wb.setup() \gset

-- a team and its organization are made once, and again it is the same
SELECT wb.create_team('tracking', 'tracking org') AS team \gset
SELECT wb.create_team('tracking') = :team AS is_same, wb.create_team('tracking', 'tracking org') = :team AS is_same_with_org, wb.entity_id('tracking') = :team AS is_found;
SELECT e.name, e.kind, o.name AS organization FROM wb.entities e LEFT JOIN wb.entities o ON o.id = e.organization_id
WHERE e.name LIKE 'tracking%' ORDER BY 1;
\set VERBOSITY terse
SELECT wb.create_team('a/b');
SELECT wb.create_team('');
SELECT wb.create_team(NULL);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default

-- a project brings a missing team along
SELECT wb.create_project('tracking two', 'p') = wb.create_project('tracking two', 'p') AS is_same;
SELECT count(*) FROM wb.projects WHERE id = wb.project_id('tracking two', 'p');
SELECT wb.create_project('tracking', 'p') AS project \gset
\set VERBOSITY terse
SELECT wb.create_project('tracking', 'a:b');
SELECT wb.create_project('tracking', NULL);
\set VERBOSITY default

-- a run, with all there is to say, and with nothing
SELECT wb.start_run(:project, 'display', name => 'r1', username => 'ann', config => '{"lr": 0.1}', tags => '{a,b}', state => 'pending') AS run \gset
SELECT name, display_name, username, state, config, tags, heartbeat_at, finished_at, exit_code FROM wb.runs WHERE id = :run;
SELECT wb.start_run(:project) AS bare \gset
SELECT name ~ '^[a-z0-9]{8}$' AS has_name, display_name, username = current_user AS is_mine, state, config, tags FROM wb.runs WHERE id = :bare;
\set VERBOSITY terse
SELECT wb.start_run(:project, name => 'r1');
SELECT wb.start_run(-1);
SELECT wb.start_run(:project, state => 'walking');
\set VERBOSITY default
-- names that are made do not collide
SELECT count(DISTINCT wb.start_run(:project)) FROM generate_series(1, 500);

-- wb.log makes a step after the newest of the run, over all its metrics
SELECT wb.log(:run, '{"loss": 1}') AS first, wb.log(:run, '{"loss": 0.5, "acc": 1}') AS second, wb.log(:run, '{"acc": 2}') AS third;
INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'zoom', 100, 1);
SELECT wb.log(:run, '{"loss": 0.4}') AS after_zoom;
SELECT name, step, value FROM wb.run_metrics WHERE run_id = :run ORDER BY name, step;

-- a step that is given is taken; given again it replaces
SELECT wb.log(:run, '{"loss": 7}', 1) AS step, wb.log(:run, '{"late": 1}', -5) AS negative;
SELECT name, step, value FROM wb.run_metrics WHERE run_id = :run AND step IN (1, -5) ORDER BY name, step;

-- nested keys are joined by a dot; numbers as they are, NaN and Infinity as
-- strings, booleans as 0 and 1; what is no number is left out
SELECT wb.start_run(:project) AS run \gset
SELECT wb.log(:run, '{"a": {"b": {"c": 1}, "d": 2}, "nan": "NaN", "lower": "nan", "inf": "Infinity", "less": "-Infinity", "short": "-inf", "yes": true, "no": false,
	"text": "1.5", "null": null, "list": [1, 2], "empty": {}, "tiny": 1e-300, "big": 123456789012345678, "val/loss": 3, "потеря": 4}');
SELECT name, value FROM wb.run_metrics WHERE run_id = :run ORDER BY name COLLATE "C";
-- a document without a number adds no point
SELECT wb.log(:run, '{"text": "x"}') AS step, wb.log(:run, '{}') AS again;
SELECT count(*) FROM wb.run_metrics WHERE run_id = :run AND step > 0;

-- what is no object, a number beyond double precision, an empty name, an unknown run
SELECT wb.log(93900, '[1]');
SELECT wb.log(93900, NULL);
SELECT wb.log(93900, '7');
\set VERBOSITY sqlstate
SELECT wb.log(:run, '{"x": 1e400}');
\set VERBOSITY terse
SELECT wb.log(:run, '{"": 1}');
\set VERBOSITY default
SELECT wb.log(93900, '{"loss": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.log(93900, '{"loss": 1}', 3);

-- logging fires in the statement that logs
SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('tracking', 'p'), wb.is_nan('a.b')), wb.do_nothing()) \gset
SELECT wb.log(:run, '{"a": {"b": "NaN"}}') AS step \gset
SELECT automation_name, event->>'metricName' AS metric, (event->>'step')::bigint = :step AS is_step FROM wb.executions WHERE run_id = :run;

-- a run ends; its exit code tells how
SELECT wb.heartbeat(:run);
SELECT wb.finish_run(:run);
SELECT state, exit_code, heartbeat_at IS NOT NULL AS has_lived, finished_at IS NOT NULL AS has_ended FROM wb.runs WHERE id = :run;
SELECT wb.finish_run(:run, 254) \gset
SELECT state, exit_code FROM wb.runs WHERE id = :run;
SELECT wb.finish_run(:run, -9) \gset
SELECT state, exit_code FROM wb.runs WHERE id = :run;
SELECT wb.finish_run(-1);
\echo :LAST_ERROR_SQLSTATE
SELECT wb.heartbeat(-1);

-- paths to runs, and what part of one is missing
SELECT r.name FROM wb.runs r WHERE r.id = wb.run('tracking/p/r1');
SELECT wb.run('nobody/p/r1');
SELECT wb.run('tracking/nothing/r1');
SELECT wb.run('tracking/p/r9');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.run('tracking/p');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.run('tracking/p/r1/');
SELECT wb.run(NULL);

-- versions count from v0 in their collection
SELECT wb.log_artifact(:project, 'model', 'model', 'd0', metadata => '{"a": 1}', run_id => :run) AS v0 \gset
SELECT wb.log_artifact(:project, 'model', 'model', 'd1', aliases => '{best,latest}') AS v1 \gset
SELECT wb.log_artifact(:project, 'data', 'dataset') AS data \gset
SELECT c.name, c.type, a.version, a.digest, a.state, a.metadata, a.run_id = :run AS of_run, (SELECT array_agg(l.alias ORDER BY l.alias) FROM wb.artifact_aliases l WHERE l.artifact_id = a.id) AS aliases
FROM wb.artifacts a JOIN wb.collections c ON c.id = a.collection_id WHERE c.project_id = :project ORDER BY 1, 3;

-- an unchanged digest makes none, but takes the aliases
SELECT wb.log_artifact(:project, 'model', 'model', 'd1', aliases => '{again}') = :v1 AS is_same;
SELECT array_agg(alias ORDER BY alias) FROM wb.artifact_aliases WHERE artifact_id = :v1;

-- paths to versions, by number and by alias, and what part is missing
SELECT wb.artifact('tracking/p/model:v0') = :v0 AS by_number, wb.artifact('tracking/p/model:best') = :v1 AS by_alias, wb.artifact('tracking/p/model:latest') = :v1 AS latest;
SELECT wb.artifact('nobody/p/model:v0');
SELECT wb.artifact('tracking/nothing/model:v0');
SELECT wb.artifact('tracking/p/nothing:v0');
SELECT wb.artifact('tracking/p/model:v9');
SELECT wb.artifact('tracking/p/model:v99999999999');
SELECT wb.artifact('tracking/p/model:nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.artifact('tracking/p/model');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.artifact('tracking/p/model:v0:v1');

-- aliases
SELECT wb.add_alias(:v0, 'best') \gset
SELECT wb.artifact('tracking/p/model:best') = :v0 AS has_moved;
\set VERBOSITY terse
SELECT wb.add_alias(:v0, 'v7');
SELECT wb.add_alias(:v0, 'a/b');
SELECT wb.add_alias(:v0, '');
SELECT wb.add_alias(:v0, NULL);
\set VERBOSITY default
SELECT wb.add_alias(-1, 'x');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.remove_alias(:v0, 'best');
SELECT wb.remove_alias(-1, 'best');
\echo :LAST_ERROR_SQLSTATE
-- one that another version has is not taken away from it
INSERT INTO wb.collections (id, project_id, name, type) VALUES (93900, :project, 'fixed', 'model');
INSERT INTO wb.artifacts (id, collection_id, version) VALUES (93900, 93900, 0), (93901, 93900, 1);
SELECT wb.add_alias(93901, 'prod') \gset
SELECT wb.remove_alias(93900, 'prod');

-- what artifacts cannot be
SELECT wb.log_artifact(-1, 'm', 'model');
\set VERBOSITY terse
SELECT wb.log_artifact(:project, 'a:b', 'model');
SELECT wb.log_artifact(:project, 'm', '');
SELECT wb.log_artifact(:project, 'm', 'model', metadata => '[]');
SELECT wb.log_artifact(:project, 'm', 'model', tags => '{a/b}');
SELECT wb.log_artifact(:project, 'm', 'model', aliases => '{v1}');
\set VERBOSITY default
-- and a refused one leaves no collection behind
SELECT count(*) FROM wb.collections WHERE project_id = :project AND name = 'm';
-- no tags and no aliases may be NULL as well
SELECT wb.log_artifact(:project, 'nulls', 'model', aliases => NULL, tags => NULL) IS NOT NULL AS made;
SELECT alias FROM wb.artifact_aliases WHERE artifact_id = wb.artifact('tracking/p/nulls:v0');

-- what is deleted with a project: its runs, their metrics, its collections and
-- automations, those of its collections too; history stays
SELECT wb.create_automation('of model', wb.on_add_artifact_alias(wb.collection(wb.project('tracking', 'p'), 'model')), wb.do_nothing()) \gset
SELECT wb.collection_of(:v0) AS collection \gset
SELECT count(*) AS executions FROM wb.executions WHERE project_id = :project \gset
DELETE FROM wb.projects WHERE id = :project;
SELECT (SELECT count(*) FROM wb.runs WHERE project_id = :project) AS runs, (SELECT count(*) FROM wb.run_metrics WHERE run_id = :run) AS metrics,
	(SELECT count(*) FROM wb.collections WHERE project_id = :project) AS collections, (SELECT count(*) FROM wb.artifacts WHERE id IN (:v0, :v1)) AS versions,
	(SELECT count(*) FROM wb.automations WHERE scope_type = 'PROJECT' AND scope_id = :project) AS automations,
	(SELECT count(*) FROM wb.automations WHERE scope_type = 'ARTIFACT_COLLECTION' AND scope_id = :collection) AS of_collections,
	(SELECT count(*) FROM wb.executions WHERE project_id = :project) = :executions AS history_stays;

-- a team that has no organization gets the one that is named; another is not
-- put in the place of its own, and only a team can belong to an organization
SELECT wb.create_team('tracking late') AS late \gset
SELECT wb.create_team('tracking late', 'tracking org') = :late AS is_same;
SELECT o.name FROM wb.entities e JOIN wb.entities o ON o.id = e.organization_id WHERE e.id = :late;
\set VERBOSITY terse
SELECT wb.create_team('tracking late', 'tracking other org');
\echo :LAST_ERROR_SQLSTATE
SELECT wb.create_team('tracking org', 'tracking other org');
SELECT wb.create_team('tracking late', 'tracking two');
\set VERBOSITY default
