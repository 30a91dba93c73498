# What a receiver repeats of secrets is masked, also where one secret is part of
# another, overlaps it, or stands right beside it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('masked');
my $endpoint = WbAutomations::Endpoint->new;

$node->sql(sprintf q(
	SELECT wb.create_team('ml');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN', secret => 'SIGNING');
	UPDATE wb.integrations SET previous_secret = 'PREVIOUS';), $endpoint->url);

sub quoted
{
	return "'" . $_[0] =~ s/'/''/gr . "'";
}

# What history shows of an answer, where the request used these secrets: token,
# signing key, previous signing key.  They are opened in this order.
sub shown
{
	my ($answer, @secrets) = @_;
	my @names = ('TOKEN', 'SIGNING', 'PREVIOUS');

	$node->sql(join ';', map { sprintf q(SELECT wb.set_secret('ml', '%s', %s)), $names[$_], quoted($secrets[$_]) } 0 .. 2);
	$endpoint->set_answer({ status => 200, body => $answer });
	return $node->sql(q(CALL wb.test_integration(wb.webhook_integration('ml', 'hook')))) =~ s/^t\|200\|[\d.]+\|//r;
}

# In whatever order they are opened.
sub is_shown
{
	my ($secrets, $answer, $expected, $what) = @_;
	my @secrets = @$secrets;

	is(shown($answer, @secrets), $expected, $what);
	is(shown($answer, reverse @secrets), $expected, "$what, the other way round");
	return;
}

my $other = 'unrelated-0';

# One within another: at its start, in its middle, at its end.
is_shown([ 'prod', 'ghp_prod_8f3a', $other ], 'got ghp_prod_8f3a', 'got *************', 'a secret within another');
is_shown([ 'prod', 'prod_8f3a', $other ], 'got prod_8f3a, prod', 'got *********, ****', 'a secret at the start of another');
is_shown([ 'prod', 'ghp_prod', $other ], 'got ghp_prod', 'got ********', 'a secret at the end of another');
is_shown([ 'prod', 'a_prod_b', 'x_a_prod_b_y' ], 'got x_a_prod_b_y', 'got ************', 'three, each within the next');

# Two that share a part, and two without anything between them.
is_shown([ 'abcdef', 'defghi', $other ], 'got abcdefghi.', 'got *********.', 'secrets that overlap');
is_shown([ 'abcd', 'efgh', $other ], 'got abcdefgh.', 'got ********.', 'secrets side by side');
is_shown([ 'same', 'same', 'same' ], 'got same', 'got ****', 'secrets that are equal');

# One that overlaps itself.
is_shown([ 'abab', $other, 'aaaa' ], 'got ababab, aaaaaa.', 'got ******, ******.', 'a secret that overlaps itself');

# Too short to be masked, which would show where longer ones are.
is_shown([ 'x', 'axe_x_1', $other ], 'got axe_x_1, x', 'got *******, x', 'a secret of one character');

# In JSON: what is masked is the form in which it was written there.
is_shown([ 'a"b/c', 'x_a"b/c_y', $other ], 'got "x_a\\"b\\/c_y" and "a\\"b/c"', 'got "***********" and "******"', 'secrets within secrets in JSON');
is_shown([ 'n\\"ne', 'b/n\\"ne', $other ], 'got "b/n\\\\\\"ne"', 'got "*********"', 'a secret that is escaped twice over');

# Where the answer is cut, the end may be the start of the longer one, the whole
# of the shorter, or both.
for my $case ([ 'ghp_pro', '*******' ], [ 'ghp_prod', '********' ], [ 'x_ghp_prod_8', 'x_**********' ])
{
	my ($end, $masked) = @$case;
	my $answer = ' ' x (8192 - length $end) . $end;
	is_shown([ 'prod', 'ghp_prod_8f3a', $other ], $answer, ' ' x (8192 - length $end) . $masked, "an answer that is cut at $end");
}

# Bytes that are no text, before a secret, behind it, and a NUL inside, where it
# is none any more.
is_shown([ 'prod', 'ghp_prod_8f3a', $other ], "\xff\0ghp_prod_8f3a\xff\0ghp_prod\0_8f3a", '??*************??********?_8f3a', 'bytes that are no text are in nobody\'s way');

# A receiver that shortens what it repeats, at either end, or hangs up.
my $long = 'tok_&ABCDEFGHIJKLMNOPQRSTUV<X';
is_shown([ $long, $other, $other ], 'bad: tok_&ABCDEFGHIJ...', 'bad: ***************...', 'the start of a secret');
is_shown([ $long, $other, $other ], '...NOPQRSTUV<X}', '...***********}', 'the end of a secret');
is_shown([ $long, $other, $other ], 'ABCDEFG', 'ABCDEFG', 'less than eight letters of it');
is_shown([ $long, $other, $other ], 'got tok_\u0026ABCDEFGHIJKLMNOPQRSTUV\u003cX', 'got ' . '*' x 39, 'a secret in JSON that is safe in HTML');
$node->sql(sprintf q(SELECT wb.set_secret('ml', 'TOKEN', %s)), quoted($long));
$endpoint->set_answer({ raw => "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nbad: tok_&" });
unlike($node->sql(q(CALL wb.test_integration(wb.webhook_integration('ml', 'hook')))), qr/tok/, 'an answer that ends within a secret');

# In a database of another encoding a payload leaves as UTF-8, and may come back
# so; the letters around it are not text there, or other text.
$node->sql(q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
$node->safe_psql('latin', sprintf q(
	CREATE EXTENSION wb_automations; SELECT wb.setup();
	SELECT wb.create_team('ml');
	SELECT wb.set_secret('ml', 'TOKEN', U&'p\00E4ssw\00F6rd');
	SELECT wb.create_webhook_integration('ml', 'hook', '%s', access_token => 'TOKEN');), $endpoint->url);
$node->poll(q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'wb_automations worker' AND datname = 'latin'));
$endpoint->set_answer({ status => 200, body => "p\xe4ssw\xf6rd and p\xc3\xa4ssw\xc3\xb6rd" });
like($node->safe_psql('latin', q(CALL wb.test_integration(wb.webhook_integration('ml', 'hook'), '{"token": "${ACCESS_TOKEN}"}'))),
	qr/\|\*{8} and \*{10}$/, 'a secret is masked in the encoding of the database and in that of the payload');
like(($endpoint->requests)[-1]{body}, qr/p\xc3\xa4ssw\xc3\xb6rd/, 'in which it was sent');

done_testing();
