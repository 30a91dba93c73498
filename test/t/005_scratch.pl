# What a script of ours starts is gone when the script ends, whatever else the
# machine is doing then (test/scratch.sh).

use strict;
use warnings;

use File::Temp ();
use POSIX ();
use Test::More;

# A script works as make check and make demo do: it sources scratch.sh, starts
# a server that has left its process group, and says where and which it is.
# The server does nothing, but under the command line of one.
my $directory = File::Temp->newdir(TMPDIR => 1);
my $script = "$directory/script";
write_script();

sub write_script
{
	open my $out, '>', $script or die "$script: $!";
	print $out <<'BASH';
set -euo pipefail
. "$PWD/test/scratch.sh"
ulimit -c 0
perl -e '
	use POSIX;
	POSIX::setsid();
	$SIG{QUIT} = $SIG{INT} = "DEFAULT";
	open STDOUT, ">", "/dev/null";
	open STDERR, ">&", \*STDOUT;
	my ($data, $is_starting) = @ARGV;
	my $option = "-" . "D";
	exec "perl", "-MPOSIX", "-e", "pause # exec postgres $option \"$data\"" if $is_starting;
	exec "perl", "-MPOSIX", "-e", "pause", "--", $option, $data;
' "$scratch/data" "$starting" &
disown
until grep -qa -e -D "/proc/$!/cmdline"; do :; done
echo "$scratch $!"
$last
BASH
	close $out;
	return;
}

# Start the script as a process group of its own; returns the group, and the
# directory and the server that it told of.
sub start
{
	my (%variables) = @_;
	my %settings = (starting => '', last => ':', %variables);

	my $pid = open my $said, '-|';
	die "could not fork: $!" if !defined $pid;
	if (!$pid)
	{
		POSIX::setpgid(0, 0);
		# what was started in the background inherits that these are ignored
		@SIG{qw(INT QUIT)} = ('DEFAULT') x 2;
		@ENV{ keys %settings } = values %settings;
		exec 'bash', $script;
	}
	my ($scratch, $server) = split ' ', scalar(<$said>) // '';
	return { group => $pid, said => $said, scratch => $scratch, server => $server };
}

# Wait until the script has ended; what it left, in words.
sub leftovers
{
	my ($run) = @_;
	my @left;

	close $run->{said};
	push @left, 'the server' if kill 0, $run->{server};
	push @left, 'its directory' if -e $run->{scratch};
	kill 'KILL', $run->{server} if @left;
	return join ' and ', @left;
}

# Processes that come and go, each for a moment.
my @neighbours = map {
	my $pid = fork // die "could not fork: $!";
	exec 'bash', '-c', 'while kill -0 $PPID; do /bin/true; done' if !$pid;
	$pid;
} 1 .. 2;

END
{
	my $status = $?;
	kill 'TERM', @neighbours;
	waitpid $_, 0 for @neighbours;
	$? = $status;
}

# Processes that vanish while the list of them is read hide no server.
{
	my %left;
	$left{ leftovers(start()) }++ for 1 .. 20;
	is_deeply(\%left, { '' => 20 }, 'nothing is left of a script that ends beside short-lived processes');
}

# pg_ctl starts a server through a shell, which names the directory in quotes.
{
	my %left;
	$left{ leftovers(start(starting => 1)) }++ for 1 .. 3;
	is_deeply(\%left, { '' => 3 }, 'a server that is about to start is stopped');
}

# A user who is impatient interrupts twice.
{
	my %left;
	for my $round (1 .. 8)
	{
		my $run = start(last => 'perl -MPOSIX -e pause');
		for my $pause (0.01, 0.03)
		{
			select undef, undef, undef, $pause;
			kill '-INT', $run->{group};
		}
		$left{ leftovers($run) }++;
	}
	is_deeply(\%left, { '' => 8 }, 'an interrupted script clears up to the end, though it is interrupted again');
}

done_testing();
