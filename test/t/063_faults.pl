# What the worker makes of a server that lacks something: room on its disk,
# memory, rights.  It tries again no sooner than it should, it loses nothing,
# and no message comes under a second id.

use strict;
use warnings;

use File::Temp ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;
use WbAutomations::Preload;

my $library = WbAutomations::Preload::build('faults')
  or plan skip_all => 'NOT TESTED: a full disk, and memory that is gone; no compiler for test/perl/faults.c';

my $in_flight = 32;
my $faults = File::Temp->newdir;
my $node;
{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{WB_TEST_FAULTS} = "$faults";
	$node = WbAutomations::Node->new('faults', conf => "wb_automations.max_in_flight = $in_flight\nautovacuum = off");
}
my $run = $node->new_run('ml/faults');
my $endpoint = WbAutomations::Endpoint->new;
my $steps = 0;

# Every row of metric "load" is a message that says which step it is about.
$node->sql(sprintf q(
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('load', wb.on_run_metric(wb.project('ml', 'faults'), wb.metric('load', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"step": "${step}"}'), cooldown => '0');),
	$endpoint->url);

sub fire
{
	my ($count) = @_;

	$node->sql(sprintf q(INSERT INTO wb.run_metrics (run_id, name, step, value)
		SELECT %d, 'load', s, 1 FROM generate_series(%d, %d) s), $run, $steps + 1, $steps + $count);
	$steps += $count;
	return;
}

# Begin a fault, and end it.
sub begin_fault
{
	my ($name, $text) = @_;
	append_to_file("$faults/new", $text);
	rename "$faults/new", "$faults/$name" or die "$!";
	return;
}

sub end_fault
{
	my ($name) = @_;
	unlink "$faults/$name" or die "$!";
	return;
}

# How many requests came more than once, and for how many steps under two ids
# or with two bodies.
sub tally
{
	my (%requests, %ids);

	for my $request ($endpoint->requests)
	{
		my ($step) = $request->{body} =~ /"step": "(\d+)"/;
		$requests{$step}++;
		$ids{$step}{"$request->{headers}{'webhook-id'} $request->{body}"} = 1;
	}
	my $doubled = 0;
	$doubled += $_ - 1 for values %requests;
	return {
		arrived => scalar keys %requests,
		doubled => $doubled,
		changed => scalar grep { keys %$_ > 1 } values %ids };
}

# Nothing is lost, no more comes twice than was in flight, and that as the same
# message; nothing is held against a message.
sub check_recovery
{
	my ($what, $doubled) = @_;

	$node->wait_until_settled;
	$node->poll('SELECT NOT EXISTS (SELECT FROM wb.delivery_claims)');
	my $tally = tally();
	is($tally->{arrived}, $steps, "$what: everything arrives");
	cmp_ok($tally->{doubled} - $doubled, '<=', $in_flight, "$what: no more comes twice than was in flight");
	is($tally->{changed}, 0, "$what: and that as the same message");
	is($node->sql(q(SELECT state, count(*) FROM wb.executions GROUP BY state)), "FINISHED|$steps", "$what: history says so");
	note(sprintf '%s: %d came twice', $what, $tally->{doubled} - $doubled);
	return;
}

# The worker recovers by itself, and was not started again and again meanwhile.
sub check_unaided_recovery
{
	my ($what, $doubled, $starts, $start) = @_;

	check_recovery($what, $doubled);
	my $seconds = time - $start;
	my $started = starts() - $starts;
	cmp_ok($started, '<=', 1 + $seconds / 10, "$what: the worker did not start again more often than every ten seconds");
	note(sprintf '%s: %d starts in %.0f s', $what, $started, $seconds);
	return;
}

# The worker rests after an error; one that is told to end starts anew at once.
sub hurry
{
	$node->sql(q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'wb_automations worker'));
	return;
}

sub starts
{
	return $node->sql('SELECT starts FROM wb.stat_worker()');
}

fire(1);
$node->wait_until_settled;

# The disk is full while outcomes are recorded: the receiver has answered, and
# the journal and the queue have room, but the list of attempts has not.
{
	my ($starts, $start, $log) = (starts(), time, -s $node->logfile);
	begin_fault('disk', $node->sql(q(SELECT pg_relation_filepath('wb.delivery_attempts'))));
	fire(300);
	$node->wait_for_log(qr/ERROR:  could not extend file .*No space left on device(?s:.*)ERROR:  could not extend file/, $log);
	is($node->sql('SELECT max(crashes) FROM wb.deliveries'), '0', 'a full disk proves nothing against a message');
	end_fault('disk');
	check_unaided_recovery('disk full while recording', 0, $starts, $start);
}

# The same, and the worker is told to end before it could record what it knows.
{
	my ($doubled, $log) = (tally()->{doubled}, -s $node->logfile);
	begin_fault('disk', $node->sql(q(SELECT pg_relation_filepath('wb.delivery_attempts'))));
	fire(300);
	$node->wait_for_log(qr/ERROR:  could not extend file .*No space left on device(?s:.*)ERROR:  could not extend file/, $log);
	end_fault('disk');
	hurry();
	check_recovery('disk full while recording, then a stop', $doubled);
	is($node->sql(q(SELECT count(*) FROM wb.delivery_attempts WHERE error IS NOT NULL)), '0', 'what was answered is recorded before the end');
}

# It is full when the worker claims.  Nothing is sent that is not in the journal.
{
	my ($log, $doubled, $sent) = (-s $node->logfile, tally()->{doubled}, scalar(() = $endpoint->requests));
	$node->sql('TRUNCATE wb.delivery_claims');
	begin_fault('disk', $node->sql(q(SELECT pg_relation_filepath('wb.delivery_claims'))));
	fire(100);
	$node->wait_for_log(qr/ERROR:  could not extend file/, $log);
	is(scalar(() = $endpoint->requests), $sent, 'without a place for the claim nothing is sent');
	end_fault('disk');
	hurry();
	check_recovery('disk full while claiming', $doubled);
}

# It is full for a writer whose row fires.  He hears of it, as he would if his
# own row had no room, and what he could not write is not sent.
{
	$node->sql('TRUNCATE wb.deliveries');
	begin_fault('disk', $node->sql(q(SELECT pg_relation_filepath('wb.deliveries'))));
	my ($status, $out, $err) = $node->psql('postgres', "INSERT INTO wb.run_metrics VALUES ($run, 'load', 1000000, 1)");
	like($err, qr/ERROR:  could not extend file .*No space left on device/, 'a writer without room for the firing hears of it');
	end_fault('disk');
	is($node->sql('SELECT count(*) FROM wb.run_metrics WHERE step = 1000000'), '0', 'and has no row without its firing');
}

# Of the worker's calls for memory one in so many fails while it delivers.
for my $each (101, 7)
{
	my ($log, $doubled) = (-s $node->logfile, tally()->{doubled});
	$endpoint->set_answer({ delay => 0.02 });
	begin_fault('memory', "$each wb_automations worker");
	fire(200);
	$node->wait_for_log(qr/out of memory/i, $log);
	end_fault('memory');
	hurry();
	$endpoint->set_answer(200);
	check_recovery("each call number $each gets no memory", $doubled);
}

# There is no memory at all, not for the worker's end either.
{
	my ($starts, $start, $log, $doubled) = (starts(), time, -s $node->logfile, tally()->{doubled});
	$endpoint->set_answer({ delay => 0.1 });
	fire(200);
	$node->poll('SELECT count(*) > 0 FROM wb.delivery_claims');
	begin_fault('memory', '1 wb_automations worker');
	$node->wait_for_log(qr/out of memory/i, $log);
	$endpoint->set_answer(200);
	end_fault('memory');
	check_unaided_recovery('no memory', $doubled, $starts, $start);
}

# The disk has no room for further WAL: the server itself ends, and does not come
# back while that lasts.
{
	my ($doubled, $log) = (tally()->{doubled}, -s $node->logfile);
	$endpoint->set_answer({ delay => 0.02 });
	fire(200);
	begin_fault('disk', 'pg_wal/xlogtemp');
	$node->psql('postgres', join ';', (q(SELECT pg_logical_emit_message(true, 'filling', 'up')), 'SELECT pg_switch_wal()') x 20);
	$node->wait_for_log(qr/PANIC:  could not write to file "pg_wal\/xlogtemp\.\d+": No space left on device/, $log);
	end_fault('disk');
	$node->stop('immediate', fail_ok => 1);
	{
		local $ENV{LD_PRELOAD} = $library;
		local $ENV{WB_TEST_FAULTS} = "$faults";
		$node->start;
	}
	fire(10);
	$endpoint->set_answer(200);
	check_recovery('no room for WAL', $doubled);
}

done_testing();
