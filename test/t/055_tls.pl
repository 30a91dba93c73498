# A receiver whose certificate is not what it should be gets no byte of a request,
# and the message is tried again later.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;
use WbAutomations::Preload;

my $directory = PostgreSQL::Test::Utils::tempdir();
my $token = 'token-93c1d7';

sub run_openssl
{
	my (@arguments) = @_;
	return eval { IPC::Run::run([ 'openssl', @arguments ], '<', \undef, '>&', \my $output, IPC::Run::timeout(60)) };
}

plan skip_all => 'NOT TESTED: certificates of receivers, because openssl is missing' if !run_openssl('version');
my $library = WbAutomations::Preload::build('authorities')
  or plan skip_all => 'NOT TESTED: certificates of receivers; no compiler for test/perl/authorities.c';

# An authority that the server trusts, and one that it does not.
for my $authority ('trusted', 'unknown')
{
	run_openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 2, '-subj', "/CN=$authority authority",
		'-keyout', "$directory/$authority.key", '-out', "$directory/$authority.crt") or die 'no authority';
}

# A certificate for a name or an address, by an authority; the rest says for how
# long it is valid.
sub make_certificate
{
	my ($name, $authority, $alternative, @validity) = @_;

	append_to_file("$directory/$name.ext", "subjectAltName = $alternative\n");
	run_openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=receiver', '-keyout', "$directory/$name.key", '-out', "$directory/$name.csr")
	  && run_openssl('x509', '-req', '-in', "$directory/$name.csr", '-CA', "$directory/$authority.crt", '-CAkey', "$directory/$authority.key",
		'-CAcreateserial', @validity, '-extfile', "$directory/$name.ext", '-out', "$directory/$name.crt") or die "no certificate $name";
	return;
}

make_certificate('good', 'trusted', 'IP:127.0.0.1', '-days', 2);
make_certificate('untrusted', 'unknown', 'IP:127.0.0.1', '-days', 2);
make_certificate('misnamed', 'trusted', 'DNS:elsewhere.example,IP:127.0.0.2', '-days', 2);

# from OpenSSL 3.4 on an end in the past is refused, unless it has a beginning
eval { make_certificate('expired', 'trusted', 'IP:127.0.0.1', '-days', -1); 1 }
  or make_certificate('expired', 'trusted', 'IP:127.0.0.1', '-not_before', '20200101000000Z', '-not_after', '20200102000000Z');

# A receiver of each, which prints what it decrypts; and one that speaks no newer
# version than TLS 1.1.
my %receiver;
for ([ 'good', 'good' ], [ 'untrusted', 'untrusted' ], [ 'misnamed', 'misnamed' ], [ 'expired', 'expired' ], [ 'old', 'good', '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0' ])
{
	my ($name, $certificate, @options) = @$_;
	my $receiver = $receiver{$name} = { in => '', out => '', err => '', port => PostgreSQL::Test::Cluster::get_free_port() };
	$receiver->{run} = IPC::Run::start([ 'openssl', 's_server', '-accept', "127.0.0.1:$receiver->{port}", '-cert', "$directory/$certificate.crt",
			'-key', "$directory/$certificate.key", '-naccept', 100, @options ], '<', \$receiver->{in}, '>', \$receiver->{out}, '2>', \$receiver->{err});
	wait_for_output($name, qr/ACCEPT/);
}

# Wait until a receiver has printed something.
sub wait_for_output
{
	my ($name, $pattern) = @_;
	my $deadline = time + 60;

	while ($receiver{$name}{out} !~ $pattern)
	{
		die "receiver $name printed $receiver{$name}{out}$receiver{$name}{err}" if time > $deadline;
		IPC::Run::pump_nb($receiver{$name}{run});
		select undef, undef, undef, 0.01;
	}
	return;
}

# There is no setting for the authorities that are trusted: it is the system's
# list, in whose place this server gets ours.
my $node;
{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{WB_TEST_CA} = "$directory/trusted.crt";
	$node = WbAutomations::Node->new('tls', conf => "wb_automations.allow_http = off\nwb_automations.request_timeout = '5s'");
}
my $run = $node->new_run('ml/tls');
$node->sql(join ';', "SELECT wb.set_secret('ml', 'TOKEN', '$token')", map { sprintf q(
	SELECT wb.create_webhook_integration('ml', '%1$s', 'https://127.0.0.1:%2$d/', access_token => 'TOKEN');
	SELECT wb.create_automation('%1$s', wb.on_run_metric(wb.project('ml', 'tls'), wb.metric('%1$s', '>', 0)),
		wb.send_webhook(wb.webhook_integration('ml', '%1$s'), '{"private": "text"}'))), $_, $receiver{$_}{port} } sort keys %receiver);

# What an attempt says.
sub attempt
{
	my ($name, $columns) = @_;
	return $node->sql("SELECT $columns FROM wb.delivery_attempts a JOIN wb.executions e ON e.id = a.execution_id WHERE automation_name = '$name'");
}

# The reason is libcurl's, whose newer versions put other words around it.
my %error = (
	untrusted => qr/^could not send to "127\.0\.0\.1": SSL certificate .*: unable to get local issuer certificate(?: \(20\))?$/,
	misnamed => qr/^could not send to "127\.0\.0\.1": SSL: no alternative certificate subject name matches target (?:host name|(?i:ipv4) address) '127\.0\.0\.1'$/,
	expired => qr/^could not send to "127\.0\.0\.1": SSL certificate .*: certificate has expired(?: \(10\))?$/,
	old => qr/^could not send to "127\.0\.0\.1": .*(?:protocol version|unsupported protocol)/);
for my $name (sort keys %error)
{
	$node->log_metric($run, $name, 1);
	$node->poll("SELECT last_error IS NOT NULL FROM wb.deliveries d JOIN wb.executions e ON e.id = execution_id WHERE automation_name = '$name'");
	my $said = attempt($name, 'a.error');
	like($said, $error{$name}, "$name: the error says what is wrong");
	unlike($said, qr/\Q$token\E|private/, "$name: and tells nothing else");
	is($node->sql("SELECT e.state, d.attempts, round(extract(epoch FROM d.due_at - a.started_at)) BETWEEN 4 AND 7
			FROM wb.executions e JOIN wb.deliveries d ON d.execution_id = e.id JOIN wb.delivery_attempts a ON a.execution_id = e.id WHERE automation_name = '$name'"),
		'PENDING|1|t', "$name: it is tried again, like any failure");
	IPC::Run::pump_nb($receiver{$name}{run});
	unlike($receiver{$name}{out} . $receiver{$name}{err}, qr/POST|HTTP|private|\Q$token\E/, "$name: no byte of the request was sent");
}

# One with a certificate that is as it should be gets the message, so the above
# is about certificates; and the time for agreeing on keys is noted.
{
	my $receiver = $receiver{good};
	$node->log_metric($run, 'good', 1);
	wait_for_output('good', qr/"private": "text"/);
	like($receiver->{out}, qr/POST \/ HTTP\/1\.1.*Bearer \Q$token\E/s, 'a receiver that is trusted gets the request');
	$receiver->{in} .= "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	IPC::Run::pump_nb($receiver->{run});
	my $deadline = time + 60;
	IPC::Run::pump_nb($receiver->{run}) while $node->sql(q(SELECT state FROM wb.executions WHERE automation_name = 'good')) eq 'PENDING' && time < $deadline;
	is($node->sql(q(SELECT state FROM wb.executions WHERE automation_name = 'good')), 'FINISHED', 'and the answer is read');
	is(attempt('good', 'tls_ms > 0, tls_ms < milliseconds, status_code'), 't|t|200', 'the attempt says how long it took to agree on keys');
	note('keys took ' . attempt('good', 'tls_ms') . ' ms');
}

$receiver{$_}{run}->kill_kill for sort keys %receiver;
done_testing();
