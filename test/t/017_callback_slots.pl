# A backend has ten places for callbacks of the relation cache, for all
# libraries together, and ends when an eleventh is asked for.  Other libraries
# may take seven of them, and writers and worker do all that they do otherwise.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;
use WbAutomations::Preload;

my $probe = WbAutomations::Preload::build_module('callback_slots')
  or plan skip_all => 'the headers of the server, or a C compiler, are missing';
my $endpoint = WbAutomations::Endpoint->new;

# Beside a library that is preloaded, the worker delivers what a writer's rows
# make fire.
my $node = WbAutomations::Node->new('crowded', conf => "shared_preload_libraries = '$probe, wb_automations'");
my $run = $node->new_run('ml/crowded');
my $create = sprintf q(
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'crowded'), wb.is_nan('loss')),
		wb.send_webhook(wb.webhook_integration('ml', 'hook')), cooldown => '0');), $endpoint->url;
$node->sql($create);
$node->log_metric($run, 'loss', 'NaN');
$endpoint->wait_for_request;
$node->wait_until_settled;
is($node->sql('SELECT state FROM wb.automation_history'), 'FINISHED', 'a crowded server judges and delivers');

# One session does everything that listens: rules, runs, series and the queue.
my ($result, $out, $err) = $node->psql('postgres', qq(
	SELECT wb.create_automation('mean', wb.on_run_metric(wb.project('ml', 'crowded'), wb.avg('loss', '>', 5, 2)), wb.do_nothing(), cooldown => '0');
	INSERT INTO wb.run_metrics SELECT $run, 'loss', i, 10 FROM generate_series(1, 5) i;
	DELETE FROM wb.run_metrics WHERE run_id = $run AND step = 5;
	UPDATE wb.runs SET state = 'finished' WHERE id = $run;
	SELECT '\1', count(*) > 0 FROM wb.explain(wb.automation('mean'), $run);
	SELECT count(*) FROM wb.executions WHERE automation_name = 'mean';
	DELETE FROM wb.projects;));
is($err, '', 'no session runs out of places');

# Where the library is loaded by use, the same places are enough.
my $late = WbAutomations::Node->new('late', preload => 0, conf => "session_preload_libraries = '$probe'");
$run = $late->new_run('ml/crowded');
$late->sql($create);
$late->log_metric($run, 'loss', 'NaN');
is($late->sql('SELECT count(*) FROM wb.executions'), '1', 'so does a session that loads the library itself');

done_testing();
