# A standby takes over while sessions write and a receiver is slow to answer.
# Every firing whose COMMIT was answered arrives, from the one server or from the
# other, and what comes twice is the same message.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $in_flight = 16;
my $writers = 4;
my $primary = WbAutomations::Node->new('primary',
	init => { allows_streaming => 1 }, conf => "wb_automations.max_in_flight = $in_flight");
my $endpoint = WbAutomations::Endpoint->new(answers => [ { delay => 0.05 } ]);

# Every row of metric "load" is a message that says which step it is about.
$primary->sql(sprintf q(
	SELECT wb.create_team('ml'), wb.create_project('ml', 'failover');
	SELECT wb.start_run((SELECT id FROM wb.projects)) FROM generate_series(1, %d);
	SELECT wb.create_webhook_integration('ml', 'hook', '%s');
	SELECT wb.create_automation('load', wb.on_run_metric(wb.project('ml', 'failover'), wb.metric('load', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', 'hook'), '{"step": "${step}"}'), cooldown => '0');),
	$writers, $endpoint->url);
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->sql(q(ALTER SYSTEM SET synchronous_standby_names = '*'; ALTER SYSTEM SET synchronous_commit = 'remote_apply'; SELECT pg_reload_conf()));
$primary->poll(q(SELECT sync_state = 'sync' FROM pg_stat_replication));

# A standby says that it is one, and that there is nothing to do about it.
is($standby->safe_psql('postgres', q(SELECT DISTINCT concat_ws('|', ok, detail, hint) FROM wb.status() WHERE item IN ('launcher', 'worker'))),
	't|does not run: this server is a standby, and the primary delivers', 'a standby is no server without workers');

# What the receiver has, by step.
sub arrivals
{
	my %arrivals;

	for my $request ($endpoint->requests)
	{
		my ($step) = $request->{body} =~ /\A\{"step": "(\d+)"\}\z/ or die $request->{body};
		push @{ $arrivals{$step} }, $request;
	}
	return \%arrivals;
}

# Sessions that write a row a transaction, and note which of them were answered.
my $script = join '', map { "INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES (:run, 'load', :first + $_, 1) RETURNING step;\n" } 1 .. 20000;
my @sessions = map {
	my $session = { script => $script, out => '', err => '' };
	$session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', "run=$_", '-v', 'first=' . 100000 * $_, '-d', $primary->connstr('postgres') ],
		'<', \$session->{script}, '>', \$session->{out}, '2>', \$session->{err});
	$session
} 1 .. $writers;
my $deadline = time + 120;
while ($endpoint->requests < 300)
{
	die 'no load' if time > $deadline;
	IPC::Run::pump_nb($_->{run}) for @sessions;
	select undef, undef, undef, 0.01;
}

# The old primary is gone before the new one is one.
is($standby->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'wb_automations worker')), '0',
	'the standby has no worker');
$primary->stop('immediate');
eval { IPC::Run::finish($_->{run}) } for @sessions;
my $sent = $endpoint->requests;
my %acknowledged = map { $_ => 1 } map { split /\n/, $_->{out} } @sessions;
cmp_ok(scalar keys %acknowledged, '>=', 100, 'the primary stops while sessions write');
cmp_ok($standby->safe_psql('postgres', q(SELECT count(*) FROM wb.executions WHERE state = 'PENDING')), '>', $in_flight, 'and while messages wait');
is(scalar(() = $endpoint->requests), $sent, 'the standby sends nothing before it is promoted');

my $start = time;
$standby->promote;
$endpoint->wait_for_requests($sent + 1);
note(sprintf 'the first message came %.1f s after the promotion was asked for', time - $start);
$endpoint->set_answer(200);
ok($standby->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state <> 'FINISHED'))), 'the new primary delivers all that waited');

my $arrivals = arrivals();
my %committed = map { $_ => 1 } split /\n/, $standby->safe_psql('postgres', q(SELECT step FROM wb.run_metrics WHERE name = 'load'));
is(scalar(grep { !$committed{$_} } keys %acknowledged), 0, 'every row whose COMMIT was answered is there');
is(scalar(grep { !$arrivals->{$_} } keys %committed), 0, 'each has its message');
is(scalar(grep { !$committed{$_} } keys %$arrivals), 0, 'and no other row has one');
my @doubled = grep { @$_ > 1 } values %$arrivals;
my $doubles = 0;
$doubles += @$_ - 1 for @doubled;
cmp_ok($doubles, '<=', $in_flight, 'no more comes twice than was in flight');
is(scalar(grep { my %forms = map { ("$_->{headers}{'webhook-id'} $_->{body}" => 1) } @$_; keys %forms > 1 } @doubled), 0, 'and that as the same message');
note(sprintf '%d COMMITs answered, %d rows, %d sent by the old primary, %d came twice', scalar keys %acknowledged, scalar keys %committed, $sent, $doubles);

done_testing();
