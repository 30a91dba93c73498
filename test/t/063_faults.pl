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

# Nothing is lost, no more comes twice than was in flight, nothing is held
# against a message, and the worker did not come back sooner than it should.
sub check_recovery
{
	my ($what, $starts, $doubled, $seconds) = @_;

	$node->wait_until_settled;
	my $tally = tally();
	is($tally->{arrived}, $steps, "$what: everything arrives");
	cmp_ok($tally->{doubled} - $doubled, '<=', $in_flight, "$what: no more comes twice than was in flight");
	is($tally->{changed}, 0, "$what: and that as the same message");
	is($node->sql(q(SELECT state, count(*) FROM wb.executions GROUP BY state)), "FINISHED|$steps", "$what: history says so");
	my $started = starts() - $starts;
	cmp_ok($started, '<=', 2 + $seconds / 10, "$what: the worker was started again no more often than every ten seconds");
	note(sprintf '%s: %d came twice, %d starts in %.0f s', $what, $tally->{doubled} - $doubled, $started, $seconds);
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
	check_recovery('disk full while recording', $starts, 0, time - $start);
}

done_testing();
