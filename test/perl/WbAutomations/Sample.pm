# What the generated tests share: which of the cases that they can make are
# tried, and how a case is run so that whatever becomes of it has a name.
#
#	my @cases = sample(200, @everything);
#	my @results = in_fresh_sessions($node, 'postgres', map { $_->{sql} } @cases);
#
# WB_SAMPLE=all tries every case, as "make check-deep" does; a number, that
# many.  Else it is the sample that the test asks for.  The choice depends on
# WB_SAMPLE_SEED alone (1 unless given), so a failure comes back with the seed
# that the test prints.

package WbAutomations::Sample;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use List::Util ();
use Test::More ();

our @EXPORT = qw(sample in_fresh_sessions run_psql crashes);

sub sample
{
	my ($wanted, @cases) = @_;
	my $seed = $ENV{WB_SAMPLE_SEED} // 1;
	my $asked = $ENV{WB_SAMPLE} // $wanted;

	Test::More::note("WB_SAMPLE=$asked WB_SAMPLE_SEED=$seed: " . @cases . ' cases are known');
	return @cases if $asked eq 'all' || $asked >= @cases;
	srand $seed;
	my @order = List::Util::shuffle(0 .. $#cases);
	return @cases[ sort { $a <=> $b } @order[ 0 .. $asked - 1 ] ];
}

# Run each piece of SQL in a session of its own, in a transaction that is
# rolled back.  Returns for each "SQLSTATE message", "00000 " if all is well;
# undef for a piece whose session ended, and for none but that.
#	user => 'name'	the role
sub in_fresh_sessions
{
	my ($node, $database, $pieces, %args) = @_;
	my @results;
	my $connection = $node->connstr($database) . ' options=\'-c statement_timeout=20s -c client_min_messages=error\'';

	$connection .= " user=$args{user}" if $args{user};
	while (@results < @$pieces)
	{
		my $script = "\\set ON_ERROR_STOP off\n";
		for my $index (scalar @results .. $#$pieces)
		{
			$script .= "\\c -\n" if $index > @results;
			$script .= "BEGIN;\n$pieces->[$index];\n\\set state :SQLSTATE\n\\set text :LAST_ERROR_MESSAGE\nROLLBACK;\n"
			  . "\\echo\n\\echo @@ $index :state :text\n";
		}
		my ($output, $errors) = run_psql($node, $connection, $script);
		my %seen;
		$seen{$1} = "$2 $3" while $output =~ /^\@\@ (\d+) (\w{5}) ?(.*)$/mg;
		my $next = @results;
		push @results, $seen{$next++} while exists $seen{$next};
		if (@results < @$pieces)
		{
			# This one's session is gone, and psql with it.
			push @results, undef;
			Test::More::diag($errors =~ /^(.*(?:FATAL|PANIC|server closed|lost).*)$/m ? $1 : substr $errors, -500);
			$node->poll_query_until('postgres', 'SELECT true');
		}
	}
	return @results;
}

# What psql writes, and complains of, that runs a script from a file: from a
# pipe, it may be gone before it has read all.  A third value is whether it came
# to its end within ten minutes.
sub run_psql
{
	my ($node, $connection, $script) = @_;
	my ($output, $errors, $file) = ('', '', PostgreSQL::Test::Utils::tempdir_short() . '/script');

	open my $out, '>', $file or die "$file: $!";
	print $out $script;
	close $out;
	my $is_done = eval {
		IPC::Run::run([ $node->installed_command('psql'), '-XqAt', '-d', $connection, '-f', $file ],
			'>', \$output, '2>', \$errors, IPC::Run::timeout(scalar(() = $script =~ /^\\c/mg) + 600));
		1;
	};
	return ($output, $errors, $is_done);
}

# The lines of the server's log from $from on that tell of a crash, and where
# the log ends now.
sub crashes
{
	my ($node, $from) = @_;
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $from // 0);
	my @lines = grep { /TRAP:|PANIC:|terminated by signal|AddressSanitizer/ } split /\n/, $log;

	return (($from // 0) + length $log, @lines);
}

1;
