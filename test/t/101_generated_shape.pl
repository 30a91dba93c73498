# Whoever owns the tables may shape them as he likes.  Each column of each table
# gets another type, may be NULL and is, is dropped and renamed; each index is
# dropped or becomes another kind; each trigger is disabled or dropped; each
# table gets a column, is partitioned, inherited from, gets triggers that raise
# or swallow, and row level security.  Then rows are written, automations fire,
# messages are delivered, and every view and function is asked.
#
# What may come of it: what comes without the change; or nothing, and
# wb.status() says so; or an error that says what is wrong.  Never a crash, a
# hang, a worker that dies again and again, an internal error, a message lost
# without a word, sent twice or with other contents, and no failing write to a
# table that was left alone.
#
# Each change is made in a database of its own, in a session that wrote rows
# before.  A failure names the change; it is tried alone by WB_SHAPE, a pattern
# that its name matches.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;
use WbAutomations::Sample;
use WbAutomations::Shape;

my $endpoint = WbAutomations::Endpoint->new;
my $node = WbAutomations::Node->new('shape', setup => 0,
	conf => "fsync = off\nautovacuum = off\nmax_worker_processes = 16\nwb_automations.backoff_base = 1");
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN');

# The statements whose firings are compared: each has an automation of its own
# name, on what it does.
my @writes = (
	insert => [ q(wb.on_run_metric(P, wb.metric('a', '>', 5))), q(INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'a', 10, 9)) ],
	log => [ q(wb.on_run_metric(P, wb.metric('b', '>', 5))), q(SELECT wb.log(1, '{"b": 9}')) ],
	window => [ q(wb.on_run_metric(P, wb.avg('c', '>', 2, 3))), q(INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 1, 'c', g, 5 FROM generate_series(10, 12) g) ],
	filter => [ q(wb.on_run_metric(P, wb.metric('d', '>', 5), wb.all_of(wb.where('config.lr', '=', 1), wb.where('username', '=', 'alice')))), q(INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'd', 10, 9)) ],
	upsert => [ q(wb.on_run_metric(P, wb.metric('e', '>', 5))), q(INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'e', 0, 9) ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value) ],
	peers => [ q(wb.on_run_metric(P, wb.zscore('z', 2, 1, baseline => 'project_runs'))), q(INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (1, 'z', 10, 9)) ],
	state => [ q(wb.on_run_state(P, '{failed}')), q(UPDATE wb.runs SET state = 'failed' WHERE id = 2) ],
	silent => [ q(wb.on_run_silent(P, '1 hour', 'a')), q(SELECT wb.sweep(now() + interval '1 day')) ],
	create => [ q(wb.on_create_artifact(P)), q(INSERT INTO wb.artifacts (collection_id, version) VALUES (1, 5)) ],
	alias => [ q(wb.on_add_artifact_alias(P, wb.where('alias', '=', 'best'))), q(INSERT INTO wb.artifact_aliases (collection_id, alias, artifact_id) VALUES (1, 'best', 1)) ],
	tag => [ q(wb.on_add_artifact_tag(P)), q(INSERT INTO wb.artifact_tags (artifact_id, tag) VALUES (1, 'good')) ],
	untag => [ q(wb.on_remove_artifact_tag(P)), q(DELETE FROM wb.artifact_tags WHERE artifact_id = 1) ],
	link => [ q(wb.on_link_artifact(R)), q(INSERT INTO wb.artifact_links (collection_id, artifact_id) VALUES (2, 1)) ],
	unlink => [ q(wb.on_unlink_artifact(R)), q(DELETE FROM wb.artifact_links WHERE artifact_id = 1) ],
	ctag => [ q(wb.on_add_collection_tag(P)), q(INSERT INTO wb.collection_tags (collection_id, tag) VALUES (1, 'good')) ],
	cuntag => [ q(wb.on_remove_collection_tag(P)), q(DELETE FROM wb.collection_tags WHERE collection_id = 1) ]);

# What is asked besides, for no answer in particular.
my @questions = (
	(map { ("view $_" => "SELECT * FROM wb.$_") } qw(automation_history automation_list stat_automations stat_integrations)),
	status => 'SELECT * FROM wb.status()',
	explain => 'SELECT * FROM wb.explain(1, 1)', 'explain state' => 'SELECT * FROM wb.explain((SELECT id FROM wb.automations WHERE name = \'state\'), 2)',
	backtest => 'SELECT * FROM wb.backtest(1)', backtest_summary => 'SELECT * FROM wb.backtest_summary(1)',
	preview => 'SELECT * FROM wb.preview(1)', export => 'SELECT wb.export_automation(1)',
	import => q(SELECT wb.import_automation(wb.export_automation(1) || '{"name": "again"}')),
	create_automation => q(SELECT wb.create_automation('new', wb.on_run_metric(wb.project('t', 'p'), wb.is_nan('x')), wb.do_nothing())),
	update => q(SELECT wb.update_automation(1, '{"description": "new"}')), disable => 'SELECT wb.disable_automation(1)',
	delete => 'SELECT wb.delete_automation(1)', replay => 'SELECT wb.replay(1)', cancel => 'SELECT wb.cancel(1)',
	start_run => q(SELECT wb.start_run(1, name => 'new')), heartbeat => 'SELECT wb.heartbeat(1)', finish => 'SELECT wb.finish_run(3)',
	run => q(SELECT wb.run('t/p/r1')), artifact => q(SELECT wb.artifact('t/p/model:v0')),
	log_artifact => q(SELECT wb.log_artifact(1, 'model', 'model', aliases => '{x}', tags => '{y}')),
	add_alias => q(SELECT wb.add_alias(1, 'more')), remove_alias => q(SELECT wb.remove_alias(1, 'more')),
	link_artifact => q(SELECT wb.link_artifact(1, 1, 'target')), unlink_artifact => q(SELECT wb.unlink_artifact(1, 1, 'target')),
	set_secret => q(SELECT wb.set_secret('t', 'S', 'value')), slack => q(SELECT wb.create_slack_integration('t', url_secret => 'S')),
	pause => 'SELECT wb.pause_integration(1)', resume => 'SELECT wb.resume_integration(1)',
	prune => q(CALL wb.prune('0')), 'forget metrics' => 'DELETE FROM wb.run_metrics WHERE run_id = 1',
	'forget run' => 'DELETE FROM wb.runs WHERE id = 1', 'forget project' => 'DELETE FROM wb.projects', setup => 'SELECT wb.setup()');

my $number = 0;
sub play
{
	my ($change) = @_;
	my $database = 'shape' . ++$number;
	my $started = time;
	my ($log_end) = crashes($node);
	my %got = (name => $change->{name}, database => $database);

	ask($node, 'postgres', "CREATE DATABASE $database");
	my $said = ask($node, $database, q(SET client_min_messages = error; CREATE EXTENSION wb_automations;
		GRANT CREATE, USAGE ON SCHEMA wb TO keeper; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wb TO keeper));
	push @{ $got{problems} }, "no database to begin with: $said" if $said;
	my $url = $endpoint->url("/$database");
	my @fixture = (
		'SELECT wb.setup()', q(SELECT wb.create_team('t', 'o'), wb.create_project('t', 'p'), wb.create_registry('o', 'm')),
		q(INSERT INTO wb.runs (id, project_id, name, username, config) SELECT g, 1, 'r' || g, 'alice', '{"lr": 1}' FROM generate_series(1, 5) g),
		q(INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT r, n, 0, r FROM generate_series(1, 5) r, unnest('{a,b,c,d,e,z}'::text[]) n),
		q(INSERT INTO wb.collections (project_id, registry_id, name, type) VALUES (1, NULL, 'model', 'model'), (NULL, 1, 'target', 'model')),
		q(INSERT INTO wb.artifacts (collection_id, version) VALUES (1, 0), (1, 1)), q(INSERT INTO wb.artifact_links (collection_id, artifact_id) VALUES (2, 2)),
		qq(SELECT wb.create_webhook_integration('t', 'hook', '$url')));
	for (my $index = 0; $index < @writes; $index += 2)
	{
		my ($name, $event) = ($writes[$index], $writes[ $index + 1 ][0]);
		$event =~ s/\bP\b/wb.project('t', 'p')/, $event =~ s/\bR\b/wb.registry('o', 'm')/;
		push @fixture, qq(SELECT wb.create_automation('$name', $event, wb.send_webhook(1, '{"name": "$name", "why": "\${why}"}'), cooldown => '0'));
	}

	# In one session: what stood before the change is in its caches.
	my @steps = (
		(map { ('fixture' => $_) } @fixture),
		warm => q(INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT 1, n, 1, 1 FROM unnest('{a,b,c,d,e,z}'::text[]) n),
		(map { ('change' => $_) } @{ $change->{sql} }),
		(map { $_ % 2 ? $writes[$_][1] : $writes[$_] } 0 .. $#writes));
	$got{steps} = answers($node, $database, \@steps);
	return { %got, impossible => 1 } if grep { $_->[0] eq 'change' && $_->[1] ne '00000' } @{ $got{steps} };
	push @{ $got{problems} }, map { "fixture: $_->[2]" } grep { $_->[0] =~ /fixture|warm/ && $_->[1] ne '00000' } @{ $got{steps} };

	# Until all is delivered, or something says why not.
	my $deadline = time + 8;
	my ($sent, $waiting, $complaints);
	do
	{
		($waiting) = ask($node, $database, 'SELECT count(*) FROM wb.deliveries');
		$sent = join "\n", sort map { $_->{body} } grep { $_->{path} eq "/$database" } $endpoint->requests;
		($complaints) = ask($node, $database, q(SELECT string_agg(item || ': ' || detail, '; ') FROM wb.status() WHERE NOT ok), 'keeper');
	} while ($waiting ne '0' && time < $deadline && !($complaints && time > $deadline - 6));
	@got{qw(sent waiting complaints)} = ($sent, $waiting, $complaints);
	$node->poll_query_until('postgres', 'SELECT true');
	$got{questions} = answers($node, $database, \@questions);

	my ($end, @crashes) = crashes($node, $log_end);
	push @{ $got{problems} }, map { "crash: $_" } @crashes;
	my $log = slurp_file($node->logfile, $log_end);
	my $deaths = () = $log =~ /background worker "wb_automations worker[^"]*" \(PID \d+\) exited with exit code 1/g;
	$got{deaths} = $deaths;
	if ($deaths)
	{
		my %messages = map { $_ => 1 } $log =~ /(?:FATAL|ERROR):  ([^\n]*)\n(?:[^\n]*\n){0,4}?[^\n]*LOG:  background worker "wb_automations worker/g;
		$got{worker_errors} = join '; ', sort keys %messages;
	}

	# A worker that crashes the server does so again until its database is gone.
	$deadline = time + 120;
	while (ask($node, 'postgres', "SELECT count(*) FROM pg_database WHERE datname = '$database'") ne '0' && time < $deadline)
	{
		ask($node, 'postgres', "DROP DATABASE IF EXISTS $database WITH (FORCE)");
	}
	$node->poll_query_until('postgres', 'SELECT true');
	$got{seconds} = time - $started;
	return \%got;
}

my $plain = play({ name => 'nothing', sql => [] });
is(join("\n", map { "$_->[0]: $_->[1] $_->[2]" } grep { $_->[1] ne '00000' } @{ $plain->{steps} }), '', 'unchanged, all is written');
is($plain->{waiting}, '0', 'unchanged, all is delivered');
my %fired = map { $_ => 1 } $plain->{sent} =~ /"name": "(\w+)"/g;
is(join(' ', sort keys %fired), join(' ', sort grep { $_ !~ /\W/ } map { $writes[ 2 * $_ ] } 0 .. $#writes / 2), 'unchanged, every automation fires');

my @changes = changes($node);
@changes = grep { $_->{name} =~ /$ENV{WB_SHAPE}/ } @changes if $ENV{WB_SHAPE};
@changes = sample(25, @changes);
my ($impossible, $failed) = (0, 0);
for my $change (@changes)
{
	my $got = play($change);
	$impossible++, next if $got->{impossible};
	my @problems = judge($change, $got, $plain, \@writes);
	next if !@problems;
	$failed++;
	fail($change->{name});
	diag join "\n", 'by: ' . join('; ', grep { !/^DROP VIEW/ } @{ $change->{sql} }), @problems;
}
is($failed, 0, @changes - $impossible . " changes did no harm; $impossible could not be made");

done_testing();
