# Each kind of event, in each scope that takes it, with each action, fired and
# not: every function and view that takes an automation, a run, a version or an
# execution is asked about it, each time in a session of its own, because what
# a session did before may hide what a first question meets.
#
# An answer is rows, or an error that the reference names for that function.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;
use WbAutomations::Sample;

my $node = WbAutomations::Node->new('matrix', conf => "wb_automations.worker = off\nfsync = off\nautovacuum = off");

$node->sql(q(
	SELECT wb.create_team('mx', 'mx-org');
	SELECT wb.create_project('mx', 'p');
	SELECT wb.create_registry('mx-org', 'models');
	SELECT wb.set_secret('mx', 'SLACK', 'https://127.0.0.1/slack');
	SELECT wb.create_slack_integration('mx', url_secret => 'SLACK');
	SELECT wb.create_webhook_integration('mx', 'hook', 'http://127.0.0.1:9/');
	SELECT wb.start_run(wb.project_id('mx', 'p'), name => 'r');
	SELECT wb.start_run(wb.project_id('mx', 'p'), name => 'other');
	SELECT wb.start_run(wb.project_id('mx', 'p'), name => 'third');
	SELECT wb.link_artifact(wb.log_artifact(wb.project_id('mx', 'p'), 'model', 'model'), wb.registry_id('mx-org', 'models'), 'target');));

my %scopes = (
	project => q(wb.project('mx', 'p')),
	collection => q(wb.collection(wb.project('mx', 'p'), 'model')),
	registry => q(wb.registry('mx-org', 'models')),
	target => q(wb.collection(wb.registry('mx-org', 'models'), 'target')),
	team => q(wb.entity('mx')),
	organization => q(wb.entity('mx-org')));
my %events = (
	metric => q(wb.on_run_metric(SCOPE, wb.metric('loss', '>', 5))),
	filtered => q(wb.on_run_metric(SCOPE, wb.metric('loss', '>', 5), wb.where('state', '=', 'running'))),
	average => q(wb.on_run_metric(SCOPE, wb.avg('loss', '>', 2, 3))),
	minimum => q(wb.on_run_metric(SCOPE, wb.min('loss', '<', 3, 2))),
	nan => q(wb.on_run_metric(SCOPE, wb.is_nan('loss'))),
	change => q(wb.on_run_metric(SCOPE, wb.increases_by('loss', diff => 1, window_size => 2, prior_window_size => 2))),
	zscore => q(wb.on_run_metric(SCOPE, wb.zscore('loss', 3, 1))),
	zscore_others => q(wb.on_run_metric(SCOPE, wb.zscore('loss', 2, 1, baseline => 'project_runs'))),
	plateau => q(wb.on_run_metric(SCOPE, wb.plateau('loss', 2, 2))),
	state => q(wb.on_run_state(SCOPE, '{finished,failed}')),
	silent => q(wb.on_run_silent(SCOPE, '1 hour')),
	silent_metric => q(wb.on_run_silent(SCOPE, '1 hour', 'loss')),
	schedule => q(wb.on_schedule(SCOPE, '1 hour')),
	create => q(wb.on_create_artifact(SCOPE)),
	link => q(wb.on_link_artifact(SCOPE)),
	unlink => q(wb.on_unlink_artifact(SCOPE)),
	alias => q(wb.on_add_artifact_alias(SCOPE)),
	tag => q(wb.on_add_artifact_tag(SCOPE)),
	untag => q(wb.on_remove_artifact_tag(SCOPE)),
	collection_tag => q(wb.on_add_collection_tag(SCOPE)),
	collection_untag => q(wb.on_remove_collection_tag(SCOPE)));
my %actions = (
	nothing => q(wb.do_nothing()),
	webhook => q(wb.send_webhook(wb.webhook_integration('mx', 'hook'), '{"why": "${why}", "run": "${run_name}"}')),
	slack => q(wb.send_notification(wb.slack_integration('mx'), 'title', 'message ${why}')),
	notify => q(wb.send_notify('mx')));

# Who takes what is said when an automation is made, with a hint of what would
# do; which of them can be made is the reference's matter.
my @kinds;
for my $event (sort keys %events)
{
	for my $scope (sort keys %scopes)
	{
		push @kinds, map { [ $event, $scope, $_ ] } sort keys %actions;
	}
}
sub create
{
	my ($suffix) = @_;
	my @pieces = map {
		my ($event, $scope, $action) = @$_;
		(my $made = $events{$event}) =~ s/SCOPE/$scopes{$scope}/;
		"PERFORM pg_temp.try('$event/$scope/$action/$suffix', \$q\$$made\$q\$, \$q\$$actions{$action}\$q\$);"
	} @kinds;
	$node->sql(join "\n", 'SET client_min_messages = error;',
		q(CREATE FUNCTION pg_temp.try(name text, event text, action text) RETURNS void LANGUAGE plpgsql AS $f$
		BEGIN
			EXECUTE format('SELECT wb.create_automation(%L, %s, %s, cooldown => ''0'')', name, event, action);
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO refused VALUES (name, SQLSTATE, SQLERRM);
		END $f$;),
		'DO $$ BEGIN', @pieces, 'END $$;');
	return;
}

$node->sql('CREATE TABLE refused (name text, sqlstate text, message text)');
create('fired');
$node->sql(q(
	SELECT wb.log(wb.run('mx/p/other'), jsonb_build_object('loss', v)) FROM unnest('{1,2}'::int[]) v;
	SELECT wb.log(wb.run('mx/p/third'), '{"loss": 1}');
	SELECT wb.log(wb.run('mx/p/r'), jsonb_build_object('loss', v)) FROM unnest('{1,1.1,1,1,1,1,9,NaN,2}'::float8[]) v;
	SELECT wb.sweep(now() + interval '1 day');
	SELECT wb.finish_run(wb.run('mx/p/r'));
	SELECT wb.log_artifact(wb.project_id('mx', 'p'), 'model', 'model', digest => 'x') AS v \gset
	SELECT wb.add_alias(:v, 'best'), wb.add_tag(:v, 'good'), wb.remove_tag(:v, 'good');
	SELECT wb.add_collection_tag(wb.collection_of(:v), 'good'), wb.remove_collection_tag(wb.collection_of(:v), 'good');
	SELECT wb.link_artifact(:v, wb.registry_id('mx-org', 'models'), 'target') AS l \gset
	SELECT wb.add_alias(:v, 'best', c.id), wb.add_collection_tag(c.id, 'good'), wb.remove_collection_tag(c.id, 'good')
	FROM wb.collections c WHERE c.name = 'target';
	SELECT wb.add_tag(:v, 'good'), wb.remove_tag(:v, 'good');
	SELECT wb.unlink_artifact(:v, wb.registry_id('mx-org', 'models'), 'target');));
create('never');

is($node->sql(q(SELECT DISTINCT sqlstate FROM refused)), '22023', 'what an event or a scope does not take is refused as such');
is($node->sql(q(
	SELECT string_agg(name, ' ' ORDER BY name) FROM wb.automations a
	WHERE (name LIKE '%/fired') <> EXISTS (SELECT FROM wb.executions e WHERE e.automation_id = a.id AND e.origin = 'event')
		AND name !~ '^(create/target|(link|unlink)/(collection|project|team))/')), '',
	'every automation fired that was there, but for versions made in a registry or linked in a project, and no other');

# Half of what fired is settled.
$node->sql(q(
	WITH done AS (UPDATE wb.executions SET state = 'FINISHED', settled_at = now(), result = '{}' WHERE id % 2 = 0 RETURNING id)
	DELETE FROM wb.deliveries d USING done WHERE d.execution_id = done.id));

# What is asked, and the errors that are an answer to some.
my %questions = (
	explain => [ 'SELECT * FROM wb.explain(AUTOMATION, RUN)', '0A000' ],
	explain_step => [ 'SELECT * FROM wb.explain(AUTOMATION, RUN, 3)', '0A000' ],
	explain_other => [ 'SELECT * FROM wb.explain(AUTOMATION, OTHER)', '0A000' ],
	backtest => [ 'SELECT * FROM wb.backtest(AUTOMATION)', '0A000' ],
	backtest_summary => [ 'SELECT * FROM wb.backtest_summary(AUTOMATION)', '0A000' ],
	backtest_event => [ 'SELECT * FROM wb.backtest_event(wb.automation_event(AUTOMATION))', '0A000' ],
	backtest_event_summary => [ 'SELECT * FROM wb.backtest_summary(wb.automation_event(AUTOMATION))', '0A000' ],
	preview => [ 'SELECT * FROM wb.preview(AUTOMATION)' ],
	preview_run => [ 'SELECT * FROM wb.preview(AUTOMATION, OTHER)' ],
	preview_version => [ 'SELECT * FROM wb.preview(AUTOMATION, NULL, VERSION)' ],
	export => [ 'SELECT wb.export_automation(AUTOMATION)', '0A000' ],
	import => [ 'SELECT wb.import_automation(wb.export_automation(AUTOMATION) || \'{"name": "again"}\')', '0A000' ],
	update => [ 'SELECT wb.update_automation(AUTOMATION, \'{"description": "new"}\')' ],
	update_event => [ 'SELECT wb.update_automation(AUTOMATION, jsonb_build_object(\'event\', wb.automation_event(AUTOMATION)))' ],
	disable => [ 'SELECT wb.disable_automation(AUTOMATION)' ],
	enable => [ 'SELECT wb.enable_automation(AUTOMATION)' ],
	delete => [ 'SELECT wb.delete_automation(AUTOMATION)' ],
	replay => [ 'SELECT wb.replay(EXECUTION)', '55000' ],
	cancel => [ 'SELECT wb.cancel(EXECUTION)', '55000' ],
	list => [ 'SELECT * FROM wb.automation_list WHERE id = AUTOMATION' ],
	history => [ 'SELECT * FROM wb.automation_history WHERE automation_id = AUTOMATION' ],
	statistics => [ 'SELECT * FROM wb.stat_automations WHERE automation_id = AUTOMATION' ]);

my ($run, $other, $version) = map { $node->sql("SELECT $_") } q(wb.run('mx/p/r')), q(wb.run('mx/p/other')), q(max(id) FROM wb.artifacts);
my @cases;
for (split /\n/, $node->sql(q(
	SELECT a.id, a.name, coalesce(max(e.id), 0) FROM wb.automations a LEFT JOIN wb.executions e ON e.automation_id = a.id
	GROUP BY a.id ORDER BY a.name)))
{
	my ($automation, $name, $execution) = split /\|/;
	for my $question (sort keys %questions)
	{
		my ($sql, @errors) = @{ $questions{$question} };
		next if $sql =~ /EXECUTION/ && !$execution;
		s/AUTOMATION/$automation/g, s/EXECUTION/$execution/g, s/RUN/$run/g, s/OTHER/$other/g, s/VERSION/$version/g for $sql;
		push @cases, { name => "$question of $name", sql => $sql, errors => \@errors };
	}
}
@cases = sample(800, @cases);
my @results = in_fresh_sessions($node, 'postgres', [ map { $_->{sql} } @cases ]);
my %failures;
for my $index (0 .. $#cases)
{
	my ($case, $result) = ($cases[$index], $results[$index] // 'the session ended');
	next if $result =~ /^00000/ || grep { $result =~ /^$_/ } @{ $case->{errors} };
	push @{ $failures{$result} }, $case->{name};
}
is(join('', map { sprintf "%s: %d, as %s\n", $_, scalar @{ $failures{$_} }, $failures{$_}[0] } sort keys %failures), '',
	@cases . ' questions are answered');
my ($end, @crashes) = crashes($node);
is("@crashes", '', 'nothing crashed');

done_testing();
