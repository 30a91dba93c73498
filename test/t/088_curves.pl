# Rules over real training curves hold at exactly the steps at which an
# implementation that shares no code with ours says that they do.
#
# The curves are not part of the project: WB_CURVES names their directory, else
# they are looked for beside the checkout.  Beside them lies the table of what
# is expected.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $directory = $ENV{WB_CURVES} || "$FindBin::Bin/../../../shared/data/curves";

# A rule in the words of the table, and in ours.
my %rules = (
	'is NaN' => q(wb.is_nan('loss')),
	'last > 10' => q(wb.metric('loss', '>', 10)),
	'average of 5 < 1' => q(wb.avg('loss', '<', 1, 5)),
	'maximum of 5 >= 5' => q(wb.max('loss', '>=', 5, 5)),
	'average, 10 against the 50 before, relative increase >= 0.25' =>
	  q(wb.increases_by('loss', frac => 0.25)),
	'the same, decrease' => q(wb.decreases_by('loss', frac => 0.25)),
	'last against the one before, absolute, either way, >= 2' =>
	  q(wb.changes_by('loss', diff => 2, agg => NULL)),
	'z-score over the 30 before, either way, >= 3' => q(wb.zscore('loss')),
	'the same, increase' => q(wb.zscore('loss', direction => 'above')),
	'plateau, best of 10 against best of the 50 before, min_delta 0.01, minimize' =>
	  q(wb.plateau('loss')));

# The table, as a hash from curve and rule to "first step (number of steps)".
# Its first line names the curves by a part of their file names.
sub read_table
{
	my ($file) = @_;
	my (@curves, %expected);

	open my $in, '<', $file or die "could not read $file: $!";
	while (<$in>)
	{
		my ($name, @cells) = map { s/^\s+|\s+$//gr } grep { /\S/ } split /\|/;
		next if !defined $name;
		@curves = @cells if $name eq 'rule';
		next if !@curves || !$rules{$name};
		@{ $expected{$name} }{@curves} = @cells;
	}
	return \%expected;
}

my @files = sort glob "$directory/*.csv";
plan skip_all => 'NOT TESTED: rules over real training curves, row by row and by COPY, '
  . "because there are none in $directory; name the directory of the curves in WB_CURVES"
  if !@files;

my $expected = read_table("$directory/README.md");
my $node = WbAutomations::Node->new('curves', conf => "fsync = off\nwb_automations.delivery = off");
$node->sql(q(SELECT wb.create_team('ml')));

# Load a curve into a new project, with automations on all rules.
sub load_curve
{
	my ($project, $how, @rows) = @_;
	my $number = 0;

	my $run = $node->new_run("ml/$project");
	$node->sql(join '', map {
		sprintf q(SELECT wb.create_automation('%s', wb.on_run_metric(wb.project('ml', '%s'), %s),
			wb.do_nothing(), cooldown => '0');), $_, $project, $rules{$_}
	} sort keys %rules);

	if ($how eq 'COPY')
	{
		$node->sql(join "\n", 'COPY wb.run_metrics (run_id, step, name, value) FROM stdin;',
			(map { join "\t", $run, @$_ } @rows), '\.', '');
	}
	else
	{
		# a statement and a transaction for each step of each metric
		my $file = $node->basedir . "/$project.sql";
		append_to_file($file, join '', 'SET synchronous_commit = off;',
			map { "INSERT INTO wb.run_metrics (run_id, step, name, value) VALUES ($run, $_->[0], '$_->[1]', '$_->[2]');\n" } @rows);
		$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ],
			"$project is loaded");
	}
	return $run;
}

for my $file (@files)
{
	my ($name) = $file =~ m{([^/]+)\.csv$};
	open my $in, '<', $file or die "could not read $file: $!";
	my (undef, @rows) = map { chomp; [ split /,/ ] } <$in>;

	for my $how ('INSERT', 'COPY')
	{
		my $run = load_curve(lc "$name-$how", $how, @rows);
		for my $rule (sort keys %rules)
		{
			my ($curve) = grep { $name =~ /_?\Q$_\E_/ } keys %{ $expected->{$rule} };
			die "the table does not know $name" if !defined $curve;
			is($node->sql(qq(SELECT coalesce(min((event->>'step')::bigint) || ' (' || count(*) || ')', '-')
					FROM wb.executions WHERE run_id = $run AND automation_name = '$rule')),
				$expected->{$rule}{$curve}, "$name by $how: $rule");
		}
	}
}

# The run goes on from a checkpoint: the rows from a step on come again, with
# other values.  Row by row they replace those that are there; COPY cannot, so
# its rows come in between.
my ($spikes) = grep { /imagenet_resnet_spikes/ } @files;
my @old = map { [ split /,/ ] } slurp_file($spikes) =~ /^(\d+,loss,.*)$/mg;
for my $how ('INSERT', 'COPY')
{
	my $resumed = PostgreSQL::Test::Utils::tempdir();
	my $run = load_curve(lc "resumed-$how", 'COPY', @old);
	ok(PostgreSQL::Test::Utils::run_log([ $ENV{PYTHON} || 'python3', '-B', "$FindBin::Bin/../perl/resumed_curve.py", $spikes, 200000,
			$how eq 'COPY' ? 50 : 0, $resumed ]), "the oracle has resumed by $how");
	my @again = map { [ split /\t/ ] } split /\n/, slurp_file("$resumed/rows");
	$node->sql("DELETE FROM wb.executions WHERE run_id = $run");
	$node->sql($how eq 'COPY'
		? join "\n", 'COPY wb.run_metrics (run_id, step, name, value) FROM stdin;', (map { "$run\t$_->[0]\tloss\t$_->[1]" } @again), '\.', ''
		: join '', 'SET synchronous_commit = off;', map { "INSERT INTO wb.run_metrics (run_id, step, name, value) VALUES ($run, $_->[0], 'loss', '$_->[1]')
			ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value;\n" } @again);
	$node->sql("CREATE TABLE expected_$how (n bigint, rule text, step bigint); COPY expected_$how FROM '$resumed/fired'");
	my $fired = "SELECT automation_name, (event->>'step')::bigint AS step, row_number() OVER (PARTITION BY automation_name ORDER BY id) AS n FROM wb.executions WHERE run_id = $run";
	my $due = "SELECT rule, step, row_number() OVER (PARTITION BY rule ORDER BY n) AS n FROM expected_$how";
	is($node->sql("SELECT count(*) FROM (($fired EXCEPT $due) UNION ALL ($due EXCEPT $fired)) d"), 0, "resumed by $how: each rule fires where it must, in order");
	cmp_ok($node->sql("SELECT count(*) FROM expected_$how"), '>', 1000, 'that is often');
}

done_testing();
