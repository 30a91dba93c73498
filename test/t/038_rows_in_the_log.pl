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

# A firing that could not be written, by a statement that has the row in it and
# by one that is the context.
{
	my $insert = "INSERT INTO wb.run_metrics (run_id, name, step, value) VALUES ($run, 'row-71ce'";
	$node->sql(q(
		SELECT wb.create_automation('high', wb.on_run_metric(wb.project('ml', 'rows'), wb.metric('row-71ce', '>', 0)), wb.do_nothing(), cooldown => '0');
		ALTER TABLE wb.executions ADD CONSTRAINT never CHECK (false) NOT VALID;));
	for my $statement ("$insert, 1, 1)", "DO \$\$ BEGIN EXECUTE \$_\$ $insert, 2, 1) \$_\$; END \$\$")
	{
		my $start = -s $node->logfile;
		$node->sql($statement);
		my $log = substr slurp_file($node->logfile), $start;
		like($log, qr/LOG:  could not record that automation "high" fired: new row for relation "executions" violates check constraint "never"\n/, 'a firing that is lost');
		unlike($log, qr/row-71ce/, 'without the row');
	}
}

done_testing();
