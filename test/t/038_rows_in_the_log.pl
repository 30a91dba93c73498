# What we warn of names what it is about, and the server's log does not have
# the row of a COPY besides, which PostgreSQL prints as the context.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('rows');
my $run = $node->new_run('ml/rows');

# COPY these rows of a table; returns what the log has of it.
sub log_of_copy
{
	my ($target, $rows, $before) = @_;
	my $start = -s $node->logfile;

	$node->sql(($before // '') . "COPY $target FROM stdin;\n$rows\n\\.\n");
	return substr slurp_file($node->logfile), $start;
}

# PostgreSQL prints the row with a warning of anybody else.
{
	$node->sql(q(CREATE TABLE other (a text);
		CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''of others''; RETURN NEW; END';
		CREATE TRIGGER warn BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION warn()));
	like(log_of_copy('other', 'row-71ce'), qr/WARNING:  of others\n.*CONTEXT:  .*row-71ce/s, 'the context has the row');
}

# An integration whose secret does not exist yet.
{
	my $log = log_of_copy('wb.integrations (entity_id, kind, name, url, access_token)',
		join "\t", $node->sql(q(SELECT id FROM wb.entities)), 'WEBHOOK', 'hook', 'http://127.0.0.1/row-71ce', 'NONE');
	like($log, qr/WARNING:  secret "NONE" of integration "hook" does not exist yet\n.*HINT:  Set it with "SELECT wb\.set_secret/, 'a secret that is missing');
	unlike($log, qr/row-71ce/, 'without the row');
}

done_testing();
