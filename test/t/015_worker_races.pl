# Databases come and go while workers run, and extensions with them: nothing
# hangs, every database that ran wb.setup() ends up with one worker, and no
# slot is lost.

use strict;
use warnings;

use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $sequences = $ENV{WB_SEQUENCES} // 50;
my $seed = $ENV{WB_SEED} // int(rand(2**31));
my $slots = 8;
my $node = WbAutomations::Node->new('races', conf => qq(
max_worker_processes = $slots
max_parallel_workers = 0
log_min_messages = info
));
srand $seed;
note "seed $seed";

my $workers = q(SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_stat_activity
	WHERE backend_type = 'wb_automations worker');
my $longest = 0;

# Run one command outside of a transaction block; how long it took counts.
sub run
{
	my ($database, $command) = @_;
	my $start = time;
	my ($result, $out, $err) = $node->psql($database, $command);
	my $took = time - $start;

	$longest = $took if $took > $longest;
	diag "$took s, seed $seed: $command" if $took > 5;
	return ($result, $err);
}

# DROP EXTENSION in a transaction that is aborted leaves the worker at work;
# committed, it ends the worker.
{
	my $pid = $node->worker_pid;
	$node->sql('SET client_min_messages = error; BEGIN; DROP EXTENSION wb_automations CASCADE; ROLLBACK');
	my $run = $node->new_run('ml/races');
	$node->sql(q(SELECT wb.create_automation('nan', wb.on_run_metric(wb.project('ml', 'races'), wb.is_nan('loss')), wb.do_nothing())));
	$node->log_metric($run, 'loss', 'NaN');
	$node->wait_until_settled;
	is($node->worker_pid, $pid, 'DROP EXTENSION that is rolled back does not end the worker');
	$node->sql('SET client_min_messages = error; BEGIN; DROP EXTENSION wb_automations CASCADE; COMMIT');
	$node->poll($workers, '');
	pass('one that is committed does');
	$node->sql('SET client_min_messages = error; BEGIN; CREATE EXTENSION wb_automations; SELECT wb.setup(); ROLLBACK');
	is($node->sql($workers), '', 'CREATE EXTENSION and wb.setup() that are rolled back start none');
}

# DROP DATABASE with FORCE has a worker's database.
{
	$node->sql('CREATE DATABASE forced');
	$node->safe_psql('forced', 'CREATE EXTENSION wb_automations; SELECT wb.setup()');
	$node->worker_pid('forced');
	my ($result, $err) = run('postgres', 'DROP DATABASE forced WITH (FORCE)');
	is($result, 0, 'DROP DATABASE ... WITH (FORCE) succeeds while a worker runs') or diag $err;
	$node->poll($workers, '');
	pass('and its worker is gone');
}

# Random sequences of commands over three databases; a model tells what there
# must be at the end.
my %expected;	# database => has tables
my $names = 0;
my $has_copy = 0;
my @steps = (
	[ 4, sub { my $new = 'd' . ++$names; return if keys %expected >= 3;
		my ($result) = run('postgres', "CREATE DATABASE $new"); $expected{$new} = 0 if !$result; } ],
	[ 6, sub { my ($database) = @_ or return;
		my ($result) = run($database, 'SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS wb_automations; SELECT wb.setup()');
		$expected{$database} = 1 if !$result; } ],
	[ 2, sub { my ($database) = @_ or return;
		run($database, 'SET client_min_messages = error; BEGIN; DROP EXTENSION IF EXISTS wb_automations CASCADE; ROLLBACK'); } ],
	[ 2, sub { my ($database) = @_ or return;
		my ($result) = run($database, 'SET client_min_messages = error; DROP EXTENSION IF EXISTS wb_automations CASCADE');
		$expected{$database} = 0 if !$result; } ],
	[ 2, sub { my ($database) = @_ or return; my $force = rand() < 0.5 ? ' WITH (FORCE)' : '';
		my ($result) = run('postgres', "DROP DATABASE $database$force"); delete $expected{$database} if !$result; } ],
	[ 2, sub { my ($database) = @_ or return; my $new = 'd' . ++$names;
		my ($result) = run('postgres', "ALTER DATABASE $database RENAME TO $new");
		$expected{$new} = delete $expected{$database} if !$result; } ],
	[ 2, sub { my ($database) = @_ or return; my $new = 'd' . ++$names; return if keys %expected >= 3;
		my ($result) = run('postgres', "CREATE DATABASE $new TEMPLATE $database");
		($expected{$new}, $has_copy) = ($expected{$database}, 1) if !$result; } ],
	[ 2, sub { my ($database) = @_ or return;
		run('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = '$database' AND backend_type = 'wb_automations worker'"); } ]);
my @choices = map { ($_->[1]) x $_->[0] } @steps;
my $wrong = 0;
for my $sequence (1 .. $sequences)
{
	for (1 .. 6)
	{
		my ($database) = shuffle sort keys %expected;
		$choices[ rand @choices ]->($database // ());
	}

	# Nobody tells the launcher of a copy; it looks once a minute, or now.
	kill 'USR2', $node->sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'wb_automations launcher'))
	  if $has_copy;
	$has_copy = 0;
	my $want = join ' ', grep { $expected{$_} } sort keys %expected;
	local $PostgreSQL::Test::Utils::timeout_default = 15;
	next if $node->poll_query_until('postgres', $workers, $want);
	$wrong++;
	diag "sequence $sequence, seed $seed: expected workers in \"$want\"";
}
is($wrong, 0, "after each of $sequences random sequences every database has the worker that it should have");
cmp_ok($longest, '<', 5, sprintf 'no command took longer than 5 s (the longest: %.2f s)', $longest);

# All slots can still be used: the launcher has one, the rest are for workers.
{
	$node->sql("DROP DATABASE $_ WITH (FORCE)") for keys %expected;
	$node->poll($workers, '');
	my @databases = map { "slot$_" } 1 .. $slots - 2;
	for (@databases)
	{
		$node->sql("CREATE DATABASE $_");
		$node->safe_psql($_, 'CREATE EXTENSION wb_automations; SELECT wb.setup()');
	}
	$node->poll($workers, join ' ', sort @databases);
	pass('no slot of max_worker_processes was lost');
	my ($result, $out, $err) = $node->psql('slot1', 'SELECT wb.stat_worker()');
	is($result, 0, 'wb.stat_worker() has room for all') or diag $err;
	is($node->safe_psql($_, 'SELECT starts > 0 FROM wb.stat_worker()'), 't', "it counts in $_") for @databases;
}
$node->stop;

# A fast shutdown with 128 requests in flight takes less
# than a second, and all of them come again after it, under the same ids.
{
	my $busy = WbAutomations::Node->new('busy', conf => 'wb_automations.max_in_flight = 200');
	my $endpoints = [ map { WbAutomations::Endpoint->new(answers => ['hang']) } 1 .. 8 ];
	my $run = $busy->new_run('ml/busy');

	for my $n (0 .. $#$endpoints)
	{
		$busy->sql(sprintf q(SELECT wb.create_webhook_integration('ml', 'hook%1$d', '%2$s');
			SELECT wb.create_automation('load%1$d', wb.on_run_metric(wb.project('ml', 'busy'), wb.metric('load', '>', 0)),
			wb.send_webhook(wb.webhook_integration('ml', 'hook%1$d')), cooldown => '0')), $n, $endpoints->[$n]->url);
	}
	$busy->sql("INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT $run, 'load', s, 1 FROM generate_series(1, 16) s");
	$_->wait_for_requests(16) for @$endpoints;

	my $start = time;
	$busy->stop('fast');
	my $took = time - $start;
	cmp_ok($took, '<', 1, sprintf 'a fast shutdown takes %.2f s', $took);

	my @before = map { $_->{headers}{'webhook-id'} } map { $_->requests } @$endpoints;
	$_->set_answer(200) for @$endpoints;
	$busy->start;
	$busy->wait_until_settled;
	is($busy->sql(q(SELECT state, count(*) FROM wb.executions GROUP BY 1)), 'FINISHED|128', 'everything is delivered after the start');
	my %after;
	$after{ $_->{headers}{'webhook-id'} }++ for map { $_->requests } @$endpoints;
	is(scalar(grep { $after{$_} == 2 } @before), scalar @before, 'what was in flight came twice, under its id');
	is(scalar keys %after, 128, 'and each message has one id');
	$busy->stop;
}

done_testing();
