# Names that nobody answers for hold up neither other messages nor the end of
# the worker, and the environment of the server decides nothing about where
# messages go.

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

my $library = WbAutomations::Preload::build('resolver')
  or plan skip_all => 'NOT TESTED: names that nobody answers for; no compiler for test/perl/resolver.c';

my $endpoint = WbAutomations::Endpoint->new;
my $proxy = WbAutomations::Endpoint->new;
my $home = File::Temp->newdir;
append_to_file("$home/.netrc", "default login thief password stolen\n");
chmod 0600, "$home/.netrc";

my $node;
{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{HOME} = "$home";
	local @ENV{ 'http_proxy', 'https_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY' } = ($proxy->url) x 6;
	local $ENV{no_proxy} = '';
	$node = WbAutomations::Node->new('names', conf => q(
wb_automations.request_timeout = '2s'
wb_automations.connect_timeout = '2s'
));
}
my $run = $node->new_run('ml/names');

# An integration and an automation for each number, on one metric.
sub automate
{
	my ($name, $url, $count) = @_;

	$node->sql(sprintf q(SELECT wb.create_automation('%1$s ' || n, wb.on_run_metric(wb.project('ml', 'names'), wb.metric('%1$s', '>', 0)),
		wb.send_webhook(wb.create_webhook_integration('ml', '%1$s' || n, replace('%2$s', 'N', n::text), max_attempts => 1)), cooldown => '0')
		FROM generate_series(1, %3$d) n), $name, $url, $count);
	return;
}

sub count_settled
{
	my ($name) = @_;
	return $node->sql("SELECT count(*) FROM wb.executions WHERE automation_name LIKE '$name %' AND state <> 'PENDING'");
}

automate('hang', 'http://hN.hang.test/', 50);
automate('well', $endpoint->url('/N'), 50);

# Fifty receivers whose names have no answer, and fifty that are well.
{
	my $pid = $node->worker_pid;
	$node->log_metric($run, 'hang', 1);
	$node->poll(q(SELECT count(*) > 0 FROM wb.delivery_claims));
	my $start = time;
	$node->log_metric($run, 'well', 1);
	$endpoint->wait_for_requests(50);
	my $took = time - $start;
	cmp_ok($took, '<', 1.5, 'fifty messages arrive while fifty names have no answer');
	note(sprintf 'they took %.0f ms from before psql was started', 1000 * $took);
	is(count_settled('hang'), '0', 'which are still being looked up');

	$node->poll(q(SELECT count(*) = 50 FROM wb.executions WHERE automation_name LIKE 'hang %' AND state = 'FAILED'));
	cmp_ok(time - $start, '<', 5, 'the look-up ends with its time');
	is($node->sql(q(SELECT DISTINCT regexp_replace(error, '\d+', 'N', 'g') FROM wb.automation_history WHERE automation_name LIKE 'hang %')),
		'could not send to "hN.hang.test": Resolving timed out after N milliseconds', 'and history says what it was');
	is($node->worker_pid, $pid, 'the worker goes on');
}

# What would hang for half a minute does not keep the worker, or the server, from
# ending at once.
{
	$node->set('wb_automations.request_timeout', q('30s'));
	$node->set('wb_automations.connect_timeout', q('30s'));
	$node->log_metric($run, 'hang', 1);
	$node->poll(q(SELECT count(*) > 0 FROM wb.delivery_claims));
	my $pid = $node->worker_pid;
	my $start = time;
	kill 'TERM', $pid;
	select undef, undef, undef, 0.01 while kill(0, $pid) && time - $start < 30;
	cmp_ok(time - $start, '<', 1, 'a worker that is told to end while names have no answer ends within a second');
	is($node->sql(q(SELECT count(*) FROM wb.executions WHERE automation_name LIKE 'hang %' AND state = 'PENDING')), '50',
		'and loses nothing');

	$node->worker_pid;
	$node->poll(q(SELECT count(*) > 0 FROM wb.delivery_claims));
	$start = time;
	$node->stop('fast');
	cmp_ok(time - $start, '<', 2, 'so does the server');
}

# The environment of the server: its proxies are not asked, and nothing of its
# user's files is sent.
is(scalar(() = $proxy->requests), 0, 'proxies of the environment are not used');
is((grep { $_->{headers}{authorization} } $endpoint->requests), 0, 'nor is a .netrc');

done_testing();
