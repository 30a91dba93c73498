# A server with wb_automations at work in database "postgres", and the few
# questions that every test asks of it.
#
#	my $node = WbAutomations::Node->new('main');
#	my $run = $node->new_run('my-team/my-project');
#	$node->log_metric($run, 'loss', 'NaN');
#	$node->poll('SELECT count(*) FROM wb.executions', 1);
#
# Everything of PostgreSQL::Test::Cluster is there as well, and the server goes
# with the test.

package WbAutomations::Node;

use strict;
use warnings;

use parent -norequire, 'PostgreSQL::Test::Cluster';
use PostgreSQL::Test::Cluster;

# Make and start a server.
#	preload => 0	the library is loaded by use only; so no worker starts
#	setup => 0		neither CREATE EXTENSION nor wb.setup()
#	conf => '...'	further lines of postgresql.conf; they win
#	init => {...}	options of PostgreSQL::Test::Cluster's init
sub new
{
	my ($class, $name, %args) = @_;
	my $self = $class->SUPER::new($name);

	$self->init(%{ $args{init} // {} });

	# restart_after_crash: a worker killed with -9 takes the server through
	# crash recovery, and the tests are about what happens after that.
	# log_statement: with it a load test would measure the log.
	$self->append_conf('postgresql.conf', <<"CONF");
restart_after_crash = on
log_statement = none
log_min_messages = info
wb_automations.allow_http = on
wb_automations.allowed_networks = '127.0.0.0/8'
CONF
	$self->append_conf('postgresql.conf',
		"shared_preload_libraries = 'wb_automations'")
	  if $args{preload} // 1;
	$self->append_conf('postgresql.conf', $args{conf}) if $args{conf};
	$self->start;
	$self->safe_psql('postgres',
		'CREATE EXTENSION wb_automations; SELECT wb.setup();')
	  if $args{setup} // 1;
	return $self;
}

# Run SQL in database "postgres" and return its output; dies on an error.
sub sql
{
	my ($self, $query) = @_;
	return $self->safe_psql('postgres', $query);
}

# Wait until a query returns $expected ('t' unless given); dies when it never
# does, with the last result.
sub poll
{
	my ($self, $query, $expected) = @_;

	$self->poll_query_until('postgres', $query, $expected)
	  or die "timed out waiting for: $query";
	return;
}

# The process id of a database's delivery worker, once there is one.
sub worker_pid
{
	my ($self, $database) = @_;
	my $worker = sprintf q(FROM pg_stat_activity
		WHERE backend_type = 'wb_automations worker' AND datname = '%s'),
	  $database // 'postgres';

	$self->poll("SELECT count(*) = 1 $worker");
	return $self->sql("SELECT pid $worker");
}

# Kill the worker, with -9 unless another signal is named, and wait until the
# server is back.  Returns the process id that it had.
sub kill_worker
{
	my ($self, $signal) = @_;
	my $pid = $self->worker_pid;

	kill $signal // 'KILL', $pid or die "could not kill worker $pid: $!";
	$self->poll("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
	return $pid;
}

# Change a setting for the whole server, in force for every session that begins
# after this returns; the worker follows when it next wakes.
sub set
{
	my ($self, $setting, $value) = @_;
	my $before = $self->sql('SELECT clock_timestamp()');

	$self->sql("ALTER SYSTEM SET $setting = $value");
	$self->reload;
	$self->poll("SELECT pg_conf_load_time() > '$before'");
	return;
}

# What wb.status() finds wrong: a hash from item to detail, empty when all is
# well.
sub complaints
{
	my ($self) = @_;
	return map { split /\t/, $_, 2 } split /\n/, $self->sql(
		q(SELECT item || E'\t' || coalesce(detail, '') FROM wb.status() WHERE NOT ok));
}

# Make a run, and the team and the project of its path where they are missing;
# returns its id.
sub new_run
{
	my ($self, $path, $name) = @_;
	my ($team, $project) = split m{/}, $path;

	return $self->sql(sprintf q(SELECT wb.start_run(
			wb.create_project('%s', '%s'), display_name => %s)
		FROM wb.create_team('%s')),
		$team, $project, defined $name ? "'$name'" : 'NULL', $team);
}

# Log values of one metric, a step each, in one transaction.
sub log_metric
{
	my ($self, $run, $metric, @values) = @_;

	$self->sql(join '', map {
		sprintf q(SELECT wb.log(%d, '{"%s": %s}');), $run, $metric,
		  /^[-+\d.e]+$/ ? $_ : qq("$_")
	} @values);
	return;
}

# Wait until no execution is PENDING.
sub wait_until_settled
{
	my ($self) = @_;

	$self->poll(q(SELECT NOT EXISTS (SELECT FROM wb.executions WHERE state = 'PENDING')));
	return;
}

1;
