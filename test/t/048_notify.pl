# Programs that listen on a channel of the database are told, once, and only
# of what history says was told.

use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('notify');
my $run = $node->new_run('ml/notify', q(bert "x" \ ${why}));
my $name = $node->sql('SELECT name FROM wb.runs');

# Fire an automation with these arguments of wb.send_notify on a metric of its
# own, with a session listening on the channels named; returns what it got.
my $made = 0;

sub notify
{
	my ($arguments, @channels) = @_;
	my $listener = $node->background_psql('postgres', on_error_stop => 1);

	$made++;
	$listener->query_safe("LISTEN \"$_\"") for @channels;
	$node->sql(sprintf q(
		SELECT wb.create_automation('number %1$d', wb.on_run_metric(wb.project('ml', 'notify'), wb.metric('m%1$d', '>', 1)),
			wb.send_notify(%2$s));
		INSERT INTO wb.run_metrics VALUES (%3$d, 'm%1$d', 5, 2.5);), $made, $arguments, $run);
	$node->wait_until_settled;

	# psql prints what came when the next query ends; a second one would find more
	my $got = join "\n", map { $listener->query_safe("SELECT 1 WHERE false") } 1 .. 2;
	$listener->quit;
	return [ $got =~ /Asynchronous notification "(.*?)"(?: with payload "(.*?)")? received/sg ];
}

sub history
{
	my ($column) = @_;
	return $node->sql("SELECT $column FROM wb.automation_history LIMIT 1");
}

# Without a payload: who fired, on what, and why.
my $got = notify(q('alarm'), 'alarm', 'other');
is(scalar @$got, 2, 'a listener is told once') or diag explain $got;
is($got->[0], 'alarm', 'on the channel that it listens on');
is_deeply(JSON::PP->new->decode($got->[1]),
	{
		execution_id => 1, automation_name => 'number 1', event_type => 'RUN_METRIC', run_id => $name,
		run_name => 'bert "x" \ ${why}', why => 'm1 was 2.5, above 1, at step 5' },
	'of the event, as a JSON object');
is(history(q(concat_ws('|', state, attempts, result))), 'FINISHED|0|{"resultType": "DEFAULT"}', 'and the execution is FINISHED');
is(history(q(concat_ws('|', action->>'actionType', action->>'channel', action->'payload' IS NOT NULL))), 'NOTIFY|alarm|t',
	'with the notification in history');

# Channel and payload may hold variables, which are expanded once.
is_deeply(notify(q('stop_${run_id}', 'step ${step} of ${run_name}'), "stop_$name"),
	[ "stop_$name", 'step 5 of bert "x" \ ${why}' ], 'channel and payload are templates');
is(notify(q('Mixed Case "x"'), 'Mixed Case ""x""')->[0], 'Mixed Case "x"', 'any name that LISTEN could name is one');
is_deeply(notify(q('alarm', ''), 'alarm'), [ 'alarm', undef ], 'a payload may be empty');

# What does not fit fails with the reason, and nobody is told.
is_deeply(notify(q('alarm', repeat('x', 7999)), 'alarm'), [ 'alarm', 'x' x 7999 ], '7999 bytes fit');
is_deeply(notify(q('alarm', repeat('x', 8000)), 'alarm'), [], '8000 bytes do not');
is(history(q(concat_ws('|', state, error))), 'FAILED|the payload has 8000 bytes, and a notification carries at most 7999', 'which is said');
is_deeply(notify(q('alarm', repeat('${run_name}', 900)), 'alarm'), [], 'nor what has grown beyond that');
is(history('state'), 'FAILED', 'which fails as well');
notify(q('${alias}'));
is(history(q(concat_ws('|', state, error))), 'FAILED|"" is not the name of a channel', 'a channel that expands to nothing fails');
notify(q('${run_id}' || repeat('x', 40) || '${run_path}'));
is(history('state'), 'FAILED', 'so does one that grows too long');

# Of a batch everybody is told in the order of executions.
$node->set('wb_automations.delivery', 'off');
$node->sql(q(SELECT wb.create_automation('order', wb.on_run_metric(wb.project('ml', 'notify'), wb.metric('order', '>', 0)),
	wb.send_notify('order', '${step}'), cooldown => '0')));
my $listener = $node->background_psql('postgres', on_error_stop => 1);
$listener->query_safe('LISTEN "order"');
$node->sql("INSERT INTO wb.run_metrics SELECT $run, 'order', s, 1 FROM generate_series(1, 300) s");
$node->set('wb_automations.delivery', 'on');
$node->wait_until_settled;
is(join(' ', $listener->query_safe('SELECT 1 WHERE false') =~ /with payload "(\d+)"/g), join(' ', 1 .. 300),
	'of many, each is told once and in order');
$listener->quit;
is($node->sql(q(SELECT max(settled_at) - min(settled_at) < interval '30 s' FROM wb.executions WHERE automation_name = 'order')), 't',
	'without a rest between batches');

# A trial run tells nobody.
$node->set('wb_automations.delivery', 'dry_run');
is_deeply(notify(q('alarm'), 'alarm'), [], 'with dry_run nobody is told');
is(history(q(concat_ws('|', state, result, action->>'channel'))), 'SKIPPED|{"resultType": "DRY_RUN"}|alarm', 'but history has what would have been');
$node->set('wb_automations.delivery', 'on');

# An automation that names no integration is none that lacks one.
is_deeply({ $node->complaints }, {}, 'wb.status() finds nothing wrong');

done_testing();
