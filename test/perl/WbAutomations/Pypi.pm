# Python programs with packages of others, from PyPI, in a directory that goes
# with the test.  The Python is python3, or the one that PYTHON names.
#
#	my $pypi = WbAutomations::Pypi->new("W&B's own client", 'wandb==0.31.*');
#	plan skip_all => $pypi->excuse if $pypi->excuse;
#	my ($ok, $out, $complaint) = $pypi->run(300, $program, @arguments);

package WbAutomations::Pypi;

use strict;
use warnings;

use File::Temp ();
use IPC::Run ();

# Install packages; "purpose" is what cannot be tested without them.
sub new
{
	my ($class, $purpose, @packages) = @_;
	my $directory = File::Temp->newdir('wb_pypi_XXXXXX', TMPDIR => 1);
	my $self = bless { directory => $directory, python => $ENV{PYTHON} || 'python3' }, $class;

	my ($has_pip) = $self->run(30, '-m', 'pip', '--version');
	if (!$has_pip)
	{
		$self->{excuse} = "NOT TESTED: $purpose, because $self->{python} has no pip; name another Python in PYTHON";
		return $self;
	}
	my ($is_installed, undef, $complaint) = $self->run(300, '-m', 'pip', 'install', '--quiet', '--no-input',
		'--disable-pip-version-check', '--retries', '1', '--timeout', '15', '--target', "$directory", @packages);
	$self->{excuse} = "NOT TESTED: $purpose, because PyPI did not give @packages: $complaint" if !$is_installed;
	return $self;
}

# Why the packages are not there; undef if they are.
sub excuse
{
	return $_[0]{excuse};
}

# Where they are, and a place for files.
sub directory
{
	return "$_[0]{directory}";
}

# Run Python for at most so many seconds; returns whether it succeeded, its
# output, and its last words of complaint.
sub run
{
	my ($self, $seconds, @arguments) = @_;
	return $self->run_on('', $seconds, @arguments);
}

# The same, with bytes for its standard input.
sub run_on
{
	my ($self, $input, $seconds, @arguments) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PYTHONPATH} = $self->directory;
	local $ENV{PYTHONIOENCODING} = 'utf-8';

	my $ok = eval {
		IPC::Run::run([ $self->{python}, @arguments ], '<', \$input, '>', \$out, '2>', \$err, IPC::Run::timeout($seconds));
	};
	return ($ok, $out, $ok ? '' : (split /\n/, $err || $@ || 'it failed')[-1]);
}

1;
