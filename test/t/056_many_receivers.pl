# Receivers that hang, one that is gone with a long backlog, and one that takes
# its messages in order do not keep the others waiting.
#
# WB_BACKLOG=1000000 makes the backlog as long as you like.

use strict;
use warnings;

use List::Util qw(max min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $backlog = $ENV{WB_BACKLOG} // 50_000;
my $node = WbAutomations::Node->new('many', conf => 'wb_automations.queue_limit = ' . 2 * max($backlog, 100_000));
my $run = $node->new_run('ml/many');
my $fast = WbAutomations::Endpoint->new;
my $hanging = WbAutomations::Endpoint->new(answers => ['hang']);
my $ordered = WbAutomations::Endpoint->new(answers => [ map { +{ delay => 0.02, status => $_ } } (200) x 3, 503, (200) x 3, 500, 200 ]);
my $gone = WbAutomations::Endpoint->new;
$gone->stop;
my $session = $node->background_psql('postgres');
my $step = 0;

# So many receivers of one kind, each with an automation on the same metric.
sub automate
{
	my ($name, $url, $count, @options) = @_;

	$node->sql(sprintf q(SELECT wb.create_automation('%1$s ' || n, wb.on_run_metric(wb.project('ml', 'many'), wb.metric('%1$s', '>', 0)),
		wb.send_webhook(wb.create_webhook_integration(%4$s), '{"step": "${step}"}'), cooldown => '0') FROM generate_series(1, %3$d) n),
		$name, $url, $count, join ', ', "'ml'", "'$name ' || n", "'$url/' || n", @options);
	return;
}

automate('fast', $fast->url, 100);
automate('single', $fast->url('/single'), 1);
automate('hanging', $hanging->url, 10);
automate('gone', $gone->url, 1);
automate('ordered', $ordered->url, 1, 'ordered => true');

# Write rows of a metric; returns when, as the server sees it.
sub fire
{
	my ($metric, $count) = @_;
	my $first = $step + 1;

	$step += $count;
	return $session->query_safe("SELECT extract(epoch FROM clock_timestamp()) * 1e6;
		INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT $run, '$metric', s, 1 FROM generate_series($first, $step) s");
}

sub count_settled
{
	my ($name) = @_;
	return $node->sql("SELECT count(*) FROM wb.executions WHERE automation_name LIKE '$name %' AND state <> 'PENDING'");
}

# From before a row is written that a hundred fast receivers hear of until each
# has its message, so many rounds; milliseconds, sorted.
sub latencies
{
	my ($rounds) = @_;
	my @latencies;

	for (1 .. $rounds)
	{
		my $before = () = $fast->requests;
		my $at = fire('fast', 1);
		my @requests = $fast->wait_for_requests($before + 100);
		push @latencies, map { ($_->{at} - $at) / 1000 } @requests[ $before .. $#requests ];
	}
	return sort { $a <=> $b } @latencies;
}

sub quantiles
{
	my (@sorted) = @_;
	return map { $sorted[ int($_ * $#sorted) ] } 0.5, 0.99, 1;
}

# How long 2,000 messages of one receiver take, in seconds.
sub seconds_of_a_burst
{
	my $before = () = $fast->requests;
	my $at = fire('single', 2000);
	return (($fast->wait_for_requests($before + 2000))[-1]{at} - $at) / 1e6;
}

# One that takes its messages in order, slowly and with failures, costs the others
# nothing that they would notice.
{
	my @without = map { seconds_of_a_burst() } 1 .. 3;
	fire('ordered', 500);
	$ordered->wait_for_requests(2);
	my @with = map { seconds_of_a_burst() } 1 .. 3;
	cmp_ok(count_settled('ordered'), '<', 500, 'an ordered receiver is at work');
	cmp_ok(min(@with), '<', 2 * min(@without), 'and another has at least half of its throughput');
	note(sprintf '2,000 messages took %.2f s without an ordered receiver, %.2f s beside one', min(@without), min(@with));
}

latencies(2);
my @alone = quantiles(latencies(20));

# A backlog for a receiver that is gone, and ten that hang with fifty waiting each.
fire('gone', $backlog);
fire('hanging', 50);
$hanging->wait_for_requests(30);
$node->poll(q(SELECT breaker = 'open' FROM wb.stat_integrations WHERE name = 'gone 1'));

# Other work on the machine may spoil a batch; receivers that are waited for spoil
# all of them.
my @beside = quantiles(latencies(20));
for (1 .. 2)
{
	last if $beside[1] < 500;
	note(sprintf 'once more, because p99 was %.1f ms', $beside[1]);
	@beside = quantiles(latencies(20));
}
cmp_ok($beside[1], '<', 500, 'a hundred fast receivers have 99 % of their messages within half a second');
note(sprintf 'milliseconds of p50, p99 and the last: alone %.1f %.1f %.1f; beside ten that hang and a backlog of %d %.1f %.1f %.1f',
	@alone, $backlog, @beside);
is(count_settled('hanging'), '0', 'while ten others hang');
is(count_settled('gone'), '0', 'and the backlog waits');

# A fresh message passes the backlog, each time.
{
	my @latencies;
	for (1 .. 20)
	{
		my $before = () = $fast->requests;
		my $at = fire('single', 1);
		push @latencies, (($fast->wait_for_requests($before + 1))[-1]{at} - $at) / 1000;
	}
	cmp_ok(max(@latencies), '<', 1000, "a fresh message passes a backlog of $backlog within a second");
	note(sprintf 'the slowest of 20 took %.1f ms', max(@latencies));
	cmp_ok($node->sql('SELECT full_look_ms FROM wb.stat_worker()'), '<', 1000, 'and a look at the whole queue is short');
}

$session->quit;
done_testing();
