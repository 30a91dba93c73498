# Whatever a receiver answers, the worker takes little of it, ends in time,
# says what was wrong, and serves the others meanwhile.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(time);
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $timeout = 4;
my $node = WbAutomations::Node->new('hostile', conf => "wb_automations.request_timeout = '${timeout}s'");
my $endpoint = WbAutomations::Endpoint->new;
my $run = $node->new_run('ml/hostile');
my @listeners;

# Write to a receiver's client as fast, and as long, as it takes.
sub pour
{
	my ($socket, $piece, $count) = @_;

	while (!defined $count || $count-- > 0)
	{
		my $at = 0;
		while ($at < length $piece)
		{
			my $done = syswrite $socket, $piece, length($piece) - $at, $at;
			return if !$done;
			$at += $done;
		}
	}
	return;
}

# Write a piece every tenth of a second.
sub drip
{
	my ($socket, $piece) = @_;

	while (syswrite $socket, $piece)
	{
		select undef, undef, undef, 0.1;
	}
	return;
}

my $ok = "HTTP/1.1 200 OK\r\n";
my $late = qr/^could not send to "127\.0\.0\.1": .*timed out/;
my $no_answer = qr/^could not send to "127\.0\.0\.1": /;
my $large = qr/^"127\.0\.0\.1" sends too large an answer$/;

# A gigabyte of zeros, compressed a thousandfold.
my $bomb = do
{
	require Compress::Zlib;
	my $part = Compress::Zlib::memGzip("\0" x (64 << 20));
	$part x 16;
};

# name => [ what a receiver does with a client whose request it has read,
#	state and status afterwards, error ].  The status settles what becomes of a
# message, whatever comes, or does not come, behind it.
my %cases = (
	huge => [ sub { pour($_[0], "${ok}Content-Length: 2147483648\r\n\r\n"); pour($_[0], 'x' x 65536, 32768) }, 'FINISHED|200', qr/^$/ ],
	chunked => [ sub { pour($_[0], "${ok}Transfer-Encoding: chunked\r\n\r\n"); pour($_[0], "10000\r\n" . 'x' x 65536 . "\r\n") }, 'FINISHED|200', qr/^$/ ],
	huge_error => [ sub { pour($_[0], "HTTP/1.1 400 Bad\r\n\r\n"); pour($_[0], 'x' x 65536) }, 'PENDING|400', qr/answered with status 400$/ ],
	slow => [ sub { pour($_[0], "${ok}Content-Length: 1000000\r\n\r\n"); drip($_[0], 'x') }, 'FINISHED|200', qr/^$/ ],
	slow_start => [ sub { drip($_[0], 'H') }, 'PENDING|', $no_answer ],
	slow_status => [ sub { pour($_[0], 'HTTP/1.1 20', 1); sysread $_[0], my $rest, 1 }, 'PENDING|', $late ],
	slow_head => [ sub { pour($_[0], $ok . 'X-A: '); drip($_[0], 'a') }, 'FINISHED|200', qr/^$/ ],
	slow_error => [ sub { pour($_[0], "HTTP/1.1 503 No\r\nContent-Length: 1000000\r\n\r\n"); drip($_[0], 'x') }, 'PENDING|503', qr/status 503$/ ],
	long_header => [ sub { pour($_[0], $ok . 'X-A: '); pour($_[0], 'a' x 65536, 16); pour($_[0], "\r\n\r\n") }, 'FINISHED|200', qr/^$/ ],
	many_headers => [ sub { pour($_[0], $ok); pour($_[0], 'X-A: ' . 'a' x 90 . "\r\n", 11000); pour($_[0], "\r\n") }, 'FINISHED|200', qr/^$/ ],
	endless_headers => [ sub { pour($_[0], "HTTP/1.1 500 No\r\n"); pour($_[0], "X-A: a\r\n") }, 'PENDING|500', qr/status 500$|Weird server reply$/ ],
	bomb => [ sub { pour($_[0], "${ok}Content-Encoding: gzip\r\nContent-Length: " . length($bomb) . "\r\n\r\n$bomb", 1) }, 'FINISHED|200', qr/^$/ ],
	codings => [ sub { pour($_[0], "${ok}Content-Encoding: " . join(',', ('gzip') x 1000) . "\r\nContent-Length: 2\r\n\r\nok", 1) }, 'FINISHED|200', qr/^$/ ],
	no_text => [ sub { pour($_[0], "${ok}Content-Length: 8\r\n\r\n\xff\xfe\0\xc0\x80\xed\xa0\x80", 1) }, 'FINISHED|200', qr/^$/ ],
	null_head => [ sub { pour($_[0], "${ok}X-\0A: \0\xff\r\nContent-Length: 2\r\n\r\nok", 1) }, 'FINISHED|200', qr/^$/ ],
	http09 => [ sub { pour($_[0], "ok\n", 1) }, 'PENDING|', $no_answer ],
	no_http => [ sub { pour($_[0], "SSH-2.0-OpenSSH_9.2\r\n", 1) }, 'PENDING|', $no_answer ],
	bad_status => [ sub { pour($_[0], "HTTP/1.1 2x0 OK\r\n\r\n", 1) }, 'PENDING|', $no_answer ],
	# of which newer versions of libcurl read three digits
	long_status => [ sub { pour($_[0], "HTTP/1.1 99999999999 OK\r\n\r\n", 1) }, qr/^PENDING\|(999)?$/, qr/$no_answer|answered with status 999$/ ],
	negative => [ sub { pour($_[0], "${ok}Content-Length: -1\r\n\r\nok", 1) }, 'FINISHED|200', qr/^$/ ],
	bad_chunk => [ sub { pour($_[0], "${ok}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx", 1) }, 'FINISHED|200', qr/^$/ ],
	half_closed => [ sub { shutdown $_[0], 1; sysread $_[0], my $rest, 1 }, 'PENDING|', $no_answer ],
	half_answer => [ sub { pour($_[0], 'HTTP/1.1 2', 1); shutdown $_[0], 1; sysread $_[0], my $rest, 1 }, 'PENDING|', $no_answer ],
	reset => [ sub { setsockopt $_[0], SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 }, 'PENDING|', $no_answer ],
	# an interim answer is none
	interim_flood => [ sub { pour($_[0], "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n") }, 'PENDING|', $large ],
	interim_slow => [ sub { drip($_[0], "HTTP/1.1 102 Processing\r\n\r\n") }, 'PENDING|', $late ],
	interim_only => [ sub { pour($_[0], "HTTP/1.1 100 Continue\r\n\r\n", 1) }, 'PENDING|', $no_answer ],
	interim_first => [ sub { pour($_[0], "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 -\r\n\r\n${ok}Content-Length: 2\r\n\r\nok", 1) }, 'FINISHED|200', qr/^$/ ],
	upgrade => [ sub { pour($_[0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 1) }, 'PENDING|', $no_answer ],
	two_answers => [ sub { pour($_[0], "${ok}Content-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" x 100, 1) }, 'FINISHED|200', qr/^$/ ],
	silent => [ sub { sysread $_[0], my $rest, 1 }, 'PENDING|', $late ]);

# A receiver of this kind: reads a request, does as it is told, and closes.
# Each client has a process, and all end with the test.
sub receive
{
	my ($act) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "could not listen: $@";
	my $pid = fork // die "could not fork: $!";

	if ($pid == 0)
	{
		$SIG{$_} = 'DEFAULT' for qw(INT TERM);
		local $SIG{PIPE} = 'IGNORE';
		local $SIG{CHLD} = 'IGNORE';
		while (my $client = $listener->accept)
		{
			next if fork;
			alarm 60;
			my $request = '';
			1 while $request !~ /\r\n\r\n\{\}/ && sysread $client, $request, 4096, length $request;
			$act->($client);
			close $client;
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	push @listeners, $pid;
	return $listener->sockport;
}

sub memory_of
{
	my ($pid) = @_;
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m;
	return $kilobytes / 1024;
}

# An automation on a metric of its name.
sub automate
{
	my ($name, $url) = @_;

	$node->sql(sprintf q(SELECT wb.create_automation('%1$s', wb.on_run_metric(wb.project('ml', 'hostile'), wb.metric('%1$s', '>', 0)),
		wb.send_webhook(wb.create_webhook_integration('ml', '%1$s', '%2$s')), cooldown => '0')), $name, $url);
	return;
}

automate($_, 'http://127.0.0.1:' . receive($cases{$_}[0]) . '/') for sort keys %cases;
automate('well', $endpoint->url);
$node->log_metric($run, 'well', 1);
$endpoint->wait_for_requests(1);
my $pid = $node->worker_pid;
my $before = memory_of($pid);

# All of them at once, several times over, and one that is well every now and
# then.
my $copies = 3;
$node->sql(join ';', map { "INSERT INTO wb.run_metrics SELECT $run, '$_', s, 1 FROM generate_series(1, $copies) s" } sort keys %cases);
my @waits;
for my $number (2 .. 21)
{
	my $start = time;
	$node->log_metric($run, 'well', 1);
	push @waits, ($endpoint->wait_for_requests($number))[-1]{at} / 1e6 - $start;
}
@waits = sort { $a <=> $b } @waits;
cmp_ok($waits[-1], '<', $timeout, 'a receiver that is well is served meanwhile, sooner than another times out');
note(sprintf 'within %.0f ms, median %.0f ms, with the start of psql', 1000 * $waits[-1], 1000 * $waits[10]);

my $attempted = q(SELECT count(DISTINCT e.id) FROM wb.executions e JOIN wb.delivery_attempts t ON t.execution_id = e.id
	WHERE e.automation_name <> 'well');
$node->poll($attempted, $copies * keys %cases);
for my $name (sort keys %cases)
{
	my (undef, $expected, $error) = @{ $cases{$name} };
	my @rows = split /\n/, $node->sql(qq(SELECT DISTINCT e.state || '|' || coalesce(t.status_code::text, ''), regexp_replace(t.error, '[0-9]+ milliseconds', 'N milliseconds')
		FROM wb.executions e JOIN wb.delivery_attempts t ON t.execution_id = e.id AND t.attempt = 1 WHERE e.automation_name = '$name'));
	my ($state, $status, $found) = split /\|/, $rows[0], 3;
	is(scalar @rows, 1, "$name: each attempt meets the same") or diag "@rows";
	like("$state|$status", ref $expected ? $expected : qr/^\Q$expected\E$/, "$name: @{[ $expected =~ /PENDING/ ? 'will be tried again' : 'is settled' ]}");
	like($found, $error, "$name: the error says why");
}
is($node->sql(sprintf q(SELECT coalesce(string_agg(DISTINCT e.automation_name, ' '), '') FROM wb.delivery_attempts t JOIN wb.executions e ON e.id = t.execution_id
	WHERE t.milliseconds > %d), 1000 * ($timeout + 1)), '', 'none takes more than a second longer than it may');
is($node->sql(q(SELECT max(octet_length(result->>'body')) <= 8192 FROM wb.executions)), 't', 'little of an answer is kept');
is($node->sql(q(SELECT DISTINCT result->>'body' FROM wb.executions WHERE automation_name = 'no_text')), '????????', 'as text');
is($node->worker_pid, $pid, 'the worker is the same');
my $after = memory_of($pid);
cmp_ok($after, '<', 64 + $before, sprintf 'and it took no more memory: %.0f MB at most before, %.0f MB after', $before, $after);

END
{
	my $status = $?;
	kill 'TERM', @listeners if @listeners;
	$? = $status;
}

done_testing();
