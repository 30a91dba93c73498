# What every group of measurements needs: a server of its own, sessions whose
# statements are timed, rounds in which the things compared take turns, and a
# table of Markdown.
#
#	my $bench = WbAutomations::Bench->new;
#	my $session = $bench->session;
#	my $values = in_turn('no rule', rounds(),
#		bare => sub { $session->milliseconds('INSERT INTO wb.bare ...') },
#		ours => sub { $session->milliseconds('INSERT INTO wb.run_metrics ...') });
#	heading('Inserts');
#	table([ 'what', 'ratio' ], [ 'no rule', ratio($values->{ours}, $values->{bare}) ]);
#
# Two figures are compared only if they are of one server and of one round:
# machines change their speed by themselves, and by more than what is measured
# here.  The peer of the write path is wb.bare, which has the columns, the
# index and the checks of wb.run_metrics and no trigger.
#
# The server ends with the program.  Progress goes to standard error, and the
# document to standard output.

package WbAutomations::Bench;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use List::Util qw(max min);
use Time::HiRes qw(time);

our @EXPORT = qw(rounds scaled in_turn median percentile ratio range
  heading note table until_true add_rule TEN_RULES);

# A rule of each kind on m0, none of which ever fires on values from 0 to 1.
use constant TEN_RULES => (
	q(wb.metric('m0', '>', 1e9)), q(wb.metric('m0', '<', -1e9)),
	q(wb.avg('m0', '>', 1e9)), q(wb.max('m0', '>', 1e9)),
	q(wb.min('m0', '<', -1e9)), q(wb.avg('m0', '>', 1e9, 20)),
	q(wb.increases_by('m0', diff => 1e9)), q(wb.changes_by('m0', frac => 1e9)),
	q(wb.zscore('m0', 30, 1e9)), q(wb.is_nan('m0')));

my @servers;
END
{
	my $status = $?;
	$_->stop for @servers;
	$? = $status;
}
$SIG{INT} = $SIG{TERM} = sub { exit 1 };
$SIG{PIPE} = 'IGNORE';
$| = 1;

# ---- sizes and figures ----

# A share of the rounds that ROUNDS asks for, for what takes long.
sub rounds
{
	my ($share) = @_;
	return max(1, int(($ENV{ROUNDS} // 7) * ($share // 1)));
}

# One of three sizes, as SCALE says.
sub scaled
{
	my ($small, $normal, $full) = @_;
	my %sizes = (small => $small, normal => $normal, full => $full // $normal);
	my $scale = $ENV{SCALE} // 'normal';

	return $sizes{$scale} // die qq(SCALE is "$scale"; it may be small, normal or full\n);
}

# Take each measurement once a round, who goes first changing with the round,
# and return lists of what they came to, by name.
sub in_turn
{
	my ($what, $rounds, @measurements) = @_;
	my (%code, @names, %values);

	while (my ($name, $code) = splice @measurements, 0, 2)
	{
		push @names, $name;
		$code{$name} = $code;
	}
	for my $round (1 .. $rounds)
	{
		print STDERR "$what: round $round of $rounds\n" if $round == 1 || $rounds < 20;
		push @{ $values{$_} }, $code{$_}->() for @names;
		push @names, shift @names;
	}
	return \%values;
}

sub percentile
{
	my ($share, @values) = @_;
	my @sorted = sort { $a <=> $b } @values;
	return $sorted[ int($share * $#sorted) ];
}

sub median
{
	return percentile(0.5, @_);
}

# The quotients of two lists, round by round.
sub range
{
	my ($above, $below) = @_;
	return map { $below->[$_] ? $above->[$_] / $below->[$_] : 0 } 0 .. $#$above;
}

# The same in words: median, least and most.
sub ratio
{
	my @quotients = range(@_);
	return sprintf '%.3f (%.3f to %.3f)', median(@quotients), min(@quotients),
	  max(@quotients);
}

# Wait until $code returns true, and return that.
sub until_true
{
	my ($what, $code, $timeout) = @_;
	my $deadline = time + ($timeout // 600);

	while (time < $deadline)
	{
		my $result = $code->();
		return $result if $result;
		select undef, undef, undef, 0.01;
	}
	die "timed out: $what\n";
}

# ---- the document ----

sub heading
{
	print "\n## $_[0]\n";
	return;
}

sub note
{
	print "\n$_[0]\n";
	return;
}

# The first row is the head.
sub table
{
	my ($head, @rows) = @_;

	print "\n| ", join(' | ', @$head), " |\n", '|---' x @$head, "|\n";
	print '| ', join(' | ', @$_), " |\n" for @rows;
	return;
}

# ---- the server ----

# Start a server whose database "postgres" is ready.
#	conf => '...'	further lines of postgresql.conf; they win
sub new
{
	my ($class, %args) = @_;
	my $dir = File::Temp->newdir('bench_XXXXXX', TMPDIR => 1);
	my $self = bless { dir => $dir }, $class;

	chomp($self->{bindir} = `$ENV{PG_CONFIG} --bindir`);
	run_quietly("$self->{bindir}/initdb", '-N', '-D', "$dir/data", qw(-U bench -A trust));
	open my $conf, '>>', "$dir/data/postgresql.conf" or die "$!\n";
	print $conf <<"CONF", $args{conf} // '';
listen_addresses = ''
unix_socket_directories = '$dir'
shared_preload_libraries = 'wb_automations'
shared_buffers = 1GB
max_wal_size = 8GB
checkpoint_timeout = 1h
autovacuum = off
wb_automations.worker = off
wb_automations.allow_http = on
wb_automations.allowed_networks = '127.0.0.0/8'
CONF
	close $conf;
	push @servers, $self;
	run_quietly("$self->{bindir}/pg_ctl", qw(-s -w -D), "$dir/data", '-l', "$dir/log", 'start');
	$self->prepare('postgres');
	return $self;
}

sub run_quietly
{
	my (@command) = @_;
	open my $output, '-|', @command or die "$command[0]: $!\n";
	my @lines = <$output>;
	close $output or die "$command[0] failed: @lines";
	return @lines;
}

sub stop
{
	my ($self) = @_;
	system "$self->{bindir}/pg_ctl -s -D $self->{dir}/data -m immediate stop 2>/dev/null";
	return;
}

sub dir
{
	return "$_[0]{dir}";
}

# A session of psql, in database "postgres" unless told otherwise.
sub session
{
	my ($self, $database) = @_;
	return WbAutomations::Bench::Session->new(
		"$self->{bindir}/psql", $self->dir, $database // 'postgres');
}

# A further database, ready for use.
sub make_database
{
	my ($self, $name) = @_;
	my $session = $self->session;

	$session->sql("CREATE DATABASE $name");
	$session->close;
	$self->prepare($name);
	return $self->session($name);
}

sub drop_database
{
	my ($self, $name) = @_;
	my $session = $self->session;

	$session->sql("DROP DATABASE $name WITH (FORCE)");
	$session->close;
	return;
}

# A project with a run for each client of the largest group, and the peer.
sub prepare
{
	my ($self, $database) = @_;
	my $session = $self->session($database);

	$session->sql($_) for 'CREATE EXTENSION wb_automations',
	  'SELECT wb.setup()', q(SELECT wb.create_project('bench', 'bench')),
	  'INSERT INTO wb.runs (project_id) SELECT 1 FROM generate_series(1, 128)',
	  'CREATE TABLE wb.bare (LIKE wb.run_metrics INCLUDING ALL)';
	$session->close;
	return;
}

# A file for COPY: the first $runs runs log metrics m0, m1, ... in turn, as
# training loops do, from step $first on.
sub rows_file
{
	my ($self, $session, $rows, $runs, $metrics, $first) = @_;
	my $file = $self->dir . "/rows_${rows}_${runs}_$metrics";
	my $points = $runs * $metrics;
	$first //= 0;

	if (!-e $file)
	{
		$session->sql('SELECT setseed(0.5)');
		$session->sql(qq(COPY (SELECT 1 + g % $runs, 'm' || g / $runs % $metrics,
			$first + g / $points, random() FROM generate_series(0, $rows - 1) g) TO '$file'));
	}
	return $file;
}

# Make an automation, by default one that does nothing.
sub add_rule
{
	my ($session, $name, $metric, %args) = @_;
	my $action = $args{action} // 'wb.do_nothing()';
	my $cooldown = defined $args{cooldown} ? "interval '$args{cooldown}'" : 'NULL';

	return $session->sql(qq(SELECT wb.create_automation('$name',
		wb.on_run_metric(wb.project('bench', 'bench'), $metric), $action,
		cooldown => $cooldown)));
}

# Commits a second of clients that write one row each, every one to its own run.
#	clients => 8, seconds => 5, metric => 'm0', table => 'wb.run_metrics',
#	sync => 'on', rate => a second, at most
sub tps
{
	my ($self, %args) = @_;
	my $script = $self->dir . '/commit.sql';

	open my $out, '>', $script or die "$script: $!\n";
	print $out <<"SQL";
\\set step :step + 1
\\set value random(1, 1000) / 1000.0
INSERT INTO $args{table} (run_id, name, step, value)
VALUES (:client_id + 1, '$args{metric}', :step, :value);
SQL
	close $out;
	local $ENV{PGOPTIONS} = "-c synchronous_commit=$args{sync}";
	my $clients = $args{clients};
	my @output = run_quietly("$self->{bindir}/pgbench", '-h', $self->dir,
		qw(-U bench -n -M prepared -f), $script, '-D', 'step=' . ($args{first_step} // 0),
		'-c', $clients, '-j', min(2, $clients), '-T', $args{seconds},
		$args{rate} ? ('-R', $args{rate}) : (), 'postgres');
	for (@output)
	{
		return $1 if /^tps = ([\d.]+)/;
	}
	die "pgbench told no tps: @output";
}

# ---- a session ----

package WbAutomations::Bench::Session;

use strict;
use warnings;

use IPC::Open2;

sub new
{
	my ($class, $psql, $host, $database) = @_;
	my $self = bless {}, $class;

	$self->{pid} = open2($self->{from}, $self->{to}, $psql, qw(-XqAt -v ON_ERROR_STOP=1 -h),
		$host, qw(-U bench), $database);
	$self->sql('SET client_min_messages = error');
	return $self;
}

# Run a statement, or lines for psql that end in a newline; the lines that it
# printed, or the first.
sub sql
{
	my ($self, $query) = @_;
	my ($to, $from) = @$self{qw(to from)};
	my @lines;

	print $to $query, $query =~ /\n\z/ ? '' : ";\n", "\\echo --done--\n";
	$to->flush;
	while (my $line = <$from>)
	{
		chomp $line;
		return wantarray ? @lines : $lines[0] if $line eq '--done--';
		push @lines, $line;
	}
	die "psql ended at: $query\n";
}

# Run one statement; how long the server took to answer.
sub milliseconds
{
	my ($self, $query) = @_;
	my @lines = $self->sql("\\timing on\n$query;\n\\timing off\n");

	for (@lines)
	{
		return $1 if /^Time: ([\d.]+) ms/;
	}
	die "psql told no time of: $query\n";
}

sub backend_pid
{
	return $_[0]->sql('SELECT pg_backend_pid()');
}

sub close
{
	my ($self) = @_;

	CORE::close $self->{to};
	CORE::close $self->{from};
	waitpid $self->{pid}, 0;
	return;
}

1;
