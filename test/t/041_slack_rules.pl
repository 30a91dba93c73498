# A Slack channel that enforces all of its rules at once: a message a second, an
# answer 429 that says how long to wait, and no mercy for an application that does
# not.  Five hundred alerts get through.

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(sum0);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Node;

# Slack counts in its own time: a message may come that much too early.
use constant TOLERANCE => 0.05;

my $notes = File::Temp->new;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1) or die "could not listen: $@";
my $port = $listener->sockport;
my $slack = fork // die "could not fork: $!";
if ($slack == 0)
{
	eval { be_slack(); 1 } or syswrite STDERR, $@;
	POSIX::_exit(1);
}
close $listener;

# One request a connection.  Every fifth gets 429 whatever its time, and so does
# what comes within a second of the last; nothing may come before the time is over
# that such an answer says, or the application is disabled, and stays that.
sub be_slack
{
	my ($count, $next_at, $not_before, $is_disabled) = (0, 0, 0, 0);

	while (my $client = $listener->accept)
	{
		my ($head, $body) = ('', '');
		while (defined(my $line = <$client>))
		{
			last if $line eq "\r\n";
			$head .= $line;
		}
		my ($length) = $head =~ /^Content-Length: (\d+)/mi;
		read $client, $body, $length // 0;
		next if $head eq '';

		my $now = time;
		my @answer = (200, 'ok', '');
		$count++;
		$is_disabled ||= $now < $not_before - TOLERANCE;
		if ($is_disabled)
		{
			@answer = (403, 'action_prohibited', '');
		}
		elsif ($now < $next_at - TOLERANCE || $count % 5 == 0)
		{
			my $seconds = 1 + $count % 3;
			$not_before = $now + $seconds;
			@answer = (429, 'rate_limited', "Retry-After: $seconds\r\n");
		}
		$next_at = $now + 1;
		syswrite $notes, JSON::PP::encode_json({ at => $now, status => $answer[0], body => $body }) . "\n";
		printf $client "HTTP/1.1 %d -\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s", $answer[0], $answer[2], length $answer[1], $answer[1];
		close $client;
	}
	return;
}

my $node = WbAutomations::Node->new('slack', conf => 'wb_automations.delivery = off');
$node->sql(qq(
	SELECT wb.create_team('ml'), wb.create_project('ml', 'rules');
	SELECT wb.create_slack_integration('ml', 'http://127.0.0.1:$port/');
	SELECT wb.create_automation('rule ' || n, wb.on_run_metric(wb.project('ml', 'rules'), wb.metric('m' || n, '>', 0)),
		wb.send_notification(wb.slack_integration('ml'))) FROM generate_series(1, 4) n;
	INSERT INTO wb.runs (project_id, name) SELECT p.id, 'run' || n FROM wb.projects p, generate_series(1, 200) n;));

# 500 alerts: many of three automations, and few of a fourth.
my %count = (1 => 200, 2 => 192, 3 => 100, 4 => 8);
$node->sql("INSERT INTO wb.run_metrics (run_id, name, step, value) SELECT id, 'm$_', 0, 1 FROM wb.runs ORDER BY id LIMIT $count{$_}") for sort keys %count;
is($node->sql(q(SELECT count(*) FROM wb.executions WHERE state = 'PENDING')), '500', '500 alerts wait');
my $start = time;
$node->set('wb_automations.delivery', 'on');
$node->wait_until_settled;
my $seconds = time - $start;

my @requests = map { JSON::PP::decode_json($_) } split /\n/, slurp_file("$notes");
my %answers;
$answers{ $_->{status} }++ for @requests;
is($answers{403}, undef, 'the application is never disabled');
cmp_ok($answers{429} // 0, '>=', 2, 'it was told to wait');
is($answers{200}, 3 + $count{4}, 'a message for each automation that fired often, and for each alert of the fourth');
is(sum0(map { JSON::PP::decode_json($_->{body})->{text} =~ /fired (\d+) times/ ? $1 : 1 } grep { $_->{status} == 200 } @requests), 500,
	'which tell of all of them');
is($node->sql('SELECT state, count(*) FROM wb.executions GROUP BY state'), 'FINISHED|500', 'every execution is FINISHED');
is($node->sql('SELECT max(attempt) FROM wb.delivery_attempts'), '1', 'being told to wait used up no attempt');
cmp_ok($seconds, '<', 60, 'it takes less than a minute');
note(sprintf '%d messages and %d refusals in %.1f s', $answers{200}, $answers{429}, $seconds);

kill 'TERM', $slack;
waitpid $slack, 0;
$? = 0;
done_testing();
